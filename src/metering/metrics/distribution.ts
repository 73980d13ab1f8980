/**
 * The values that a metric had in some time: how many, their sum, least and greatest, and how they are spread. Spread is
 * kept in buckets, each 2 % above the one before, so that a percentile is at most 1 % off, and two distributions can be
 * merged as if all their values had come to one. CloudWatch keeps values in buckets too, each 10 % wide.
 */

/** A distribution as it is stored: sum, least, greatest, then each bucket's number and count. */
export type EncodedDistribution = readonly number[];

const growth = 1.02;
const logGrowth = Math.log(growth);
/** The bucket of 1. Below it there is room for a billionth; bucket 0 is for zero and less. */
const bucketOfOne = 1047;
/** The bucket of the greatest number that a bucket keeps apart from greater ones: some 10^18. */
const bucketMax = 3140;

export class Distribution {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  readonly #buckets = new Map<number, number>();

  get count(): number {
    return this.#count;
  }

  /** Of the values; 0 when there are none. */
  get sum(): number {
    return this.#sum;
  }

  get min(): number {
    return this.#min;
  }

  get max(): number {
    return this.#max;
  }

  get average(): number {
    return this.#sum / this.#count;
  }

  record(value: number): void {
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const bucket = bucketOf(value);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  merge(other: Distribution): void {
    this.#add(other.#sum, other.#min, other.#max);
    for (const [bucket, count] of other.#buckets) this.#fill(bucket, count);
  }

  /** The value that `percent` of all values do not exceed (nearest rank), within the width of a bucket. */
  percentile(percent: number): number {
    let left = Math.max(1, Math.ceil((percent / 100) * this.#count));
    for (const [bucket, count] of this.#ascending()) {
      left -= count;
      if (left <= 0) return Math.min(this.#max, Math.max(this.#min, valueOf(bucket)));
    }
    return this.#max;
  }

  /** How many values are at most each of the bounds, which rise. */
  countsUpTo(bounds: readonly number[]): number[] {
    const ascending = this.#ascending();
    let at = 0;
    let count = 0;
    return bounds.map((bound) => {
      const last = bucketOf(bound);
      for (let next = ascending[at]; next !== undefined && next[0] <= last; next = ascending[++at]) count += next[1];
      return count;
    });
  }

  encode(): EncodedDistribution {
    return [this.#sum, this.#min, this.#max, ...this.#ascending().flat()];
  }

  mergeEncoded([sum = 0, min = 0, max = 0, ...buckets]: EncodedDistribution): void {
    this.#add(sum, min, max);
    for (let index = 0; index + 1 < buckets.length; index += 2) {
      this.#fill(buckets[index] ?? 0, buckets[index + 1] ?? 0);
    }
  }

  #add(sum: number, min: number, max: number): void {
    this.#sum += sum;
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
  }

  #fill(bucket: number, count: number): void {
    this.#count += count;
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count);
  }

  #ascending(): [number, number][] {
    return [...this.#buckets].toSorted(([a], [b]) => a - b);
  }
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
