/**
 * All queues of this Hearth, in memory: kept current by a watch on their records, so that no call reads a record first.
 * What a writer wrote is here before its promise resolves.
 */
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import type { Engine, RecordChange, Watch } from "../../engine/contract.ts";
import { MessageQueue } from "./message-queue.ts";
import { messagesKey, parseQueueArn, queuesPrefix, type QueueRecord, type QueueRef } from "./queue-record.ts";

export interface QueueDirectoryOptions {
  readonly engine: Pick<Engine, "records" | "queues">;
  readonly clock: Clock;
}

interface Entry {
  record: QueueRecord;
  /** Opened at the first use. */
  messages: Promise<MessageQueue> | undefined;
}

export class QueueDirectory {
  readonly #options: QueueDirectoryOptions;
  /** By account and region, then by name. */
  readonly #scopes = new Map<string, Map<string, Entry>>();
  #watch: Watch | undefined;

  constructor(options: QueueDirectoryOptions) {
    this.#options = options;
  }

  /** Resolves when every queue is known. */
  async start(): Promise<void> {
    this.#watch = await this.#options.engine.records.watch<QueueRecord>(queuesPrefix, (change) => this.#apply(change));
  }

  close(): void {
    this.#watch?.stop();
  }

  find(queue: QueueRef): QueueRecord | undefined {
    return this.#entry(queue)?.record;
  }

  /** Of one account and region, in the order of names. */
  list(scope: Scope): readonly QueueRecord[] {
    const entries = [...(this.#scopes.get(keyOf(scope))?.values() ?? [])];
    return entries.map(({ record }) => record).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Of all accounts and regions, in no order. */
  *all(): Generator<QueueRecord, void> {
    for (const entries of this.#scopes.values()) for (const { record } of entries.values()) yield record;
  }

  /** The queue's messages; undefined when there is no such queue. */
  async messages(queue: QueueRef): Promise<MessageQueue | undefined> {
    const entry = this.#entry(queue);
    if (entry === undefined) return undefined;
    entry.messages ??= this.#open(entry);
    try {
      return await entry.messages;
    } catch (error) {
      entry.messages = undefined;
      throw error;
    }
  }

  async messagesOf(arn: string): Promise<MessageQueue | undefined> {
    const queue = parseQueueArn(arn);
    return queue && this.messages(queue);
  }

  async #open(entry: Entry): Promise<MessageQueue> {
    const { engine, clock } = this.#options;
    const messages = await engine.queues.open(messagesKey(entry.record));
    return new MessageQueue({ record: () => entry.record, messages, clock, find: (arn) => this.messagesOf(arn) });
  }

  #entry({ scope, name }: QueueRef): Entry | undefined {
    return this.#scopes.get(keyOf(scope))?.get(name);
  }

  #apply(change: RecordChange<QueueRecord>): void {
    const [, account = "", region = "", name = ""] = change.kind === "put" ? change.entry.key : change.key;
    const scopeKey = keyOf({ account, region });
    const entries = this.#scopes.get(scopeKey) ?? new Map<string, Entry>();
    if (change.kind === "delete") {
      entries.delete(name);
      if (entries.size === 0) this.#scopes.delete(scopeKey);
      return;
    }
    this.#scopes.set(scopeKey, entries);
    const record = change.entry.value;
    const known = entries.get(name);
    if (known?.record.uid === record.uid) known.record = record;
    else entries.set(name, { record, messages: undefined });
  }
}

function keyOf({ account, region }: Scope): string {
  return `${account} ${region}`;
}
