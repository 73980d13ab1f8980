/** Queues: their life, their attributes, and which queues give up messages to which. */
import type {
  CreateQueueCommandInput,
  CreateQueueCommandOutput,
  DeleteQueueCommandInput,
  GetQueueAttributesCommandInput,
  GetQueueAttributesCommandOutput,
  GetQueueUrlCommandInput,
  GetQueueUrlCommandOutput,
  ListDeadLetterSourceQueuesCommandInput,
  ListDeadLetterSourceQueuesCommandOutput,
  ListQueuesCommandInput,
  ListQueuesCommandOutput,
  PurgeQueueCommandInput,
  SetQueueAttributesCommandInput,
} from "@aws-sdk/client-sqs";
import { printSettings } from "../../control-plane/queues/queue-attributes.ts";
import type { MessageQueue } from "../../control-plane/queues/message-queue.ts";
import { isQueueName, queueArn } from "../../control-plane/queues/queue-record.ts";
import { invalidValue, unknownAttribute } from "../../control-plane/queues/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";
import { pageOfQueues } from "./page-token.ts";
import { messagesAt, missingQueue, queueAt, queueFor, type SqsServices } from "./queue-access.ts";
import { urlOfQueue } from "./queue-url.ts";

type Answer<Output> = Omit<Output, "$metadata">;

export function queueHandlers(services: SqsServices): Handlers {
  const { queues } = services;
  return {
    async CreateQueue(
      input: CreateQueueCommandInput,
      { scope, headers }: CallContext,
    ): Promise<Answer<CreateQueueCommandOutput>> {
      const queue = { scope, name: input.QueueName ?? "" };
      await queues.create(queue, presentOf(input.Attributes), presentOf(input.tags));
      return { QueueUrl: urlOfQueue(queue, headers) };
    },

    async GetQueueUrl(input: GetQueueUrlCommandInput, context: CallContext): Promise<Answer<GetQueueUrlCommandOutput>> {
      const account = input.QueueOwnerAWSAccountId ?? context.scope.account;
      const queue = { scope: { ...context.scope, account }, name: input.QueueName ?? "" };
      if (!/^\d{12}$/.test(account)) {
        throw invalidValue("QueueOwnerAWSAccountId", account, "Must be a 12-digit account ID.");
      }
      if (!isQueueName(queue.name)) throw missingQueue(context);
      await queueFor(services, queue, "sqs:GetQueueUrl", context);
      return { QueueUrl: urlOfQueue(queue, context.headers) };
    },

    ListQueues(input: ListQueuesCommandInput, { scope, headers }: CallContext): Answer<ListQueuesCommandOutput> {
      const { QueueNamePrefix: prefix = "", MaxResults: max, NextToken: token } = input;
      const found = queues.list(scope).filter(({ name }) => name.startsWith(prefix));
      const { page, nextToken } = pageOfQueues(found, { max, token });
      return {
        ...(page.length === 0 ? {} : { QueueUrls: page.map((queue) => urlOfQueue(queue, headers)) }),
        NextToken: nextToken,
      };
    },

    async DeleteQueue(input: DeleteQueueCommandInput, context: CallContext) {
      await queues.delete(await queueAt(services, input.QueueUrl, "owner", context));
      return {};
    },

    async GetQueueAttributes(
      input: GetQueueAttributesCommandInput,
      context: CallContext,
    ): Promise<Answer<GetQueueAttributesCommandOutput>> {
      const names: readonly string[] = input.AttributeNames ?? [];
      const messages = await messagesAt(services, input.QueueUrl, "sqs:GetQueueAttributes", context);
      const unknown = names.find((name) => name !== "All" && !attributeNames.has(name));
      if (unknown !== undefined) throw unknownAttribute(unknown);
      if (names.length === 0) return {};
      const isWanted = (name: string): boolean => names.includes("All") || names.includes(name);
      const all = { ...printFacts(messages), ...(countNames.some(isWanted) ? await printCounts(messages) : {}) };
      return { Attributes: Object.fromEntries(Object.entries(all).filter(([name]) => isWanted(name))) };
    },

    async SetQueueAttributes(input: SetQueueAttributesCommandInput, context: CallContext) {
      const queue = await queueAt(services, input.QueueUrl, "owner", context);
      await queues.setAttributes(queue, presentOf(input.Attributes));
      return {};
    },

    async PurgeQueue(input: PurgeQueueCommandInput, context: CallContext) {
      await queues.purge(await queueAt(services, input.QueueUrl, "sqs:PurgeQueue", context));
      return {};
    },

    async ListDeadLetterSourceQueues(
      input: ListDeadLetterSourceQueuesCommandInput,
      context: CallContext,
    ): Promise<Answer<ListDeadLetterSourceQueuesCommandOutput>> {
      const queue = await queueAt(services, input.QueueUrl, "sqs:ListDeadLetterSourceQueues", context);
      const { page, nextToken } = pageOfQueues(queues.deadLetterSources(queue), {
        max: input.MaxResults,
        token: input.NextToken,
      });
      return { queueUrls: page.map((source) => urlOfQueue(source, context.headers)), NextToken: nextToken };
    },
  };
}

/** Without the members that are null, which JSON allows. */
function presentOf(values: Readonly<Record<string, string | undefined>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

const countNames = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
];

const attributeNames: ReadonlySet<string> = new Set([
  ...countNames,
  "ContentBasedDeduplication",
  "CreatedTimestamp",
  "DeduplicationScope",
  "DelaySeconds",
  "FifoQueue",
  "FifoThroughputLimit",
  "KmsDataKeyReusePeriodSeconds",
  "KmsMasterKeyId",
  "LastModifiedTimestamp",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "Policy",
  "QueueArn",
  "ReceiveMessageWaitTimeSeconds",
  "RedriveAllowPolicy",
  "RedrivePolicy",
  "SqsManagedSseEnabled",
  "VisibilityTimeout",
]);

function printFacts({ record }: MessageQueue): Readonly<Record<string, string>> {
  return {
    QueueArn: queueArn(record),
    CreatedTimestamp: String(Math.floor(record.createdAtMs / 1000)),
    LastModifiedTimestamp: String(Math.floor(record.modifiedAtMs / 1000)),
    ...printSettings(record.settings),
  };
}

async function printCounts(messages: MessageQueue): Promise<Readonly<Record<string, string>>> {
  const { visible, inFlight, delayed } = await messages.stats();
  return {
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
}
