/**
 * Time as an argument. Everything that waits, expires or measures takes a `Clock`, so that tests and the simulator
 * advance time instead of waiting for it.
 */
export interface Timer {
  /** Stops the timer; safe after it fired and when called twice. */
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in ms since the epoch. */
  now(): number;
  /** Monotonic time in ms with sub-millisecond digits, for durations only. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

/** Node's longest timer, in ms; longer waits are chained. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const dueAtMs = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const remainingMs = dueAtMs - performance.now();
      handle =
        remainingMs > longestTimerMs ? setTimeout(arm, longestTimerMs) : setTimeout(task, Math.max(0, remainingMs));
      handle.unref();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};
