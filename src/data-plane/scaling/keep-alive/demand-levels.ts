/**
 * How many environments of a function are wanted at once, as levels: 1, 2, 3, 4, 6, 8, 12, … Each level is like an
 * environment of its own, the one that is taken when all before it are at work, and has its own history and forecast.
 */
import { DemandHistory } from "./demand-history.ts";
import type { GeneralReuse } from "./reuse-times.ts";
import { MinuteOffsets } from "./minute-offsets.ts";
import { ReuseTimes } from "./reuse-times.ts";

/** Up to AWS's largest concurrency of one function that people ask for; what is beyond counts with the last one. */
export const levelThresholds: readonly number[] = Array.from({ length: 30 }, (_, index) => index).map((index) =>
  index < 2 ? index + 1 : index % 2 === 0 ? 3 * 2 ** ((index - 2) / 2) : 2 ** ((index + 1) / 2),
);

/** Of time, on the wall clock. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface DemandLevel {
  readonly threshold: number;
  /** Environments from this threshold to the next one. */
  readonly history: DemandHistory;
  readonly reuse: ReuseTimes;
  readonly offsets: MinuteOffsets;
  /** When it was last given back; undefined while it is in use. */
  freeSinceMs: number | undefined;
  /** What one that is idle was found to be worth, in which part of a minute; good until the level is used again. */
  next: { readonly minute: number; readonly lastMinute: number; readonly span: Span | undefined } | undefined;
  worth: { readonly part: number; readonly value: number } | undefined;
}

export class DemandLevels {
  readonly #general: GeneralReuse;
  readonly #levels: DemandLevel[] = [];
  inFlight = 0;

  constructor(general: GeneralReuse) {
    this.#general = general;
  }

  get all(): readonly DemandLevel[] {
    return this.#levels;
  }

  /** The level that one more invocation reaches, if it is another one; its idle time is counted. */
  rise(nowMs: number): DemandLevel | undefined {
    this.inFlight++;
    const index = this.#levels.length;
    const next = levelThresholds[index];
    if (next !== undefined && this.inFlight >= next) {
      const level: DemandLevel = {
        threshold: next,
        history: new DemandHistory(),
        reuse: new ReuseTimes(this.#general),
        offsets: new MinuteOffsets(),
        freeSinceMs: undefined,
        next: undefined,
        worth: undefined,
      };
      this.#levels.push(level);
      return level;
    }
    const level = this.#at(this.inFlight);
    if (level === undefined) return undefined;
    if (level.freeSinceMs !== undefined) level.reuse.add(Math.max(0, nowMs - level.freeSinceMs));
    level.freeSinceMs = undefined;
    level.worth = undefined;
    return level;
  }

  /** The level that is free again with one invocation less. */
  fall(nowMs: number): DemandLevel | undefined {
    if (this.inFlight === 0) return undefined;
    const level = this.#at(this.inFlight);
    this.inFlight--;
    if (level !== undefined) {
      level.freeSinceMs = nowMs;
      level.worth = undefined;
    }
    return level;
  }

  /** The level by which the need of so many environments is judged: the highest that is not above it. */
  judging(count: number): DemandLevel | undefined {
    let found: DemandLevel | undefined;
    for (const level of this.#levels) {
      if (level.threshold > count) break;
      found = level;
    }
    return found;
  }

  /** Environments that a window after the last use would keep idle now. */
  idleWithin(windowMs: number, nowMs: number): number {
    let idle = 0;
    for (const [index, { threshold, freeSinceMs }] of this.#levels.entries()) {
      if (freeSinceMs === undefined || nowMs > freeSinceMs + windowMs) continue;
      idle += index === 0 ? 1 : threshold - (this.#levels[index - 1]?.threshold ?? 0);
    }
    return idle;
  }

  #at(threshold: number): DemandLevel | undefined {
    return this.#levels.find((level) => level.threshold === threshold);
  }
}
