/** ReceiveMessage, and what receivers do with what they got. */
import type {
  BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityBatchCommandOutput,
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageBatchCommandOutput,
  DeleteMessageCommandInput,
  Message,
  ReceiveMessageCommandInput,
  ReceiveMessageCommandOutput,
} from "@aws-sdk/client-sqs";
import { digestOfAttributes, selectAttributes } from "../../control-plane/queues/message-attributes.ts";
import type { ReceivedMessage } from "../../control-plane/queues/message.ts";
import { visibilitySecondsMax } from "../../control-plane/queues/message-queue.ts";
import { invalidValue, unknownAttribute } from "../../control-plane/queues/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";
import { failedEntry, requireBatch } from "./batches.ts";
import { messagesAt, type SqsServices } from "./queue-access.ts";

const messagesMax = 10;
const waitSecondsMax = 20;
const attemptIdPattern = /^[\x21-\x7E]{1,128}$/;

export function receiveHandlers(services: SqsServices): Handlers {
  return {
    async ReceiveMessage(
      input: ReceiveMessageCommandInput,
      context: CallContext,
    ): Promise<Omit<ReceiveMessageCommandOutput, "$metadata">> {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:ReceiveMessage", context);
      const { MaxNumberOfMessages: max = 1, VisibilityTimeout, WaitTimeSeconds, ReceiveRequestAttemptId } = input;
      requireRange("MaxNumberOfMessages", max, 1, messagesMax, `Must be between 1 and ${messagesMax}, if provided.`);
      requireRange("VisibilityTimeout", VisibilityTimeout, 0, visibilitySecondsMax);
      requireRange("WaitTimeSeconds", WaitTimeSeconds, 0, waitSecondsMax);
      requireAttemptId(ReceiveRequestAttemptId, messages.record.settings.fifo !== undefined);
      const wanted = wantedOf(input);
      const received = await messages.receive({
        max,
        visibilitySeconds: VisibilityTimeout,
        waitSeconds: WaitTimeSeconds,
        attemptId: ReceiveRequestAttemptId,
        signal: context.signal,
      });
      return received.length === 0 ? {} : { Messages: received.map((message) => printMessage(message, wanted)) };
    },

    async DeleteMessage(input: DeleteMessageCommandInput, context: CallContext) {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:DeleteMessage", context);
      const [refusal] = await messages.delete([input.ReceiptHandle ?? ""]);
      if (refusal !== undefined) throw refusal;
      return {};
    },

    async DeleteMessageBatch(
      input: DeleteMessageBatchCommandInput,
      context: CallContext,
    ): Promise<Omit<DeleteMessageBatchCommandOutput, "$metadata">> {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:DeleteMessage", context);
      const entries = requireBatch(input.Entries, "DeleteMessageBatchRequestEntry");
      const refusals = await messages.delete(entries.map(({ ReceiptHandle }) => ReceiptHandle ?? ""));
      const ids = entries.map(({ Id }) => Id);
      return printBatch(ids, refusals);
    },

    async ChangeMessageVisibility(input: ChangeMessageVisibilityCommandInput, context: CallContext) {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:ChangeMessageVisibility", context);
      await messages.changeVisibility(input.ReceiptHandle ?? "", input.VisibilityTimeout ?? 0);
      return {};
    },

    async ChangeMessageVisibilityBatch(
      input: ChangeMessageVisibilityBatchCommandInput,
      context: CallContext,
    ): Promise<Omit<ChangeMessageVisibilityBatchCommandOutput, "$metadata">> {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:ChangeMessageVisibility", context);
      const entries = requireBatch(input.Entries, "ChangeMessageVisibilityBatchRequestEntry");
      const changes = await Promise.allSettled(
        entries.map(({ ReceiptHandle, VisibilityTimeout }) =>
          messages.changeVisibility(ReceiptHandle ?? "", VisibilityTimeout ?? 0),
        ),
      );
      const refusals = changes.map((change) => (change.status === "rejected" ? (change.reason as Error) : undefined));
      return printBatch(
        entries.map(({ Id }) => Id),
        refusals,
      );
    },
  };
}

/** `Failed` stands only where something failed. */
function printBatch(
  ids: readonly string[],
  refusals: readonly (Error | undefined)[],
): { Successful: { Id: string }[]; Failed: BatchResultErrorEntry[] | undefined } {
  const failed = ids.flatMap((id, index) => (refusals[index] === undefined ? [] : [failedEntry(id, refusals[index])]));
  return {
    Successful: ids.filter((_, index) => refusals[index] === undefined).map((Id) => ({ Id })),
    Failed: failed.length === 0 ? undefined : failed,
  };
}

function requireRange(
  name: string,
  value: number | undefined,
  min: number,
  max: number,
  reason = `Must be >= ${min} and <= ${max}, if provided.`,
): void {
  if (value !== undefined && !(value >= min && value <= max)) throw invalidValue(name, value, reason);
}

function requireAttemptId(attemptId: string | undefined, isFifo: boolean): void {
  if (attemptId === undefined) return;
  if (!isFifo) {
    const reason = "The request include parameter that is not valid for this queue type.";
    throw invalidValue("ReceiveRequestAttemptId", attemptId, reason);
  }
  if (!attemptIdPattern.test(attemptId)) {
    throw invalidValue(
      "ReceiveRequestAttemptId",
      attemptId,
      "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
    );
  }
}

interface Wanted {
  readonly isSystemWanted: (name: string) => boolean;
  readonly names: readonly string[];
}

const systemNames: ReadonlySet<string> = new Set([
  "ApproximateFirstReceiveTimestamp",
  "ApproximateReceiveCount",
  "AWSTraceHeader",
  "DeadLetterQueueSourceArn",
  "MessageDeduplicationId",
  "MessageGroupId",
  "SenderId",
  "SentTimestamp",
  "SequenceNumber",
]);

function wantedOf(input: ReceiveMessageCommandInput): Wanted {
  const system = new Set<string>([...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])]);
  const unknown = [...system].find((name) => name !== "All" && !systemNames.has(name));
  if (unknown !== undefined) throw unknownAttribute(unknown);
  const isAll = system.has("All");
  return { isSystemWanted: (name) => isAll || system.has(name), names: input.MessageAttributeNames ?? [] };
}

function printMessage(message: ReceivedMessage, { isSystemWanted, names }: Wanted): Message {
  const system = Object.entries(systemAttributesOf(message)).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isSystemWanted(entry[0]),
  );
  const selected = selectAttributes(message.attributes, names);
  const digest = digestOfAttributes(selected);
  return {
    MessageId: message.id,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: message.bodyDigest,
    Body: message.body,
    ...(system.length === 0 ? {} : { Attributes: Object.fromEntries(system) }),
    ...(digest === undefined
      ? {}
      : {
          MD5OfMessageAttributes: digest,
          MessageAttributes: Object.fromEntries(
            Object.entries(selected).map(([name, { dataType, stringValue, binaryValue }]) => [
              name,
              { DataType: dataType, StringValue: stringValue, BinaryValue: binaryValue },
            ]),
          ),
        }),
  };
}

function systemAttributesOf(message: ReceivedMessage): Readonly<Record<string, string | undefined>> {
  return {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAtMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    SequenceNumber: message.sequenceNumber,
    MessageDeduplicationId: message.deduplicationId,
    MessageGroupId: message.groupId,
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.deadLetterSourceArn,
  };
}
