/**
 * What keep-alive policies learn is held in memory. After a restart it is learned again from the recorded usage: a second
 * policy of the same kind is told what happened of late, in the order of time, and then takes the place of the one
 * that serves meanwhile (`replaceable.ts`).
 *
 * It works in slices between which everything else has its turn, and gives up what takes too long. What is told is bounded
 * in time, in records, and in minutes times functions, for each minute is learned from for every function.
 */
import type { Clock } from "../../../core/clock.ts";
import type { UsageRecord } from "../../../metering/usage-record.ts";
import type { KeepAlivePolicy, KeptFunction, Past } from "./contract.ts";
import { minutesRemembered } from "./demand-history.ts";
import type { ReplaceablePolicy } from "./replaceable.ts";

const minuteMs = 60_000;
/** Invocations that are recalled: some 40 MiB while they are, and a second or two of the processor to read. */
export const recordsMax = 100_000;
/** Minutes recalled, times functions: some ten seconds of the processor. Of many functions less of the past is told. */
export const functionMinutesMax = 2_000_000;
/** Work at a time, and the rest after it: a quarter of one processor. */
const sliceMs = 4;
const restMs = 12;
/** From the first record that is read until the end. */
const recallMsMax = 120_000;
/** Things heard meanwhile that are told at a time. */
const heardAtOnce = 2000;

export interface RecallBounds {
  readonly fromMs: number;
  readonly recordsMax: number;
}

export type RecallOutcome =
  | { readonly kind: "recalled"; readonly functions: ReadonlySet<string>; readonly invocations: number }
  | { readonly kind: "nothing" }
  | { readonly kind: "given-up"; readonly reason: string };

export interface RecallOptions {
  readonly clock: Clock;
  readonly policy: ReplaceablePolicy;
  readonly create: () => KeepAlivePolicy;
  /** Pages of records, in any order. */
  readonly usage: (bounds: RecallBounds) => AsyncIterable<readonly UsageRecord[]>;
  /** As which function the policy knows it; undefined when there is no such function any more. */
  readonly keptAs: (record: UsageRecord) => KeptFunction | undefined;
  readonly signal: AbortSignal;
}

/** Rejects only when the usage cannot be read. */
export async function recall(options: RecallOptions): Promise<RecallOutcome> {
  const { clock, policy, signal } = options;
  const pace = pacer(clock);
  const sinceMs = clock.now();
  const startedAtMs = clock.monotonicMs();
  policy.expectSuccessor();
  try {
    const past = new RecordedPast();
    const fromMs = clock.now() - minutesRemembered * minuteMs;
    for await (const page of options.usage({ fromMs, recordsMax })) {
      // What has begun since then was heard.
      for (const record of page) if (record.startedAtMs < sinceMs) past.add(record, options.keptAs(record));
      if (signal.aborted) return givenUp("it is not wanted any more");
      await pace();
    }
    if (past.functions.size === 0) return { kind: "nothing" };

    const successor = options.create();
    for (const happened of past.inOrder(clock.now())) {
      for (const each of happened) successor.recall(each);
      if (signal.aborted) return givenUp("it is not wanted any more");
      if (!policy.expectsSuccessor) return givenUp("too much happened meanwhile");
      if (clock.monotonicMs() - startedAtMs > recallMsMax) return givenUp(`it took longer than ${recallMsMax} ms`);
      await pace();
    }
    while (!policy.succeed(successor, heardAtOnce)) {
      if (!policy.expectsSuccessor) return givenUp("too much happened meanwhile");
      await pace();
    }
    return { kind: "recalled", functions: past.functions, invocations: past.invocations };
  } finally {
    policy.dismissSuccessor();
  }
}

function givenUp(reason: string): RecallOutcome {
  return { kind: "given-up", reason };
}

/** Waits when the work since the last rest has taken long enough. A minute is learned from at once, as always. */
export function pacer(clock: Clock): () => Promise<void> | undefined {
  let sinceMs = clock.monotonicMs();
  return () => {
    if (clock.monotonicMs() - sinceMs < sliceMs) return undefined;
    return new Promise((resolve) => {
      clock.after(restMs, () => {
        sinceMs = clock.monotonicMs();
        resolve();
      });
    });
  };
}

type Happened = Extract<Past, { readonly atMs: number }> | (Extract<Past, { kind: "start" }> & { atMs: number });

/** What was recorded, sorted into minutes as it comes. */
class RecordedPast {
  /** By their ids. */
  readonly functions = new Set<string>();
  invocations = 0;
  readonly #minutes = new Map<number, Happened[]>();
  #first = Infinity;

  add(record: UsageRecord, kept: KeptFunction | undefined): void {
    // What is provisioned, and what it serves, is none of the policies' business.
    if (kept === undefined || record.provisioned === true) return;
    this.functions.add(kept.id);
    this.invocations++;
    const { startedAtMs, queueMs, handlerMs, phases } = record;
    this.#put({ kind: "arrival", kept, atMs: startedAtMs - queueMs });
    if (phases !== undefined) {
      const startMs = phases.sandboxMs + phases.codeMs + phases.runtimeMs + phases.initMs;
      this.#put({ kind: "start", kept, startMs, atMs: startedAtMs });
    }
    this.#put({ kind: "end", kept, atMs: startedAtMs + handlerMs });
  }

  /** Minute by minute, silent ones too, as far back as is affordable. */
  *inOrder(nowMs: number): Generator<readonly Past[]> {
    const now = Math.floor(nowMs / minuteMs);
    const affordable = Math.floor(functionMinutesMax / this.functions.size);
    for (let minute = Math.max(this.#first, now - affordable); minute < now; minute++) {
      yield [...this.#take(minute), { kind: "time", atMs: (minute + 1) * minuteMs }];
    }
    // The minute under way; what a clock that was set back has recorded is not told.
    yield this.#take(now);
  }

  #put(happened: Happened): void {
    const minute = Math.floor(happened.atMs / minuteMs);
    const others = this.#minutes.get(minute);
    if (others === undefined) this.#minutes.set(minute, [happened]);
    else others.push(happened);
    this.#first = Math.min(this.#first, minute);
  }

  #take(minute: number): Happened[] {
    const happened = this.#minutes.get(minute) ?? [];
    this.#minutes.delete(minute);
    return happened.toSorted((a, b) => a.atMs - b.atMs);
  }
}
