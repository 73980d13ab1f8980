/**
 * Hearth's own policy. In each minute an environment is worth keeping (or making ready) if the cold start it is likely
 * to save is worth more than the memory it would hold:
 *
 *     P(wanted in that minute, if not before) × cost of its cold start  >  price × MiB × minutes
 *
 * With one price for all functions this is the best use of whatever memory is spent: moving a MiB minute from one
 * function to another could save nothing. The probability comes from `level-forecasts.ts`, the cost from
 * `start-costs.ts`, the price from a budget (`price.ts`): as much idle memory as a fixed window for every function would
 * take; `worth.ts` weighs them. Under memory pressure the same ratio says who goes first. docs/decisions/keep-alive.md
 * compares it with other policies.
 */
import { memoryOf } from "./contract.ts";
import type {
  Expectation,
  Happening,
  IdleEnvironment,
  KeepAlivePolicy,
  KeptFunction,
  Outlook,
  Past,
} from "./contract.ts";
import { DemandLevels, type DemandLevel } from "./demand-levels.ts";
import { LevelForecasts } from "./level-forecasts.ts";
import { minuteMs } from "./minute-offsets.ts";
import { Price } from "./price.ts";
import { periodOf } from "./period.ts";
import { Remembered } from "./remembered.ts";
import { GeneralReuse } from "./reuse-times.ts";
import { StartCosts } from "./start-costs.ts";
import { horizonMinutes, Worth, type Known } from "./worth.ts";

/** Minutes of silence after which a function is not looked for any more: three days. */
const silenceMinutesMax = 4320;

interface Memory extends Known {
  readonly levels: DemandLevels;
  lastArrivalMs: number;
}

export interface ForecastOptions {
  /** The fixed window whose idle memory is the budget. */
  readonly budgetWindowMs: number;
}

export class Forecast implements KeepAlivePolicy {
  readonly #budgetWindowMs: number;
  readonly #forecasts = new LevelForecasts();
  readonly #starts = new StartCosts();
  readonly #worth = new Worth(this.#forecasts, this.#starts, () => this.#price?.current ?? 0);
  readonly #reuse = new GeneralReuse();
  /** From the first function on. */
  #price: Price | undefined;
  readonly #functions = new Remembered<Memory>((kept) => this.#create(kept));
  /** Those that the budget's window would keep. */
  readonly #recent = new Set<Memory>();
  #isRecalling = false;
  #minute: number | undefined;
  #nowMs = 0;
  #idleMiB = 0;
  #idleMiBMinutes = 0;

  constructor({ budgetWindowMs }: ForecastOptions) {
    this.#budgetWindowMs = budgetWindowMs;
  }

  observe(happening: Happening, kept: KeptFunction, nowMs: number): void {
    const atMs = this.#advance(nowMs);
    switch (happening) {
      case "arrival":
        return this.#arrived(this.#functions.touch(kept), atMs);
      case "end":
        return this.#ended(this.#functions.find(kept.id), atMs);
      case "idle":
        if (kept.isKeptElsewhere !== true) this.#idleMiB += kept.memoryMiB;
        return;
      case "used":
      case "released":
      case "evicted":
        if (kept.isKeptElsewhere !== true) this.#idleMiB = Math.max(0, this.#idleMiB - kept.memoryMiB);
    }
  }

  observeStart(kept: KeptFunction, startMs: number): void {
    this.#starts.observe(this.#functions.find(kept.id), startMs);
  }

  recall(past: Past): void {
    this.#isRecalling = true;
    if (past.kind === "start") this.observeStart(past.kept, past.startMs);
    else if (past.kind === "time") this.#advance(past.atMs);
    else this.observe(past.kind, past.kept, past.atMs);
    this.#isRecalling = false;
  }

  keepUntilMs({ function: kept, rank, idleSinceMs }: IdleEnvironment, nowMs: number): number {
    const atMs = this.#advance(nowMs);
    const memory = this.#functions.find(kept.id);
    const level = memory?.levels.judging(memory.levels.inFlight + rank + 1);
    if (memory === undefined || level === undefined) return atMs;
    return this.#worth.keepUntilMs(memory, level, idleSinceMs, atMs);
  }

  outlook(kept: KeptFunction, count: number, nowMs: number): Outlook {
    const atMs = this.#advance(nowMs);
    const memory = this.#functions.find(kept.id);
    const higher = memory?.levels.all.filter(({ threshold }) => threshold > count) ?? [];
    if (memory === undefined || higher.length === 0) return { kind: "nothing" };
    const minute = Math.floor(atMs / minuteMs);
    let next: { readonly atMs: number; readonly count: number } | undefined;
    for (const level of higher) {
      const fromMs = this.#worth.startForMs(memory, level, minute + 1);
      if (fromMs !== undefined && fromMs <= (next?.atMs ?? Infinity)) next = { atMs: fromMs, count: level.threshold };
    }
    if (next !== undefined) {
      return { kind: "prewarm", atMs: Math.max(atMs, next.atMs - this.#starts.leadMs(memory)), count: next.count };
    }
    const silentMs = atMs - memory.lastArrivalMs;
    if (silentMs > silenceMinutesMax * minuteMs) return { kind: "nothing" };
    return { kind: "ask-again", atMs: (minute + horizonMinutes) * minuteMs };
  }

  worth(idle: IdleEnvironment, nowMs: number): number {
    const { function: kept, rank, idleSinceMs } = idle;
    const memory = this.#functions.find(kept.id);
    const level = memory?.levels.judging(memory.levels.inFlight + rank + 1);
    if (memory === undefined || level === undefined) return 0;
    return this.#worth.savedPerMinute(memory, level, idleSinceMs, nowMs) / memoryOf(idle);
  }

  expectation({ id }: KeptFunction, nowMs: number): Expectation | undefined {
    const level = this.#functions.find(id)?.levels.all[0];
    if (level === undefined) return undefined;
    const atMs = this.#advance(nowMs);
    const next = this.#forecasts.nextArrival(level, atMs);
    const period = periodOf(level.history);
    return {
      ...(next === undefined ? {} : { next }),
      ...(period === undefined ? {} : { periodMs: period * minuteMs }),
    };
  }

  forget(id: string): void {
    const memory = this.#functions.find(id);
    if (memory !== undefined) this.#recent.delete(memory);
    this.#functions.forget(id);
  }

  #create(kept: KeptFunction): Memory {
    this.#price ??= new Price(this.#budgetWindowMs, kept.memoryMiB);
    return { kept, levels: new DemandLevels(this.#reuse), startMs: undefined, lastArrivalMs: 0 };
  }

  #arrived(memory: Memory, atMs: number): void {
    memory.lastArrivalMs = atMs;
    if (memory.kept.isKeptElsewhere !== true) this.#recent.add(memory);
    const level = memory.levels.rise(atMs);
    if (level === undefined) return;
    const minute = Math.floor(atMs / minuteMs);
    if (level.history.lastMinute < minute) level.offsets.add(atMs / minuteMs - minute);
    this.#forecasts.mark(level, minute);
  }

  #ended(memory: Memory | undefined, atMs: number): void {
    const level = memory?.levels.fall(atMs);
    // It was in use until now, and in every minute since it was taken.
    if (level !== undefined) this.#forecasts.mark(level, Math.floor(atMs / minuteMs));
  }

  /** Settles the minutes that are over. Returns the time, which never runs backwards. */
  #advance(nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nowMs);
    const minute = Math.floor(atMs / minuteMs);
    this.#minute ??= minute;
    // First the minutes after what happened last: in them the window would have kept it. Once they are over the budget
    // grants nothing more, and a long rest is settled in one.
    const singly = Math.min(minute, this.#minute + Math.ceil(this.#budgetWindowMs / minuteMs) + 1);
    while (this.#minute < singly) this.#settle(this.#minute + 1);
    if (this.#minute < minute) this.#settle(minute);
    if (atMs > this.#nowMs) this.#spend(atMs);
    return atMs;
  }

  #spend(untilMs: number): void {
    if (this.#nowMs > 0 && untilMs > this.#nowMs) {
      this.#idleMiBMinutes += (this.#idleMiB * (untilMs - this.#nowMs)) / minuteMs;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** What was before that minute. */
  #settle(minute: number): void {
    const endMs = minute * minuteMs;
    this.#spend(endMs);
    let budget = 0;
    for (const memory of this.#recent) {
      const idle = memory.levels.idleWithin(this.#budgetWindowMs, endMs);
      if (idle > 0) budget += idle * memory.kept.memoryMiB;
      else if (memory.levels.inFlight === 0) this.#recent.delete(memory);
    }
    // Of the past nobody knows what was idle: the price stays as it is.
    this.#price?.settle(this.#isRecalling ? budget : this.#idleMiBMinutes, budget);
    this.#minute = minute;
    this.#idleMiBMinutes = 0;
    this.#forecasts.learn(this.#levels(endMs), minute);
  }

  /** Of all functions that were wanted within the last days. */
  *#levels(endMs: number): Generator<DemandLevel> {
    for (const { levels, lastArrivalMs } of this.#functions.all()) {
      if (endMs - lastArrivalMs <= silenceMinutesMax * minuteMs) yield* levels.all;
    }
  }
}
