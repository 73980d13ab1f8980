/**
 * SQS messages, and how they lie in a queue of the engine: the text is the engine's body, all else is in its attributes.
 */
import { createHash } from "node:crypto";
import type { QueueMessage } from "../../engine/contract.ts";
import type { MessageAttribute, MessageAttributes } from "./message-attributes.ts";
import type { QueueRecord } from "./queue-record.ts";
import { receiptHandleInvalid } from "./refusals.ts";

export interface OutgoingMessage {
  readonly body: string;
  readonly attributes?: MessageAttributes;
  /** The system attribute AWSTraceHeader. */
  readonly traceHeader?: string;
  /** The trace that the sender is part of: the message's, where it has none of its own. */
  readonly requestTrace?: string;
  readonly delaySeconds?: number;
  readonly groupId?: string;
  readonly deduplicationId?: string;
}

export interface SentMessageAnswer {
  readonly id: string;
  readonly bodyDigest: string;
  readonly attributesDigest?: string;
  readonly systemAttributesDigest?: string;
  /** Of FIFO queues. */
  readonly sequenceNumber?: string;
}

export interface ReceivedMessage {
  readonly id: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly bodyDigest: string;
  readonly attributes: MessageAttributes;
  readonly senderId: string;
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  /** 1 on the first receive; receives from the queue whose dead-letter queue this is count too. */
  readonly receiveCount: number;
  readonly traceHeader?: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  readonly sequenceNumber?: string;
  /** The queue that gave it up. */
  readonly deadLetterSourceArn?: string;
}

/** What the engine keeps beside the text. */
export interface Envelope {
  readonly senderId: string;
  readonly attributes?: Readonly<Record<string, StoredAttribute>>;
  readonly traceHeader?: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  /** Of a message that came from another queue. */
  readonly moved?: {
    readonly id: string;
    readonly fromArn: string;
    readonly receiveCount: number;
    /** Standard queues count a message's age from its first queue on. */
    readonly sentAtMs?: number;
  };
}

type StoredAttribute = readonly [dataType: string, kind: "text" | "base64", value: string];

export function toStored(attributes: MessageAttributes): Readonly<Record<string, StoredAttribute>> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, stringValue, binaryValue }]) => [
      name,
      binaryValue === undefined
        ? ([dataType, "text", stringValue ?? ""] as const)
        : ([dataType, "base64", Buffer.from(binaryValue).toString("base64")] as const),
    ]),
  );
}

function fromStored(stored: Envelope["attributes"] = {}): MessageAttributes {
  return Object.fromEntries(
    Object.entries(stored).map(([name, [dataType, kind, value]]): [string, MessageAttribute] => [
      name,
      kind === "text"
        ? { dataType, stringValue: value }
        : { dataType, binaryValue: new Uint8Array(Buffer.from(value, "base64")) },
    ]),
  );
}

export function envelopeOf(message: QueueMessage): Envelope {
  return message.attributes as unknown as Envelope;
}

/** When the message's age began. */
export function ageStartMs(message: QueueMessage): number {
  return envelopeOf(message).moved?.sentAtMs ?? message.sentAtMs;
}

export function digestOfText(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

export function toReceived(queue: QueueRecord, message: QueueMessage, receivedAtMs: number): ReceivedMessage {
  const { attributes, moved, ...told } = envelopeOf(message);
  return {
    id: moved?.id ?? message.id,
    receiptHandle: receiptHandleOf(queue, message.receipt, receivedAtMs),
    body: Buffer.from(message.body).toString("utf8"),
    bodyDigest: digestOfText(message.body),
    attributes: fromStored(attributes),
    sentAtMs: ageStartMs(message),
    firstReceivedAtMs: message.firstReceivedAtMs,
    receiveCount: (moved?.receiveCount ?? 0) + message.receiveCount,
    ...told,
    ...(queue.settings.fifo === undefined ? {} : { sequenceNumber: sequenceNumberOf(message.sequence) }),
    ...(moved === undefined ? {} : { deadLetterSourceArn: moved.fromArn }),
  };
}

/** As AWS's: 20 digits, which rise. */
export function sequenceNumberOf(sequence: number): string {
  return `1${String(sequence).padStart(19, "0")}`;
}

/** What a receipt handle says. It is good for one receive from one queue. */
export interface Receipt {
  readonly engineReceipt: string;
  readonly receivedAtMs: number;
}

function receiptHandleOf({ uid }: QueueRecord, engineReceipt: string, receivedAtMs: number): string {
  return Buffer.from(`${uid} ${engineReceipt} ${receivedAtMs}`).toString("base64");
}

/** Longer than any of ours, in characters. */
const handleLengthMax = 256;

/** Throws ReceiptHandleIsInvalid for what is no handle of this queue. */
export function parseReceiptHandle({ uid }: QueueRecord, handle: string): Receipt {
  const decoded = handle.length > handleLengthMax ? "" : Buffer.from(handle, "base64").toString("utf8");
  const [ofQueue, engineReceipt, receivedAt, ...others] = decoded.split(" ");
  const receivedAtMs = Number(receivedAt);
  const isOurs = ofQueue === uid && engineReceipt !== undefined && others.length === 0;
  if (!isOurs || receivedAt === undefined || !Number.isFinite(receivedAtMs)) throw receiptHandleInvalid(handle);
  return { engineReceipt, receivedAtMs };
}
