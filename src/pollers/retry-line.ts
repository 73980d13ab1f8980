/**
 * Those whom a function had no room for, in the order in which they were refused. Somebody tries again now and then, to
 * see whether there is room; once somebody succeeded, as many go on as may. So a function that refuses everything is asked
 * a little, however many wait, and one that is free again is not left waiting.
 */
import type { Clock, Timer } from "../core/clock.ts";

/** Before one of them tries again, in ms; doubled each time nobody was admitted. */
const firstPauseMs = 50;
/** Short: everything goes on within a second after there is room. */
const pauseMsMax = 800;

export class RetryLine {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #timer: Timer | undefined;
  #pauseMs = firstPauseMs;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn to try again. */
  async turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    this.#arm();
    await promise;
  }

  /** Somebody was admitted: `count` of those who wait try again at once. */
  admit(count: number): void {
    this.#pauseMs = firstPauseMs;
    this.#next(Math.max(0, count));
  }

  /** It is everybody's turn. */
  release(): void {
    this.#next(this.#waiting.size);
  }

  #arm(): void {
    this.#timer ??= this.#clock.after(this.#pauseMs, () => {
      this.#timer = undefined;
      this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax);
      this.#next(1);
    });
  }

  #next(count: number): void {
    for (const resolve of [...this.#waiting].slice(0, count)) {
      this.#waiting.delete(resolve);
      resolve();
    }
    if (this.#waiting.size > 0) {
      this.#arm();
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
