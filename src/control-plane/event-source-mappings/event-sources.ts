/**
 * Where a mapping's records come from, and whether the source is there. Only the services that Hearth has can tell; of
 * all others it is unknown, and the mapping is accepted.
 */
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import { parseQueueArn, type QueueRecord, type QueueRef } from "../queues/queue-record.ts";

/** Lambda's kinds of event sources; each takes settings of its own. */
export type SourceKind = "sqs" | "kinesis" | "dynamodb" | "msk" | "self-managed-kafka" | "mq" | "documentdb";

/** Those that an ARN names. */
type NamedKind = Exclude<SourceKind, "self-managed-kafka">;

export type EventSource =
  | { readonly kind: NamedKind; readonly arn: string }
  | { readonly kind: "self-managed-kafka"; readonly bootstrapServers: readonly string[] };

export interface EventSources {
  /** Kinds that nothing reads from are refused. */
  isRead(kind: SourceKind): boolean;
  /** Whether mappings in `scope` can read from it. */
  exists(arn: string, scope: Scope): Promise<"yes" | "no" | "forbidden" | "unknown">;
  /** How long what was read is kept from others; undefined of sources that do not, or that are not known. */
  visibilitySecondsOf(arn: string): number | undefined;
}

/** Of no source is it known whether it is there. */
export const unknownSources: EventSources = {
  isRead: () => true,
  exists: () => Promise.resolve("unknown"),
  visibilitySecondsOf: () => undefined,
};

/**
 * Queues are the one kind that is read from. Differs from AWS: a queue of another account is refused, whatever its policy
 * says.
 */
export function queueSources(queues: { find(queue: QueueRef): QueueRecord | undefined }): EventSources {
  return {
    isRead: (kind) => kind === "sqs",
    exists(arn, scope) {
      const queue = parseQueueArn(arn);
      if (queue === undefined) return Promise.resolve("unknown");
      if (queue.scope.account !== scope.account) return Promise.resolve("forbidden");
      return Promise.resolve(queues.find(queue) === undefined ? "no" : "yes");
    },
    visibilitySecondsOf(arn) {
      const queue = parseQueueArn(arn);
      return queue && queues.find(queue)?.settings.visibilitySeconds;
    },
  };
}

const kindPatterns: readonly (readonly [NamedKind, RegExp])[] = [
  ["sqs", /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,80}(?:\.fifo)?$/],
  ["kinesis", /^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream\/[a-zA-Z0-9_.-]+(?:\/consumer\/[a-zA-Z0-9_.-]+:\d+)?$/],
  ["dynamodb", /^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table\/[a-zA-Z0-9_.-]+\/stream\/[a-zA-Z0-9_.:-]+$/],
  ["msk", /^arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:(?:cluster|vpc-connection)\/.+$/],
  ["mq", /^arn:aws[a-z-]*:mq:[a-z0-9-]+:\d{12}:broker:.+$/],
  ["documentdb", /^arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:cluster:.+$/],
];

/** Undefined when the ARN is of nothing that Lambda reads from. */
export function eventSourceOf(arn: string): EventSource | undefined {
  const kind = kindPatterns.find(([, pattern]) => pattern.test(arn))?.[0];
  return kind && { kind, arn };
}

export function isFifoQueue(source: EventSource): boolean {
  return source.kind === "sqs" && source.arn.endsWith(".fifo");
}

const kindNames: Readonly<Record<SourceKind, string>> = {
  sqs: "SQS queues",
  kinesis: "Kinesis streams",
  dynamodb: "DynamoDB streams",
  msk: "MSK clusters",
  "self-managed-kafka": "Kafka clusters",
  mq: "MQ brokers",
  documentdb: "DocumentDB clusters",
};

export function sourceNotRead(kind: SourceKind): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    `Hearth does not read from ${kindNames[kind]} yet. Event source mappings take SQS queues only.`,
  );
}

export function visibilityTooShort(visibilitySeconds: number, timeoutSeconds: number): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    `Queue visibility timeout: ${visibilitySeconds} seconds is less than Function timeout: ${timeoutSeconds} seconds`,
  );
}

/** Of a queue of another account. */
export function sourceForbidden(): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    "The function execution role does not have permissions to call ReceiveMessage on SQS",
  );
}

export function sourceMissing(kind: SourceKind, arn: string): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    kind === "sqs"
      ? "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. " +
          "SQS Error Message: The specified queue does not exist."
      : `Stream not found: ${arn}`,
  );
}
