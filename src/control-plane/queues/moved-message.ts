/**
 * Messages on their way between a queue and its dead-letter queue. Each is written once in five minutes, so that a crash
 * between writing it there and dropping it here does not double it.
 */
import type { QueueMessage, QueueMessageInput } from "../../engine/contract.ts";
import { ageStartMs, envelopeOf, type Envelope } from "./message.ts";

/** To the dead-letter queue of `fromArn`. `isFifo` says what that is. */
export function givenUp(message: QueueMessage, fromArn: string, isFifo: boolean): QueueMessageInput {
  const { moved, ...told } = envelopeOf(message);
  return inputOf(message, message.group, {
    ...told,
    moved: {
      id: moved?.id ?? message.id,
      fromArn,
      // The receive that found it worn is not counted: nobody got the message.
      receiveCount: (moved?.receiveCount ?? 0) + message.receiveCount - 1,
      // In a FIFO queue the message's age begins anew.
      ...(isFifo ? {} : { sentAtMs: ageStartMs(message) }),
    },
  });
}

/** Out of a dead-letter queue, as a new message. `isFifo` says what its new queue is. */
export function takenBack(message: QueueMessage, isFifo: boolean): QueueMessageInput {
  const { moved: _, ...envelope } = envelopeOf(message);
  return inputOf(message, isFifo ? message.group : undefined, envelope);
}

function inputOf({ id, body }: QueueMessage, group: string | undefined, envelope: Envelope): QueueMessageInput {
  const attributes = { ...envelope };
  return { body, attributes, dedupId: `moved ${id}`, ...(group === undefined ? {} : { group }) };
}
