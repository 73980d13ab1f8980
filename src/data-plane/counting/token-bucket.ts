/**
 * Limits of a rate as arithmetic: no timers, and time is an argument. What a bucket may hold and how fast it fills are
 * told at each call, since both follow limits that change; a bucket begins full.
 *
 * In any stretch of time no more is taken than the bucket holds plus what flows in during that time.
 */

/** Of a token: the rounding error of time and sums, which is no refusal. */
const slack = 1e-6;

export class TokenBucket {
  #tokens = Infinity;
  #atMs = 0;

  /** Takes one token, if there is one. `refillMs` is the time in which an empty bucket becomes full. */
  take(capacity: number, refillMs: number, nowMs: number): boolean {
    this.#refill(capacity, refillMs, nowMs);
    if (this.#tokens < 1 - slack) return false;
    this.#tokens--;
    return true;
  }

  /** Time until there is a token; infinite where there will be none. */
  waitMs(capacity: number, refillMs: number, nowMs: number): number {
    this.#refill(capacity, refillMs, nowMs);
    if (this.#tokens >= 1 - slack) return 0;
    return capacity < 1 ? Infinity : ((1 - this.#tokens) * refillMs) / capacity;
  }

  /** Tokens that are there, whole ones. */
  left(capacity: number, refillMs: number, nowMs: number): number {
    this.#refill(capacity, refillMs, nowMs);
    return Math.max(0, Math.floor(this.#tokens + slack));
  }

  /** As good as a new one. */
  isFull(capacity: number, refillMs: number, nowMs: number): boolean {
    this.#refill(capacity, refillMs, nowMs);
    return this.#tokens >= capacity - slack;
  }

  #refill(capacity: number, refillMs: number, nowMs: number): void {
    const inflow = (Math.max(0, nowMs - this.#atMs) * capacity) / refillMs;
    this.#tokens = Math.min(capacity, this.#tokens + inflow);
    this.#atMs = nowMs;
  }
}

export interface BucketLimits {
  readonly capacity: number;
  /** Time in which an empty bucket becomes full. */
  readonly refillMs: number;
}

/** Buckets that are kept before those that are full again are looked for, and dropped. */
const keptMin = 1024;

/** A bucket for everybody who has a key. */
export class TokenBuckets {
  readonly #limits: BucketLimits;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = keptMin;

  constructor(limits: BucketLimits) {
    this.#limits = limits;
  }

  /** Takes a token; 0 when there was one, else the time until there is. */
  take(key: string, nowMs: number): number {
    const { capacity, refillMs } = this.#limits;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#sweepAt) this.#sweep(nowMs);
      bucket = new TokenBucket();
      this.#buckets.set(key, bucket);
    }
    return bucket.take(capacity, refillMs, nowMs) ? 0 : bucket.waitMs(capacity, refillMs, nowMs);
  }

  /** Tokens that are there for `key`. */
  left(key: string, nowMs: number): number {
    const { capacity, refillMs } = this.#limits;
    return this.#buckets.get(key)?.left(capacity, refillMs, nowMs) ?? Math.floor(capacity);
  }

  /** Kept in memory. */
  get size(): number {
    return this.#buckets.size;
  }

  #sweep(nowMs: number): void {
    const { capacity, refillMs } = this.#limits;
    for (const [key, bucket] of this.#buckets) {
      if (bucket.isFull(capacity, refillMs, nowMs)) this.#buckets.delete(key);
    }
    this.#sweepAt = Math.max(keptMin, 2 * this.#buckets.size);
  }
}
