/**
 * Who waits at one queue, and what wakes them: an arrival, a message that becomes visible, the end of their time.
 *
 * A signal wakes the waiter that has waited longest; one that found messages signals again, since there may be more.
 * Every waiter compares the count of signals from before it looked with the one from when it lies down, so that no
 * signal between the two is lost.
 */
import type { Clock, Timer } from "../../core/clock.ts";

export class Arrivals {
  readonly #clock: Clock;
  /** Parked waiters, the one that has waited longest first. */
  readonly #parked = new Map<Wait, () => void>();
  #signals = 0;
  #due: { readonly atMs: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get signals(): number {
    return this.#signals;
  }

  signal(): void {
    this.#signals++;
    for (const [wait, wake] of this.#parked) {
      this.#unpark(wait);
      wake();
      return;
    }
  }

  /** Wakes everybody: the queue is gone. */
  signalAll(): void {
    for (let count = this.#parked.size; count > 0; count--) this.signal();
  }

  /** Signals when a message becomes visible, as long as somebody waits. */
  expect(dueAtMs: number): void {
    if (this.#due && this.#due.atMs <= dueAtMs) return;
    this.#due?.timer.cancel();
    const timer = this.#clock.after(Math.max(0, dueAtMs - this.#clock.now()), () => {
      this.#due = undefined;
      this.signal();
    });
    this.#due = { atMs: dueAtMs, timer };
  }

  /** Starts a wait of `waitMs`, which ends early when a signal aborts. */
  begin(waitMs: number, signals: readonly AbortSignal[]): Wait {
    return new Wait(this, this.#clock, waitMs, signals);
  }

  park(wait: Wait, wake: () => void): void {
    this.#parked.set(wait, wake);
  }

  unpark(wait: Wait): void {
    this.#unpark(wait);
    if (this.#parked.size > 0) return;
    this.#due?.timer.cancel();
    this.#due = undefined;
  }

  #unpark(wait: Wait): void {
    this.#parked.delete(wait);
  }
}

/** One receiver's patience. Dispose of it when done. */
export class Wait implements Disposable {
  readonly #arrivals: Arrivals;
  readonly #signals: readonly AbortSignal[];
  readonly #timer: Timer | undefined;
  #ended: boolean;
  #wake: (() => void) | undefined;

  constructor(arrivals: Arrivals, clock: Clock, waitMs: number, signals: readonly AbortSignal[]) {
    this.#arrivals = arrivals;
    this.#signals = signals;
    this.#ended = waitMs <= 0 || signals.some((signal) => signal.aborted);
    if (this.#ended) return;
    this.#timer = clock.after(waitMs, this.#end);
    for (const signal of signals) signal.addEventListener("abort", this.#end);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves at the next signal after the count `seen`, or at the end of the wait. */
  async next(seen: number): Promise<void> {
    if (this.#ended || this.#arrivals.signals !== seen) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#arrivals.park(this, resolve);
    });
    this.#wake = undefined;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#end);
    this.#arrivals.unpark(this);
  }

  readonly #end = (): void => {
    this.#ended = true;
    this.#arrivals.unpark(this);
    this.#wake?.();
  };
}
