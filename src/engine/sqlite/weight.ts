/** How much content a call carries to a thread, in bytes (of text: characters); the rest of a call is small. */
import type { QueueStore, RecordStore, StreamStore } from "../front/stores.ts";

export function weigh(method: string, input: unknown): number {
  switch (method) {
    case "put":
      return (input as Parameters<RecordStore["put"]>[0]).json.length;
    case "send":
      return sum((input as Parameters<QueueStore["send"]>[0]).messages, (message) => {
        return message.body.byteLength + message.attributes.length;
      });
    case "append":
      return sum((input as Parameters<StreamStore["append"]>[0]).entries, (entry) => entry.data.byteLength);
    default:
      return 0;
  }
}

function sum<T>(items: readonly T[], weight: (item: T) => number): number {
  return items.reduce((total, item) => total + weight(item), 0);
}
