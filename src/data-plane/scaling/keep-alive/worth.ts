/**
 * When an environment is worth its memory: what it is likely to save against what it holds, at one price for all.
 * `forecast.ts` says why.
 */
import type { KeptFunction } from "./contract.ts";
import type { DemandLevel, Span } from "./demand-levels.ts";
import type { LevelForecasts } from "./level-forecasts.ts";
import { minuteMs, partMs, partsPerMinute } from "./minute-offsets.ts";
import { turnoverMs } from "./reuse-times.ts";
import type { StartCosts, Started } from "./start-costs.ts";

/** Minutes by which it is judged who goes first under memory pressure, the one under way included. */
const worthMinutes = 3;
/** Minutes that are looked ahead at a time. */
export const horizonMinutes = 60;

/** A function, and what is known of its starts. */
export interface Known extends Started {
  readonly kept: KeptFunction;
}

export class Worth {
  readonly #forecasts: LevelForecasts;
  readonly #starts: StartCosts;
  readonly #pricePerMiBMinute: () => number;

  /** `pricePerMiBMinute` is in mean cold starts. */
  constructor(forecasts: LevelForecasts, starts: StartCosts, pricePerMiBMinute: () => number) {
    this.#forecasts = forecasts;
    this.#starts = starts;
    this.#pricePerMiBMinute = pricePerMiBMinute;
  }

  /** Until when a level that has been idle since then is kept; `atMs` itself if it is not. */
  keepUntilMs(known: Known, level: DemandLevel, idleSinceMs: number, atMs: number): number {
    const minute = Math.floor(atMs / minuteMs);
    const endMs = (minute + 1) * minuteMs;
    let keptUntilMs = atMs;
    if (level.history.lastMinute < minute) keptUntilMs = this.#within(known, level, minute, keptUntilMs);
    else keptUntilMs += this.#waitMs(known, level, idleSinceMs, atMs, endMs - atMs);
    const untilMs = this.#within(known, level, minute + 1, keptUntilMs);
    if (untilMs > atMs || level.threshold === 1) return untilMs;
    // Those wanted together are wanted within seconds, too soon to be started one after the other: they are kept until
    // then if that costs no more than their starts.
    const nextMs = this.startForMs(known, level, minute + 1);
    return nextMs !== undefined && this.#bridges(known, nextMs - atMs) ? nextMs : untilMs;
  }

  /**
   * When to have an environment ready, within the horizon: from where on its use brings more than its memory and its
   * start cost.
   */
  startForMs(known: Known, level: DemandLevel, minute: number): number | undefined {
    const cost = this.#starts.cold(known);
    const ahead = this.#starts.ahead(known);
    let surplus = 0;
    let survives = 1;
    let fromMs = 0;
    for (let each = minute; each < minute + horizonMinutes; each++) {
      const probability = this.#forecasts.probability(level, each);
      const span = this.#span(known, level, each, probability);
      if (surplus === 0) {
        if (span === undefined) continue;
        survives = 1;
        fromMs = span.fromMs;
      }
      const untilMs = Math.max(fromMs, span?.untilMs ?? (each + 1) * minuteMs);
      const heldMinutes = Math.min(1, (untilMs - Math.max(fromMs, each * minuteMs)) / minuteMs);
      const held = this.#pricePerMiBMinute() * known.kept.memoryMiB * heldMinutes * (1 - probability / 2);
      surplus += survives * (probability * cost - held);
      survives *= 1 - probability;
      if (surplus > ahead) return fromMs;
      if (surplus < 0) surplus = 0;
    }
    return undefined;
  }

  /** Time of cold starts that a minute of waiting saves, in ms; worked out once for each part of a minute. */
  savedPerMinute(known: Known, level: DemandLevel, idleSinceMs: number, nowMs: number): number {
    const part = Math.floor(nowMs / partMs);
    if (level.worth?.part !== part) level.worth = { part, value: this.#savedNow(known, level, idleSinceMs, nowMs) };
    return level.worth.value;
  }

  #savedNow(known: Known, level: DemandLevel, idleSinceMs: number, nowMs: number): number {
    const minute = Math.floor(nowMs / minuteMs);
    const idleMs = Math.max(0, nowMs - (level.freeSinceMs ?? idleSinceMs));
    let best = level.reuse.usesPerMinute(idleMs);
    let survives = 1;
    let waitedMinutes = turnoverMs / minuteMs;
    const elapsed = nowMs / minuteMs - minute;
    for (let each = minute; each < minute + worthMinutes; each++) {
      let probability = level.history.lastMinute >= each ? 0 : this.#forecasts.probability(level, each);
      let minutes = 1;
      if (each === minute) {
        minutes = 1 - elapsed;
        probability = (probability * minutes) / (1 - probability * elapsed);
      }
      waitedMinutes += survives * minutes * (1 - probability / 2);
      survives *= 1 - probability;
      best = Math.max(best, (1 - survives) / waitedMinutes);
    }
    return best * this.#starts.durationMs(known);
  }

  /** Until when it is kept if that minute is counted in; `keptUntilMs` if that is not worth the wait. */
  #within(known: Known, level: DemandLevel, minute: number, keptUntilMs: number): number {
    const span = this.#spanOf(known, level, minute);
    if (span === undefined || span.untilMs <= keptUntilMs) return keptUntilMs;
    return this.#bridges(known, span.fromMs - keptUntilMs) ? span.untilMs : keptUntilMs;
  }

  /** As below, worked out once for what is busy. */
  #spanOf(known: Known, level: DemandLevel, minute: number): Span | undefined {
    const { lastMinute } = level.history;
    if (level.next?.minute !== minute || level.next.lastMinute !== lastMinute) {
      const span = this.#span(known, level, minute, this.#forecasts.probability(level, minute));
      level.next = { minute, lastMinute, span };
    }
    return level.next.span;
  }

  /** From the first to the last part of a minute in which it is worth to be ready. */
  #span(known: Known, level: DemandLevel, minute: number, probability: number): Span | undefined {
    const held = this.#pricePerMiBMinute() * (known.kept.memoryMiB / partsPerMinute);
    const gain = probability * this.#starts.cold(known);
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

  /** How long it is worth to wait for what comes within seconds, in the rest of a minute in which it was wanted. */
  #waitMs(known: Known, level: DemandLevel, idleSinceMs: number, atMs: number, restMs: number): number {
    const usesPerMs = (this.#pricePerMiBMinute() * known.kept.memoryMiB) / minuteMs / this.#starts.cold(known);
    return level.reuse.bestWaitMs(Math.max(0, atMs - (level.freeSinceMs ?? idleSinceMs)), restMs, usesPerMs);
  }

  /** Letting it go and starting another one so much later would cost more than to keep it. */
  #bridges(known: Known, durationMs: number): boolean {
    if (durationMs <= this.#starts.leadMs(known)) return true;
    return (this.#pricePerMiBMinute() * known.kept.memoryMiB * durationMs) / minuteMs < this.#starts.ahead(known);
  }
}
