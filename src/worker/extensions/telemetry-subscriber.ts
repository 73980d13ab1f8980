/**
 * The buffer of one subscriber: gathers events, sends them in batches, tries again when the subscriber does not take them,
 * and drops what exceeds its bounds, of which it tells the subscriber. Nothing here makes anybody wait.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Subscription } from "./subscription.ts";
import { renderDropped, type Dropped } from "./telemetry-dropped.ts";

/** Delivers one batch; false when the subscriber did not take it. Aborted when it takes too long. */
export interface Delivery {
  send(batch: readonly string[], signal: AbortSignal): Promise<boolean>;
  close(): void;
}

/** For one attempt; does not run while the sandbox is frozen. */
export const attemptMsMax = 2000;
const attemptsMax = 5;
const backoffMsMin = 100;
const backoffMsMax = 2000;
/** As Lambda documents: a buffer holds up to twice the size of a batch. */
const buffersPerSubscriber = 2;

export interface SubscriberOptions {
  readonly name: string;
  readonly subscription: Subscription;
  readonly delivery: Delivery;
  readonly clock: Clock;
  /** Of all subscribers of this worker together. */
  readonly budget: ByteBudget;
}

export class TelemetrySubscriber {
  readonly name: string;
  readonly subscription: Subscription;
  readonly #options: SubscriberOptions;
  #pending: string[] = [];
  #pendingBytes = 0;
  #dropped: Dropped = { records: 0, bytes: 0 };
  /** Waits for more events, or to try again. */
  #timer: Timer | undefined;
  #batch: { readonly events: readonly string[]; readonly bytes: number; attempts: number } | undefined;
  #attempt: { readonly abort: AbortController; timer: Timer | undefined } | undefined;
  #isPaused = false;
  #isClosed = false;
  #drained: (() => void)[] = [];

  constructor(options: SubscriberOptions) {
    this.name = options.name;
    this.subscription = options.subscription;
    this.#options = options;
  }

  push(text: string): void {
    if (this.#isClosed) return;
    const { maxBytes, maxItems, timeoutMs } = this.subscription.buffering;
    const bytes = Buffer.byteLength(text);
    const isFull =
      this.#pendingBytes + bytes > maxBytes * buffersPerSubscriber ||
      this.#pending.length >= maxItems * buffersPerSubscriber;
    if (isFull || !this.#options.budget.take(bytes)) {
      this.#dropped = { records: this.#dropped.records + 1, bytes: this.#dropped.bytes + bytes };
      return;
    }
    this.#pending.push(text);
    this.#pendingBytes += bytes;
    if (this.#batch !== undefined) return;
    if (this.#pendingBytes >= maxBytes || this.#pending.length >= maxItems) this.#send();
    else this.#timer ??= this.#options.clock.after(timeoutMs, () => this.#send());
  }

  /** The sandbox is frozen: nobody there can take anything. */
  pause(): void {
    this.#isPaused = true;
    this.#attempt?.timer?.cancel();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#attempt !== undefined) this.#startAttemptTimer(this.#attempt);
    else if (this.#batch !== undefined || (this.#timer === undefined && this.#pending.length > 0)) this.#send();
  }

  /** Sends what there is; resolves when it was taken or dropped. */
  flush(): Promise<void> {
    if (this.#isClosed || (this.#batch === undefined && this.#pending.length === 0)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained.push(resolve);
    if (this.#attempt === undefined) this.#send();
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#attempt?.timer?.cancel();
    this.#attempt?.abort.abort();
    this.#options.budget.giveBack(this.#pendingBytes + (this.#batch?.bytes ?? 0));
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#batch = undefined;
    this.#tellDrained();
    this.#options.delivery.close();
  }

  /** The next attempt, of what waits longest. */
  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isPaused || this.#isClosed) return;
    if (this.#batch === undefined) {
      this.#batch = { events: this.#pending, bytes: this.#pendingBytes, attempts: 0 };
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    this.#batch.attempts += 1;
    const attempt = { abort: new AbortController(), timer: undefined };
    this.#attempt = attempt;
    this.#startAttemptTimer(attempt);
    void this.#deliver(this.#batch.events, attempt.abort.signal);
  }

  async #deliver(events: readonly string[], signal: AbortSignal): Promise<void> {
    const isTaken = await this.#try(events, signal);
    const batch = this.#batch;
    this.#attempt?.timer?.cancel();
    this.#attempt = undefined;
    if (this.#isClosed || batch === undefined) return;
    const { clock } = this.#options;
    if (!isTaken && batch.attempts < attemptsMax) {
      const backoffMs = Math.min(backoffMsMax, backoffMsMin * 2 ** (batch.attempts - 1));
      this.#timer = clock.after(backoffMs, () => this.#send());
      return;
    }
    this.#options.budget.giveBack(batch.bytes);
    this.#batch = undefined;
    if (!isTaken) {
      const { records, bytes } = this.#dropped;
      this.#dropped = { records: records + batch.events.length, bytes: bytes + batch.bytes };
    } else this.#tellDropped();
    this.#goOn();
  }

  /** Nobody listens, or whoever does breaks off: both are the subscriber's affair. */
  async #try(events: readonly string[], signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#options.delivery.send(events, signal);
    } catch {
      return false;
    }
  }

  /** What has gathered meanwhile waits no longer than anything else. */
  #goOn(): void {
    if (this.#pending.length === 0) this.#tellDrained();
    else if (this.#drained.length > 0) this.#send();
    else this.#timer ??= this.#options.clock.after(this.subscription.buffering.timeoutMs, () => this.#send());
  }

  /** As soon as the subscriber takes anything again. */
  #tellDropped(): void {
    if (this.#dropped.records === 0) return;
    const text = renderDropped(this.#dropped, this.#options.clock.now());
    this.#dropped = { records: 0, bytes: 0 };
    if (this.subscription.types.includes("platform")) this.push(text);
  }

  #tellDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #startAttemptTimer(attempt: { readonly abort: AbortController; timer: Timer | undefined }): void {
    attempt.timer = this.#options.clock.after(attemptMsMax, () => attempt.abort.abort());
  }
}
