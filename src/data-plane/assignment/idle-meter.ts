/**
 * Measures what keep-alive costs: the time that environments wait for an invocation. What is provisioned waits because it
 * was asked to, and is not counted.
 */
import type { Clock } from "../../core/clock.ts";
import type { LambdaMetrics } from "../../metering/metrics/lambda-metrics.ts";
import type { Environment } from "./environment.ts";

export class IdleMeter {
  readonly #clock: Clock;
  readonly #metrics: LambdaMetrics;
  /** Since when each has been idle, or has been accounted for; on the monotonic clock. */
  readonly #idle = new Map<Environment, number>();

  constructor({ clock, metrics }: { readonly clock: Clock; readonly metrics: LambdaMetrics }) {
    this.#clock = clock;
    this.#metrics = metrics;
    // So that those that wait for hours count in each of them.
    metrics.beforeFlush(() => this.#settle());
  }

  began(environment: Environment): void {
    if (!environment.isProvisioned) this.#idle.set(environment, environment.idleSinceMs);
  }

  /** Safe to say of one that was not idle. */
  ended(environment: Environment): void {
    const sinceMs = this.#idle.get(environment);
    if (sinceMs === undefined) return;
    this.#idle.delete(environment);
    this.#metrics.idled(environment.spec, this.#clock.monotonicMs() - sinceMs);
  }

  #settle(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [environment, sinceMs] of this.#idle) {
      this.#idle.set(environment, nowMs);
      this.#metrics.idled(environment.spec, nowMs - sinceMs);
    }
  }
}
