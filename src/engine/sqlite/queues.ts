/**
 * The statements of queues, for the writing thread. Each step of a receive is a search in an index that starts with the
 * queue, so that no queue pays for another's messages, nor a receive for those that are held back.
 */
import type { DatabaseSync } from "node:sqlite";
import type { SentMessage } from "../contract.ts";
import type { MessageInput, QueueCounts, QueueStore, Receipt, StoredMessage } from "../front/stores.ts";
import type { KeyRange } from "../keys.ts";
import { answerBytesMax } from "../limits.ts";
import type { Counter } from "./counter.ts";
import { Dedup } from "./dedup.ts";
import { queueStatements } from "./queue-statements.ts";
import { prepareAll, type Prepared } from "./statements.ts";

/** Before every time at which a message can become visible. */
const anyTimeMs = -1;

interface Candidate {
  readonly sequence: number;
  readonly group: string | null;
}

export class SqliteQueues implements QueueStore {
  readonly #sequences: Counter;
  readonly #dedup: Dedup;
  readonly #statements: Prepared<typeof queueStatements>;

  constructor(database: DatabaseSync, sequences: Counter) {
    this.#sequences = sequences;
    this.#dedup = new Dedup(database);
    this.#statements = prepareAll(database, queueStatements);
  }

  open({ name, dedupWindowMs }: Parameters<QueueStore["open"]>[0]): number {
    this.#statements.makeQueue.run(name, dedupWindowMs);
    return Number(this.#statements.queueByName.get(name)?.["id"]);
  }

  remove({ name }: { readonly name: string }): number | undefined {
    const row = this.#statements.queueByName.get(name);
    if (!row) return undefined;
    const queue = Number(row["id"]);
    this.purge({ queue });
    this.#dedup.forget(queue);
    this.#statements.removeQueue.run(queue);
    return queue;
  }

  list({ from, to }: KeyRange): string[] {
    return this.#statements.listQueues.all(from, to).map((row) => String(row["name"]));
  }

  send(input: Parameters<QueueStore["send"]>[0]): SentMessage[] | undefined {
    const { queue, nowMs } = input;
    const row = this.#statements.queueById.get(queue);
    if (!row) return undefined;
    const dedupWindowMs = Number(row["dedup_window_ms"]);
    const sent = input.messages.map((message) => this.#sendOne(queue, message, nowMs, dedupWindowMs));
    const added = sent.filter(({ deduplicated }) => !deduplicated).length;
    if (added > 0) this.#statements.count.run(added, queue);
    return sent;
  }

  #sendOne(
    queue: number,
    { id, body, attributes, delayMs, group, dedupId }: MessageInput,
    nowMs: number,
    dedupWindowMs: number,
  ): SentMessage {
    const sequence = this.#sequences.next();
    if (dedupId !== undefined) {
      const first = this.#dedup.firstOf({ queue, dedupId, id, sequence, nowMs, dedupWindowMs });
      if (first) return { ...first, deduplicated: true };
    }
    const isHead = group === undefined || !this.#statements.firstOfGroup.get(queue, group);
    this.#statements.addMessage.run(queue, sequence, group ?? null, isHead ? 1 : 0, nowMs, nowMs + delayMs);
    this.#statements.addBody.run(sequence, id, attributes, body);
    return { id, sequence, deduplicated: false };
  }

  receive(input: Parameters<QueueStore["receive"]>[0]): ReturnType<QueueStore["receive"]> {
    const { queue, nowMs, max } = input;
    if (!this.#statements.queueById.get(queue)) return undefined;
    const messages: StoredMessage[] = [];
    let bytesLeft = answerBytesMax;
    const hasRoom = (): boolean => messages.length < max && bytesLeft > 0;
    const take = (sequence: number): void => {
      const message = this.#take(queue, sequence, nowMs, nowMs + input.visibilityMs);
      messages.push(message);
      bytesLeft -= message.body.byteLength + message.attributes.length;
    };
    for (const head of this.#statements.dueHeads.all(queue, nowMs, max) as unknown as Candidate[]) {
      if (!hasRoom()) break;
      take(head.sequence);
      if (head.group === null || !hasRoom()) continue;
      for (const row of this.#statements.followers.all(queue, head.group, head.sequence, max - messages.length)) {
        if (!hasRoom() || Number(row["visible_at_ms"]) > nowMs) break;
        take(Number(row["sequence"]));
      }
    }
    const next = this.#statements.nextDue.get(queue, nowMs)?.["at"];
    return { messages, ...(typeof next === "number" ? { nextDueAtMs: next } : {}) };
  }

  #take(queue: number, sequence: number, nowMs: number, visibleAtMs: number): StoredMessage {
    const row = this.#statements.take.get(visibleAtMs, nowMs, queue, sequence);
    const body = this.#statements.body.get(sequence);
    const { group_name: group } = row ?? {};
    return {
      sequence,
      id: String(body?.["id"]),
      body: body?.["body"] as Uint8Array,
      attributes: String(body?.["attributes"]),
      ...(typeof group === "string" ? { group } : {}),
      sentAtMs: Number(row?.["sent_at_ms"]),
      firstReceivedAtMs: Number(row?.["first_received_at_ms"]),
      receiveCount: Number(row?.["receive_count"]),
    };
  }

  delete(input: Parameters<QueueStore["delete"]>[0]): boolean[] | undefined {
    const { queue, inFlightAtMs = anyTimeMs } = input;
    if (!this.#statements.queueById.get(queue)) return undefined;
    const deleted = input.receipts.map(({ sequence, receiveCount }: Receipt) => {
      const row = this.#statements.removeMessage.get(queue, sequence, receiveCount, inFlightAtMs);
      if (row) this.#removed(queue, sequence, row);
      return row !== undefined;
    });
    const removed = deleted.filter(Boolean).length;
    if (removed > 0) this.#statements.count.run(-removed, queue);
    return deleted;
  }

  /** What follows from a message's removal: its body goes, and the next of its group becomes its head. */
  #removed(queue: number, sequence: number, { group_name: group, is_head: isHead }: Record<string, unknown>): void {
    this.#statements.removeBody.run(sequence);
    if (typeof group === "string" && isHead === 1) this.#statements.promote.run(queue, queue, group);
  }

  expire({ queue, sentBeforeMs, max }: Parameters<QueueStore["expire"]>[0]): number | undefined {
    if (!this.#statements.queueById.get(queue)) return undefined;
    let expired = 0;
    for (const { sequence, sent_at_ms: sentAtMs } of this.#statements.oldest.all(queue, max)) {
      if (Number(sentAtMs) >= sentBeforeMs) break;
      const row = this.#statements.dropMessage.get(queue, Number(sequence));
      if (row) this.#removed(queue, Number(sequence), row);
      expired++;
    }
    if (expired > 0) this.#statements.count.run(-expired, queue);
    return expired;
  }

  holds({ queue, receipts }: Parameters<QueueStore["holds"]>[0]): boolean[] | undefined {
    if (!this.#statements.queueById.get(queue)) return undefined;
    return receipts.map(({ sequence }) => this.#statements.isPresent.get(queue, sequence) !== undefined);
  }

  changeVisibility(input: Parameters<QueueStore["changeVisibility"]>[0]): boolean | undefined {
    const { queue, receipt, visibleAtMs, inFlightAtMs = anyTimeMs } = input;
    if (!this.#statements.queueById.get(queue)) return undefined;
    const { changes } = this.#statements.changeVisibility.run(
      visibleAtMs,
      queue,
      receipt.sequence,
      receipt.receiveCount,
      inFlightAtMs,
    );
    return Number(changes) > 0;
  }

  purge({ queue }: { readonly queue: number }): true | undefined {
    if (!this.#statements.queueById.get(queue)) return undefined;
    this.#statements.removeBodies.run(queue);
    this.#statements.removeMessages.run(queue);
    this.#statements.resetCount.run(queue);
    return true;
  }

  stats({ queue, nowMs }: Parameters<QueueStore["stats"]>[0]): QueueCounts | undefined {
    const total = this.#statements.queueById.get(queue)?.["messages"];
    if (typeof total !== "number") return undefined;
    const row = this.#statements.invisible.get({ queue, now: nowMs });
    const inFlight = Number(row?.["in_flight"]);
    const delayed = Number(row?.["delayed"]);
    const oldest = this.#statements.oldestVisible.get(queue, nowMs)?.["sent_at_ms"];
    return {
      visible: total - inFlight - delayed,
      inFlight,
      delayed,
      ...(typeof oldest === "number" ? { oldestSentAtMs: oldest } : {}),
    };
  }
}
