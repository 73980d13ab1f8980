/** Queues in arrays, in the order sent. A receive looks at every message of its queue: made for tests, not for load. */
import type { SentMessage } from "../contract.ts";
import type { MessageInput, QueueCounts, QueueStore, Receipt, StoredMessage } from "../front/stores.ts";
import { compareText, isInRange, type KeyRange } from "../keys.ts";
import { answerBytesMax } from "../limits.ts";

interface Message extends Omit<MessageInput, "delayMs" | "dedupId"> {
  readonly sequence: number;
  readonly sentAtMs: number;
  visibleAtMs: number;
  firstReceivedAtMs: number | undefined;
  receiveCount: number;
}

interface MemoryQueue {
  readonly name: string;
  readonly dedupWindowMs: number;
  messages: Message[];
  readonly dedup: Map<string, { readonly id: string; readonly sequence: number; readonly expiresAtMs: number }>;
}

export class MemoryQueues implements QueueStore {
  readonly #queues = new Map<number, MemoryQueue>();
  readonly #ids = new Map<string, number>();
  #lastId = 0;
  #lastSequence = 0;

  open({ name, dedupWindowMs }: Parameters<QueueStore["open"]>[0]): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = ++this.#lastId;
    this.#ids.set(name, id);
    this.#queues.set(id, { name, dedupWindowMs, messages: [], dedup: new Map() });
    return id;
  }

  remove({ name }: { readonly name: string }): number | undefined {
    const id = this.#ids.get(name);
    if (id === undefined) return undefined;
    this.#ids.delete(name);
    this.#queues.delete(id);
    return id;
  }

  list(range: KeyRange): string[] {
    return [...this.#ids.keys()].filter((name) => isInRange(name, range)).toSorted(compareText);
  }

  send(input: Parameters<QueueStore["send"]>[0]): SentMessage[] | undefined {
    const queue = this.#queues.get(input.queue);
    return queue && input.messages.map((message) => this.#sendOne(queue, message, input.nowMs));
  }

  #sendOne(queue: MemoryQueue, { delayMs, dedupId, ...message }: MessageInput, nowMs: number): SentMessage {
    const sequence = ++this.#lastSequence;
    if (dedupId !== undefined) {
      for (const [known, { expiresAtMs }] of queue.dedup) if (expiresAtMs <= nowMs) queue.dedup.delete(known);
      const first = queue.dedup.get(dedupId);
      if (first) return { id: first.id, sequence: first.sequence, deduplicated: true };
      queue.dedup.set(dedupId, { id: message.id, sequence, expiresAtMs: nowMs + queue.dedupWindowMs });
    }
    const times = { sentAtMs: nowMs, visibleAtMs: nowMs + delayMs, firstReceivedAtMs: undefined };
    queue.messages.push({ ...message, ...times, sequence, receiveCount: 0 });
    return { id: message.id, sequence, deduplicated: false };
  }

  receive(input: Parameters<QueueStore["receive"]>[0]): ReturnType<QueueStore["receive"]> {
    const queue = this.#queues.get(input.queue);
    if (!queue) return undefined;
    const { nowMs, max, visibilityMs } = input;
    const { ready, nextDueAtMs } = eligible(queue.messages, nowMs);
    const messages: StoredMessage[] = [];
    let bytesLeft = answerBytesMax;
    for (const message of ready.slice(0, max)) {
      if (bytesLeft <= 0) break;
      bytesLeft -= message.body.byteLength + message.attributes.length;
      message.visibleAtMs = nowMs + visibilityMs;
      message.firstReceivedAtMs ??= nowMs;
      message.receiveCount++;
      messages.push(toStored(message, message.firstReceivedAtMs));
    }
    return { messages, ...(nextDueAtMs === undefined ? {} : { nextDueAtMs }) };
  }

  delete(input: Parameters<QueueStore["delete"]>[0]): boolean[] | undefined {
    const queue = this.#queues.get(input.queue);
    return (
      queue?.messages &&
      input.receipts.map((receipt) => {
        const message = find(queue, receipt, input.inFlightAtMs);
        if (message) queue.messages = queue.messages.filter((other) => other !== message);
        return message !== undefined;
      })
    );
  }

  holds(input: Parameters<QueueStore["holds"]>[0]): boolean[] | undefined {
    const messages = this.#queues.get(input.queue)?.messages;
    return messages && input.receipts.map(({ sequence }) => messages.some((message) => message.sequence === sequence));
  }

  changeVisibility(input: Parameters<QueueStore["changeVisibility"]>[0]): boolean | undefined {
    const queue = this.#queues.get(input.queue);
    if (!queue) return undefined;
    const message = find(queue, input.receipt, input.inFlightAtMs);
    if (message) message.visibleAtMs = input.visibleAtMs;
    return message !== undefined;
  }

  purge(input: { readonly queue: number }): true | undefined {
    const queue = this.#queues.get(input.queue);
    if (!queue) return undefined;
    queue.messages = [];
    return true;
  }

  expire({ queue: id, sentBeforeMs, max }: Parameters<QueueStore["expire"]>[0]): number | undefined {
    const queue = this.#queues.get(id);
    if (!queue) return undefined;
    const young = queue.messages.findIndex(({ sentAtMs }) => sentAtMs >= sentBeforeMs);
    const expired = Math.min(young < 0 ? queue.messages.length : young, max);
    queue.messages = queue.messages.slice(expired);
    return expired;
  }

  stats({ queue: id, nowMs }: Parameters<QueueStore["stats"]>[0]): QueueCounts | undefined {
    const queue = this.#queues.get(id);
    if (!queue) return undefined;
    const visible = queue.messages.filter((message) => message.visibleAtMs <= nowMs);
    const invisible = queue.messages.filter((message) => message.visibleAtMs > nowMs);
    const inFlight = invisible.filter((message) => message.receiveCount > 0).length;
    const oldest = visible[0];
    return {
      visible: visible.length,
      inFlight,
      delayed: invisible.length - inFlight,
      ...(oldest ? { oldestSentAtMs: oldest.sentAtMs } : {}),
    };
  }
}

/** What may be received now, that which has waited longest first, but each group in its own order. */
function eligible(messages: readonly Message[], nowMs: number): { ready: Message[]; nextDueAtMs: number | undefined } {
  const heads: Message[] = [];
  const followers = new Map<string, Message[]>();
  for (const message of messages) {
    const group = message.group === undefined ? undefined : followers.get(message.group);
    if (group) group.push(message);
    else heads.push(message);
    if (message.group !== undefined && !group) followers.set(message.group, []);
  }
  const nextDueAtMs = heads.reduce(
    (next, head) => (head.visibleAtMs > nowMs ? Math.min(next, head.visibleAtMs) : next),
    Infinity,
  );
  const ready = heads
    .filter((head) => head.visibleAtMs <= nowMs)
    .toSorted((a, b) => a.visibleAtMs - b.visibleAtMs || a.sequence - b.sequence)
    .flatMap((head) => visibleFront(head, followers.get(head.group ?? ""), nowMs));
  return { ready, nextDueAtMs: nextDueAtMs === Infinity ? undefined : nextDueAtMs };
}

/** A head that is visible, with those behind it in its group up to the first that is not. */
function visibleFront(head: Message, followers: readonly Message[] | undefined, nowMs: number): Message[] {
  if (head.group === undefined || !followers) return [head];
  const blocked = followers.findIndex((message) => message.visibleAtMs > nowMs);
  return [head].concat(blocked < 0 ? followers : followers.slice(0, blocked));
}

function find(queue: MemoryQueue, receipt: Receipt, inFlightAtMs = -Infinity): Message | undefined {
  return queue.messages.find(
    ({ sequence, receiveCount, visibleAtMs }) =>
      sequence === receipt.sequence &&
      receiveCount === receipt.receiveCount &&
      receiveCount > 0 &&
      visibleAtMs > inFlightAtMs,
  );
}

function toStored(message: Message, firstReceivedAtMs: number): StoredMessage {
  const { sequence, id, body, attributes, group, sentAtMs, receiveCount } = message;
  return {
    sequence,
    id,
    body: new Uint8Array(body),
    attributes,
    ...(group === undefined ? {} : { group }),
    sentAtMs,
    firstReceivedAtMs,
    receiveCount,
  };
}
