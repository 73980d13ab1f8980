/**
 * Takes batches from a queue as a mapping's settings say: as large as the batch size, the batching window and the size of
 * an event allow, of messages that pass the filter. Messages that do not pass are deleted. What was taken is invisible
 * to others until it is let go.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
import type { EventSourceMappingRecord } from "../control-plane/event-source-mappings/mapping-record.ts";
import type { ReceivedMessage } from "../control-plane/queues/message.ts";
import type { MessageQueue } from "../control-plane/queues/message-queue.ts";
import { isFifoName, type QueueRef } from "../control-plane/queues/queue-record.ts";
import type { Clock } from "../core/clock.ts";
import { functionArn } from "../core/function-record.ts";
import { lineageIdOf, type LineageId } from "../data-plane/frontend/lineage.ts";
import type { CountEvents } from "../metering/metrics/mapping-metrics.ts";
import { recordFilterOf, type RecordFilter } from "./record-filter.ts";
import { batchItem, eventBytesMax, itemsOfOneEvent, sqsRecord, type BatchItem } from "./sqs-event.ts";
import type { VisibilityKeeper } from "./visibility-keeper.ts";

/** One receive waits so long; arrivals end it at once. */
const waitSeconds = 60;
/** Messages that are received at once for several batches. */
const receiveMax = 1000;
/** A queue whose messages are visible again at once would give them to everybody: they are held so long at least. */
const visibilitySecondsMin = 1;

/** Messages of one event. */
export interface Batch {
  readonly messages: MessageQueue;
  readonly items: readonly BatchItem[];
  /** With what comes behind it. */
  readonly bytes: number;
  /** Of a FIFO queue: what was received behind it. It begins when all of this batch is done, and is given back otherwise. */
  readonly next?: Batch;
}

export interface Gathered {
  readonly batches: readonly Batch[];
  /** As many messages as were asked for: there may be more. */
  readonly isFull: boolean;
}

export interface BatchReaderOptions {
  readonly queue: QueueRef;
  readonly keeper: VisibilityKeeper;
  readonly clock: Clock;
  readonly count: CountEvents;
  readonly onWarning: (error: unknown) => void;
}

export class BatchReader {
  readonly #options: BatchReaderOptions;
  readonly #isFifo: boolean;
  #batchSize = 1;
  #windowMs = 0;
  #filter: RecordFilter = () => true;
  /** The function's. */
  #lineageId: LineageId = "";

  constructor(mapping: EventSourceMappingRecord, options: BatchReaderOptions) {
    this.#options = options;
    this.#isFifo = isFifoName(options.queue.name);
    this.update(mapping);
  }

  /** Counts from the next message on, also for who is waiting for it. */
  update({ scope, functionName, settings }: EventSourceMappingRecord): void {
    const { batchSize, batchingWindowSeconds = 0, filterPatterns } = settings;
    this.#lineageId = lineageIdOf(functionArn(scope, functionName));
    this.#batchSize = batchSize;
    this.#windowMs = batchingWindowSeconds * 1000;
    this.#filter = recordFilterOf(filterPatterns);
  }

  /** Waits for messages for `batchesMax` batches; resolves with fewer, or with none when the signal aborts. */
  async gather(messages: MessageQueue, batchesMax: number, signal: AbortSignal): Promise<Gathered> {
    // One receive may take several messages of a group, which have to stay together; a window is for one batch.
    const isOneBatch = this.#isFifo || this.#windowMs > 0;
    const max = isOneBatch ? this.#batchSize : Math.min(this.#batchSize * batchesMax, receiveMax);
    const first = await this.#receive(messages, { max, waitMs: waitSeconds * 1000, signal });
    const items = [...first.items];
    try {
      const isFull = this.#windowMs === 0 ? first.received === max : await this.#fill(messages, items, signal);
      if (!signal.aborted) return { batches: this.#cut(messages, items), isFull };
    } catch (error) {
      await this.giveBack(messages, items);
      throw error;
    }
    await this.giveBack(messages, items);
    return { batches: [], isFull: false };
  }

  /** Waits for more of the same batch until the window is over. Whether it became full. */
  async #fill(messages: MessageQueue, items: BatchItem[], signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    if (items.length === 0) return false;
    const untilMs = clock.monotonicMs() + this.#windowMs;
    let bytes = sizeOf(items);
    while (items.length < this.#batchSize && bytes < eventBytesMax) {
      const waitMs = untilMs - clock.monotonicMs();
      if (waitMs <= 0 || signal.aborted) return false;
      const more = await this.#receive(messages, { max: this.#batchSize - items.length, waitMs, signal });
      items.push(...more.items);
      bytes += sizeOf(more.items);
    }
    return true;
  }

  /** They are visible to others at once. */
  async giveBack(messages: MessageQueue, items: readonly BatchItem[]): Promise<void> {
    const handles = handlesOf(items.map(({ message }) => message));
    this.#options.keeper.letGo(handles);
    // What fails is visible again when its time is over.
    await Promise.allSettled(handles.map((handle) => messages.changeVisibility(handle, 0)));
  }

  async #receive(
    messages: MessageQueue,
    { max, waitMs, signal }: { readonly max: number; readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<{ readonly items: readonly BatchItem[]; readonly received: number }> {
    const { count, keeper, queue } = this.#options;
    const visibilitySeconds = Math.max(messages.record.settings.visibilitySeconds, visibilitySecondsMin);
    const received = await messages.receive({ max, visibilitySeconds, waitSeconds: waitMs / 1000, signal });
    const handles = handlesOf(received);
    keeper.hold(handles, visibilitySeconds);
    const items: BatchItem[] = [];
    const unwanted: string[] = [];
    for (const message of received) {
      const record = sqsRecord(message, { queue, hasWindow: this.#windowMs > 0 });
      if (this.#filter(record, message.body)) items.push(batchItem(message, record, this.#lineageId));
      else unwanted.push(message.receiptHandle);
    }
    count("PolledEventCount", received.length);
    if (unwanted.length > 0) {
      count("FilteredOutEventCount", unwanted.length);
      await this.#drop(messages, unwanted);
    }
    return { items, received: received.length };
  }

  async #drop(messages: MessageQueue, handles: readonly string[]): Promise<void> {
    try {
      await messages.delete(handles);
    } catch (error) {
      // They come again, and are dropped then.
      this.#options.onWarning(error);
    } finally {
      this.#options.keeper.letGo(handles);
    }
  }

  /** What does not go into one event of a FIFO queue comes after it: it may be of a group of that event. */
  #cut(messages: MessageQueue, items: readonly BatchItem[]): Batch[] {
    const batches: Batch[] = [];
    for (let at = 0; at < items.length;) {
      const count = itemsOfOneEvent(items.slice(at, at + this.#batchSize), this.#batchSize);
      const taken = items.slice(at, at + count);
      batches.push({ messages, items: taken, bytes: sizeOf(taken) });
      at += count;
    }
    if (!this.#isFifo || batches.length < 2) return batches;
    return [batches.reduceRight((next, batch) => ({ ...batch, next, bytes: batch.bytes + next.bytes }))];
  }
}

export function handlesOf(messages: readonly ReceivedMessage[]): string[] {
  return messages.map(({ receiptHandle }) => receiptHandle);
}

function sizeOf(items: readonly BatchItem[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0);
}
