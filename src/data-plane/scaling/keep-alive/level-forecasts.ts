/** How likely each level of a function's demand is wanted in a minute, and when it is expected next. */
import type { Expectation } from "./contract.ts";
import type { DemandHistory } from "./demand-history.ts";
import type { DemandLevel } from "./demand-levels.ts";
import { Forecaster } from "./forecaster.ts";
import { minuteMs, partMs, partsPerMinute } from "./minute-offsets.ts";

/** Minutes that are looked ahead when somebody asks for the next arrival: a day. */
const expectedWithinMinutes = 1440;

export class LevelForecasts {
  /** All that are wanted beside the first one have more in common with each other than with it. */
  readonly #first = new Forecaster();
  readonly #further = new Forecaster();

  probability(level: DemandLevel, minute: number): number {
    if (minute <= level.history.lastMinute) return 1;
    return this.#of(level).probability(level.history, minute);
  }

  /** The level is wanted in that minute. Safe to say again. */
  mark(level: DemandLevel, minute: number): void {
    this.#of(level).mark(level.history, minute);
  }

  /**
   * Minute by minute, and of all functions: if silence were learned from when a function is invoked again, those that
   * never are would teach nothing, and every function would be expected back.
   */
  learn(levels: Iterable<DemandLevel>, minute: number): void {
    const first: DemandHistory[] = [];
    const further: DemandHistory[] = [];
    for (const { threshold, history } of levels) (threshold === 1 ? first : further).push(history);
    this.#first.learn(first, minute);
    this.#further.learn(further, minute);
  }

  /** The first minute by whose end it is likelier to have been wanted than not; a part of it if timers come then. */
  nextArrival(level: DemandLevel, atMs: number): Expectation["next"] {
    const first = Math.max(Math.floor(atMs / minuteMs), level.history.lastMinute + 1);
    let survives = 1;
    for (let minute = first; minute < first + expectedWithinMinutes; minute++) {
      survives *= 1 - this.probability(level, minute);
      if (survives > 0.5) continue;
      const part = level.offsets.likeliest;
      const [from, parts] = part === undefined ? [0, partsPerMinute] : [part, 1];
      const fromMs = minute * minuteMs + from * partMs;
      return { fromMs, untilMs: fromMs + parts * partMs, probability: 1 - survives };
    }
    return undefined;
  }

  #of({ threshold }: DemandLevel): Forecaster {
    return threshold === 1 ? this.#first : this.#further;
  }
}
