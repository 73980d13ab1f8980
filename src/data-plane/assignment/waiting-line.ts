/**
 * Those who wait for an environment of one function version, in the order of arrival. Each is given an environment, or is
 * turned away, once; nobody waits for longer than `environmentWaitMsMax`.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { Environment } from "./environment.ts";

/**
 * Longest wait for an environment: the 10 s of an init phase, the start of a sandbox on a loaded machine, and a worker
 * that had to be replaced meanwhile.
 */
export const environmentWaitMsMax = 60_000;

/** A timer that fires a rounding error early has fired: it must not be set again for no time at all. */
const timerSlackMs = 0.001;

/** There is no environment, and none may be started yet: the function grows too fast, or no worker has memory for one. */
export interface StartRefusal {
  readonly limit: "scaling rate" | "memory";
  readonly retryAfterMs: number;
}

export type Acquired = Environment | StartRefusal;

interface Waiter {
  readonly sinceMs: number;
  readonly resolve: (acquired: Acquired) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

export class WaitingLine {
  readonly #clock: Clock;
  /** Called when the last has gone. */
  readonly #onEmpty: () => void;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock, onEmpty: () => void) {
    this.#clock = clock;
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Rejects with `UnavailableError`. */
  join(): Promise<Acquired> {
    const { promise, resolve, reject } = Promise.withResolvers<Acquired>();
    const timer = this.#clock.after(environmentWaitMsMax, () => {
      this.#forget(waiter);
      const message = `No execution environment was ready within ${environmentWaitMsMax} ms.`;
      reject(new UnavailableError("no-capacity", message));
    });
    const waiter: Waiter = { sinceMs: this.#clock.monotonicMs(), resolve, reject, timer };
    this.#waiters.add(waiter);
    return promise;
  }

  /** Gives the environment to whoever has waited longest; false when nobody waits. */
  serve(environment: Environment): boolean {
    const [longest] = this.#waiters;
    if (longest === undefined) return false;
    this.#forget(longest);
    longest.resolve(environment);
    return true;
  }

  /** Tells whoever has waited longest that there will be none. */
  turnAwayLongest(why: UnavailableError | StartRefusal): void {
    const [longest] = this.#waiters;
    if (longest === undefined) return;
    this.#forget(longest);
    if (why instanceof UnavailableError) longest.reject(why);
    else longest.resolve(why);
  }

  failAll(error: UnavailableError): void {
    while (this.#waiters.size > 0) this.turnAwayLongest(error);
  }

  /** Turns away those who came last, since for them none may be started yet. */
  refuseLatest(count: number, refusal: StartRefusal): void {
    if (count <= 0) return;
    for (const waiter of [...this.#waiters].slice(-count)) {
      this.#forget(waiter);
      waiter.resolve(refusal);
    }
  }

  /** How many have waited for so long, and in what time the next one will have; undefined when there is none. */
  waitedFor(durationMs: number): { readonly count: number; readonly nextInMs: number | undefined } {
    const nowMs = this.#clock.monotonicMs();
    let count = 0;
    for (const { sinceMs } of this.#waiters) {
      if (sinceMs + durationMs > nowMs + timerSlackMs) return { count, nextInMs: sinceMs + durationMs - nowMs };
      count++;
    }
    return { count, nextInMs: undefined };
  }

  #forget(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    waiter.timer.cancel();
    if (this.#waiters.size === 0) this.#onEmpty();
  }
}
