/**
 * Asynchronous invocation. An accepted event is durable; each function has a queue of its own, made with its first event,
 * so that nobody's backlog or throttling delays another's. Events are processed at least once, until they succeed, have
 * had all their attempts or become too old; then their outcome goes where the function's owner wants it.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
 */
import type { Functions } from "../control-plane/functions/functions.ts";
import type { Clock } from "../core/clock.ts";
import { functionArn, functionsPrefix, type FunctionRecord } from "../core/function-record.ts";
import type { Frontend, InvokeOutcome, InvokeRequest } from "../data-plane/frontend/contract.ts";
import type { Engine, Queue, RecordChange, Watch } from "../engine/contract.ts";
import { QueueRemovedError } from "../engine/errors.ts";
import type { LambdaMetrics } from "../metering/metrics/lambda-metrics.ts";
import { EventPoller } from "./event-poller.ts";
import { EventProcessor } from "./event-processor.ts";
import { EventSettingsDirectory } from "./event-settings.ts";
import { TargetRouter, type FunctionTarget, type QueueTarget, type TargetOutcome } from "./event-targets.ts";
import { eventQueueKey, eventQueuesPrefix, functionOfQueue, messageOf, type FunctionName } from "./queued-event.ts";

/** Of an event's payload. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const eventBytesMax = 1_048_576;

/** What is being processed may go on for so long when Hearth stops. */
const closeGraceMs = 2000;

export interface EventQueuesOptions {
  readonly engine: Pick<Engine, "records" | "queues">;
  readonly functions: Pick<Functions, "find" | "resolve">;
  readonly frontend: Frontend;
  /** Undefined where there are no SQS-compatible queues. */
  readonly queueTarget?: QueueTarget;
  readonly metrics: LambdaMetrics;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  readonly onWarning: (message: string) => void;
}

export type EventRequest = Omit<InvokeRequest, "wantsLogTail" | "clientContext" | "isEvent">;

export type EventAnswer =
  | { readonly kind: "accepted" }
  | Exclude<InvokeOutcome, { readonly kind: "executed" | "throttled" | "recursive" }>;

export interface EventQueueStats {
  /** Could be processed now. */
  readonly waiting: number;
  /** Are being processed, or wait for another attempt. */
  readonly underWay: number;
  /** Of the oldest that is waiting; undefined when none is. */
  readonly oldestAgeMs?: number;
}

interface FunctionQueue {
  readonly queue: Queue;
  readonly poller: EventPoller;
}

export class EventQueues implements FunctionTarget {
  readonly #options: EventQueuesOptions;
  readonly #settings = new EventSettingsDirectory();
  readonly #processor: EventProcessor;
  /** Of functions that had events, by their queue's name. */
  readonly #queues = new Map<string, Promise<FunctionQueue>>();
  #watch: Watch | undefined;
  /** Until then events are accepted and not processed. */
  #isStarted = false;

  constructor(options: EventQueuesOptions) {
    this.#options = options;
    const { queueTarget } = options;
    this.#processor = new EventProcessor({
      ...options,
      settings: this.#settings,
      targets: new TargetRouter({ functions: this, ...(queueTarget === undefined ? {} : { queues: queueTarget }) }),
    });
  }

  /** Takes up what is in the queues. */
  async start(): Promise<void> {
    const { engine, functions } = this.#options;
    await this.#settings.follow(engine.records);
    this.#watch = await engine.records.watch<FunctionRecord>(functionsPrefix, (change) => this.#onFunction(change));
    this.#isStarted = true;
    for (const key of await engine.queues.list(eventQueuesPrefix)) {
      const fn = functionOfQueue(key);
      if ((await functions.find(fn.scope, fn.name)) === undefined) await engine.queues.remove(key);
      else (await this.#queueOf(fn)).poller.arrived();
    }
  }

  /** "accepted" when the event is durable. The frontend has to know the function, and that it can run. */
  async accept(request: EventRequest): Promise<EventAnswer> {
    const { scope, functionName: name, qualifier, requestId, traceId, payload } = request;
    for (;;) {
      const found = this.#options.frontend.check(request);
      if (found.kind === "not-found" || found.kind === "not-ready") return found;
      const { queue, poller } = await this.#queueOf({ scope, name });
      const event = {
        kind: "event",
        requestId,
        ...(qualifier === undefined ? {} : { qualifier }),
        ...(traceId === undefined ? {} : { traceId }),
        acceptedAtMs: this.#options.clock.now(),
        failures: 0,
      } as const;
      try {
        await queue.send([messageOf(event, payload)]);
      } catch (error) {
        // The function was deleted, and perhaps made again, since it was looked for.
        if (error instanceof QueueRemovedError) continue;
        throw error;
      }
      const metered = { scope, functionArn: functionArn(scope, name), qualifier };
      this.#options.metrics.count(metered, "AsyncEventsReceived");
      if (this.#isStarted) poller.arrived();
      return { kind: "accepted" };
    }
  }

  async invokeWithRecord(...[target, message]: Parameters<FunctionTarget["invokeWithRecord"]>): Promise<TargetOutcome> {
    const { scope, name, qualifier } = target;
    const { body, traceId } = message;
    if (body.byteLength > eventBytesMax) return { kind: "refused", reason: `it is larger than ${eventBytesMax} bytes` };
    const answer = await this.accept({
      scope,
      functionName: name,
      ...(qualifier === undefined ? {} : { qualifier }),
      requestId: this.#options.newId(),
      ...(traceId === undefined ? {} : { traceId }),
      payload: body,
    });
    if (answer.kind === "accepted") return { kind: "taken" };
    if (answer.kind === "not-found") return { kind: "refused", reason: `there is no ${answer.arn}` };
    throw new Error(`the function is in the state ${answer.state}`);
  }

  /** Undefined of a function that has had no events. */
  async stats(fn: FunctionName): Promise<EventQueueStats | undefined> {
    const known = await this.#queues.get(idOf(fn));
    if (known === undefined) return undefined;
    const { visible, inFlight, delayed, oldestSentAtMs } = await known.queue.stats();
    return {
      waiting: visible,
      underWay: inFlight + delayed,
      ...(oldestSentAtMs === undefined ? {} : { oldestAgeMs: this.#options.clock.now() - oldestSentAtMs }),
    };
  }

  async close(): Promise<void> {
    this.#watch?.stop();
    this.#settings.close();
    const opened = await Promise.allSettled(this.#queues.values());
    await Promise.all(
      opened.map(async (each) => (each.status === "fulfilled" ? each.value.poller.close(closeGraceMs) : undefined)),
    );
  }

  #queueOf(fn: FunctionName): Promise<FunctionQueue> {
    const id = idOf(fn);
    let opened = this.#queues.get(id);
    if (opened === undefined) {
      opened = this.#open(fn);
      this.#queues.set(id, opened);
      // The next one who asks tries again.
      opened.catch(() => this.#queues.delete(id));
    }
    return opened;
  }

  async #open(fn: FunctionName): Promise<FunctionQueue> {
    const { engine, clock, onWarning } = this.#options;
    const queue = await engine.queues.open(eventQueueKey(fn));
    const poller = new EventPoller({
      queue,
      clock,
      onWarning,
      process: (message, receipt) => this.#processor.process({ function: fn, queue, message, receipt }),
    });
    return { queue, poller };
  }

  /** The events of a deleted function go with it. */
  #onFunction(change: RecordChange<FunctionRecord>): void {
    if (change.kind === "put" && change.entry.value.deleting !== true) return;
    const fn = functionOfQueue(change.kind === "put" ? change.entry.key : change.key);
    if (!this.#queues.delete(idOf(fn))) return;
    this.#options.engine.queues
      .remove(eventQueueKey(fn))
      .catch((error: unknown) =>
        this.#options.onWarning(`events of ${fn.name} could not be removed: ${String(error)}`),
      );
  }
}

function idOf(fn: FunctionName): string {
  return eventQueueKey(fn).join("/");
}
