/**
 * The five primitives on which everything durable stands. Every driver passes `test/contract/engine.ts`; no module
 * outside a driver opens a database, and no semantics live in a driver that are not stated here. The contract asks for
 * nothing that NATS JetStream cannot give: one key per atomic write, at-least-once queues, ordered streams.
 *
 * Promises common to all:
 * - A promise that resolved is durable: it survives `kill -9` and power loss. One commit serves all waiting writers.
 * - A driver that cannot take more work rejects with `UnavailableError("busy")`, one whose disk is full with
 *   `UnavailableError("no-capacity")`; either has changed nothing.
 * - What is over a bound of `limits.ts` rejects with a RangeError and has changed nothing.
 * - After `close()` every call rejects with `UnavailableError("closing")`; waits that are under way end as if aborted.
 * - Keys of one account are never listed, watched or read through a prefix of another: a prefix ends at a segment.
 */

declare const revisionBrand: unique symbol;
/** Rises with every write to a key; comparable for equality only. */
export type Revision = number & { readonly [revisionBrand]: true };

/**
 * Non-empty segments of any well-formed text: what it is, then account and region, then its name. As a prefix, a key
 * takes itself and every longer key that starts with its segments.
 */
export type Key = readonly [string, ...string[]];

export interface RecordEntry<T> {
  readonly key: Key;
  /** A JSON document; callers get a copy of their own or a frozen one. */
  readonly value: T;
  readonly revision: Revision;
}

/** Write only if the key has this revision, or only if it is absent; undefined writes in any case. */
export type Expectation = Revision | "absent" | undefined;

export type WriteOutcome<T> =
  | { readonly written: true; readonly revision: Revision }
  | { readonly written: false; readonly current: RecordEntry<T> | undefined };

export type RecordChange<T> =
  | { readonly kind: "put"; readonly entry: RecordEntry<T> }
  | { readonly kind: "delete"; readonly key: Key };

/** Documents by key, with compare-and-set and watch. A document is at most 1 MiB as JSON. */
export interface Records {
  get<T>(key: Key): Promise<RecordEntry<T> | undefined>;
  put<T>(key: Key, value: T, expect?: Expectation): Promise<WriteOutcome<T>>;
  /** Deleting an absent key without expectation succeeds. */
  delete<T>(key: Key, expect?: Revision): Promise<WriteOutcome<T>>;
  /** In the order of keys (segment by segment, by code point), after `after` if given. */
  list<T>(prefix: Key, options?: { readonly after?: Key; readonly limit?: number }): Promise<RecordEntry<T>[]>;
  /**
   * Delivers a "put" for every present record, resolves, then delivers every change once, in the order of writes to
   * each key. A change is delivered after its write is durable, before the writer's own promise resolves, and before
   * any `get` or `list` of this process shows it.
   * `onChange` must not throw: what it throws is an uncaught exception of the process.
   */
  watch<T>(prefix: Key, onChange: (change: RecordChange<T>) => void): Promise<Watch>;
}

export interface Watch {
  /** No change is delivered afterwards. */
  stop(): void;
}

export interface QueueMessageInput {
  readonly body: Uint8Array;
  /** JSON, returned as given. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly delayMs?: number;
  /**
   * Messages of one group are received in the order sent, and none while an earlier one is in flight or delayed; only
   * one `receive` may take several of a group together, in order.
   */
  readonly group?: string;
  /**
   * A second message with the same id within the queue's `dedupWindowMs` is dropped and answered with the first's id,
   * even when the first has been deleted since.
   */
  readonly dedupId?: string;
}

export interface QueueMessage {
  /** A UUID. */
  readonly id: string;
  /** Valid for this receipt only; a later receive of the same message makes it stale. */
  readonly receipt: string;
  readonly body: Uint8Array;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly group?: string;
  /** Rises from each message sent to the queue to the next, not always by one. */
  readonly sequence: number;
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  /** 1 on the first receive. */
  readonly receiveCount: number;
}

export interface SentMessage {
  readonly id: string;
  /** Of a message that was dropped as a duplicate, the first's. */
  readonly sequence: number;
  readonly deduplicated: boolean;
}

export interface ReceiptOptions {
  /** A receipt is stale as soon as its visibility time is over, not only once the message is received again. */
  readonly whileInFlight?: boolean;
}

export interface QueueStats {
  /** Includes what an earlier message of the same group holds back. */
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  /** Of the oldest visible message; undefined when there is none. */
  readonly oldestSentAtMs?: number;
}

/**
 * Durable work, delivered at least once. A message not deleted within its visibility time is received again.
 * Every call on a removed queue rejects with `QueueRemovedError`, also when a queue of that name has been made again.
 */
export interface Queue {
  /** All or none. */
  send(messages: readonly QueueMessageInput[]): Promise<SentMessage[]>;
  /** Waits up to `waitMs` for at least one; an aborted wait resolves with none. Wakes on arrival, not on a tick. */
  receive(options: {
    readonly max: number;
    readonly visibilityMs: number;
    readonly waitMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage[]>;
  /** Each answer says whether the receipt was still good. */
  delete(receipts: readonly string[], options?: ReceiptOptions): Promise<boolean[]>;
  /** Whether the message of each receipt, good or stale, is still in the queue. */
  holds(receipts: readonly string[]): Promise<boolean[]>;
  /** Counts from now; 0 makes the message visible at once. */
  changeVisibility(receipt: string, visibilityMs: number, options?: ReceiptOptions): Promise<boolean>;
  purge(): Promise<void>;
  /**
   * Drops messages in the order sent, in flight or not, up to the first that was sent at `sentBeforeMs` or later, and
   * at most `max`. Answers how many.
   */
  expire(sentBeforeMs: number, max: number): Promise<number>;
  stats(): Promise<QueueStats>;
}

export interface Queues {
  /** Opens the queue of that name, making it if absent. Options are those of the opening that made it. */
  open(name: Key, options?: { readonly dedupWindowMs?: number }): Promise<Queue>;
  /** Removes the queue and its messages; removing what is absent succeeds. */
  remove(name: Key): Promise<void>;
  list(prefix: Key): Promise<Key[]>;
}

export interface StreamEntry {
  /** Rises by the order of appends within a stream, across its shards. */
  readonly position: number;
  readonly shard: string;
  readonly timestampMs: number;
  readonly data: Uint8Array;
}

export interface StreamShard {
  readonly shard: string;
  /** Of the entry with the lowest position. */
  readonly firstTimestampMs: number;
  /** Of the entry with the highest position. */
  readonly lastTimestampMs: number;
  readonly lastPosition: number;
  /** Data, plus 26 bytes for each entry (as CloudWatch Logs counts). */
  readonly bytes: number;
}

/**
 * Ordered append-only logs. A stream is made by its first append, a shard too, and gone with its last entry. Positions
 * go on rising when a stream is removed and made again.
 */
export interface Streams {
  /** Appends in order, atomically, and returns the position of the last entry. */
  append(
    stream: Key,
    entries: readonly { readonly shard: string; readonly timestampMs: number; readonly data: Uint8Array }[],
  ): Promise<number>;
  /**
   * By position, after `afterPosition` and before `beforePosition` (falling when `backwards`); time bounds are
   * inclusive. An answer ends early once it holds 8 MiB: only an empty one is the end.
   */
  read(
    stream: Key,
    options: {
      readonly shard?: string;
      readonly shardPrefix?: string;
      readonly afterPosition?: number;
      readonly beforePosition?: number;
      readonly fromMs?: number;
      readonly toMs?: number;
      readonly limit: number;
      readonly backwards?: boolean;
    },
  ): Promise<StreamEntry[]>;
  /** Resolves when the stream holds an entry after `afterPosition`, or when `signal` aborts. */
  changed(stream: Key, afterPosition: number, signal: AbortSignal): Promise<void>;
  shards(stream: Key): Promise<StreamShard[]>;
  /** Drops every entry older than `beforeMs`, then the lowest positions until the stream holds at most `maxBytes`. */
  trim(stream: Key, bounds: { readonly beforeMs?: number; readonly maxBytes?: number }): Promise<void>;
  removeShard(stream: Key, shard: string): Promise<void>;
  remove(stream: Key): Promise<void>;
  list(prefix: Key): Promise<{ readonly stream: Key; readonly bytes: number }[]>;
}

/** Lower-case hex SHA-256 of the content. */
export type Digest = string;

/** Content-addressed files. */
export interface Blobs {
  /** Stores the content once, however often it is put; each put renews `storedAtMs`. */
  put(content: Uint8Array): Promise<Digest>;
  /** Rejects when the stored content no longer matches its digest. */
  get(digest: Digest): Promise<Uint8Array | undefined>;
  has(digest: Digest): Promise<boolean>;
  /** Forgets the content; deleting what is absent succeeds. */
  delete(digest: Digest): Promise<void>;
  list(): Promise<{ readonly digest: Digest; readonly bytes: number; readonly storedAtMs: number }[]>;
}

export interface Lease {
  readonly name: Key;
  readonly owner: string;
  /** Extends by the lease's time to live; false when it was lost. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/** One owner at a time, until the lease is released or expires. The owner's own second `acquire` is refused as well. */
export interface Leases {
  acquire(name: Key, owner: string, ttlMs: number): Promise<Lease | undefined>;
}

export interface Engine {
  readonly records: Records;
  readonly queues: Queues;
  readonly streams: Streams;
  readonly blobs: Blobs;
  readonly leases: Leases;
  /** Finishes what was accepted, then releases every resource. */
  close(): Promise<void>;
}
