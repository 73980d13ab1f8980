/**
 * Where a queue's messages go that were received too often, and whose dead-letter queue a queue may be.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
 */
import { invalidAttribute, invalidValue } from "./refusals.ts";
import {
  isFifoName,
  parseQueueArn,
  queueArn,
  type QueueRef,
  type RedriveAllowPolicy,
  type RedrivePolicy,
} from "./queue-record.ts";

const receiveCountMax = 1000;
const sourceQueuesMax = 10;

/** Throws what SQS says of a policy that cannot be one of this queue. */
export function parseRedrivePolicy(text: string, queue: QueueRef): RedrivePolicy {
  const refuse = (reason: string): Error => invalidValue("RedrivePolicy", text, reason);
  const policy = objectOf(text);
  if (policy === undefined) throw invalidAttribute("RedrivePolicy", "Redrive policy is not a valid JSON map.");
  for (const name of ["maxReceiveCount", "deadLetterTargetArn"]) {
    if (policy[name] === undefined) {
      throw refuse(`Redrive policy does not contain mandatory attribute: ${name}.`);
    }
  }
  const { deadLetterTargetArn, maxReceiveCount, ...others } = policy;
  if (Object.keys(others).length > 0) {
    throw refuse("Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].");
  }
  const count = Number(maxReceiveCount);
  if (!Number.isInteger(count) || count < 1 || count > receiveCountMax) {
    throw refuse(
      `Invalid value for maxReceiveCount: ${String(maxReceiveCount)}, valid values are from 1 to ` +
        `${receiveCountMax} both inclusive.`,
    );
  }
  const arn = String(deadLetterTargetArn);
  if (arn.split(":").length !== 6) throw refuse("Dead-letter target ARN should be fully qualified ARN.");
  const target = parseQueueArn(arn);
  if (target === undefined) throw refuse("Only SQS queues are valid resources for deadLetterTargetArn.");
  if (target.scope.account !== queue.scope.account || target.scope.region !== queue.scope.region) {
    throw refuse("Dead-letter target owner should be same as the source.");
  }
  if (isFifoName(target.name) !== isFifoName(queue.name)) {
    // With two dots, as AWS says it.
    throw refuse("Dead-letter queue must be same type of queue as the source..");
  }
  return { deadLetterTargetArn: queueArn(target), maxReceiveCount: count };
}

const unsupportedFormat = "Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.";

export function parseRedriveAllowPolicy(text: string): RedriveAllowPolicy {
  const refuse = (reason: string): Error =>
    invalidValue("RedriveAllowPolicy", text, `Amazon SQS can't create the redrive allow policy. ${reason}`);
  const { redrivePermission, sourceQueueArns, ...others } = objectOf(text) ?? {};
  const isList = Array.isArray(sourceQueueArns) && sourceQueueArns.every((arn) => typeof arn === "string");
  if (Object.keys(others).length > 0 || (sourceQueueArns !== undefined && !isList)) {
    throw invalidAttribute("RedriveAllowPolicy", unsupportedFormat);
  }
  const arns = isList ? (sourceQueueArns as readonly string[]) : [];
  switch (redrivePermission) {
    case "allowAll":
    case "denyAll":
      if (arns.length > 0) {
        throw refuse("To specify one or more source queue ARNs, you must set redrivePermission to byQueue.");
      }
      return { redrivePermission };
    case "byQueue":
      if (arns.length === 0) {
        throw refuse(
          "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.",
        );
      }
      if (arns.length > sourceQueuesMax) {
        throw refuse(`The maximum number of source queue ARNs you can specify is ${sourceQueuesMax}.`);
      }
      return { redrivePermission, sourceQueueArns: arns };
    default:
      throw invalidAttribute("RedriveAllowPolicy", unsupportedFormat);
  }
}

/** Whether a queue with this policy may be the dead-letter queue of `source`. */
export function allowsSource(policy: RedriveAllowPolicy | undefined, source: QueueRef): boolean {
  if (policy === undefined || policy.redrivePermission === "allowAll") return true;
  return policy.redrivePermission === "byQueue" && policy.sourceQueueArns.includes(queueArn(source));
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
