/**
 * What SQS's service model says of inputs and the SDK's schemas do not: which members are whole numbers. Their ranges SQS
 * refuses in words of its own.
 */
import type { Constraints } from "../wire/constraints.ts";

const whole = "NullableInteger";

/** Required members are in the SDK's schemas. */
export const sqsConstraints: Constraints = {
  shapes: { [whole]: { type: "integer" } },
  members: {
    ChangeMessageVisibilityBatchRequestEntry: { VisibilityTimeout: whole },
    ChangeMessageVisibilityRequest: { VisibilityTimeout: whole },
    ListDeadLetterSourceQueuesRequest: { MaxResults: whole },
    ListMessageMoveTasksRequest: { MaxResults: whole },
    ListQueuesRequest: { MaxResults: whole },
    ReceiveMessageRequest: { MaxNumberOfMessages: whole, VisibilityTimeout: whole, WaitTimeSeconds: whole },
    SendMessageBatchRequestEntry: { DelaySeconds: whole },
    SendMessageRequest: { DelaySeconds: whole },
    StartMessageMoveTaskRequest: { MaxNumberOfMessagesPerSecond: whole },
  },
  required: {},
};
