/**
 * What a queue takes from a sender: checks a message against the queue's settings and makes of it what the engine keeps.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
import { createHash } from "node:crypto";
import type { QueueMessageInput } from "../../engine/contract.ts";
import {
  bytesOfAttributes,
  digestOfAttributes,
  requireSoundAttributes,
  requireSoundBody,
} from "./message-attributes.ts";
import { digestOfText, toStored, type Envelope, type OutgoingMessage, type SentMessageAnswer } from "./message.ts";
import type { FifoSettings, QueueSettings } from "./queue-record.ts";
import { invalidValue, messageTooLong, missingParameter, notDeduplicated } from "./refusals.ts";

export interface PreparedMessage {
  readonly input: QueueMessageInput;
  readonly digests: Omit<SentMessageAnswer, "id" | "sequenceNumber">;
}

const delaySecondsMax = 900;
/** Of a group or a deduplication id, in characters. */
const labelPattern = /^[\x21-\x7E]{1,128}$/;
const notOfThisType = "The request include parameter that is not valid for this queue type.";

/** Body and attributes, in bytes: what the queue's limit and that of a batch are about. */
export function bytesOf({ body, attributes = {} }: OutgoingMessage): number {
  return Buffer.byteLength(body) + bytesOfAttributes(attributes);
}

/** Throws SQS's refusal of a message that the queue does not take. */
export function prepareMessage(settings: QueueSettings, message: OutgoingMessage, senderId: string): PreparedMessage {
  const { attributes = {}, traceHeader, requestTrace, groupId } = message;
  const trace = traceHeader ?? requestTrace;
  if (message.body === "") throw missingParameter("MessageBody");
  requireSoundBody(message.body);
  requireSoundAttributes(attributes);
  if (groupId !== undefined) requireLabel("MessageGroupId", groupId);
  const delaySeconds = delayOf(settings, message);
  const body = Buffer.from(message.body);
  if (body.byteLength + bytesOfAttributes(attributes) > settings.messageBytesMax) {
    throw messageTooLong(settings.messageBytesMax);
  }
  const order = settings.fifo === undefined ? requireStandard(message) : fifoOrder(settings.fifo, message, body);
  const envelope: Envelope = {
    senderId,
    ...(Object.keys(attributes).length === 0 ? {} : { attributes: toStored(attributes) }),
    ...(trace === undefined ? {} : { traceHeader: trace }),
    ...(groupId === undefined ? {} : { groupId }),
    ...(order.deduplicationId === undefined ? {} : { deduplicationId: order.deduplicationId }),
  };
  const attributesDigest = digestOfAttributes(attributes);
  const systemAttributesDigest =
    traceHeader === undefined
      ? undefined
      : digestOfAttributes({ AWSTraceHeader: { dataType: "String", stringValue: traceHeader } });
  return {
    input: { body, attributes: { ...envelope }, delayMs: delaySeconds * 1000, ...order.input },
    digests: {
      bodyDigest: digestOfText(body),
      ...(attributesDigest === undefined ? {} : { attributesDigest }),
      ...(systemAttributesDigest === undefined ? {} : { systemAttributesDigest }),
    },
  };
}

/** Messages of a FIFO queue are all delayed alike. */
function delayOf(settings: QueueSettings, { delaySeconds }: OutgoingMessage): number {
  if (delaySeconds === undefined) return settings.delaySeconds;
  if (!(delaySeconds >= 0 && delaySeconds <= delaySecondsMax)) {
    throw invalidValue("DelaySeconds", delaySeconds, `DelaySeconds must be >= 0 and <= ${delaySecondsMax}.`);
  }
  if (settings.fifo === undefined) return delaySeconds;
  if (delaySeconds > 0) throw invalidValue("DelaySeconds", delaySeconds, notOfThisType);
  return settings.delaySeconds;
}

interface Order {
  readonly deduplicationId?: string;
  readonly input: Pick<QueueMessageInput, "group" | "dedupId">;
}

/** The group of a standard queue's message is for fair queues: it orders nothing. */
function requireStandard({ deduplicationId }: OutgoingMessage): Order {
  if (deduplicationId !== undefined) throw invalidValue("MessageDeduplicationId", deduplicationId, notOfThisType);
  return { input: {} };
}

function fifoOrder(fifo: FifoSettings, message: OutgoingMessage, body: Uint8Array): Order {
  const { groupId, deduplicationId: given } = message;
  if (groupId === undefined) throw missingParameter("MessageGroupId");
  if (given !== undefined) requireLabel("MessageDeduplicationId", given);
  if (given === undefined && !fifo.contentBasedDeduplication) throw notDeduplicated();
  const deduplicationId = given ?? createHash("sha256").update(body).digest("hex");
  // A label has no space: whatever the scope, two keys are equal only when their parts are.
  const dedupId =
    fifo.deduplicationScope === "queue" ? `sent ${deduplicationId}` : `sent ${groupId} ${deduplicationId}`;
  return { deduplicationId, input: { group: groupId, dedupId } };
}

function requireLabel(name: string, label: string): void {
  if (labelPattern.test(label)) return;
  throw invalidValue(
    name,
    label,
    `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );
}
