/** SendMessage and SendMessageBatch. */
import type {
  BatchResultErrorEntry,
  MessageAttributeValue,
  SendMessageBatchCommandInput,
  SendMessageBatchCommandOutput,
  SendMessageBatchRequestEntry,
  SendMessageBatchResultEntry,
  SendMessageCommandInput,
  SendMessageCommandOutput,
} from "@aws-sdk/client-sqs";
import { ApiError } from "../../core/errors.ts";
import type { MessageAttribute } from "../../control-plane/queues/message-attributes.ts";
import type { OutgoingMessage, SentMessageAnswer } from "../../control-plane/queues/message.ts";
import { bytesOf, prepareMessage, type PreparedMessage } from "../../control-plane/queues/outgoing-message.ts";
import type { QueueSettings } from "../../control-plane/queues/queue-record.ts";
import { invalidParameter, missingParameter, notDeduplicated } from "../../control-plane/queues/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";
import { failedEntry, requireBatch } from "./batches.ts";
import { messagesAt, type SqsServices } from "./queue-access.ts";

/** All messages of a batch together. */
const batchBytesMax = 1_048_576;

export function sendHandlers(services: SqsServices): Handlers {
  return {
    async SendMessage(
      input: SendMessageCommandInput,
      context: CallContext,
    ): Promise<Omit<SendMessageCommandOutput, "$metadata">> {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:SendMessage", context);
      const { userId } = await services.identify(context);
      const [sent] = await messages.send([prepareMessage(messages.record.settings, outgoing(input, context), userId)]);
      return sent === undefined ? {} : answerOf(sent);
    },

    async SendMessageBatch(
      input: SendMessageBatchCommandInput,
      context: CallContext,
    ): Promise<Omit<SendMessageBatchCommandOutput, "$metadata">> {
      const messages = await messagesAt(services, input.QueueUrl, "sqs:SendMessage", context);
      const entries = requireBatch(input.Entries, "SendMessageBatchRequestEntry");
      const { settings } = messages.record;
      const given = entries.map((entry, index) => {
        requireWhole(settings, entry, index + 1);
        return { id: entry.Id, message: outgoing(entry, context) };
      });
      requireBatchBytes(given.map(({ message }) => message));
      const { userId } = await services.identify(context);
      const taken: { readonly id: string; readonly prepared: PreparedMessage }[] = [];
      const failed: BatchResultErrorEntry[] = [];
      for (const { id, message } of given) {
        try {
          taken.push({ id, prepared: prepareMessage(settings, message, userId) });
        } catch (error) {
          failed.push(failedEntry(id, error));
        }
      }
      const sent = taken.length === 0 ? [] : await messages.send(taken.map(({ prepared }) => prepared));
      return {
        Successful: sent.map((answer, index) => entryOf(taken[index]?.id, answer)),
        Failed: failed.length === 0 ? undefined : failed,
      };
    },
  };
}

/** What an entry of a batch lacks fails the batch as a whole, other than what is wrong with it. */
function requireWhole({ fifo }: QueueSettings, entry: SendMessageBatchRequestEntry, position: number): void {
  if ((entry.MessageBody ?? "") === "") {
    throw missingParameter(`SendMessageBatchRequestEntry.${position}.MessageBody`);
  }
  if (fifo === undefined) return;
  if (entry.MessageGroupId === undefined) {
    throw invalidParameter("The request must contain the parameter MessageGroupId.");
  }
  if (entry.MessageDeduplicationId === undefined && !fifo.contentBasedDeduplication) throw notDeduplicated();
}

function requireBatchBytes(messages: readonly OutgoingMessage[]): void {
  const bytes = messages.reduce((sum, message) => sum + bytesOf(message), 0);
  if (bytes <= batchBytesMax) return;
  throw new ApiError(
    "BatchRequestTooLong",
    `Batch requests cannot be longer than ${batchBytesMax} bytes. You have sent ${bytes} bytes.`,
  );
}

type MessageInput = Omit<SendMessageBatchRequestEntry, "Id">;

/** The trace of the request itself is the message's unless it says another. */
function outgoing(input: MessageInput, { headers }: CallContext): OutgoingMessage {
  const { "x-amzn-trace-id": requestTrace } = headers;
  const traceHeader = traceOf(input.MessageSystemAttributes);
  const attributes = Object.entries(input.MessageAttributes ?? {});
  return {
    body: input.MessageBody ?? "",
    ...(attributes.length === 0
      ? {}
      : { attributes: Object.fromEntries(attributes.map(([name, value]) => [name, attributeOf(value)])) }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
    ...(typeof requestTrace === "string" ? { requestTrace } : {}),
    ...(input.DelaySeconds === undefined ? {} : { delaySeconds: input.DelaySeconds }),
    ...(input.MessageGroupId === undefined ? {} : { groupId: input.MessageGroupId }),
    ...(input.MessageDeduplicationId === undefined ? {} : { deduplicationId: input.MessageDeduplicationId }),
  };
}

function traceOf(attributes: MessageInput["MessageSystemAttributes"] = {}): string | undefined {
  for (const [name, value] of Object.entries(attributes)) {
    if (name !== "AWSTraceHeader") throw invalidParameter(`Message system attribute name '${name}' is invalid.`);
    if (value.DataType !== "String" || (value.StringValue ?? "") === "") {
      throw invalidParameter(`Message (system) attribute '${name}' must contain a non-empty value of type 'String'.`);
    }
    return value.StringValue;
  }
  return undefined;
}

function attributeOf(value: MessageAttributeValue): MessageAttribute {
  if ((value.StringListValues?.length ?? 0) > 0 || (value.BinaryListValues?.length ?? 0) > 0) {
    throw new ApiError(
      "UnsupportedOperation",
      "Message attribute list values in SendMessage operation are not supported.",
    );
  }
  return {
    dataType: value.DataType ?? "",
    ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
    ...(value.BinaryValue === undefined ? {} : { binaryValue: value.BinaryValue }),
  };
}

function entryOf(id: string | undefined, sent: SentMessageAnswer): SendMessageBatchResultEntry {
  return Object.assign(answerOf(sent), { Id: id });
}

function answerOf(sent: SentMessageAnswer): Omit<SendMessageBatchResultEntry, "Id"> {
  return {
    MessageId: sent.id,
    MD5OfMessageBody: sent.bodyDigest,
    MD5OfMessageAttributes: sent.attributesDigest,
    MD5OfMessageSystemAttributes: sent.systemAttributesDigest,
    SequenceNumber: sent.sequenceNumber,
  };
}
