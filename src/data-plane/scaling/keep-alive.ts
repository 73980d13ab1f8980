/**
 * How long an idle environment is worth its memory. A policy is an object without timers or clock of its own, so that
 * the simulator runs the very one that production runs.
 */

/** What a policy may know of an environment that waits for its next invocation. */
export interface IdleEnvironment {
  /** Unqualified. */
  readonly functionArn: string;
  readonly functionVersion: string;
  readonly memoryMiB: number;
  /** What starting it took, and what starting another would. */
  readonly startMs: number;
  readonly invocations: number;
  /** On the monotonic clock. */
  readonly idleSinceMs: number;
}

export interface KeepAlivePolicy {
  /**
   * How long the environment is kept, counted from `idleSinceMs`. Asked when it becomes idle for the first time and
   * again whenever the time last granted has passed; `Infinity` keeps it until its maximum life.
   */
  keepMs(environment: IdleEnvironment): number;
}

/** The same time for every function, counted from its last invocation. */
export class FixedWindow implements KeepAlivePolicy {
  readonly #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  keepMs(): number {
    return this.#windowMs;
  }
}

/**
 * Which idle environments make room for `neededMiB`: those whose last use is longest ago. Fewer than needed when all
 * of them are not enough.
 */
export function leastRecentlyUsed<T extends { readonly memoryMiB: number; readonly idleSinceMs: number }>(
  idle: Iterable<T>,
  neededMiB: number,
): T[] {
  const victims: T[] = [];
  let freedMiB = 0;
  for (const candidate of [...idle].toSorted((a, b) => a.idleSinceMs - b.idleSinceMs)) {
    if (freedMiB >= neededMiB) break;
    victims.push(candidate);
    freedMiB += candidate.memoryMiB;
  }
  return victims;
}
