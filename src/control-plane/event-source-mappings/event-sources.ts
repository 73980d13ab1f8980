/**
 * Where a mapping's records come from, and whether the source is there. Only the services that Hearth has can tell; of
 * all others it is unknown, and the mapping is accepted.
 */
import { ApiError } from "../../core/errors.ts";
import { parseQueueArn, type QueueRef } from "../queues/queue-record.ts";

/** Lambda's kinds of event sources; each takes settings of its own. */
export type SourceKind = "sqs" | "kinesis" | "dynamodb" | "msk" | "self-managed-kafka" | "mq" | "documentdb";

/** Those that an ARN names. */
type NamedKind = Exclude<SourceKind, "self-managed-kafka">;

export type EventSource =
  | { readonly kind: NamedKind; readonly arn: string }
  | { readonly kind: "self-managed-kafka"; readonly bootstrapServers: readonly string[] };

export interface EventSources {
  exists(arn: string): Promise<"yes" | "no" | "unknown">;
}

/** Of no source is it known whether it is there. */
export const unknownSources: EventSources = { exists: () => Promise.resolve("unknown") };

/** Of queues it is known, of all other sources it is not. */
export function queueSources(queues: { find(queue: QueueRef): unknown }): EventSources {
  return {
    exists(arn) {
      const queue = parseQueueArn(arn);
      if (queue === undefined) return Promise.resolve("unknown");
      return Promise.resolve(queues.find(queue) === undefined ? "no" : "yes");
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

export function sourceMissing(kind: SourceKind, arn: string): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    kind === "sqs"
      ? "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. " +
          "SQS Error Message: The specified queue does not exist."
      : `Stream not found: ${arn}`,
  );
}
