/**
 * The values that a metric had in some time: how many, their sum, least and greatest, and how they are spread. Spread is
 * kept in buckets, each 2 % above the one before, so that a percentile is at most 1 % off, and two distributions can be
 * merged as if all their values had come to one. CloudWatch keeps values in buckets too, each 10 % wide.
 */

/** A distribution as it is stored: sum, least, greatest, then each bucket's number and count, in the order of the numbers. */
export type EncodedDistribution = readonly number[];

const growth = 1.02;
const logGrowth = Math.log(growth);
/** The bucket of 1. Below it there is room for a billionth; bucket 0 is for zero and less. */
const bucketOfOne = 1047;
/** The bucket of the greatest number that a bucket keeps apart from greater ones: some 10^18. */
const bucketMax = 3140;

/** Where the buckets begin. */
const bucketsFrom = 3;

export class Distribution {
  /**
   * As it is stored, in the order of the buckets: a map and fields would take four times as much memory, and every
   * function has dozens of distributions.
   */
  #encoded: number[] = [0, Infinity, -Infinity];

  get count(): number {
    let count = 0;
    for (let at = bucketsFrom; at < this.#encoded.length; at += 2) count += this.#encoded[at + 1] ?? 0;
    return count;
  }

  /** Of the values; 0 when there are none. */
  get sum(): number {
    return this.#encoded[0] ?? 0;
  }

  get min(): number {
    return this.#encoded[1] ?? Infinity;
  }

  get max(): number {
    return this.#encoded[2] ?? -Infinity;
  }

  get average(): number {
    return this.sum / this.count;
  }

  record(value: number): void {
    const encoded = this.#encoded;
    encoded[0] = this.sum + value;
    if (value < this.min) encoded[1] = value;
    if (value > this.max) encoded[2] = value;
    const bucket = bucketOf(value);
    const at = placeOf(encoded, bucket);
    if (encoded[at] === bucket) encoded[at + 1] = (encoded[at + 1] ?? 0) + 1;
    // Without room to grow: most have one or two buckets for good.
    else this.#encoded = encoded.slice(0, at).concat([bucket, 1], encoded.slice(at));
  }

  merge(other: Distribution): void {
    this.mergeEncoded(other.#encoded);
  }

  /** The value that `percent` of all values do not exceed (nearest rank), within the width of a bucket. */
  percentile(percent: number): number {
    const encoded = this.#encoded;
    let left = Math.max(1, Math.ceil((percent / 100) * this.count));
    for (let at = bucketsFrom; at < encoded.length; at += 2) {
      left -= encoded[at + 1] ?? 0;
      if (left <= 0) return Math.min(this.max, Math.max(this.min, valueOf(encoded[at] ?? 0)));
    }
    return this.max;
  }

  /** How many values are at most each of the bounds, which rise. */
  countsUpTo(bounds: readonly number[]): number[] {
    const encoded = this.#encoded;
    let at = bucketsFrom;
    let count = 0;
    return bounds.map((bound) => {
      const last = bucketOf(bound);
      for (; (encoded[at] ?? Infinity) <= last; at += 2) count += encoded[at + 1] ?? 0;
      return count;
    });
  }

  encode(): EncodedDistribution {
    return [...this.#encoded];
  }

  mergeEncoded(other: EncodedDistribution): void {
    const own = this.#encoded;
    const [sum = 0, min = Infinity, max = -Infinity] = other;
    const merged = [this.sum + sum, Math.min(this.min, min), Math.max(this.max, max)];
    for (let a = bucketsFrom, b = bucketsFrom; a < own.length || b < other.length;) {
      const bucket = Math.min(own[a] ?? Infinity, other[b] ?? Infinity);
      let count = 0;
      if (own[a] === bucket) {
        count += own[a + 1] ?? 0;
        a += 2;
      }
      if (other[b] === bucket) {
        count += other[b + 1] ?? 0;
        b += 2;
      }
      merged.push(bucket, count);
    }
    // Without the room that it grew into.
    this.#encoded = merged.slice();
  }
}

/** Where a bucket is, or is to be. */
function placeOf(encoded: EncodedDistribution, bucket: number): number {
  let from = 0;
  let to = (encoded.length - bucketsFrom) / 2;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((encoded[bucketsFrom + 2 * middle] ?? Infinity) < bucket) from = middle + 1;
    else to = middle;
  }
  return bucketsFrom + 2 * from;
}

function bucketOf(value: number): number {
  if (value === 1) return bucketOfOne;
  if (value <= 0) return 0;
  const bucket = bucketOfOne + Math.round(Math.log(value) / logGrowth);
  return Math.min(bucketMax, Math.max(1, bucket));
}

function valueOf(bucket: number): number {
  return bucket === 0 ? 0 : growth ** (bucket - bucketOfOne);
}
