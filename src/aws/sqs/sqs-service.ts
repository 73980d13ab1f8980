/**
 * SQS over Hearth's own queues, in JSON and in AWS Query.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
 */
import type { Handlers } from "../service.ts";
import { moveTaskHandlers } from "./move-tasks.ts";
import type { SqsServices } from "./queue-access.ts";
import { queueHandlers } from "./queues.ts";
import { receiveHandlers } from "./receive.ts";
import { sendHandlers } from "./send.ts";
import { tagAndPermissionHandlers } from "./tags-and-permissions.ts";

export function sqsHandlers(services: SqsServices): Handlers {
  return {
    ...queueHandlers(services),
    ...tagAndPermissionHandlers(services),
    ...sendHandlers(services),
    ...receiveHandlers(services),
    ...moveTaskHandlers(services),
  };
}

const attributes =
  "`KmsMasterKeyId`, `KmsDataKeyReusePeriodSeconds` and `SqsManagedSseEnabled` are kept and answered: messages lie in " +
  "the data directory as it is, encrypted only if its disk is. `FifoThroughputLimit` is kept; no queue is throttled.";
const groups =
  "`MessageGroupId` orders FIFO queues; of standard queues it is kept and told, and makes them no fair queues.";
const policies = "Policies are obeyed for callers of other accounts; calls of the queue's own account are not judged.";

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  AddPermission: policies,
  CreateQueue: attributes,
  ReceiveMessage: "Receive attempts of FIFO queues are remembered until a restart.",
  SendMessage: groups,
  SendMessageBatch: groups,
  SetQueueAttributes: `${attributes} ${policies}`,
  StartMessageMoveTask: "Without a rate, as fast as it goes.",
};
