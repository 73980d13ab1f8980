/** Tags of queues, and permissions for other accounts. */
import type {
  AddPermissionCommandInput,
  ListQueueTagsCommandInput,
  ListQueueTagsCommandOutput,
  RemovePermissionCommandInput,
  TagQueueCommandInput,
  UntagQueueCommandInput,
} from "@aws-sdk/client-sqs";
import { invalidParameter } from "../../control-plane/queues/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";
import { queueAt, type SqsServices } from "./queue-access.ts";

export function tagAndPermissionHandlers(services: SqsServices): Handlers {
  const { queues } = services;
  return {
    async ListQueueTags(
      input: ListQueueTagsCommandInput,
      context: CallContext,
    ): Promise<Omit<ListQueueTagsCommandOutput, "$metadata">> {
      const { tags } = await queueAt(services, input.QueueUrl, "owner", context);
      return Object.keys(tags).length === 0 ? {} : { Tags: { ...tags } };
    },

    async TagQueue(input: TagQueueCommandInput, context: CallContext) {
      const queue = await queueAt(services, input.QueueUrl, "owner", context);
      await queues.changeTags(queue, { set: input.Tags ?? {} });
      return {};
    },

    async UntagQueue(input: UntagQueueCommandInput, context: CallContext) {
      const queue = await queueAt(services, input.QueueUrl, "owner", context);
      const { TagKeys: remove = [] } = input;
      if (remove.length === 0) throw invalidParameter("Tag keys must be between 1 and 128 characters in length.");
      await queues.changeTags(queue, { remove });
      return {};
    },

    async AddPermission(input: AddPermissionCommandInput, context: CallContext) {
      const queue = await queueAt(services, input.QueueUrl, "owner", context);
      const { Label: label = "", AWSAccountIds: accounts = [], Actions: actions = [] } = input;
      await queues.addPermission(queue, { label, accounts, actions });
      return {};
    },

    async RemovePermission(input: RemovePermissionCommandInput, context: CallContext) {
      const queue = await queueAt(services, input.QueueUrl, "owner", context);
      await queues.removePermission(queue, input.Label ?? "");
      return {};
    },
  };
}
