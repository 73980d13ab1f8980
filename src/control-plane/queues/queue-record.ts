/**
 * What is kept of a queue. Its messages are in a queue of the engine that has the record's `uid` in its name, so that
 * a queue made again under a name never sees what was left of the one before.
 */
import type { Scope } from "../../core/identity.ts";
import type { Key } from "../../engine/contract.ts";

/** Which queue: its account, region and name. */
export interface QueueRef {
  readonly scope: Scope;
  readonly name: string;
}

export interface FifoSettings {
  readonly contentBasedDeduplication: boolean;
  readonly deduplicationScope: "queue" | "messageGroup";
  /** Kept and answered; Hearth limits the throughput of no queue. */
  readonly throughputLimit: "perQueue" | "perMessageGroupId";
}

export interface RedrivePolicy {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

export type RedriveAllowPolicy =
  | { readonly redrivePermission: "allowAll" | "denyAll" }
  | { readonly redrivePermission: "byQueue"; readonly sourceQueueArns: readonly string[] };

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
export interface QueueSettings {
  readonly delaySeconds: number;
  readonly messageBytesMax: number;
  readonly retentionSeconds: number;
  readonly receiveWaitSeconds: number;
  readonly visibilitySeconds: number;
  /** A standard queue has none. */
  readonly fifo?: FifoSettings;
  /** As it was written. */
  readonly policy?: string;
  readonly redrivePolicy?: RedrivePolicy;
  readonly redriveAllowPolicy?: RedriveAllowPolicy;
  readonly kmsMasterKeyId?: string;
  readonly kmsDataKeyReuseSeconds: number;
  readonly isSqsManagedSseEnabled: boolean;
}

export interface QueueRecord extends QueueRef {
  readonly uid: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly purgedAtMs?: number;
  readonly settings: QueueSettings;
  readonly tags: Readonly<Record<string, string>>;
}

/** Left in place of a deleted queue for a minute. */
export interface DeletedQueueRecord {
  readonly deletedAtMs: number;
}

export const queuesPrefix: Key = ["sqs-queue"];
export const deletedQueuesPrefix: Key = ["sqs-deleted-queue"];
/** Prefix of the engine's queues. */
export const messagesPrefix: Key = ["sqs-messages"];

export function queueKey({ scope, name }: QueueRef): Key {
  return ["sqs-queue", scope.account, scope.region, name];
}

export function deletedQueueKey({ scope, name }: QueueRef): Key {
  return ["sqs-deleted-queue", scope.account, scope.region, name];
}

export function messagesKey({ scope, name, uid }: Pick<QueueRecord, "scope" | "name" | "uid">): Key {
  return ["sqs-messages", scope.account, scope.region, name, uid];
}

export function queueArn({ scope, name }: QueueRef): string {
  return `arn:aws:sqs:${scope.region}:${scope.account}:${name}`;
}

const arnPattern =
  /^arn:aws[a-z-]*:sqs:(?<region>[a-z0-9-]{1,40}):(?<account>\d{12}):(?<name>[a-zA-Z0-9_-]{1,80}(?:\.fifo)?)$/;

/** Undefined for what is no queue's ARN. */
export function parseQueueArn(arn: string): QueueRef | undefined {
  const groups = arnPattern.exec(arn)?.groups;
  if (groups?.["region"] === undefined || groups["account"] === undefined || groups["name"] === undefined) {
    return undefined;
  }
  return { scope: { account: groups["account"], region: groups["region"] }, name: groups["name"] };
}

export function isFifoName(name: string): boolean {
  return name.endsWith(".fifo");
}

const standardName = /^[a-zA-Z0-9_-]{1,80}$/;
const fifoName = /^[a-zA-Z0-9_-]{1,75}\.fifo$/;

/** Whether a queue can be called so. */
export function isQueueName(name: string): boolean {
  return standardName.test(name) || fifoName.test(name);
}
