/**
 * Keeps a queue from having more messages in flight than AWS allows, without counting them at each receive: it knows a
 * number that they do not exceed, and has them counted when that number reaches the limit. Receives at the same moment
 * may pass the limit by a batch each.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
 */
const inFlightMax = 120_000;

export class InFlightBound {
  readonly #count: () => Promise<number>;
  /** Messages whose time is over are still in it. Undefined until they were counted. */
  #atMost: number | undefined;

  constructor(count: () => Promise<number>) {
    this.#count = count;
  }

  /** How many more may be received now. */
  async room(): Promise<number> {
    if (this.#atMost === undefined || this.#atMost >= inFlightMax) this.#atMost = await this.#count();
    return Math.max(0, inFlightMax - this.#atMost);
  }

  add(count: number): void {
    if (this.#atMost !== undefined) this.#atMost += count;
  }

  remove(count: number): void {
    if (this.#atMost !== undefined) this.#atMost = Math.max(0, this.#atMost - count);
  }

  /** They are counted before the next receive. */
  forget(): void {
    this.#atMost = undefined;
  }
}
