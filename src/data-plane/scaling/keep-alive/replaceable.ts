/**
 * A keep-alive policy that can be replaced while it serves: what it is told meanwhile, its successor is told too, in the
 * same order, before it takes over. So nothing waits while a policy learns from the past.
 */
import type {
  Expectation,
  Happening,
  IdleEnvironment,
  KeepAlivePolicy,
  KeptFunction,
  Outlook,
  Past,
} from "./contract.ts";

/**
 * What is kept for a successor at most: some 30 MiB, and four for each invocation, so half a minute of as many as a small
 * machine can serve.
 */
export const heardMax = 262_144;

type Told = (policy: KeepAlivePolicy) => void;

export class ReplaceablePolicy implements KeepAlivePolicy {
  #current: KeepAlivePolicy;
  /** Undefined while no successor is on its way. */
  #heard: Told[] | undefined;
  #told = 0;

  constructor(first: KeepAlivePolicy) {
    this.#current = first;
  }

  /** From now on a successor will be told what this one is told. */
  expectSuccessor(): void {
    this.#heard = [];
    this.#told = 0;
  }

  /** Not before `expectSuccessor`, nor after it came, was dismissed, or too much was heard for it. */
  get expectsSuccessor(): boolean {
    return this.#heard !== undefined;
  }

  dismissSuccessor(): void {
    this.#heard = undefined;
  }

  /** Tells it the next things that were heard, `countMax` at most; with the last of them it takes over. True then. */
  succeed(successor: KeepAlivePolicy, countMax: number): boolean {
    const heard = this.#heard;
    if (heard === undefined) return false;
    const until = Math.min(heard.length, this.#told + countMax);
    while (this.#told < until) heard[this.#told++]?.(successor);
    if (until < heard.length) return false;
    this.#current = successor;
    this.#heard = undefined;
    return true;
  }

  observe(happening: Happening, kept: KeptFunction, nowMs: number): void {
    this.#current.observe(happening, kept, nowMs);
    if (this.#heard !== undefined) this.#hear((policy) => policy.observe(happening, kept, nowMs));
  }

  observeStart(kept: KeptFunction, startMs: number): void {
    this.#current.observeStart(kept, startMs);
    if (this.#heard !== undefined) this.#hear((policy) => policy.observeStart(kept, startMs));
  }

  recall(past: Past): void {
    this.#current.recall(past);
  }

  keepUntilMs(idle: IdleEnvironment, nowMs: number): number {
    return this.#current.keepUntilMs(idle, nowMs);
  }

  outlook(kept: KeptFunction, count: number, nowMs: number): Outlook {
    return this.#current.outlook(kept, count, nowMs);
  }

  worth(idle: IdleEnvironment, nowMs: number): number {
    return this.#current.worth(idle, nowMs);
  }

  expectation(kept: KeptFunction, nowMs: number): Expectation | undefined {
    return this.#current.expectation(kept, nowMs);
  }

  forget(id: string): void {
    this.#current.forget(id);
    if (this.#heard !== undefined) this.#hear((policy) => policy.forget(id));
  }

  #hear(told: Told): void {
    this.#heard?.push(told);
    if ((this.#heard?.length ?? 0) > heardMax) this.dismissSuccessor();
  }
}
