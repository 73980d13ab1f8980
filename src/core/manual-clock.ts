/**
 * A clock that stands still until a test or the simulator advances it. Timers fire in order of their due time, then of
 * their making; a timer made by a firing timer fires in the same `advance` when it is due.
 */
import type { Clock, Timer } from "./clock.ts";

interface PendingTimer {
  readonly dueAtMs: number;
  readonly sequence: number;
  readonly task: () => void;
}

export class ManualClock implements Clock {
  /** Since the start: small, so that fractions of a millisecond keep their precision. */
  #elapsedMs = 0;
  readonly #startedAtMs: number;
  #sequence = 0;
  readonly #pending = new Set<PendingTimer>();

  constructor(startAtMs = Date.UTC(2026, 0, 1)) {
    this.#startedAtMs = startAtMs;
  }

  now(): number {
    return this.#startedAtMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { dueAtMs: this.#elapsedMs + Math.max(0, delayMs), sequence: this.#sequence++, task };
    this.#pending.add(timer);
    return { cancel: () => void this.#pending.delete(timer) };
  }

  /** Timers that have not fired yet; a test's proof that nothing was left behind. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Moves time forward by `durationMs` and fires what falls due on the way. */
  advance(durationMs: number): void {
    const untilMs = this.#elapsedMs + durationMs;
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#pending.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueAtMs);
      next.task();
    }
    this.#elapsedMs = untilMs;
  }

  #nextDue(untilMs: number): PendingTimer | undefined {
    let earliest: PendingTimer | undefined;
    for (const timer of this.#pending) {
      if (timer.dueAtMs > untilMs) continue;
      const isEarlier =
        earliest === undefined ||
        timer.dueAtMs < earliest.dueAtMs ||
        (timer.dueAtMs === earliest.dueAtMs && timer.sequence < earliest.sequence);
      if (isEarlier) earliest = timer;
    }
    return earliest;
  }
}
