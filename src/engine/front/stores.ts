/**
 * What a driver implements: the five primitives without waiting, watching and checking, which `front/` adds once for
 * all drivers that keep their data in this process's reach. Every method is one atomic step with time and ids as
 * arguments; input and output are plain data that can cross to a thread. Inputs have been checked against `limits.ts`.
 *
 * `undefined` in place of a queue operation's answer means that the queue was removed.
 */
import type { SentMessage } from "../contract.ts";
import type { KeyRange } from "../keys.ts";

export interface StoredRecord {
  /** Encoded by `keys.ts`. */
  readonly key: string;
  readonly json: string;
  readonly revision: number;
}

export type StoredWrite =
  | { readonly written: true; readonly revision: number }
  | { readonly written: false; readonly current: StoredRecord | undefined };

export interface RecordStore {
  put(input: { readonly key: string; readonly json: string; readonly expect?: number | "absent" }): StoredWrite;
  delete(input: { readonly key: string; readonly expect?: number }): StoredWrite;
}

/** Reads of what is durable. Pages are short enough to be read between two other tasks of the process. */
export interface RecordReader {
  get(key: string): StoredRecord | undefined;
  /** The first records of the range, at least one if there are any. */
  page(range: KeyRange, limit: number): StoredRecord[];
  /** The whole range as of one moment, with the highest revision given out until then. */
  snapshot(range: KeyRange): RecordSnapshot;
}

export interface RecordSnapshot extends Disposable {
  readonly revision: number;
  readonly pages: Iterable<StoredRecord[]>;
}

export interface MessageInput {
  readonly id: string;
  readonly body: Uint8Array;
  readonly attributes: string;
  readonly delayMs: number;
  readonly group?: string;
  readonly dedupId?: string;
}

export interface StoredMessage {
  readonly sequence: number;
  readonly id: string;
  readonly body: Uint8Array;
  readonly attributes: string;
  readonly group?: string;
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  readonly receiveCount: number;
}

/** A message as of one receive: it is stale once the count has risen. */
export interface Receipt {
  readonly sequence: number;
  readonly receiveCount: number;
}

export interface QueueCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly oldestSentAtMs?: number;
}

export interface QueueStore {
  open(input: { readonly name: string; readonly dedupWindowMs: number }): number;
  /** The id of the queue that was there. */
  remove(input: { readonly name: string }): number | undefined;
  list(range: KeyRange): string[];
  send(input: {
    readonly queue: number;
    readonly nowMs: number;
    readonly messages: readonly MessageInput[];
  }): SentMessage[] | undefined;
  /** `nextDueAtMs`: when the first message that is invisible now, and not held back by its group, becomes visible. */
  receive(input: {
    readonly queue: number;
    readonly nowMs: number;
    readonly max: number;
    readonly visibilityMs: number;
  }): { readonly messages: StoredMessage[]; readonly nextDueAtMs?: number } | undefined;
  /** Receipts of messages that are visible at `inFlightAtMs` are stale. */
  delete(input: {
    readonly queue: number;
    readonly receipts: readonly Receipt[];
    readonly inFlightAtMs?: number;
  }): boolean[] | undefined;
  holds(input: { readonly queue: number; readonly receipts: readonly Receipt[] }): boolean[] | undefined;
  changeVisibility(input: {
    readonly queue: number;
    readonly receipt: Receipt;
    readonly visibleAtMs: number;
    readonly inFlightAtMs?: number;
  }): boolean | undefined;
  purge(input: { readonly queue: number }): true | undefined;
  expire(input: { readonly queue: number; readonly sentBeforeMs: number; readonly max: number }): number | undefined;
  stats(input: { readonly queue: number; readonly nowMs: number }): QueueCounts | undefined;
}

export interface EntryInput {
  readonly shard: string;
  readonly timestampMs: number;
  readonly data: Uint8Array;
}

export interface ReadInput {
  readonly stream: string;
  readonly shard?: string;
  readonly shardPrefix?: string;
  readonly afterPosition: number;
  readonly beforePosition: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  readonly maxBytes: number;
  readonly backwards: boolean;
}

/** A part of an answer. `resumeAt` replaces the bound that was read up to; undefined at the end of the stream. */
export interface ReadSlice {
  readonly entries: { readonly position: number; readonly shard: string; timestampMs: number; data: Uint8Array }[];
  readonly resumeAt?: number;
}

/** Long work (`read`, `trim`, `removeShard`, `remove`) is done in slices; the caller repeats until it is done. */
export interface StreamStore {
  append(input: { readonly stream: string; readonly entries: readonly EntryInput[] }): number;
  read(input: ReadInput): ReadSlice;
  /** 0 when the stream holds no entry. */
  lastPosition(input: { readonly stream: string }): number;
  shards(input: { readonly stream: string }): {
    readonly shard: string;
    readonly firstTimestampMs: number;
    readonly lastTimestampMs: number;
    readonly lastPosition: number;
    readonly bytes: number;
  }[];
  trim(input: { readonly stream: string; readonly beforeMs?: number; readonly maxBytes?: number }): boolean;
  removeShard(input: { readonly stream: string; readonly shard: string }): boolean;
  remove(input: { readonly stream: string }): boolean;
  list(range: KeyRange): { readonly stream: string; readonly bytes: number }[];
}

/** A store reached through promises, at once or in a thread. Answers arrive in the order of the calls. */
export type Remote<S> = {
  readonly [M in keyof S]: S[M] extends (input: infer I) => infer O ? (input: I) => Promise<O> : never;
};

export const recordMethods = ["put", "delete"] as const satisfies (keyof RecordStore)[];
export const queueMethods = [
  "open",
  "remove",
  "list",
  "send",
  "receive",
  "delete",
  "holds",
  "changeVisibility",
  "purge",
  "expire",
  "stats",
] as const satisfies (keyof QueueStore)[];
export const streamMethods = [
  "append",
  "read",
  "lastPosition",
  "shards",
  "trim",
  "removeShard",
  "remove",
  "list",
] as const satisfies (keyof StreamStore)[];

/** Makes a store's remote side from a function that carries one call. */
export function remote<S>(
  methods: readonly (keyof S & string)[],
  carry: (method: string, input: unknown) => Promise<unknown>,
): Remote<S> {
  return Object.fromEntries(
    methods.map((method) => [method, (input: unknown) => carry(method, input)]),
  ) as unknown as Remote<S>;
}
