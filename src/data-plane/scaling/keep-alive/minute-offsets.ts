/**
 * When within its minute a function is first wanted: timers come at the same second. In twelfths of a minute; evenly
 * spread until something else is seen.
 */
export const partsPerMinute = 12;
export const minuteMs = 60_000;
export const partMs = minuteMs / partsPerMinute;
const countMax = 250;
/** Beside what is seen, in observations for all parts together. */
const assumed = 0.3;
const oddsMax = 9;

export class MinuteOffsets {
  readonly #counts = new Uint8Array(partsPerMinute);
  #total = 0;
  /** That it comes where it came before, against an even spread: natural logarithm. */
  #odds = 0;

  /** `offset` is a share of the minute. */
  add(offset: number): void {
    const part = Math.min(partsPerMinute - 1, Math.floor(offset * partsPerMinute));
    this.#odds += Math.log(this.#seen(part) * partsPerMinute);
    this.#odds = Math.max(-oddsMax, Math.min(oddsMax, this.#odds));
    if ((this.#counts[part] ?? 0) >= countMax) this.#halve();
    this.#counts[part] = (this.#counts[part] ?? 0) + 1;
    this.#total++;
  }

  /** How likely it is that part, if it is this minute. */
  share(part: number): number {
    const even = 1 / (1 + Math.exp(this.#odds));
    return (1 - even) * this.#seen(part) + even / partsPerMinute;
  }

  /** The part in which it comes more often than in all others together; undefined when there is none. */
  get likeliest(): number | undefined {
    for (let part = 0; part < partsPerMinute; part++) if (this.share(part) > 0.5) return part;
    return undefined;
  }

  #seen(part: number): number {
    return ((this.#counts[part] ?? 0) + assumed / partsPerMinute) / (this.#total + assumed);
  }

  #halve(): void {
    this.#total = 0;
    for (const [part, count] of this.#counts.entries()) {
      this.#counts[part] = count >>> 1;
      this.#total += count >>> 1;
    }
  }
}
