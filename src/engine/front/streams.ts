/** Streams over a driver's store: bounds, long work slice by slice, and waiting for appends. */
import type { Key, StreamEntry, Streams, StreamShard } from "../contract.ts";
import { decodeKey, encodeKey, rangeOfPrefix } from "../keys.ts";
import * as limits from "../limits.ts";
import type { Lifetime } from "./lifetime.ts";
import type { EntryInput, Remote, StreamStore } from "./stores.ts";

type ReadOptions = Parameters<Streams["read"]>[1];

interface Follower {
  readonly afterPosition: number;
  readonly wake: () => void;
}

export class FrontStreams implements Streams {
  readonly #store: Remote<StreamStore>;
  readonly #lifetime: Lifetime;
  /** Those who wait for an append, by encoded stream. */
  readonly #followers = new Map<string, Set<Follower>>();

  constructor(store: Remote<StreamStore>, lifetime: Lifetime) {
    this.#store = store;
    this.#lifetime = lifetime;
  }

  async append(stream: Key, entries: readonly EntryInput[]): Promise<number> {
    this.#lifetime.requireOpen();
    limits.requireCount("the number of entries", entries.length, limits.batchItemsMax);
    const encoded = encodeKey(stream);
    const owned = entries.map(toOwnEntry);
    const bytes = owned.reduce((sum, { data }) => sum + data.byteLength, 0);
    limits.requireAtMost("an append", bytes, limits.batchBytesMax, "bytes");
    const position = await this.#store.append({ stream: encoded, entries: owned });
    for (const follower of this.#followers.get(encoded) ?? []) {
      if (position > follower.afterPosition) follower.wake();
    }
    return position;
  }

  async read(stream: Key, options: ReadOptions): Promise<StreamEntry[]> {
    limits.requireCount("limit", options.limit, limits.readEntriesMax);
    const { limit, backwards = false } = options;
    let { afterPosition = 0, beforePosition = Number.MAX_SAFE_INTEGER } = options;
    const fixed = {
      stream: encodeKey(stream),
      fromMs: options.fromMs ?? -Number.MAX_VALUE,
      toMs: options.toMs ?? Number.MAX_VALUE,
      backwards,
      ...(options.shard === undefined ? {} : { shard: options.shard }),
      ...(options.shardPrefix === undefined ? {} : { shardPrefix: options.shardPrefix }),
    };
    const entries: StreamEntry[] = [];
    let bytesLeft = limits.answerBytesMax;
    while (entries.length < limit && bytesLeft > 0) {
      this.#lifetime.requireOpen();
      const wanted = { limit: limit - entries.length, maxBytes: bytesLeft, afterPosition, beforePosition };
      const slice = await this.#store.read({ ...fixed, ...wanted });
      for (const entry of slice.entries) {
        entries.push(entry);
        bytesLeft -= entry.data.byteLength;
      }
      if (slice.resumeAt === undefined) break;
      if (backwards) beforePosition = slice.resumeAt;
      else afterPosition = slice.resumeAt;
    }
    return entries;
  }

  async changed(stream: Key, afterPosition: number, signal: AbortSignal): Promise<void> {
    this.#lifetime.requireOpen();
    const encoded = encodeKey(stream);
    const { closing } = this.#lifetime;
    const woken = Promise.withResolvers<void>();
    const follower = { afterPosition, wake: () => woken.resolve() };
    const followers = this.#followers.get(encoded) ?? new Set();
    this.#followers.set(encoded, followers.add(follower));
    signal.addEventListener("abort", follower.wake);
    closing.addEventListener("abort", follower.wake);
    try {
      if (signal.aborted || (await this.#store.lastPosition({ stream: encoded })) > afterPosition) return;
      await woken.promise;
    } finally {
      signal.removeEventListener("abort", follower.wake);
      closing.removeEventListener("abort", follower.wake);
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(encoded) === followers) this.#followers.delete(encoded);
    }
  }

  async shards(stream: Key): Promise<StreamShard[]> {
    this.#lifetime.requireOpen();
    return this.#store.shards({ stream: encodeKey(stream) });
  }

  async trim(stream: Key, bounds: { readonly beforeMs?: number; readonly maxBytes?: number }): Promise<void> {
    const encoded = encodeKey(stream);
    if (bounds.maxBytes !== undefined) limits.requireNonNegative("maxBytes", bounds.maxBytes);
    await this.#untilDone(() => this.#store.trim({ stream: encoded, ...bounds }));
  }

  async removeShard(stream: Key, shard: string): Promise<void> {
    const encoded = encodeKey(stream);
    await this.#untilDone(() => this.#store.removeShard({ stream: encoded, shard }));
  }

  async remove(stream: Key): Promise<void> {
    const encoded = encodeKey(stream);
    await this.#untilDone(() => this.#store.remove({ stream: encoded }));
  }

  async list(prefix: Key): Promise<{ readonly stream: Key; readonly bytes: number }[]> {
    this.#lifetime.requireOpen();
    const streams = await this.#store.list(rangeOfPrefix(prefix));
    return streams.map(({ stream, bytes }) => ({ stream: decodeKey(stream), bytes }));
  }

  async #untilDone(slice: () => Promise<boolean>): Promise<void> {
    do this.#lifetime.requireOpen();
    while (!(await slice()));
  }
}

function toOwnEntry({ shard, timestampMs, data }: EntryInput): EntryInput {
  limits.requireAtMost("the entry's data", data.byteLength, limits.entryBytesMax, "bytes");
  limits.requireText("the shard's name", shard, limits.shardNameBytesMax);
  if (!Number.isFinite(timestampMs)) throw new RangeError(`timestampMs is ${timestampMs}; it must be a finite number`);
  return { shard, timestampMs, data: limits.ownBytes(data) };
}
