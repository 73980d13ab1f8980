/**
 * What was decided about a function version of late, and why, for whoever asks (`hearth why`). In memory and bounded.
 * Noting a decision is a few assignments: one that repeats the one before it is counted with it, and once the ring is
 * full its entries are used again.
 */
import type { FunctionConfiguration } from "../../core/function-record.ts";

/** Decisions, or runs of the same one, that are kept of one version: some 3 KiB. */
export const decisionsMax = 32;

/** Why an invocation had to wait. */
export type WaitReason = "no-environment" | "all-at-work";

export type DecisionKind =
  /** Served at once by an environment that waited; the reason is `idle` or `provisioned`. */
  | "warm"
  /** Served after the start of an environment, which took `durationMs`; the reason is a `WaitReason`. */
  | "cold"
  /** Served, after `durationMs`, by an environment that others had used; the reason is a `WaitReason`. */
  | "waited"
  /** The reason is that of the refusal; the detail says when it was the scaling rate. */
  | "throttled"
  /** Nothing could serve it; the detail is the error. */
  | "failed"
  /** The keep-alive policy had an environment started before anybody asked. */
  | "prewarmed"
  /** It would have, but no memory was to be had. */
  | "not-prewarmed"
  /** An environment with provisioned concurrency became ready. */
  | "provisioned"
  /** One with provisioned concurrency did not; the reason is `init` or `start`, the detail the error, if there is one. */
  | "not-provisioned"
  /** An idle environment ended, after `durationMs`, as the keep-alive policy wanted. */
  | "expired"
  /** An idle environment ended, after `durationMs`, to make room. */
  | "evicted"
  /** An environment ended because it was `too-old`, of a former `function-changed`, on a `worker-draining`, or `not-provisioned` any more. */
  | "retired"
  /** An environment ended without being asked to: `by-itself` or with its worker (`worker-lost`). */
  | "ended";

export interface Decision {
  readonly kind: DecisionKind;
  readonly reason: string;
  readonly detail: string;
  /** Of the first and the last of a run of `count`. Wall clock, as all that people read. */
  readonly firstAtMs: number;
  readonly atMs: number;
  readonly count: number;
  /** Of the last one; what it is says the kind. 0 where it is nothing. */
  readonly durationMs: number;
}

type Entry = { -readonly [Name in keyof Decision]: Decision[Name] };

export class DecisionRing {
  readonly #entries: Entry[] = [];
  /** Index of the newest one. */
  #newest = -1;

  note(kind: DecisionKind, reason: string, atMs: number, durationMs = 0, detail = ""): void {
    const newest = this.#entries[this.#newest];
    if (newest?.kind === kind && newest.reason === reason) {
      newest.atMs = atMs;
      newest.count++;
      newest.durationMs = durationMs;
      newest.detail = detail;
      return;
    }
    this.#newest = (this.#newest + 1) % decisionsMax;
    const oldest = this.#entries[this.#newest];
    if (oldest === undefined) {
      this.#entries.push({ kind, reason, detail, firstAtMs: atMs, atMs, count: 1, durationMs });
      return;
    }
    oldest.kind = kind;
    oldest.reason = reason;
    oldest.detail = detail;
    oldest.firstAtMs = atMs;
    oldest.atMs = atMs;
    oldest.count = 1;
    oldest.durationMs = durationMs;
  }

  /** Copies, the newest first. */
  recent(): Decision[] {
    const { length } = this.#entries;
    return this.#entries.map((_, age) => {
      return { ...(this.#entries[(this.#newest - age + length) % length] as Entry) };
    });
  }
}

/** A ring for every version that exists and of which something was decided. It outlives changes of the function. */
export class DecisionLog {
  /** By unqualified ARN, then version. */
  readonly #rings = new Map<string, Map<string, DecisionRing>>();

  of({ functionArn, version }: Pick<FunctionConfiguration, "functionArn" | "version">): DecisionRing {
    let versions = this.#rings.get(functionArn);
    if (versions === undefined) {
      versions = new Map();
      this.#rings.set(functionArn, versions);
    }
    let ring = versions.get(version);
    if (ring === undefined) {
      ring = new DecisionRing();
      versions.set(version, ring);
    }
    return ring;
  }

  recent({ functionArn, version }: Pick<FunctionConfiguration, "functionArn" | "version">): Decision[] {
    return this.#rings.get(functionArn)?.get(version)?.recent() ?? [];
  }

  /** Of this function only these versions exist. */
  retain(functionArn: string, live: readonly Pick<FunctionConfiguration, "version">[]): void {
    const versions = this.#rings.get(functionArn);
    if (versions === undefined) return;
    for (const version of versions.keys()) {
      if (!live.some((each) => each.version === version)) versions.delete(version);
    }
    if (versions.size === 0) this.#rings.delete(functionArn);
  }
}
