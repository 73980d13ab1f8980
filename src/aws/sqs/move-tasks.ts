/** Tasks that move messages out of dead-letter queues. */
import type {
  CancelMessageMoveTaskCommandInput,
  CancelMessageMoveTaskCommandOutput,
  ListMessageMoveTasksCommandInput,
  ListMessageMoveTasksCommandOutput,
  StartMessageMoveTaskCommandInput,
  StartMessageMoveTaskCommandOutput,
} from "@aws-sdk/client-sqs";
import { queueArn } from "../../control-plane/queues/queue-record.ts";
import { invalidValue } from "../../control-plane/queues/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";
import type { SqsServices } from "./queue-access.ts";

type Answer<Output> = Omit<Output, "$metadata">;

const listedMax = 10;

export function moveTaskHandlers({ queues }: SqsServices): Handlers {
  const { moveTasks } = queues;
  return {
    async StartMessageMoveTask(
      input: StartMessageMoveTaskCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<StartMessageMoveTaskCommandOutput>> {
      const request = {
        sourceArn: input.SourceArn ?? "",
        destinationArn: input.DestinationArn,
        perSecondMax: input.MaxNumberOfMessagesPerSecond,
      };
      return { TaskHandle: await moveTasks.begin(scope, request) };
    },

    async CancelMessageMoveTask(
      input: CancelMessageMoveTaskCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<CancelMessageMoveTaskCommandOutput>> {
      return { ApproximateNumberOfMessagesMoved: await moveTasks.cancel(scope, input.TaskHandle ?? "") };
    },

    async ListMessageMoveTasks(
      input: ListMessageMoveTasksCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<ListMessageMoveTasksCommandOutput>> {
      const { SourceArn: sourceArn = "", MaxResults: max = 1 } = input;
      if (!(max >= 1 && max <= listedMax)) {
        throw invalidValue("MaxResults", max, `Must be between 1 and ${listedMax}, if provided.`);
      }
      const tasks = await moveTasks.list(scope, sourceArn, max);
      return {
        Results: tasks.map(({ record, handle }) => ({
          TaskHandle: handle,
          Status: record.status,
          SourceArn: queueArn(record.source),
          DestinationArn: record.destinationArn,
          MaxNumberOfMessagesPerSecond: record.perSecondMax,
          ApproximateNumberOfMessagesMoved: record.moved,
          ApproximateNumberOfMessagesToMove: record.toMove,
          FailureReason: record.failureReason,
          StartedTimestamp: record.startedAtMs,
        })),
      };
    },
  };
}
