/**
 * The rest of an idle environment: frozen after a while, unless its next invocation comes before. One whose invocations
 * follow each other quickly is frozen later: freezing and thawing a busy one each time costs more than its invocations.
 */
import type { Clock, Timer } from "../../core/clock.ts";

/** A function that is called again and again gets its next invocation within this time mostly. */
export const freezeLingerMs = 5;
/** The same for an environment whose last rest was shorter than this. */
export const busyFreezeLingerMs = 50;

export class Rest {
  readonly #clock: Clock;
  readonly #freeze: () => void;
  #timer: Timer | undefined;
  #sinceMs: number | undefined;
  /** Between the last two invocations. */
  #lastMs = Number.POSITIVE_INFINITY;

  /** `freeze` is called when it has lasted long enough. */
  constructor(clock: Clock, freeze: () => void) {
    this.#clock = clock;
    this.#freeze = freeze;
  }

  /** After an invocation, or after the init phase: that one says nothing of the next rest. */
  begin(after: "init" | "invocation"): void {
    const lingerMs = this.#lastMs < busyFreezeLingerMs ? busyFreezeLingerMs : freezeLingerMs;
    this.#sinceMs = after === "init" ? undefined : this.#clock.monotonicMs();
    this.#timer = this.#clock.after(lingerMs, this.#freeze);
  }

  /** An invocation is there. */
  end(): void {
    this.cancel();
    if (this.#sinceMs !== undefined) this.#lastMs = this.#clock.monotonicMs() - this.#sinceMs;
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
