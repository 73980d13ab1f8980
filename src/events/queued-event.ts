/**
 * What lies in a function's event queue: events to be processed, and records that their destination has not taken yet.
 * The body is the payload as it came; all else is in the message's attributes.
 */
import type { Scope } from "../core/identity.ts";
import type { Key, QueueMessage, QueueMessageInput } from "../engine/contract.ts";
import type { RequestId } from "../worker/contract.ts";
import type { EventHistory } from "./retry-policy.ts";

/** Prefix of the event queues of all accounts. */
export const eventQueuesPrefix = ["events"] as const;

export interface FunctionName {
  readonly scope: Scope;
  readonly name: string;
}

export function eventQueueKey({ scope, name }: FunctionName): readonly [string, string, string, string] {
  return [...eventQueuesPrefix, scope.account, scope.region, name];
}

export function functionOfQueue(key: Key): FunctionName {
  const [, account = "", region = "", name = ""] = key;
  return { scope: { account, region }, name };
}

/** What an attempt was answered. */
export interface AttemptResponse {
  /** As an HTTP status: 200 of a function that ran, whatever it said; undefined when nothing was tried. */
  readonly statusCode?: number;
  readonly executedVersion?: string;
  readonly functionError?: string;
  /** What the function said. */
  readonly payload?: Uint8Array;
  /** Of what was refused. */
  readonly errorMessage?: string;
}

export interface QueuedEvent extends Omit<EventHistory, "waits"> {
  readonly kind: "event";
  /** Stays the same over all attempts. */
  readonly requestId: RequestId;
  /** As the caller named it. */
  readonly qualifier?: string;
  readonly traceId?: string;
  /** Of the last attempt that failed. */
  readonly response?: AttemptResponse;
}

/** A record on its way to a destination or a dead-letter queue. */
export interface QueuedDelivery {
  readonly kind: "delivery";
  /** The ARN of the destination. */
  readonly target: string;
  /** Of the event, as its caller named it. */
  readonly qualifier?: string;
  readonly attributes?: MessageAttributes;
  readonly traceId?: string;
  readonly failedAtMs: number;
}

export type MessageAttributes = Readonly<
  Record<string, { readonly type: "String" | "Number"; readonly value: string }>
>;

/** Bytes of a failed attempt's answer that are kept with its event; without them the rest of the answer is. */
const keptPayloadBytesMax = 65_536;

interface WireEvent extends Omit<QueuedEvent, "response"> {
  readonly response?: Omit<AttemptResponse, "payload"> & { readonly payload?: string };
}

export function messageOf(queued: QueuedEvent | QueuedDelivery, body: Uint8Array): QueueMessageInput {
  if (queued.kind === "delivery" || queued.response === undefined) return { body, attributes: { ...queued } };
  const { payload, ...response } = queued.response;
  const keeps = payload !== undefined && payload.byteLength <= keptPayloadBytesMax;
  const wire: WireEvent = {
    ...queued,
    response: { ...response, ...(keeps ? { payload: Buffer.from(payload).toString("base64") } : {}) },
  };
  return { body, attributes: { ...wire } };
}

/** Nobody else writes to these queues. */
export function queuedIn({ attributes }: QueueMessage): QueuedEvent | QueuedDelivery {
  const wire = attributes as unknown as WireEvent | QueuedDelivery;
  if (wire.kind === "delivery" || wire.response === undefined) return wire as QueuedEvent | QueuedDelivery;
  const { payload, ...response } = wire.response;
  return {
    ...wire,
    response: { ...response, ...(payload === undefined ? {} : { payload: Buffer.from(payload, "base64") }) },
  };
}
