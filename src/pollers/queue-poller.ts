/**
 * Polls one queue for one mapping: reads while there is room, has each batch processed, and deletes what the function is
 * done with, after it is done. It wakes on arrival; with nothing to do it holds one waiting receive.
 *
 * A batch that fails is let go, and comes back when its visibility time is over; how often it may, the queue's redrive
 * policy says.
 * Differs from AWS: a batch that the function has no room for is held, invisible to others, until there is room (11 hours
 * at most); it does not come back to be received again.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
import { isFifoQueue } from "../control-plane/event-source-mappings/event-sources.ts";
import type { EventSourceMappingRecord } from "../control-plane/event-source-mappings/mapping-record.ts";
import type { MessageQueue } from "../control-plane/queues/message-queue.ts";
import type { QueueRef } from "../control-plane/queues/queue-record.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { ApiError, isClosing, UnavailableError } from "../core/errors.ts";
import type { Frontend } from "../data-plane/frontend/contract.ts";
import {
  afterBacklog,
  afterFailure,
  afterQuiet,
  afterSuccess,
  afterThrottle,
  batchesAllowed,
  batchLimitsOf,
  initialConcurrency,
  pauseAfterFailures,
  withinLimits,
  type BatchConcurrency,
  type BatchLimits,
} from "./batch-concurrency.ts";
import { tryBatch, type Tried } from "./batch-invocation.ts";
import { BatchReader, handlesOf, type Batch } from "./batch-reader.ts";
import { processedOf } from "./batch-response.ts";
import { RetryLine } from "./retry-line.ts";
import { eventOf } from "./sqs-event.ts";
import { VisibilityKeeper } from "./visibility-keeper.ts";

/** Of the events that one mapping holds in memory; one batch is always processed. */
const bytesHeldMax = 33_554_432;
/** How often a mapping that processes as much as it may asks whether messages wait, in ms. */
const reconsiderEveryMs = 1000;
/** A queue that was empty for this long, in ms, has little traffic. */
const quietMs = 10_000;
/** Before a queue that is not there, or an engine that refuses, is asked again, in ms; doubled each time. */
const troublePauseMs = 1000;
const troublePauseMsMax = 10_000;
/** A batch without room is given back after so long, in ms: SQS keeps what was received invisible for 12 hours at most. */
const holdMsMax = 11 * 3_600_000;
/** Tries to delete what was processed, as long as the engine refuses. */
const deletionsMax = 10;
const deletionPauseMs = 200;

export interface QueuePollerOptions {
  readonly queue: QueueRef;
  readonly queues: { messages(queue: QueueRef): Promise<MessageQueue> };
  readonly frontend: Pick<Frontend, "invoke">;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  readonly onWarning: (message: string) => void;
}

interface HeldBatch extends Batch {
  /** The function has it. */
  isRunning: boolean;
  done: Promise<void>;
}

export class QueuePoller {
  readonly #options: QueuePollerOptions;
  readonly #keeper: VisibilityKeeper;
  readonly #refused: RetryLine;
  readonly #held = new Set<HeldBatch>();
  #mapping: EventSourceMappingRecord;
  #reader: BatchReader;
  #limits: BatchLimits;
  #concurrency: BatchConcurrency;
  #messages: MessageQueue | undefined;
  /** Read, and not begun yet. */
  #ready: readonly Batch[] = [];
  #bytesHeld = 0;
  #stopping: AbortController | undefined;
  #reading: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  /** Since when there has been no room, with as many messages as could be read. */
  #saturatedAtMs: number | undefined;
  #pausedUntilMs = -Infinity;
  #troubles = 0;

  constructor(mapping: EventSourceMappingRecord, options: QueuePollerOptions) {
    this.#options = options;
    this.#mapping = mapping;
    this.#refused = new RetryLine(options.clock);
    this.#keeper = new VisibilityKeeper({
      clock: options.clock,
      extend: async (handle, seconds) => this.#messages?.changeVisibility(handle, seconds),
    });
    this.#reader = this.#newReader();
    this.#limits = batchLimitsOf(mapping.settings, isFifoQueue(mapping.source));
    this.#concurrency = initialConcurrency(this.#limits);
  }

  /** The settings count from the next batch on. */
  update(mapping: EventSourceMappingRecord): void {
    this.#mapping = mapping;
    this.#reader = this.#newReader();
    this.#limits = batchLimitsOf(mapping.settings, isFifoQueue(mapping.source));
    this.#concurrency = withinLimits(this.#concurrency, this.#limits);
    this.#wake?.();
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    const stopping = new AbortController();
    this.#stopping = stopping;
    this.#reading = this.#reading.then(() => this.#read(stopping.signal)).catch((error: unknown) => this.#warn(error));
  }

  /** Reads no more and gives back what is not running; resolves when that is done. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    this.#wake?.();
    this.#refused.release();
    await this.#reading;
    await Promise.all([...this.#held].filter(({ isRunning }) => !isRunning).map(({ done }) => done));
  }

  /** Stops, and lets what is running end for `graceMs`; the rest is visible again at once. */
  async close(graceMs: number): Promise<void> {
    await this.stop();
    let timer: Timer | undefined;
    await Promise.race([
      Promise.all([...this.#held].map(({ done }) => done)),
      new Promise<void>((resolve) => (timer = this.#options.clock.after(graceMs, resolve))),
    ]);
    timer?.cancel();
    await Promise.all([...this.#held].map(({ messages, items }) => this.#reader.giveBack(messages, items)));
  }

  #newReader(): BatchReader {
    const { queue, clock } = this.#options;
    return new BatchReader(this.#mapping, {
      queue,
      keeper: this.#keeper,
      clock,
      onWarning: (error) => this.#warn(error),
    });
  }

  /** Never rejects but for what is a mistake in here. */
  async #read(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#untilRoom(signal);
      if (signal.aborted) break;
      const [next, ...others] = this.#ready;
      this.#ready = others;
      if (next === undefined) await this.#gather(signal);
      else this.#begin(next, signal);
    }
    for (const { messages, items } of this.#ready) await this.#reader.giveBack(messages, items);
    this.#ready = [];
  }

  async #gather(signal: AbortSignal): Promise<void> {
    const { queue, queues, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    try {
      const messages = await queues.messages(queue);
      this.#messages = messages;
      const { batches, isFull } = await this.#reader.gather(messages, this.#room(), signal);
      this.#ready = batches;
      if (!isFull) this.#saturatedAtMs = undefined;
      if (clock.monotonicMs() - beganMs >= quietMs) this.#concurrency = afterQuiet(this.#concurrency, this.#limits);
      this.#troubles = 0;
    } catch (error) {
      if (isClosing(error)) {
        this.#stopping?.abort();
        return;
      }
      // Who deletes a queue sees it gone; its mapping waits for another of that name.
      if (!(error instanceof ApiError)) this.#warn(error);
      this.#pause(Math.min(troublePauseMs * 2 ** this.#troubles, troublePauseMsMax));
      this.#troubles += 1;
    }
  }

  #begin(batch: Batch, signal: AbortSignal): void {
    const held: HeldBatch = { ...batch, isRunning: false, done: Promise.resolve() };
    this.#held.add(held);
    this.#bytesHeld += held.bytes;
    held.done = this.#process(held, signal)
      .catch((error: unknown) => this.#warn(error))
      .finally(() => {
        this.#keeper.letGo(handlesOf(held.items.map(({ message }) => message)));
        this.#held.delete(held);
        this.#bytesHeld -= held.bytes;
        this.#wake?.();
      });
  }

  /** Until the function has had the batch, or it is given back. */
  async #process(batch: HeldBatch, signal: AbortSignal): Promise<void> {
    const { frontend, newId, clock } = this.#options;
    const payload = eventOf(batch.items);
    const traceId = batch.items.find(({ message }) => message.traceHeader !== undefined)?.message.traceHeader;
    const giveBackAtMs = clock.monotonicMs() + holdMsMax;
    while (!signal.aborted && clock.monotonicMs() < giveBackAtMs) {
      const { scope, functionName, qualifier } = this.#mapping;
      batch.isRunning = true;
      const tried = await tryBatch(frontend, {
        scope,
        requestId: newId(),
        functionName,
        ...(qualifier === undefined ? {} : { qualifier }),
        payload,
        ...(traceId === undefined ? {} : { traceId }),
        wantsLogTail: false,
      });
      if (tried.kind !== "refused") return this.#conclude(batch, tried);
      batch.isRunning = false;
      this.#concurrency = afterThrottle(this.#concurrency, this.#limits, this.#running());
      if (!signal.aborted) await this.#refused.turn();
    }
    return this.#reader.giveBack(batch.messages, batch.items);
  }

  async #conclude(batch: HeldBatch, tried: Exclude<Tried, { readonly kind: "refused" }>): Promise<void> {
    const { functionName, settings, uuid } = this.#mapping;
    const messages = batch.items.map(({ message }) => message);
    const reportsItemFailures = settings.responseTypes?.includes("ReportBatchItemFailures") === true;
    const processed =
      tried.kind === "answered" ? processedOf(messages, tried.response, { reportsItemFailures }) : undefined;
    batch.isRunning = false;
    if (processed === undefined) this.#onFailure();
    else this.#onSuccess();
    // Once, until it is over: the owner has the function's own log besides.
    if (tried.kind === "failed" && this.#concurrency.failuresInRow === 1) {
      this.#options.onWarning(`pollers: mapping ${uuid} of ${functionName}: ${tried.reason}`);
    }
    await this.#delete(batch, handlesOf(processed ?? []));
  }

  #onSuccess(): void {
    this.#concurrency = afterSuccess(this.#concurrency, this.#limits);
    this.#refused.admit(batchesAllowed(this.#concurrency) - this.#running());
  }

  #onFailure(): void {
    this.#concurrency = afterFailure(this.#concurrency, this.#limits);
    this.#pause(pauseAfterFailures(this.#concurrency));
  }

  #running(): number {
    return [...this.#held].filter(({ isRunning }) => isRunning).length;
  }

  /** What cannot be deleted is processed again when its visibility time is over. */
  async #delete({ messages }: Batch, handles: readonly string[]): Promise<void> {
    if (handles.length === 0) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await messages.delete(handles);
        return;
      } catch (error) {
        const mayWork = error instanceof UnavailableError && !isClosing(error) && attempt < deletionsMax;
        if (!mayWork) throw error;
        await new Promise<void>((resolve) => this.#options.clock.after(deletionPauseMs, resolve));
      }
    }
  }

  #room(): number {
    return Math.max(1, batchesAllowed(this.#concurrency) - this.#held.size);
  }

  #pause(durationMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#options.clock.monotonicMs() + durationMs);
  }

  async #untilRoom(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const nowMs = clock.monotonicMs();
      if (this.#isBusy()) await this.#reconsider(nowMs);
      const pauseMs = this.#pausedUntilMs - nowMs;
      const isTooLarge = this.#held.size > 0 && this.#bytesHeld >= bytesHeldMax;
      if (signal.aborted || (!this.#isBusy() && !isTooLarge && pauseMs <= 0)) return;
      await this.#woken(pauseMs > 0 ? pauseMs : reconsiderEveryMs);
    }
  }

  #isBusy(): boolean {
    return this.#held.size >= batchesAllowed(this.#concurrency);
  }

  /** Messages that wait though everything that may be processed is, are a reason to process more. */
  async #reconsider(nowMs: number): Promise<void> {
    this.#saturatedAtMs ??= nowMs;
    const durationMs = nowMs - this.#saturatedAtMs;
    if (durationMs < reconsiderEveryMs) return;
    this.#saturatedAtMs = nowMs;
    const { visible } = await this.#options.queues.messages(this.#options.queue).then(
      (messages) => messages.stats(),
      // Whoever reads next hears of it.
      () => ({ visible: 0 }),
    );
    if (visible > 0) this.#concurrency = afterBacklog(this.#concurrency, this.#limits, durationMs);
  }

  /** Until something has ended or changed, or the time is over. */
  async #woken(timeMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(timeMs, resolve);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    timer.cancel();
  }

  #warn(error: unknown): void {
    if (isClosing(error)) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.onWarning(`pollers: mapping ${this.#mapping.uuid}: ${text}`);
  }
}
