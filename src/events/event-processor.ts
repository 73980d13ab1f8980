/**
 * One attempt to process what lies in an event queue: the function is invoked, `retry-policy.ts` decides, and what it
 * decides is made durable before the message goes. A crash at any point leaves the message, so that it is processed again.
 */
import type { Functions } from "../control-plane/functions/functions.ts";
import type { Clock } from "../core/clock.ts";
import { ApiError, isClosing, UnavailableError } from "../core/errors.ts";
import { functionArn } from "../core/function-record.ts";
import { unreachable } from "../core/invariant.ts";
import type { Frontend, InvokeOutcome } from "../data-plane/frontend/contract.ts";
import { lineageIdOf, lineageOf, withLineage } from "../data-plane/frontend/lineage.ts";
import { rootOf } from "../data-plane/frontend/trace-id.ts";
import type { Queue, QueueMessage } from "../engine/contract.ts";
import { bodyBytesMax } from "../engine/limits.ts";
import type { InvokedFunction, LambdaMetrics } from "../metering/metrics/lambda-metrics.ts";
import type { EventSettingsDirectory } from "./event-settings.ts";
import type { EventTargets, TargetMessage } from "./event-targets.ts";
import { deadLetterAttributes, destinationRecord, type EventOutcome } from "./outcome-records.ts";
import {
  messageOf,
  queuedIn,
  type AttemptResponse,
  type FunctionName,
  type QueuedDelivery,
  type QueuedEvent,
} from "./queued-event.ts";
import { backOffMs, isTooOld, stepAfter, type AttemptKind } from "./retry-policy.ts";

/** How long a destination that fails is tried; as long as events are kept at most. */
const deliveryAgeMsMax = 6 * 3_600_000;

export interface ProcessorOptions {
  readonly frontend: Frontend;
  readonly functions: Pick<Functions, "find" | "resolve">;
  readonly settings: Pick<EventSettingsDirectory, "of">;
  readonly targets: EventTargets;
  readonly metrics: LambdaMetrics;
  readonly clock: Clock;
  /** Tells the owner what was lost, and why. */
  readonly onWarning: (message: string) => void;
}

/** A message with the function whose queue it lies in. */
export interface Received {
  readonly function: FunctionName;
  readonly queue: Queue;
  readonly message: QueueMessage;
  /** The one that is good now. */
  readonly receipt: () => string;
}

/** What the poller learns from an attempt. */
export interface Processed {
  /** There was no room for it: fewer at once would do. */
  readonly wasRefused: boolean;
  /** Of an invocation, without its waiting for an environment. */
  readonly durationMs?: number;
  /** What an invocation waited for an environment. */
  readonly waitedMs?: number;
}

interface Attempt extends Processed {
  readonly kind: AttemptKind;
  readonly response: AttemptResponse;
}

interface Delivery extends TargetMessage {
  readonly target: string;
}

const notTried: Processed = { wasRefused: false };

export class EventProcessor {
  readonly #options: ProcessorOptions;

  constructor(options: ProcessorOptions) {
    this.#options = options;
  }

  /** Rejects when nothing could be made durable: then the message stays as it is. */
  async process(received: Received): Promise<Processed> {
    const queued = queuedIn(received.message);
    return queued.kind === "delivery" ? this.#deliverAgain(received, queued) : this.#processEvent(received, queued);
  }

  async #processEvent(received: Received, event: QueuedEvent): Promise<Processed> {
    const { clock, metrics } = this.#options;
    const { retries } = this.#options.settings.of(received.function, event.qualifier);
    const history = { ...event, waits: received.message.receiveCount - 1 };
    if (isTooOld(history, retries, clock.now())) {
      await this.#end(received, event, "EventAgeExceeded", event.failures, event.response);
      return notTried;
    }
    const metered = meteredOf(received.function, event.qualifier);
    metrics.count(metered, "AsyncEventAge", Math.max(0, clock.now() - event.acceptedAtMs));
    const attempt = await this.#attempt(received, event);
    if (attempt === "function-gone") {
      await received.queue.delete([received.receipt()]);
      return notTried;
    }
    const { kind, response } = attempt;
    const invokeCount = event.failures + (kind === "succeeded" || kind === "failed" ? 1 : 0);
    const step = stepAfter(kind, history, retries, clock.now());
    switch (step.kind) {
      case "succeeded":
        await this.#end(received, event, "Success", invokeCount, response);
        break;
      case "failed":
        await this.#end(received, event, step.condition, invokeCount, response);
        break;
      case "retry":
        await this.#sendAgain(received, { ...event, failures: invokeCount, response }, step.delayMs);
        break;
      case "back-off":
        await received.queue.changeVisibility(received.receipt(), step.delayMs);
        break;
      default:
        return unreachable(step);
    }
    return attempt;
  }

  async #attempt(
    { function: { scope, name }, message }: Received,
    { requestId, qualifier, traceId }: QueuedEvent,
  ): Promise<Attempt | "function-gone"> {
    const { clock, frontend, functions } = this.#options;
    const startedMs = clock.monotonicMs();
    let outcome: InvokeOutcome;
    try {
      outcome = await frontend.invoke({
        scope,
        functionName: name,
        ...(qualifier === undefined ? {} : { qualifier }),
        requestId,
        payload: message.body,
        ...(traceId === undefined ? {} : { traceId }),
        wantsLogTail: false,
        isEvent: true,
      });
    } catch (error) {
      if (!(error instanceof UnavailableError) || error.reason === "closing") throw error;
      return notServed(500, error.message);
    }
    switch (outcome.kind) {
      case "executed":
        // Nobody waits for the report; that a worker was lost before it matters to nobody here.
        outcome.report.catch(() => undefined);
        return executed(outcome, clock.monotonicMs() - startedMs - outcome.start.queueMs);
      case "throttled": {
        const isZero =
          outcome.reason === "ReservedFunctionConcurrentInvocationLimitExceeded" &&
          (await functions.find(scope, name))?.reservedConcurrency === 0;
        return isZero
          ? { kind: "zero-reserved", response: zeroReserved, wasRefused: false }
          : notServed(429, "Rate Exceeded.");
      }
      case "not-found": {
        if ((await functions.find(scope, name)) === undefined) return "function-gone";
        const response = { statusCode: 404, errorMessage: `Function not found: ${outcome.arn}` };
        return { kind: "failed", response, wasRefused: false };
      }
      case "not-ready":
        return notServed(409, `The function is currently in the following state: ${outcome.state}`);
      case "recursive":
        return { kind: "recursive", response: { statusCode: 400, errorMessage: outcome.message }, wasRefused: false };
      default:
        return unreachable(outcome);
    }
  }

  /** A message cannot be changed; the new one is known by the attempt, so that a crash in between makes no second one. */
  async #sendAgain({ queue, message, receipt }: Received, event: QueuedEvent, delayMs: number): Promise<void> {
    const dedupId = `${event.requestId}/${event.failures}`;
    await queue.send([{ ...messageOf(event, message.body), delayMs, dedupId }]);
    await queue.delete([receipt()]);
  }

  /** Everybody who wants to know has the outcome, or it lies in the queue; then the event goes. */
  async #end(
    received: Received,
    event: QueuedEvent,
    condition: EventOutcome["condition"],
    invokeCount: number,
    response: AttemptResponse | undefined,
  ): Promise<void> {
    const { function: fn, queue, message, receipt } = received;
    const outcome: EventOutcome = {
      function: fn,
      event,
      payload: message.body,
      condition,
      invokeCount,
      response,
      endedAtMs: this.#options.clock.now(),
    };
    for (const { target, ...body } of await this.#deliveriesOf(outcome)) {
      await this.#deliver(received, { target, qualifier: event.qualifier }, body);
    }
    await queue.delete([receipt()]);
    if (condition !== "Success") this.#options.metrics.count(meteredOf(fn, event.qualifier), "AsyncEventsDropped");
  }

  async #deliveriesOf(outcome: EventOutcome): Promise<Delivery[]> {
    const { function: fn, event, condition, payload } = outcome;
    const { onSuccess, onFailure } = this.#options.settings.of(fn, event.qualifier);
    const destination = condition === "Success" ? onSuccess : onFailure;
    const deadLetters = condition === "Success" ? undefined : await this.#deadLetterTargetOf(fn, event.qualifier);
    const trace = { traceId: traceAfter(fn, event) };
    return [
      ...(destination === undefined ? [] : [{ target: destination, body: destinationRecord(outcome), ...trace }]),
      ...(deadLetters === undefined
        ? []
        : [{ target: deadLetters, body: payload, attributes: deadLetterAttributes(outcome), ...trace }]),
    ];
  }

  /** Of the version that was asked for; of the function itself when that version is gone. */
  async #deadLetterTargetOf({ scope, name }: FunctionName, qualifier: string | undefined): Promise<string | undefined> {
    const { functions } = this.#options;
    try {
      return (await functions.resolve(scope, name, qualifier)).configuration.deadLetterTargetArn;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return (await functions.find(scope, name))?.latest.deadLetterTargetArn;
    }
  }

  /** What the target cannot take just now is kept in the function's queue. */
  async #deliver(
    { function: fn, queue }: Received,
    { target, qualifier }: { readonly target: string; readonly qualifier: string | undefined },
    message: TargetMessage,
  ): Promise<void> {
    const { clock } = this.#options;
    try {
      await this.#send(meteredOf(fn, qualifier), target, message);
    } catch (error) {
      const { body, ...rest } = message;
      if (body.byteLength > bodyBytesMax) {
        this.#warnOfLoss(functionArn(fn.scope, fn.name), target, `it is larger than ${bodyBytesMax} bytes`);
        return;
      }
      if (error instanceof UnavailableError && error.reason === "closing") throw error;
      const named = qualifier === undefined ? {} : { qualifier };
      const delivery: QueuedDelivery = { kind: "delivery", target, ...named, ...rest, failedAtMs: clock.now() };
      await queue.send([{ ...messageOf(delivery, body), delayMs: backOffMs(0) }]);
    }
  }

  /** What is refused is lost; what fails for now rejects. */
  async #send(metered: InvokedFunction, target: string, message: TargetMessage): Promise<void> {
    const { targets, metrics } = this.#options;
    const failure = message.attributes === undefined ? "DestinationDeliveryFailures" : "DeadLetterErrors";
    try {
      const outcome = await targets.send(metered.scope, target, message);
      if (outcome.kind === "taken") return;
      metrics.count(metered, failure);
      this.#warnOfLoss(metered.functionArn, target, outcome.reason);
    } catch (error) {
      if (!isClosing(error)) metrics.count(metered, failure);
      throw error;
    }
  }

  async #deliverAgain(received: Received, { target, failedAtMs, ...rest }: QueuedDelivery): Promise<Processed> {
    const { function: fn, queue, message, receipt } = received;
    const { clock } = this.#options;
    const metered = meteredOf(fn, rest.qualifier);
    const { attributes, traceId } = rest;
    const about = {
      ...(attributes === undefined ? {} : { attributes }),
      ...(traceId === undefined ? {} : { traceId }),
    };
    try {
      await this.#send(metered, target, { body: message.body, ...about });
    } catch (error) {
      if (clock.now() - failedAtMs <= deliveryAgeMsMax) {
        await queue.changeVisibility(receipt(), backOffMs(message.receiveCount));
        return notTried;
      }
      this.#warnOfLoss(metered.functionArn, target, String(error));
    }
    await queue.delete([receipt()]);
    return notTried;
  }

  #warnOfLoss(arn: string, target: string, reason: string): void {
    this.#options.onWarning(`a record of ${arn} could not be sent to ${target}: ${reason}`);
  }
}

function meteredOf({ scope, name }: FunctionName, qualifier: string | undefined): InvokedFunction {
  return { scope, functionArn: functionArn(scope, name), qualifier };
}

const zeroReserved: AttemptResponse = {
  errorMessage: "Function not invoked. Function is configured with zero reserved concurrent executions",
};

function executed(
  { response, executedVersion, start }: Extract<InvokeOutcome, { readonly kind: "executed" }>,
  durationMs: number,
): Attempt {
  const answer = { statusCode: 200, executedVersion, payload: response.payload };
  const learned = { wasRefused: false, durationMs, waitedMs: start.queueMs };
  return response.kind === "success"
    ? { kind: "succeeded", response: answer, ...learned }
    : { kind: "failed", response: { ...answer, functionError: response.functionError }, ...learned };
}

function notServed(statusCode: number, errorMessage: string): Attempt {
  return { kind: "not-served", response: { statusCode, errorMessage }, wasRefused: true };
}

/** The trace goes on in whatever the outcome sets off, and counts the function as visited. */
function traceAfter({ scope, name }: FunctionName, { requestId, traceId, acceptedAtMs }: QueuedEvent): string {
  const header = traceId ?? `Root=${rootOf(requestId, acceptedAtMs)};Sampled=0`;
  return withLineage(header, lineageOf(traceId, lineageIdOf(functionArn(scope, name))));
}
