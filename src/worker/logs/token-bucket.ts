/**
 * A budget that refills with time: up to `burst` units at once, `perSecond` in the long run. Pure but for the time that
 * the caller passes in.
 */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes `amount` if the budget has it. An amount beyond the burst is taken from a full budget, as a debt. */
  take(amount: number, nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1000);
    this.#filledAtMs = nowMs;
    if (this.#tokens < Math.min(amount, this.#burst)) return false;
    this.#tokens -= amount;
    return true;
  }

  /** Gives `amount` back, up to the burst. */
  refund(amount: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + amount);
  }
}
