/**
 * Starts on demand that wait for memory, because it is really short or because all of it is promised. Those go on first
 * that have waited for longest, but a small one does not wait behind a large one: different functions share no queue.
 */
import type { Clock, Timer } from "../../core/clock.ts";

/** How long a start waits for memory, until environments have given some back. */
export const memoryWaitMsMax = 10_000;

export interface Starved<C> {
  readonly memoryMiB: number;
  /** Since when, on the monotonic clock. */
  readonly sinceMs: number;
  /** Takes the start back if nobody counts on it any more. */
  giveUp(): boolean;
  /** Takes the memory at once, before anybody else sees it; undefined while there is none. */
  claim(): C | undefined;
}

/** `unwanted`: it was given up. `late`: it has waited for as long as it may. */
export type LineOutcome<C> = C | "unwanted" | "late";

interface Place<C> {
  readonly starved: Starved<C>;
  readonly timer: Timer;
  readonly resolve: (outcome: LineOutcome<C>) => void;
}

export class MemoryLine<C> {
  readonly #clock: Clock;
  readonly #places = new Set<Place<C>>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(starved: Starved<C>): Promise<LineOutcome<C>> {
    if (starved.giveUp()) return Promise.resolve("unwanted");
    const leftMs = memoryWaitMsMax - (this.#clock.monotonicMs() - starved.sinceMs);
    if (leftMs <= 0 || this.#closed) return Promise.resolve("late");
    const { promise, resolve } = Promise.withResolvers<LineOutcome<C>>();
    const timer = this.#clock.after(leftMs, () => this.#leave(place, "late"));
    const place: Place<C> = { starved, timer, resolve };
    this.#places.add(place);
    return promise;
  }

  /** There may be memory. Called whenever an environment has become idle or has ended: of each size one that has none is enough. */
  feed(): void {
    let missingMiB = Infinity;
    for (const place of this.#places) {
      const { starved } = place;
      if (starved.giveUp()) {
        this.#leave(place, "unwanted");
      } else if (starved.memoryMiB < missingMiB) {
        const claimed = starved.claim();
        if (claimed === undefined) missingMiB = starved.memoryMiB;
        else this.#leave(place, claimed);
      }
    }
  }

  /** Nobody waits any more. */
  close(): void {
    this.#closed = true;
    for (const place of this.#places) this.#leave(place, "late");
  }

  #leave(place: Place<C>, outcome: LineOutcome<C>): void {
    place.timer.cancel();
    this.#places.delete(place);
    place.resolve(outcome);
  }
}
