/** What cold starts cost, and how long before its use an environment is to be started. */

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
const leadMsMax = 60_000;

/** Of one function, what is known of its starts. */
export interface Started {
  /** Their running mean; undefined before the first. */
  startMs: number | undefined;
}

export class StartCosts {
  #meanMs: number | undefined;

  /** `started` is undefined for a function that nothing else is known of. */
  observe(started: Started | undefined, startMs: number): void {
    const mean = this.#meanMs ?? startMs;
    this.#meanMs = mean + (startMs - mean) * generalStartWeight;
    if (started === undefined) return;
    const own = started.startMs ?? startMs;
    started.startMs = own + (startMs - own) * startWeight;
  }

  /** Of a cold start, in mean ones. */
  cold({ startMs }: Started): number {
    const mean = this.#meanMs ?? 0;
    if (startMs === undefined || mean === 0) return 1;
    return 1 - timeShare + (timeShare * startMs) / mean;
  }

  /** Of a start ahead of demand, in the same. */
  ahead(started: Started): number {
    return aheadShare * this.cold(started);
  }

  /** How long a start takes; 1 while nothing is known of any. */
  durationMs({ startMs }: Started): number {
    return startMs ?? this.#meanMs ?? 1;
  }

  /** From the beginning of a start to the use that it is for. */
  leadMs({ startMs }: Started): number {
    return Math.min(leadMsMax, leadMs + (startMs ?? this.#meanMs ?? 0));
  }
}
