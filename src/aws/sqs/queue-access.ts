/**
 * Finds the queue that a request names and says who asks. Queues of other accounts are open to whom their policy names;
 * to all others they do not tell more than that they are closed.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-examples-of-sqs-policies.html
 */
import { ApiError } from "../../core/errors.ts";
import { isGranted } from "../../control-plane/queues/queue-policy.ts";
import { queueArn, type QueueRecord, type QueueRef } from "../../control-plane/queues/queue-record.ts";
import type { MessageQueue } from "../../control-plane/queues/message-queue.ts";
import type { QueueService } from "../../control-plane/queues/queue-service.ts";
import { queueNotFound } from "../../control-plane/queues/refusals.ts";
import type { Session } from "../auth/sessions.ts";
import type { CallContext } from "../service.ts";
import { queueOfUrl } from "./queue-url.ts";

export interface SqsServices {
  readonly queues: QueueService;
  /** Who calls, as STS says it. */
  readonly identify: (context: CallContext) => Promise<Session>;
}

/** What a policy can grant to other accounts, by operation; all else is for the owner alone. */
export type GrantableAction =
  | "sqs:ChangeMessageVisibility"
  | "sqs:DeleteMessage"
  | "sqs:GetQueueAttributes"
  | "sqs:GetQueueUrl"
  | "sqs:ListDeadLetterSourceQueues"
  | "sqs:PurgeQueue"
  | "sqs:ReceiveMessage"
  | "sqs:SendMessage";

/** The record of the queue with this URL. Throws QueueDoesNotExist, AccessDeniedException or InvalidAddress. */
export async function queueAt(
  services: SqsServices,
  url: string | undefined,
  action: GrantableAction | "owner",
  context: CallContext,
): Promise<QueueRecord> {
  const queue = queueOfUrl(url ?? "", context.scope);
  return queueFor(services, queue, action, context);
}

export async function queueFor(
  services: SqsServices,
  queue: QueueRef,
  action: GrantableAction | "owner",
  context: CallContext,
): Promise<QueueRecord> {
  const record = services.queues.find(queue);
  if (queue.scope.account !== context.scope.account) await requireGrant(services, { queue, record }, action, context);
  if (record === undefined) throw missingQueue(context);
  return record;
}

export async function messagesAt(
  services: SqsServices,
  url: string | undefined,
  action: GrantableAction | "owner",
  context: CallContext,
): Promise<MessageQueue> {
  return services.queues.messages(await queueAt(services, url, action, context));
}

/** The text has its own words for those who speak AWS Query. */
export function missingQueue({ headers }: CallContext): ApiError {
  if (headers["x-amz-target"] !== undefined) return queueNotFound();
  return new ApiError("QueueDoesNotExist", "The specified queue does not exist for this wsdl version.");
}

async function requireGrant(
  { identify }: SqsServices,
  { queue, record }: { readonly queue: QueueRef; readonly record: QueueRecord | undefined },
  action: GrantableAction | "owner",
  context: CallContext,
): Promise<void> {
  const { arn, roleArn } = await identify(context);
  const isAllowed =
    action !== "owner" &&
    isGranted(record?.settings.policy, queue, {
      action,
      account: context.scope.account,
      principalArn: roleArn ?? arn,
      sessionArn: arn,
    });
  if (isAllowed) return;
  const asked = action === "owner" ? "sqs:*" : action.toLowerCase();
  throw new ApiError(
    "AccessDeniedException",
    `User: ${arn} is not authorized to perform: ${asked} on resource: ${queueArn(queue)} ` +
      `because no resource-based policy allows the ${asked} action`,
  );
}
