/** SQS queues as destinations and dead-letter queues of events. */
import { prepareMessage } from "../control-plane/queues/outgoing-message.ts";
import { parseQueueArn } from "../control-plane/queues/queue-record.ts";
import type { QueueService } from "../control-plane/queues/queue-service.ts";
import { ApiError } from "../core/errors.ts";
import type { QueueTarget, TargetMessage, TargetOutcome } from "./event-targets.ts";

export class SqsTarget implements QueueTarget {
  readonly #queues: Pick<QueueService, "messages">;

  constructor(queues: Pick<QueueService, "messages">) {
    this.#queues = queues;
  }

  /** What SQS refuses (there is no such queue, the message is too long) it would refuse again. */
  async send(arn: string, { body, attributes = {}, traceId }: TargetMessage): Promise<TargetOutcome> {
    const target = parseQueueArn(arn);
    if (target === undefined) return { kind: "refused", reason: "it is no queue's ARN" };
    try {
      const messages = await this.#queues.messages(target);
      const message = {
        body: Buffer.from(body).toString("utf8"),
        attributes: Object.fromEntries(
          Object.entries(attributes).map(([name, { type, value }]) => [name, { dataType: type, stringValue: value }]),
        ),
        ...(traceId === undefined ? {} : { requestTrace: traceId }),
      };
      await messages.send([prepareMessage(messages.record.settings, message, target.scope.account)]);
      return { kind: "taken" };
    } catch (error) {
      if (error instanceof ApiError) return { kind: "refused", reason: error.message };
      throw error;
    }
  }
}
