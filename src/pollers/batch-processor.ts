/**
 * Has a mapping's function process batches, as many at once as `batch-concurrency.ts` says, and deletes what it is done
 * with, after it is done.
 *
 * A batch that fails is let go, and comes back when its visibility time is over; how often it may, the queue's redrive
 * policy says.
 * Differs from AWS: a batch that the function has no room for is held, invisible to others, until there is room (11 hours
 * at most); it does not come back to be received again.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
import { isFifoQueue } from "../control-plane/event-source-mappings/event-sources.ts";
import type { EventSourceMappingRecord } from "../control-plane/event-source-mappings/mapping-record.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { isClosing, UnavailableError } from "../core/errors.ts";
import type { Frontend } from "../data-plane/frontend/contract.ts";
import type { CountEvents } from "../metering/metrics/mapping-metrics.ts";
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
import type { Batch } from "./batch-reader.ts";
import { processedOf } from "./batch-response.ts";
import { RetryLine } from "./retry-line.ts";
import { eventOf, traceOf } from "./sqs-event.ts";

/** Of the events that one mapping holds in memory; one batch is always processed. */
const bytesHeldMax = 33_554_432;
/** A batch without room is given back after so long, in ms: SQS keeps what was received invisible for 12 hours at most. */
const holdMsMax = 11 * 3_600_000;
/** Tries to delete what was processed, as long as the engine refuses. */
const deletionsMax = 10;
const deletionPauseMs = 200;

export interface BatchProcessorOptions {
  readonly frontend: Pick<Frontend, "invoke">;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  readonly count: CountEvents;
  /** Makes a batch, and what comes behind it, visible to others at once. */
  readonly giveBack: (batch: Batch) => Promise<void>;
  /** The batch has been processed or given back. */
  readonly onEnd: (batch: Batch) => void;
  readonly onWarning: (error: unknown) => void;
}

/** Whether all of a batch is done, and has been deleted. */
type Outcome = "done" | "not-done" | "given-back";

interface HeldBatch extends Batch {
  /** The function has it. */
  isRunning: boolean;
  done: Promise<void>;
}

export class BatchProcessor {
  readonly #options: BatchProcessorOptions;
  readonly #refused: RetryLine;
  readonly #held = new Set<HeldBatch>();
  #bytesHeld = 0;
  #mapping: EventSourceMappingRecord;
  #limits: BatchLimits;
  #concurrency: BatchConcurrency;
  #pausedUntilMs = -Infinity;

  constructor(mapping: EventSourceMappingRecord, options: BatchProcessorOptions) {
    this.#options = options;
    this.#refused = new RetryLine(options.clock);
    this.#mapping = mapping;
    this.#limits = batchLimitsOf(mapping.settings, isFifoQueue(mapping.source));
    this.#concurrency = initialConcurrency(this.#limits);
  }

  /** How many more batches may begin. */
  get room(): number {
    return batchesAllowed(this.#concurrency) - this.#held.size;
  }

  /** As much is held as memory may hold. */
  get isFull(): boolean {
    return this.#held.size > 0 && this.#bytesHeld >= bytesHeldMax;
  }

  /** Until the next one should begin, in ms, after failures; else negative. */
  get pauseMs(): number {
    return this.#pausedUntilMs - this.#options.clock.monotonicMs();
  }

  update(mapping: EventSourceMappingRecord): void {
    this.#mapping = mapping;
    this.#limits = batchLimitsOf(mapping.settings, isFifoQueue(mapping.source));
    this.#concurrency = withinLimits(this.#concurrency, this.#limits);
  }

  /** Messages have been waiting for so long though everything that may begin has begun: more may. */
  grow(durationMs: number): void {
    this.#concurrency = afterBacklog(this.#concurrency, this.#limits, durationMs);
  }

  /** Nothing has come for a while. */
  calmDown(): void {
    this.#concurrency = afterQuiet(this.#concurrency, this.#limits);
  }

  /** Once the signal aborts, what the function has not begun with is given back. */
  begin(batch: Batch, signal: AbortSignal): void {
    const { onEnd, onWarning } = this.#options;
    const held: HeldBatch = { ...batch, isRunning: false, done: Promise.resolve() };
    this.#held.add(held);
    this.#bytesHeld += held.bytes;
    held.done = this.#process(held, signal)
      .catch((error: unknown): Outcome => {
        onWarning(error);
        return "not-done";
      })
      .then((outcome) => {
        this.#held.delete(held);
        this.#bytesHeld -= held.bytes;
        onEnd(held);
        return this.#goOn(held, outcome, signal);
      });
  }

  /** What was received behind a batch keeps its order: it does not begin when something before it comes again. */
  async #goOn({ next }: Batch, outcome: Outcome, signal: AbortSignal): Promise<void> {
    if (next === undefined || outcome === "given-back") return;
    if (outcome === "done" && !signal.aborted) this.begin(next, signal);
    else await this.#options.giveBack(next);
  }

  /** Resolves when nothing waits for the function any more. The batches' signals have aborted. */
  async stop(): Promise<void> {
    this.#refused.release();
    const { giveBack } = this.#options;
    const end = async ({ isRunning, done, next }: HeldBatch): Promise<void> => {
      if (!isRunning) await done;
      else if (next !== undefined) await giveBack(next);
    };
    await Promise.all([...this.#held].map(end));
  }

  /** Stops, and lets what is running end for `graceMs`; the rest is given back. */
  async close(graceMs: number): Promise<void> {
    await this.stop();
    const { clock, giveBack } = this.#options;
    let timer: Timer | undefined;
    await Promise.race([
      Promise.all([...this.#held].map(({ done }) => done)),
      new Promise<void>((resolve) => (timer = clock.after(graceMs, resolve))),
    ]);
    timer?.cancel();
    await Promise.all([...this.#held].map(giveBack));
  }

  /** Until the function has had the batch, or it is given back. */
  async #process(batch: HeldBatch, signal: AbortSignal): Promise<Outcome> {
    const { frontend, newId, clock } = this.#options;
    const payload = eventOf(batch.items);
    const traceId = traceOf(batch.items);
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
    await this.#options.giveBack(batch);
    return "given-back";
  }

  async #conclude(batch: HeldBatch, tried: Exclude<Tried, { readonly kind: "refused" }>): Promise<Outcome> {
    const { functionName, settings } = this.#mapping;
    const messages = batch.items.map(({ message }) => message);
    const reportsItemFailures = settings.responseTypes?.includes("ReportBatchItemFailures") === true;
    const processed =
      tried.kind === "answered" ? processedOf(messages, tried.response, { reportsItemFailures }) : undefined;
    batch.isRunning = false;
    if (processed === undefined) this.#onFailure();
    else this.#onSuccess();
    // Once, until it is over. What the function itself says stands in its log.
    if (tried.kind === "failed" && this.#concurrency.failuresInRow === 1) {
      this.#options.onWarning(`${functionName} cannot be invoked: ${tried.reason}`);
    }
    const handles = (processed ?? []).map(({ receiptHandle }) => receiptHandle);
    const { count } = this.#options;
    if (tried.kind === "answered") count("InvokedEventCount", messages.length);
    if (handles.length < messages.length) count("FailedInvokeEventCount", messages.length - handles.length);
    if (handles.length === 0) return "not-done";
    await this.#delete(batch, handles);
    count("DeletedEventCount", handles.length);
    return handles.length === messages.length ? "done" : "not-done";
  }

  #onSuccess(): void {
    this.#concurrency = afterSuccess(this.#concurrency, this.#limits);
    this.#refused.admit(batchesAllowed(this.#concurrency) - this.#running());
  }

  #onFailure(): void {
    this.#concurrency = afterFailure(this.#concurrency, this.#limits);
    this.#pausedUntilMs = this.#options.clock.monotonicMs() + pauseAfterFailures(this.#concurrency);
  }

  #running(): number {
    return [...this.#held].filter(({ isRunning }) => isRunning).length;
  }

  /** What cannot be deleted is processed again when its visibility time is over. */
  async #delete({ messages }: Batch, handles: readonly string[]): Promise<void> {
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
}
