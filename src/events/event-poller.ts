/**
 * Reads one function's event queue and has its events processed, as many at once as `polling-concurrency.ts` says. It
 * runs while there is something in the queue, wakes on arrival and when a wait is over, and ends when all is done: an idle
 * function has no poller.
 *
 * A message is invisible to others for a short time only, which is extended while it is processed; so what a crash left
 * in the middle is taken up soon, however long the function may run.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { isClosing } from "../core/errors.ts";
import type { Queue, QueueMessage } from "../engine/contract.ts";
import { QueueRemovedError } from "../engine/errors.ts";
import type { Processed } from "./event-processor.ts";
import {
  allowedAfterInvocation,
  allowedAfterSecond,
  ceilingAfterRefusal,
  ceilingAfterWait,
  ceilingReconsidered,
  concurrencyFor,
  durationAfter,
  firstAllowed,
  noCeiling,
} from "./polling-concurrency.ts";

/** How long a message in the middle of being processed stays invisible after a crash. */
const visibilityMs = 15_000;
const extendEveryMs = 5000;
/** Messages of one receive. */
const receiveMax = 100;
/** A poller that finds nothing for this long sees whether it is needed any more. */
const quietMs = 10_000;
/** Something is left that is not due yet; the queue wakes the poller when it is. */
const longWaitMs = 3_600_000;
/** How often a poller that has as many in flight as it may asks what is waiting. */
const reconsiderEveryMs = 1000;
/** Wait after an attempt was refused and none was admitted, and after the engine refused, in ms. */
const refusedPauseMs = 1000;
/** Wait after an attempt was refused while others were admitted, in ms: until it is known how many. */
const crowdedPauseMs = 50;
/** Payloads that one function's events hold in memory; one event is always processed. */
const bytesInFlightMax = 33_554_432;

export interface PollerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  /** `receipt` is the one that is good now. */
  readonly process: (message: QueueMessage, receipt: () => string) => Promise<Processed>;
  readonly onWarning: (message: string) => void;
}

interface InFlight {
  receipt: string;
  readonly bytes: number;
  readonly startedMs: number;
  readonly done: Promise<void>;
}

export class EventPoller {
  readonly #options: PollerOptions;
  readonly #inFlight = new Map<string, InFlight>();
  readonly #closing = new AbortController();
  #bytesInFlight = 0;
  #arrivals = 0;
  #polling: Promise<void> | undefined;
  #extending: Timer | undefined;
  #wake: (() => void) | undefined;
  #allowed = firstAllowed;
  #ceiling = noCeiling;
  #durationMs: number | undefined;
  #waiting = 0;
  #countedAtMs = -Infinity;
  #pausedUntilMs = -Infinity;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#polling === undefined && this.#inFlight.size === 0;
  }

  /** There is, or may be, something in the queue. */
  arrived(): void {
    this.#arrivals += 1;
    if (this.#polling !== undefined || this.#closing.signal.aborted) return;
    this.#allowed = firstAllowed;
    this.#polling = this.#poll()
      .catch((error: unknown) => this.#warn(error))
      .finally(() => (this.#polling = undefined));
  }

  /** Takes nothing more, and lets what is being processed end for `graceMs`; the rest is visible again at once. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    this.#wake?.();
    await this.#polling;
    const done = Promise.all([...this.#inFlight.values()].map((each) => each.done));
    let timer: Timer | undefined;
    await Promise.race([done, new Promise<void>((resolve) => (timer = this.#options.clock.after(graceMs, resolve)))]);
    timer?.cancel();
    this.#extending?.cancel();
    const { queue } = this.#options;
    await Promise.all(
      [...this.#inFlight.values()].map(({ receipt }) => queue.changeVisibility(receipt, 0).catch(() => undefined)),
    );
  }

  async #poll(): Promise<void> {
    const { queue } = this.#options;
    const { signal } = this.#closing;
    let waitMs = quietMs;
    for (;;) {
      await this.#untilRoom();
      if (signal.aborted) return;
      const arrivals = this.#arrivals;
      const max = Math.min(this.#limit() - this.#inFlight.size, receiveMax);
      try {
        const messages = await queue.receive({ max, visibilityMs, waitMs, signal });
        for (const message of messages) this.#take(message);
        if (messages.length === max) await this.#count();
        else this.#waiting = 0;
        waitMs = quietMs;
        if (messages.length > 0) continue;
        if (signal.aborted) return;
        const { visible, inFlight, delayed } = await queue.stats();
        const isEmpty = visible + inFlight + delayed === 0;
        if (isEmpty && this.#inFlight.size === 0 && arrivals === this.#arrivals) return;
        waitMs = isEmpty ? quietMs : longWaitMs;
      } catch (error) {
        if (error instanceof QueueRemovedError || isClosing(error)) return;
        this.#warn(error);
        this.#pause(refusedPauseMs);
      }
    }
  }

  #take(message: QueueMessage): void {
    const { id, receipt, body } = message;
    const known = this.#inFlight.get(id);
    if (known !== undefined) {
      // Its time was over before it was extended; it is still being processed.
      known.receipt = receipt;
      return;
    }
    const { process, clock } = this.#options;
    const entry: InFlight = {
      receipt,
      bytes: body.byteLength,
      startedMs: clock.monotonicMs(),
      // Begun when the entry is there.
      done: Promise.resolve()
        .then(() => process(message, () => entry.receipt))
        .then(
          (processed) => this.#ended(id, entry, processed),
          (error: unknown) => {
            this.#warn(error);
            this.#ended(id, entry, { wasRefused: false });
          },
        ),
    };
    this.#inFlight.set(id, entry);
    this.#bytesInFlight += entry.bytes;
    this.#extending ??= clock.after(extendEveryMs, this.#extend);
  }

  readonly #extend = (): void => {
    this.#extending = undefined;
    if (this.#inFlight.size === 0) return;
    for (const { receipt } of this.#inFlight.values()) {
      // One that fails is received again, and known by its id.
      this.#options.queue.changeVisibility(receipt, visibilityMs).catch(() => undefined);
    }
    this.#extending = this.#options.clock.after(extendEveryMs, this.#extend);
  };

  #ended(id: string, { bytes }: InFlight, processed: Processed): void {
    this.#inFlight.delete(id);
    this.#bytesInFlight -= bytes;
    this.#learn(processed);
    this.#wake?.();
  }

  /** Of one that is not in flight any more: of many that are refused together, the last sees how many were admitted. */
  #learn({ wasRefused, durationMs, waitedMs = 0 }: Processed): void {
    if (durationMs !== undefined) {
      this.#durationMs = durationAfter(this.#durationMs, durationMs);
      this.#allowed = allowedAfterInvocation(this.#allowed);
    }
    const nowMs = this.#options.clock.now();
    const admitted = this.#inFlight.size;
    this.#ceiling = ceilingAfterWait(this.#ceiling, waitedMs, admitted, nowMs);
    if (!wasRefused) return;
    this.#ceiling = ceilingAfterRefusal(this.#ceiling, admitted, nowMs);
    this.#pause(admitted === 0 ? refusedPauseMs : crowdedPauseMs);
  }

  #pause(timeMs: number): void {
    this.#pausedUntilMs = this.#options.clock.now() + timeMs;
  }

  #limit(): number {
    const outstanding = this.#waiting + this.#inFlight.size;
    const demand = { outstanding, durationMs: this.#durationMs ?? this.#oldestMs() };
    return concurrencyFor(demand, this.#allowed, this.#ceiling);
  }

  /** How long the longest of those in flight has been running. */
  #oldestMs(): number {
    const [first] = this.#inFlight.values();
    return first === undefined ? 0 : this.#options.clock.monotonicMs() - first.startedMs;
  }

  async #untilRoom(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#closing.signal.aborted) {
      const pauseMs = this.#pausedUntilMs - clock.now();
      const isFull =
        this.#inFlight.size >= this.#limit() || (this.#inFlight.size > 0 && this.#bytesInFlight >= bytesInFlightMax);
      if (!isFull && pauseMs <= 0) return;
      await this.#woken(pauseMs > 0 ? pauseMs : reconsiderEveryMs);
      await this.#count();
    }
  }

  /** All that may be in flight are: what waits is counted now and then. */
  async #count(): Promise<void> {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#countedAtMs < reconsiderEveryMs) return;
    this.#countedAtMs = nowMs;
    this.#allowed = allowedAfterSecond(this.#allowed);
    this.#ceiling = ceilingReconsidered(this.#ceiling, nowMs);
    this.#waiting = (await this.#options.queue.stats()).visible;
  }

  /** By what ended, or when the time is over. */
  async #woken(timeMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(timeMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #warn(error: unknown): void {
    if (error instanceof QueueRemovedError || isClosing(error)) return;
    this.#options.onWarning(`events: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
