/**
 * How long environments of a function wait for their next invocation, from a tenth of a second to days: what a minute's
 * resolution cannot tell. Counts in two bins for each doubling; what all functions show stands in for what the function
 * has not shown yet.
 */
const shortestMs = 100;
const binsPerDoubling = 2;
/** The last bin ends after 19 days. */
const bins = 48;
const countMax = 250;
/** Idle times of its own that outweigh what all functions show. */
const generalWeight = 1;
/** Idle times of all functions after which they are halved. */
const generalMax = 20_000;

/**
 * What an environment takes memory for besides waiting: to be started and used again. Without it who was used a moment
 * ago would be worth more than anybody else, for as long as the moment lasts.
 */
export const turnoverMs = 5000;

/** Upper ends of the bins. */
const endsMs = Array.from({ length: bins }, (_, bin) => shortestMs * 2 ** ((bin + 1) / binsPerDoubling));

export function binOf(idleMs: number): number {
  if (idleMs < shortestMs) return 0;
  return Math.min(bins - 1, Math.floor(binsPerDoubling * Math.log2(idleMs / shortestMs)));
}

/** Of all functions. */
export class GeneralReuse {
  readonly #counts = new Float64Array(bins).fill(1 / bins);
  #total = 1;

  add(idleMs: number): void {
    if (this.#total >= generalMax) {
      for (const [bin, count] of this.#counts.entries()) this.#counts[bin] = count / 2;
      this.#total /= 2;
    }
    const bin = binOf(idleMs);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    this.#total++;
  }

  share(bin: number): number {
    return (this.#counts[bin] ?? 0) / this.#total;
  }
}

export class ReuseTimes {
  readonly #general: GeneralReuse;
  readonly #counts = new Uint8Array(bins);

  constructor(general: GeneralReuse) {
    this.#general = general;
  }

  add(idleMs: number): void {
    this.#general.add(idleMs);
    const bin = binOf(idleMs);
    if ((this.#counts[bin] ?? 0) >= countMax) {
      for (const [each, count] of this.#counts.entries()) this.#counts[each] = count >>> 1;
    }
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
  }

  /**
   * How long an environment that has been idle for `idleMs` is worth waiting for, up to `longestMs`: the wait with the
   * greatest surplus of uses over `usesPerMs`, which is what a ms of waiting has to bring. 0 if none has a surplus.
   */
  bestWaitMs(idleMs: number, longestMs: number, usesPerMs: number): number {
    const first = binOf(idleMs);
    let total = 0;
    for (let bin = first; bin < bins; bin++) total += this.#remaining(bin, idleMs, endsMs[bin] ?? 0);
    let used = 0;
    let surplus = 0;
    let best = 0;
    let bestMs = 0;
    for (let bin = first, startMs = idleMs; bin < bins && startMs < idleMs + longestMs; bin++) {
      const binEndMs = endsMs[bin] ?? 0;
      const endMs = Math.min(binEndMs, idleMs + longestMs);
      const part = binEndMs > startMs ? (endMs - startMs) / (binEndMs - startMs) : 0;
      const share = total === 0 ? 0 : (this.#remaining(bin, idleMs, binEndMs) * part) / total;
      surplus += share - usesPerMs * (endMs - startMs) * (1 - used - share / 2);
      used += share;
      startMs = endMs;
      if (surplus <= best) continue;
      best = surplus;
      bestMs = endMs - idleMs;
    }
    return bestMs;
  }

  /**
   * Uses to expect per minute of waiting, if one waits as long as it pays best: the greatest ratio of the probability
   * to be used and the time that is waited (the index of Gittins).
   */
  usesPerMinute(idleMs: number): number {
    const first = binOf(idleMs);
    let total = 0;
    for (let bin = first; bin < bins; bin++) total += this.#remaining(bin, idleMs, endsMs[bin] ?? 0);
    if (total === 0) return 0;
    let used = 0;
    let waitedMs = turnoverMs;
    let best = 0;
    let startMs = idleMs;
    for (let bin = first; bin < bins; bin++) {
      const endMs = endsMs[bin] ?? 0;
      const share = this.#remaining(bin, idleMs, endMs) / total;
      waitedMs += (endMs - startMs) * (1 - used - share / 2);
      used += share;
      if (waitedMs > 0) best = Math.max(best, used / waitedMs);
      startMs = endMs;
    }
    return best * 60_000;
  }

  /** What of a bin's counts lies after `idleMs`. */
  #remaining(bin: number, idleMs: number, endMs: number): number {
    const count = (this.#counts[bin] ?? 0) + generalWeight * this.#general.share(bin);
    const startMs = bin === 0 ? 0 : (endsMs[bin - 1] ?? 0);
    if (idleMs <= startMs) return count;
    return idleMs >= endMs ? 0 : (count * (endMs - idleMs)) / (endMs - startMs);
  }
}
