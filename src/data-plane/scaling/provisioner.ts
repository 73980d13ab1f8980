/**
 * Keeps as many initialised environments ready as provisioned concurrency asks for: starts what is missing, a few at a
 * time, replaces what has ended or is about to, and lets go of what is no longer wanted. When an alias moves to another
 * version, the environments of the former one stay until those of the new one are ready.
 *
 * What fails is tried again a few times with growing waits; then the configuration has failed, says so, and is tried
 * again rarely.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { UnavailableError } from "../../core/errors.ts";
import {
  latestVersion,
  type FunctionConfiguration,
  type ProvisionedConcurrencyRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Provisioning, ProvisioningStatus } from "./contract.ts";
import { attemptsMax, decide, earlyEndMs, freshMs, restMs, totalOf, type Shares } from "./provisioning-plan.ts";
import { isSame, wishOf, type Wish, type WishRecord } from "./provisioning-wish.ts";

/** Environments that are started ahead of demand at once: requests that wait need the processors more. */
export const startsAtOnceMax = 4;

/** AWS's word for a function whose init phase failed. */
const initFailure = "FUNCTION_ERROR_INIT_FAILURE";
/** As AWS refuses it of a configuration; an alias may be pointed there afterwards. */
const unpublished = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";

export type ProvisionOutcome =
  | { readonly kind: "ready" }
  /** The function's own code failed, or took too long. */
  | { readonly kind: "init-failed" }
  | { readonly kind: "unavailable"; readonly error: UnavailableError };

/** Where the environments are. */
export interface ProvisionedEnvironments {
  /** When the provisioned environments of a version were created, on the monotonic clock. */
  provisionedSince(configuration: FunctionConfiguration): readonly number[];
  /** Starts one. Never rejects. */
  provision(scope: Scope, configuration: FunctionConfiguration): Promise<ProvisionOutcome>;
  /** Ends those that are more than `max`, the oldest first. */
  keepProvisioned(scope: Scope, configuration: FunctionConfiguration, max: number): void;
}

export interface ProvisionerOptions {
  readonly clock: Clock;
  readonly environments: ProvisionedEnvironments;
  readonly environmentLifeMsMax: number;
  /** Told what every function's versions have provisioned, whenever that changes. */
  readonly onShares: (scope: Scope, functionArn: string, shares: Shares) => void;
}

interface ProvisionedFunction {
  readonly functionArn: string;
  readonly scope: Scope;
  /** Versions that can be invoked. */
  live: readonly FunctionConfiguration[];
  /** In the order of their qualifiers. */
  wishes: readonly Wish[];
  readonly versions: Map<string, ProvisionedVersion>;
}

interface ProvisionedVersion {
  readonly owner: ProvisionedFunction;
  configuration: FunctionConfiguration;
  starting: number;
  failures: number;
  /** Why the last start failed. */
  reason: string;
  /** No start before; on the monotonic clock. */
  restsUntilMs: number;
  wake: Timer | undefined;
}

export class Provisioner implements Provisioning {
  readonly #clock: Clock;
  readonly #environments: ProvisionedEnvironments;
  readonly #freshMs: number;
  readonly #onShares: ProvisionerOptions["onShares"];
  readonly #functions = new Map<string, ProvisionedFunction>();
  /** Those that want to start something, in the order of their turns. */
  readonly #wanting = new Set<ProvisionedVersion>();
  #starting = 0;
  #closed = false;

  constructor({ clock, environments, environmentLifeMsMax, onShares }: ProvisionerOptions) {
    this.#clock = clock;
    this.#environments = environments;
    this.#freshMs = freshMs(environmentLifeMsMax);
    this.#onShares = onShares;
  }

  /** The versions of a function that can be invoked; none when it is gone. */
  setLive(scope: Scope, functionArn: string, live: readonly FunctionConfiguration[]): void {
    const owner = this.#function(scope, functionArn);
    owner.live = live;
    this.#revise(owner, owner.wishes);
  }

  /** What is wanted of a function's versions. */
  setWishes(scope: Scope, functionArn: string, wishes: readonly WishRecord[]): void {
    this.#revise(this.#function(scope, functionArn), wishes);
  }

  /**
   * A provisioned environment has come, or has gone without being asked to; `endedAfterMs` says how long it was ready,
   * if it ended by itself.
   */
  changed({ functionArn, version }: FunctionConfiguration, endedAfterMs?: number): void {
    const owner = this.#functions.get(functionArn);
    if (owner === undefined) return;
    const ended = owner.versions.get(version);
    if (ended !== undefined && endedAfterMs !== undefined && endedAfterMs < earlyEndMs) {
      ended.restsUntilMs = Math.max(ended.restsUntilMs, this.#clock.monotonicMs() + restMs(1));
    }
    this.#reconcile(owner);
  }

  /** There are other workers than before: what had no place may have one now. */
  fleetChanged(): void {
    for (const owner of this.#functions.values()) {
      if (owner.versions.size === 0) continue;
      for (const version of owner.versions.values()) if (version.reason !== initFailure) version.restsUntilMs = 0;
      this.#reconcile(owner);
    }
  }

  status(functionArn: string, record: ProvisionedConcurrencyRecord): ProvisioningStatus {
    const owner = this.#functions.get(functionArn);
    const wish = owner?.wishes.find((each) => each.record.qualifier === record.qualifier);
    if (owner === undefined || wish === undefined) return { status: "IN_PROGRESS", allocated: 0, available: 0 };
    const ready = this.#readyFor(owner, wish);
    const count = Math.min(record.requested, ready.own + ready.held);
    const counts = { allocated: count, available: count };
    if (wish.record.lastModifiedMs !== record.lastModifiedMs || wish.record.requested !== record.requested) {
      return { status: "IN_PROGRESS", ...counts };
    }
    if (ready.own === record.requested) return { status: "READY", ...counts };
    if (wish.alias?.functionVersion === latestVersion) return { status: "FAILED", reason: unpublished, ...counts };
    const failed = [...wish.shares.keys()]
      .map((each) => owner.versions.get(each))
      .find((each) => each !== undefined && each.failures >= attemptsMax);
    return failed === undefined
      ? { status: "IN_PROGRESS", ...counts }
      : { status: "FAILED", reason: failed.reason, ...counts };
  }

  close(): void {
    this.#closed = true;
    this.#wanting.clear();
    for (const { versions } of this.#functions.values()) {
      for (const { wake } of versions.values()) wake?.cancel();
    }
  }

  #function(scope: Scope, functionArn: string): ProvisionedFunction {
    let found = this.#functions.get(functionArn);
    if (found === undefined) {
      found = { functionArn, scope, live: [], wishes: [], versions: new Map() };
      this.#functions.set(functionArn, found);
    }
    return found;
  }

  #revise(owner: ProvisionedFunction, wishes: readonly WishRecord[]): void {
    const before = new Map(owner.wishes.map((each) => [each.record.qualifier, each]));
    const isLive = (version: string): boolean => configurationOf(owner.live, version) !== undefined;
    owner.wishes = wishes.map((each) => wishOf(each, isLive, before.get(each.record.qualifier)));
    for (const wish of owner.wishes) {
      if (!isSame(wish, before.get(wish.record.qualifier))) this.#forgive(owner, wish);
    }
    if (before.size > 0 || owner.wishes.length > 0) {
      this.#onShares(owner.scope, owner.functionArn, totalOf(owner.wishes.map(({ shares }) => shares)));
      this.#reconcile(owner);
    }
    if (owner.live.length === 0 && owner.wishes.length === 0) this.#functions.delete(owner.functionArn);
  }

  /** Somebody asked anew: past failures are forgotten. */
  #forgive({ versions }: ProvisionedFunction, { shares }: Wish): void {
    for (const version of shares.keys()) {
      const found = versions.get(version);
      if (found === undefined) continue;
      found.failures = 0;
      found.restsUntilMs = 0;
    }
  }

  #reconcile(owner: ProvisionedFunction): void {
    if (this.#closed) return;
    for (const wish of owner.wishes) if (wish.held.size > 0 && this.#isDone(owner, wish)) wish.held = new Map();
    const targets = totalOf(owner.wishes.map(({ shares }) => shares));
    const held = totalOf(owner.wishes.map((wish) => wish.held));
    for (const version of new Set([...owner.versions.keys(), ...targets.keys(), ...held.keys()])) {
      this.#reconcileVersion(owner, version, targets.get(version) ?? 0, held.get(version) ?? 0);
    }
    this.#startSome();
  }

  #reconcileVersion(owner: ProvisionedFunction, name: string, target: number, held: number): void {
    const configuration = configurationOf(owner.live, name);
    const version = this.#version(owner, name, configuration, target + held);
    if (version === undefined) return;
    version.wake?.cancel();
    version.wake = undefined;
    const nowMs = this.#clock.monotonicMs();
    const resting = version.restsUntilMs > nowMs;
    const since = this.#environments.provisionedSince(version.configuration);
    const aging = since.map((createdAtMs) => createdAtMs + this.#freshMs).filter((untilMs) => untilMs > nowMs);
    const { starting, failures } = version;
    const { start, keep } = decide({ target, held, fresh: aging.length, starting, failures, resting });

    if (start > 0) this.#wanting.add(version);
    else this.#wanting.delete(version);
    const dueAtMs = Math.min(...(resting ? [version.restsUntilMs] : []), ...aging);
    if (target > 0 && dueAtMs !== Infinity) {
      version.wake = this.#clock.after(dueAtMs - nowMs, () => this.#reconcile(owner));
    }
    this.#environments.keepProvisioned(owner.scope, version.configuration, keep);
  }

  /** Undefined, and forgotten, when nothing of it is wanted or it can no longer be invoked. */
  #version(
    owner: ProvisionedFunction,
    name: string,
    configuration: FunctionConfiguration | undefined,
    wanted: number,
  ): ProvisionedVersion | undefined {
    const known = owner.versions.get(name);
    if (configuration !== undefined && known !== undefined) known.configuration = configuration;
    if (configuration !== undefined && wanted > 0) {
      if (known !== undefined) return known;
      const version = { owner, configuration, starting: 0, failures: 0, reason: "", restsUntilMs: 0, wake: undefined };
      owner.versions.set(name, version);
      return version;
    }
    if (known === undefined) return undefined;
    known.wake?.cancel();
    this.#wanting.delete(known);
    owner.versions.delete(name);
    this.#environments.keepProvisioned(owner.scope, known.configuration, 0);
    return undefined;
  }

  #startSome(): void {
    while (this.#starting < startsAtOnceMax) {
      const [version] = this.#wanting;
      if (version === undefined) return;
      // To the end of the line, if it wants more.
      this.#wanting.delete(version);
      this.#starting++;
      version.starting++;
      void this.#start(version);
      this.#reconcile(version.owner);
    }
  }

  async #start(version: ProvisionedVersion): Promise<void> {
    const outcome = await this.#environments.provision(version.owner.scope, version.configuration);
    this.#starting--;
    version.starting--;
    this.#learn(version, outcome);
    this.#reconcile(version.owner);
    this.#startSome();
  }

  #learn(version: ProvisionedVersion, outcome: ProvisionOutcome): void {
    const nowMs = this.#clock.monotonicMs();
    if (outcome.kind === "ready") {
      version.failures = 0;
      // Others may have failed while it started: no longer rest than after one.
      version.restsUntilMs = Math.min(version.restsUntilMs, nowMs + restMs(1));
      return;
    }
    version.reason = outcome.kind === "init-failed" ? initFailure : outcome.error.message;
    // A worker that was lost or stops says nothing about the function, or about room for it.
    const counts = outcome.kind === "init-failed" || outcome.error.reason === "no-capacity";
    if (counts) version.failures++;
    version.restsUntilMs = nowMs + restMs(Math.max(1, version.failures));
  }

  /** Whether nothing more is to be expected for this wish. */
  #isDone(owner: ProvisionedFunction, wish: Wish): boolean {
    if (this.#readyFor(owner, wish).own === wish.record.requested) return true;
    return [...wish.shares.keys()].some((each) => (owner.versions.get(each)?.failures ?? 0) >= attemptsMax);
  }

  /** Ready environments that are this wish's, when those before it have theirs. */
  #readyFor(owner: ProvisionedFunction, wish: Wish): { readonly own: number; readonly held: number } {
    const earlier = owner.wishes.slice(0, owner.wishes.indexOf(wish)).map(({ shares }) => shares);
    const taken = totalOf(earlier);
    const ready = (version: string): number => {
      const configuration = configurationOf(owner.live, version);
      return configuration === undefined ? 0 : this.#environments.provisionedSince(configuration).length;
    };
    const [own, held] = [wish.shares, wish.held].map((shares, index) => {
      let sum = 0;
      for (const [version, count] of shares) {
        const before = (taken.get(version) ?? 0) + (index === 1 ? (wish.shares.get(version) ?? 0) : 0);
        sum += Math.max(0, Math.min(count, ready(version) - before));
      }
      return sum;
    });
    return { own: own ?? 0, held: held ?? 0 };
  }
}

function configurationOf(live: readonly FunctionConfiguration[], version: string): FunctionConfiguration | undefined {
  return live.find((each) => each.version === version);
}
