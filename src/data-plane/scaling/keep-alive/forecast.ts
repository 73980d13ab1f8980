/**
 * Hearth's own policy. In each minute an environment is worth keeping (or making ready) if the cold start it is likely
 * to save is worth more than the memory it would hold:
 *
 *     P(wanted in that minute, if not before) × cost of its cold start  >  price × MiB × minutes
 *
 * With one price for all functions this is the best use of whatever memory is spent: moving a MiB minute from one
 * function to another could save nothing. The probability comes from `forecaster.ts`, the price from a budget
 * (`price.ts`): as much idle memory as a fixed window for every function would take. Under memory pressure the same
 * ratio says who goes first. docs/decisions/keep-alive.md compares it with other policies.
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
import type { DemandHistory } from "./demand-history.ts";
import { DemandLevels, type DemandLevel, type Span } from "./demand-levels.ts";
import { Forecaster } from "./forecaster.ts";
import { partsPerMinute } from "./minute-offsets.ts";
import { Price } from "./price.ts";
import { periodOf } from "./period.ts";
import { Remembered } from "./remembered.ts";
import { GeneralReuse, turnoverMs } from "./reuse-times.ts";

const minuteMs = 60_000;
const partMs = minuteMs / partsPerMinute;
/**
 * A cold start counts for the most part for being one, as much as the mean of all, and for the rest for the time it
 * takes: who waits for a short one waits too.
 */
const timeShare = 0.2;
/** Weight of the newest start in the running mean of a function's starts, and of all. */
const startWeight = 0.2;
const generalStartWeight = 0.01;
/** What a start ahead of demand costs, as a part of a cold start: the same work, but nobody waits for it. */
const aheadShare = 0.1;
/** How long before its minute an environment is made ready, besides the time of its start. */
const leadMs = 2000;
const leadMsMax = minuteMs;
/** Minutes by which it is judged who goes first under memory pressure, the one under way included. */
const worthMinutes = 3;
/** Minutes that are looked ahead at a time. */
const horizonMinutes = 60;
/** Minutes that are looked ahead when somebody asks for the next arrival: a day. */
const expectedWithinMinutes = 1440;
/** Minutes of silence after which a function is not looked for any more: three days. */
const silenceMinutesMax = 4320;

interface Memory {
  readonly kept: KeptFunction;
  readonly levels: DemandLevels;
  startMs: number | undefined;
  lastArrivalMs: number;
}

export interface ForecastOptions {
  /** The fixed window whose idle memory is the budget. */
  readonly budgetWindowMs: number;
}

export class Forecast implements KeepAlivePolicy {
  readonly #budgetWindowMs: number;
  readonly #forecasters = [new Forecaster(), new Forecaster()] as const;
  readonly #reuse = new GeneralReuse();
  /** From the first function on. */
  #price: Price | undefined;
  readonly #functions = new Remembered<Memory>((kept) => this.#create(kept));
  /** Those that the budget's window would keep. */
  readonly #recent = new Set<Memory>();
  #meanStartMs: number | undefined;
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
    const memory = this.#functions.find(kept.id);
    const general = this.#meanStartMs ?? startMs;
    this.#meanStartMs = general + (startMs - general) * generalStartWeight;
    if (memory === undefined) return;
    memory.startMs = memory.startMs === undefined ? startMs : memory.startMs + (startMs - memory.startMs) * startWeight;
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
    const minute = Math.floor(atMs / minuteMs);
    const endMs = (minute + 1) * minuteMs;
    let keptUntilMs = atMs;
    if (level.history.lastMinute < minute) keptUntilMs = this.#within(memory, level, minute, keptUntilMs);
    else keptUntilMs += this.#waitMs(memory, level, idleSinceMs, atMs, endMs - atMs);
    const untilMs = this.#within(memory, level, minute + 1, keptUntilMs);
    if (untilMs > atMs || level.threshold === 1) return untilMs;
    // Those wanted together are wanted within seconds, too soon to be started one after the other: they are kept until
    // then if that costs no more than their starts.
    const nextMs = this.#worthStartingMs(memory, level, minute + 1);
    return nextMs !== undefined && this.#bridges(memory, nextMs - atMs) ? nextMs : untilMs;
  }

  outlook(kept: KeptFunction, count: number, nowMs: number): Outlook {
    const atMs = this.#advance(nowMs);
    const memory = this.#functions.find(kept.id);
    const higher = memory?.levels.all.filter(({ threshold }) => threshold > count) ?? [];
    if (memory === undefined || higher.length === 0) return { kind: "nothing" };
    const minute = Math.floor(atMs / minuteMs);
    let next: { readonly atMs: number; readonly count: number } | undefined;
    for (const level of higher) {
      const fromMs = this.#worthStartingMs(memory, level, minute + 1);
      if (fromMs !== undefined && fromMs <= (next?.atMs ?? Infinity)) next = { atMs: fromMs, count: level.threshold };
    }
    if (next !== undefined) {
      return { kind: "prewarm", atMs: Math.max(atMs, next.atMs - this.#leadMs(memory)), count: next.count };
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
    const part = Math.floor(nowMs / partMs);
    if (level.worth?.part !== part) level.worth = { part, value: this.#worthNow(memory, level, idleSinceMs, nowMs) };
    return level.worth.value / memoryOf(idle);
  }

  /** The first minute by whose end it is likelier to have been wanted than not; a part of it if timers come then. */
  #nextArrival(level: DemandLevel, atMs: number): Expectation["next"] {
    const first = Math.max(Math.floor(atMs / minuteMs), level.history.lastMinute + 1);
    let survives = 1;
    for (let minute = first; minute < first + expectedWithinMinutes; minute++) {
      survives *= 1 - this.#probability(level, minute);
      if (survives > 0.5) continue;
      const part = level.offsets.likeliest;
      const [from, parts] = part === undefined ? [0, partsPerMinute] : [part, 1];
      const fromMs = minute * minuteMs + from * partMs;
      return { fromMs, untilMs: fromMs + parts * partMs, probability: 1 - survives };
    }
    return undefined;
  }

  #worthNow(memory: Memory, level: DemandLevel, idleSinceMs: number, nowMs: number): number {
    const minute = Math.floor(nowMs / minuteMs);
    const idleMs = Math.max(0, nowMs - (level.freeSinceMs ?? idleSinceMs));
    let best = level.reuse.usesPerMinute(idleMs);
    let survives = 1;
    let waitedMinutes = turnoverMs / minuteMs;
    const elapsed = nowMs / minuteMs - minute;
    for (let each = minute; each < minute + worthMinutes; each++) {
      let probability = level.history.lastMinute >= each ? 0 : this.#probability(level, each);
      let minutes = 1;
      if (each === minute) {
        minutes = 1 - elapsed;
        probability = (probability * minutes) / (1 - probability * elapsed);
      }
      waitedMinutes += survives * minutes * (1 - probability / 2);
      survives *= 1 - probability;
      best = Math.max(best, (1 - survives) / waitedMinutes);
    }
    return best * (memory.startMs ?? this.#meanStartMs ?? 1);
  }

  expectation({ id }: KeptFunction, nowMs: number): Expectation | undefined {
    const level = this.#functions.find(id)?.levels.all[0];
    if (level === undefined) return undefined;
    const atMs = this.#advance(nowMs);
    const next = this.#nextArrival(level, atMs);
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

  get #pricePerMiBMinute(): number {
    return this.#price?.current ?? 0;
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
    this.#forecasterOf(level).mark(level.history, minute);
  }

  #ended(memory: Memory | undefined, atMs: number): void {
    const level = memory?.levels.fall(atMs);
    // It was in use until now, and in every minute since it was taken.
    if (level !== undefined) this.#forecasterOf(level).mark(level.history, Math.floor(atMs / minuteMs));
  }

  /** Until when it is kept if that minute is counted in; `keptUntilMs` if that is not worth the wait. */
  #within(memory: Memory, level: DemandLevel, minute: number, keptUntilMs: number): number {
    const span = this.#spanOf(memory, level, minute);
    if (span === undefined || span.untilMs <= keptUntilMs) return keptUntilMs;
    return this.#bridges(memory, span.fromMs - keptUntilMs) ? span.untilMs : keptUntilMs;
  }

  /** As below, worked out once for what is busy. */
  #spanOf(memory: Memory, level: DemandLevel, minute: number): Span | undefined {
    const { lastMinute } = level.history;
    if (level.next?.minute !== minute || level.next.lastMinute !== lastMinute) {
      const span = this.#span(memory, level, minute, this.#probability(level, minute));
      level.next = { minute, lastMinute, span };
    }
    return level.next.span;
  }

  /** From the first to the last part of a minute in which it is worth to be ready. */
  #span(memory: Memory, level: DemandLevel, minute: number, probability: number): Span | undefined {
    const held = this.#pricePerMiBMinute * (memory.kept.memoryMiB / partsPerMinute);
    const gain = probability * this.#cost(memory);
    let first: number | undefined;
    let last = 0;
    let before = 0;
    for (let part = 0; part < partsPerMinute; part++) {
      const share = level.offsets.share(part);
      if (gain * share > held * (1 - probability * (before + share / 2))) {
        first ??= part;
        last = part;
      }
      before += share;
    }
    if (first === undefined) return undefined;
    return { fromMs: minute * minuteMs + first * partMs, untilMs: minute * minuteMs + (last + 1) * partMs };
  }

  /**
   * When to have an environment ready, within the horizon: from where on its use brings more than its memory and its
   * start cost.
   */
  #worthStartingMs(memory: Memory, level: DemandLevel, minute: number): number | undefined {
    const cost = this.#cost(memory);
    let surplus = 0;
    let survives = 1;
    let fromMs = 0;
    for (let each = minute; each < minute + horizonMinutes; each++) {
      const probability = this.#probability(level, each);
      const span = this.#span(memory, level, each, probability);
      if (surplus === 0) {
        if (span === undefined) continue;
        survives = 1;
        fromMs = span.fromMs;
      }
      const untilMs = Math.max(fromMs, span?.untilMs ?? (each + 1) * minuteMs);
      const heldMinutes = Math.min(1, (untilMs - Math.max(fromMs, each * minuteMs)) / minuteMs);
      const held = this.#pricePerMiBMinute * memory.kept.memoryMiB * heldMinutes * (1 - probability / 2);
      surplus += survives * (probability * cost - held);
      survives *= 1 - probability;
      if (surplus > aheadShare * cost) return fromMs;
      if (surplus < 0) surplus = 0;
    }
    return undefined;
  }

  /** How long it is worth to wait for what comes within seconds, in the rest of a minute in which it was wanted. */
  #waitMs(memory: Memory, level: DemandLevel, idleSinceMs: number, atMs: number, restMs: number): number {
    const usesPerMs = (this.#pricePerMiBMinute * memory.kept.memoryMiB) / minuteMs / this.#cost(memory);
    return level.reuse.bestWaitMs(Math.max(0, atMs - (level.freeSinceMs ?? idleSinceMs)), restMs, usesPerMs);
  }

  #probability(level: DemandLevel, minute: number): number {
    if (minute <= level.history.lastMinute) return 1;
    return this.#forecasterOf(level).probability(level.history, minute);
  }

  /** All that are wanted beside the first one have more in common with each other than with it. */
  #forecasterOf({ threshold }: DemandLevel): Forecaster {
    return this.#forecasters[threshold === 1 ? 0 : 1];
  }

  /** Letting it go and starting another one so much later would cost more than to keep it. */
  #bridges(memory: Memory, durationMs: number): boolean {
    if (durationMs <= this.#leadMs(memory)) return true;
    return (this.#pricePerMiBMinute * memory.kept.memoryMiB * durationMs) / minuteMs < aheadShare * this.#cost(memory);
  }

  /** Of a cold start, in mean ones. */
  #cost({ startMs }: Memory): number {
    const mean = this.#meanStartMs ?? 0;
    if (startMs === undefined || mean === 0) return 1;
    return 1 - timeShare + (timeShare * startMs) / mean;
  }

  #leadMs({ startMs }: Memory): number {
    return Math.min(leadMsMax, leadMs + (startMs ?? this.#meanStartMs ?? 0));
  }

  /** Settles the minutes that are over. Returns the time, which never runs backwards. */
  #advance(nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nowMs);
    const minute = Math.floor(atMs / minuteMs);
    this.#minute ??= minute;
    // After a long rest nothing is left to settle: the budget is spent and the environments are gone.
    const last = Math.ceil(this.#budgetWindowMs / minuteMs) + 1;
    if (minute - this.#minute > last) this.#minute = minute - last;
    for (; this.#minute < minute; this.#minute++) this.#settle((this.#minute + 1) * minuteMs);
    if (atMs > this.#nowMs) this.#spend(atMs);
    return atMs;
  }

  #spend(untilMs: number): void {
    if (this.#nowMs > 0 && untilMs > this.#nowMs) {
      this.#idleMiBMinutes += (this.#idleMiB * (untilMs - this.#nowMs)) / minuteMs;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #settle(endMs: number): void {
    this.#spend(endMs);
    let budget = 0;
    for (const memory of this.#recent) {
      const idle = memory.levels.idleWithin(this.#budgetWindowMs, endMs);
      if (idle > 0) budget += idle * memory.kept.memoryMiB;
      else if (memory.levels.inFlight === 0) this.#recent.delete(memory);
    }
    // Of the past nobody knows what was idle: the price stays as it is.
    this.#price?.settle(this.#isRecalling ? budget : this.#idleMiBMinutes, budget);
    this.#idleMiBMinutes = 0;
    this.#learn(endMs);
  }

  /**
   * Minute by minute, and of all functions: if silence were learned from when a function is invoked again, those that
   * never are would teach nothing, and every function would be expected back.
   */
  #learn(endMs: number): void {
    const first: DemandHistory[] = [];
    const further: DemandHistory[] = [];
    for (const { levels, lastArrivalMs } of this.#functions.all()) {
      if (endMs - lastArrivalMs > silenceMinutesMax * minuteMs) continue;
      for (const { threshold, history } of levels.all) (threshold === 1 ? first : further).push(history);
    }
    const minute = Math.floor(endMs / minuteMs);
    this.#forecasters[0].learn(first, minute);
    this.#forecasters[1].learn(further, minute);
  }
}
