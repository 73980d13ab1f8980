/**
 * Polls one queue for one mapping: reads while its processor has room, and hands it the batches. It wakes on arrival; with
 * nothing to do it holds one waiting receive.
 */
import type { EventSourceMappingRecord } from "../control-plane/event-source-mappings/mapping-record.ts";
import type { MessageQueue } from "../control-plane/queues/message-queue.ts";
import type { QueueRef } from "../control-plane/queues/queue-record.ts";
import { ApiError, isClosing } from "../core/errors.ts";
import type { MappingMetrics } from "../metering/metrics/mapping-metrics.ts";
import { BatchProcessor, type BatchProcessorOptions } from "./batch-processor.ts";
import { BatchReader, handlesOf, type Batch } from "./batch-reader.ts";
import { VisibilityKeeper } from "./visibility-keeper.ts";

/** How often a mapping that processes as much as it may asks whether messages wait, in ms. */
const reconsiderEveryMs = 1000;
/** A queue that was empty for this long, in ms, has little traffic. */
const quietMs = 10_000;
/** Before a queue that is not there, or an engine that refuses, is asked again, in ms; doubled each time. */
const troublePauseMs = 1000;
const troublePauseMsMax = 10_000;

export interface QueuePollerOptions extends Pick<BatchProcessorOptions, "frontend" | "clock" | "newId"> {
  readonly queue: QueueRef;
  readonly queues: { messages(queue: QueueRef): Promise<MessageQueue> };
  readonly metrics: MappingMetrics;
  readonly onWarning: (message: string) => void;
}

export class QueuePoller {
  readonly #options: QueuePollerOptions;
  readonly #uuid: string;
  readonly #keeper: VisibilityKeeper;
  readonly #reader: BatchReader;
  readonly #processor: BatchProcessor;
  /** It has its events counted. */
  #isMetered: boolean;
  #messages: MessageQueue | undefined;
  /** Read, and not begun yet. */
  #ready: readonly Batch[] = [];
  #stopping: AbortController | undefined;
  #reading: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  /** Since when there has been no room, with as many messages as could be read. */
  #saturatedAtMs: number | undefined;
  #troublesUntilMs = -Infinity;
  #troubles = 0;

  constructor(mapping: EventSourceMappingRecord, options: QueuePollerOptions) {
    const { clock, queue } = options;
    const onWarning = (error: unknown): void => this.#warn(error);
    this.#options = options;
    this.#uuid = mapping.uuid;
    this.#isMetered = isMetered(mapping);
    const count = options.metrics(mapping, () => this.#isMetered);
    this.#keeper = new VisibilityKeeper({
      clock,
      extend: async (handle, seconds) => this.#messages?.changeVisibility(handle, seconds),
    });
    this.#reader = new BatchReader(mapping, { queue, keeper: this.#keeper, clock, count, onWarning });
    this.#processor = new BatchProcessor(mapping, {
      ...options,
      count,
      giveBack: (batch) => this.#giveBack(batch),
      onEnd: ({ items }) => {
        this.#keeper.letGo(handlesOf(items.map(({ message }) => message)));
        this.#wake?.();
      },
      onWarning,
    });
  }

  /** The settings count from the next message on. */
  update(mapping: EventSourceMappingRecord): void {
    this.#isMetered = isMetered(mapping);
    this.#reader.update(mapping);
    this.#processor.update(mapping);
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
    await this.#stopReading();
    await this.#processor.stop();
  }

  /** Stops, and lets what is running end for `graceMs`; the rest is visible again at once. */
  async close(graceMs: number): Promise<void> {
    await this.#stopReading();
    await this.#processor.close(graceMs);
  }

  #stopReading(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    this.#wake?.();
    return this.#reading;
  }

  /** Never rejects but for what is a mistake in here. */
  async #read(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#untilRoom(signal);
      if (signal.aborted) break;
      const [next, ...others] = this.#ready;
      this.#ready = others;
      if (next === undefined) await this.#gather(signal);
      else this.#processor.begin(next, signal);
    }
    for (const batch of this.#ready) await this.#giveBack(batch);
    this.#ready = [];
  }

  async #gather(signal: AbortSignal): Promise<void> {
    const { queue, queues, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    try {
      const messages = await queues.messages(queue);
      this.#messages = messages;
      // A refusal may have taken the room meanwhile: what is read then waits for its turn.
      const room = Math.max(1, this.#processor.room);
      const { batches, isFull } = await this.#reader.gather(messages, room, signal);
      this.#ready = batches;
      if (!isFull) this.#saturatedAtMs = undefined;
      if (clock.monotonicMs() - beganMs >= quietMs) this.#processor.calmDown();
      this.#troubles = 0;
    } catch (error) {
      if (isClosing(error)) {
        this.#stopping?.abort();
        return;
      }
      // Who deletes a queue sees it gone; its mapping waits for another of that name.
      if (!(error instanceof ApiError)) this.#warn(error);
      const pauseMs = Math.min(troublePauseMs * 2 ** this.#troubles, troublePauseMsMax);
      this.#troublesUntilMs = clock.monotonicMs() + pauseMs;
      this.#troubles += 1;
    }
  }

  async #giveBack({ messages, items, next }: Batch): Promise<void> {
    await this.#reader.giveBack(messages, items);
    if (next !== undefined) await this.#giveBack(next);
  }

  async #untilRoom(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      if (this.#processor.room <= 0) await this.#reconsider();
      const { room, isFull } = this.#processor;
      const pauseMs = Math.max(this.#processor.pauseMs, this.#troublesUntilMs - clock.monotonicMs());
      if (signal.aborted || (room > 0 && !isFull && pauseMs <= 0)) return;
      await this.#woken(pauseMs > 0 ? pauseMs : reconsiderEveryMs);
    }
  }

  /** Messages that wait though everything that may be processed is, are a reason to process more. */
  async #reconsider(): Promise<void> {
    const { queue, queues, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#saturatedAtMs ??= nowMs;
    const durationMs = nowMs - this.#saturatedAtMs;
    if (durationMs < reconsiderEveryMs) return;
    this.#saturatedAtMs = nowMs;
    const { visible } = await queues.messages(queue).then(
      (messages) => messages.stats(),
      // Whoever reads next hears of it.
      () => ({ visible: 0 }),
    );
    if (visible > 0) this.#processor.grow(durationMs);
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
    this.#options.onWarning(`pollers: mapping ${this.#uuid}: ${text}`);
  }
}

function isMetered({ settings }: EventSourceMappingRecord): boolean {
  return settings.metrics?.includes("EventCount") === true;
}
