/**
 * Where the outcome of an event is sent: the seam between the event queue and the services that take records. A service
 * joins by a port of its own; what has none is refused, and says so.
 */
import { destinationKindOf } from "../control-plane/event-invoke/destination.ts";
import { parseFunctionArn } from "../core/arn.ts";
import type { Scope } from "../core/identity.ts";
import { unreachable } from "../core/invariant.ts";
import type { MessageAttributes } from "./queued-event.ts";

export interface TargetMessage {
  readonly body: Uint8Array;
  /** Of a dead-lettered event. */
  readonly attributes?: MessageAttributes;
  /** The X-Ray header that goes with it. */
  readonly traceId?: string;
}

/** Refused: the same message would be refused again. What fails for now rejects instead. */
export type TargetOutcome = { readonly kind: "taken" } | { readonly kind: "refused"; readonly reason: string };

export interface EventTargets {
  /** Resolves when the target has the message durably. `from` is where the function is. */
  send(from: Scope, arn: string, message: TargetMessage): Promise<TargetOutcome>;
}

/** The SQS-compatible queues. */
export interface QueueTarget {
  send(arn: string, message: TargetMessage): Promise<TargetOutcome>;
}

/** Functions that are invoked with the record as their event. */
export interface FunctionTarget {
  invokeWithRecord(
    target: { readonly scope: Scope; readonly name: string; readonly qualifier?: string },
    message: TargetMessage,
  ): Promise<TargetOutcome>;
}

export class TargetRouter implements EventTargets {
  readonly #queues: QueueTarget | undefined;
  readonly #functions: FunctionTarget;

  constructor({ queues, functions }: { readonly queues?: QueueTarget; readonly functions: FunctionTarget }) {
    this.#queues = queues;
    this.#functions = functions;
  }

  async send(from: Scope, arn: string, message: TargetMessage): Promise<TargetOutcome> {
    const kind = destinationKindOf(arn);
    const [, , , region, account] = arn.split(":");
    if ((kind === "function" || kind === "queue") && (region !== from.region || account !== from.account)) {
      return refused("a function sends to its own account and region only");
    }
    switch (kind) {
      case "function": {
        const target = parseFunctionArn(arn);
        if (target === undefined) return refused("it is no function's ARN");
        return this.#functions.invokeWithRecord(target, message);
      }
      case "queue":
        return this.#queues === undefined ? refused("there are no queues here") : this.#queues.send(arn, message);
      case "topic":
      case "event-bus":
      case "bucket":
      case "kafka-topic":
        return refused(`Hearth has no ${kind}s; name a function or a queue`);
      case undefined:
        return refused("it is nothing that takes records");
      default:
        return unreachable(kind);
    }
  }
}

function refused(reason: string): TargetOutcome {
  return { kind: "refused", reason };
}
