/**
 * SQS messages as a function gets them, and how they are put together to events; pure.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
 */
import {
  digestOfAttributes,
  type MessageAttribute,
  type MessageAttributes,
} from "../control-plane/queues/message-attributes.ts";
import type { ReceivedMessage } from "../control-plane/queues/message.ts";
import { queueArn, type QueueRef } from "../control-plane/queues/queue-record.ts";
import { turnsMax, turnsOf, type LineageId } from "../data-plane/frontend/lineage.ts";

/** Of an event. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const eventBytesMax = 6_291_456;

const opening = '{"Records":[';
const closing = "]}";

/** Without the body: what a filter asks of it is asked of its members. */
export type SqsRecord = Readonly<Record<string, unknown>>;

export interface RecordOptions {
  readonly queue: QueueRef;
  /** Records of mappings with a batching window say also that a message has no attributes, as AWS's do. */
  readonly hasWindow: boolean;
}

export function sqsRecord(message: ReceivedMessage, { queue, hasWindow }: RecordOptions): SqsRecord {
  const digest = digestOfAttributes(message.attributes) ?? (hasWindow ? null : undefined);
  return {
    messageId: message.id,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: systemAttributesOf(message),
    messageAttributes: attributesOf(message.attributes),
    ...(digest === undefined ? {} : { md5OfMessageAttributes: digest }),
    md5OfBody: message.bodyDigest,
    eventSource: "aws:sqs",
    eventSourceARN: queueArn(queue),
    awsRegion: queue.scope.region,
  };
}

/** What is undefined is left out of the JSON. */
function systemAttributesOf(message: ReceivedMessage): Readonly<Record<string, string | undefined>> {
  return {
    ApproximateReceiveCount: String(message.receiveCount),
    AWSTraceHeader: message.traceHeader,
    SentTimestamp: String(message.sentAtMs),
    SequenceNumber: message.sequenceNumber,
    MessageGroupId: message.groupId,
    SenderId: message.senderId,
    MessageDeduplicationId: message.deduplicationId,
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    DeadLetterQueueSourceArn: message.deadLetterSourceArn,
  };
}

function attributesOf(attributes: MessageAttributes): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.entries(attributes).map(([name, attribute]) => [name, attributeOf(attribute)]));
}

function attributeOf({ dataType, stringValue, binaryValue }: MessageAttribute): object {
  return {
    ...(binaryValue === undefined
      ? { stringValue: stringValue ?? "" }
      : { binaryValue: Buffer.from(binaryValue).toString("base64") }),
    stringListValues: [],
    binaryListValues: [],
    dataType,
  };
}

/** A message with its record as JSON. */
export interface BatchItem {
  readonly message: ReceivedMessage;
  readonly json: string;
  readonly bytes: number;
  /** That the function has had in the message's chain. */
  readonly turns: number;
}

/** `id` is the function's. */
export function batchItem(message: ReceivedMessage, record: SqsRecord, id: LineageId): BatchItem {
  const json = JSON.stringify(record);
  return { message, json, bytes: Buffer.byteLength(json), turns: turnsOf(message.traceHeader, id) };
}

/** The chain that an invocation with these items goes on: the one that is nearest to a loop, so that none hides in a crowd. */
export function traceOf(items: readonly BatchItem[]): string | undefined {
  const traced = items.filter(({ message }) => message.traceHeader !== undefined);
  const [first] = traced;
  const longest = first && traced.reduce((most, item) => (item.turns > most.turns ? item : most), first);
  return longest?.message.traceHeader;
}

export function eventOf(items: readonly BatchItem[]): Uint8Array {
  return Buffer.from(`${opening}${items.map(({ json }) => json).join(",")}${closing}`);
}

/**
 * How many of the first items go into one event: `sizeMax` at most, as many as it can hold, and always one. What is in a
 * loop is refused, and takes nothing else with it.
 */
export function itemsOfOneEvent(items: readonly BatchItem[], sizeMax: number): number {
  let bytes = opening.length + closing.length;
  let count = 0;
  for (const item of items) {
    bytes += item.bytes + (count === 0 ? 0 : 1);
    const isOther = isLoop(item) !== isLoop(items[0] ?? item);
    if (count > 0 && (count >= sizeMax || bytes > eventBytesMax || isOther)) break;
    count += 1;
  }
  return count;
}

function isLoop({ turns }: BatchItem): boolean {
  return turns >= turnsMax;
}
