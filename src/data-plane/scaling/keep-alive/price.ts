/**
 * What idle memory costs, in cold starts: the one number that all functions of a forecast share, so that memory goes
 * where it saves the most.
 *
 * It follows a budget: over the hours, as much memory is kept idle as the same fixed window for every function would
 * keep. The price rises while more is spent than that, and falls while less is. A controller with a proportional and an
 * integral part on the logarithm of the price; it answers within the hour and has made good a deviation within a few.
 * While nothing is granted at all, as after a burst of the only function, it answers within minutes.
 */

/** Mean cold starts that a function idle for a minute is worth to a budget of one minute, before anything is known. */
const firstPrice = 0.068;
const priceMin = 1e-7;
const priceMax = 1e-2;
/** By how much a minute moves the price (natural logarithm), for each 100 % of deviation now. */
const quickGain = 0.03;
/** As above, in debt and while the window would keep nothing at all: what is kept then, no budget will make good. */
const restGain = 0.2;
/** As above, for each minute's budget that was spent too much or too little so far. */
const steadyGain = 0.0002;
/** Minutes' budgets of debt or saving that count at most: what is further off is not made good. */
const debtMinutesMax = 120;
/** Weight of the newest minute in the running mean of the budget. */
const budgetWeight = 1 / 60;

export class Price {
  #price: number;
  #budget = 0;
  #debtMinutes = 0;

  /** `memoryMiB` is that of a function like most. */
  constructor(budgetWindowMs: number, memoryMiB: number) {
    this.#price = bounded(firstPrice / memoryMiB / Math.max(1, budgetWindowMs / 60_000));
  }

  /** Mean cold starts per MiB and minute. */
  get current(): number {
    return this.#price;
  }

  /** One minute is over, in which so much was kept idle and so much the budget allowed, in MiB minutes. */
  settle(spent: number, budget: number): void {
    this.#budget = this.#budget === 0 ? budget : this.#budget + (budget - this.#budget) * budgetWeight;
    if (this.#budget <= 0) return;
    const deviation = Math.max(-1, Math.min(2, (spent - budget) / this.#budget));
    this.#debtMinutes = Math.max(-debtMinutesMax, Math.min(debtMinutesMax, this.#debtMinutes + deviation));
    const gain = budget === 0 && this.#debtMinutes > 0 ? restGain : quickGain;
    this.#price = bounded(this.#price * Math.exp(gain * deviation + steadyGain * this.#debtMinutes));
  }
}

function bounded(price: number): number {
  return Math.max(priceMin, Math.min(priceMax, price));
}
