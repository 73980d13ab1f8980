/** Streams in arrays, in the order of their positions. */
import type { ReadInput, ReadSlice, StreamStore } from "../front/stores.ts";
import { compareText, isInRange, type KeyRange } from "../keys.ts";
import { entryOverheadBytes } from "../limits.ts";

interface Entry {
  readonly position: number;
  readonly shard: string;
  readonly timestampMs: number;
  readonly data: Uint8Array;
}

export class MemoryStreams implements StreamStore {
  readonly #streams = new Map<string, Entry[]>();
  #lastPosition = 0;

  append({ stream, entries }: Parameters<StreamStore["append"]>[0]): number {
    const held = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, held);
    for (const entry of entries) held.push({ ...entry, position: ++this.#lastPosition });
    return this.#lastPosition;
  }

  read(input: ReadInput): ReadSlice {
    const matching = this.#entries(input.stream).filter(
      ({ position, shard, timestampMs }) =>
        position > input.afterPosition &&
        position < input.beforePosition &&
        timestampMs >= input.fromMs &&
        timestampMs <= input.toMs &&
        (input.shard === undefined || shard === input.shard) &&
        (input.shardPrefix === undefined || shard.startsWith(input.shardPrefix)),
    );
    if (input.backwards) matching.reverse();
    const entries: ReadSlice["entries"] = [];
    let bytes = 0;
    for (const entry of matching) {
      if (entries.length >= input.limit || bytes >= input.maxBytes) break;
      bytes += entry.data.byteLength;
      entries.push({ ...entry, data: new Uint8Array(entry.data) });
    }
    return { entries };
  }

  lastPosition({ stream }: { readonly stream: string }): number {
    return this.#entries(stream).at(-1)?.position ?? 0;
  }

  shards({ stream }: { readonly stream: string }): ReturnType<StreamStore["shards"]> {
    const groups = Map.groupBy(this.#entries(stream), (entry) => entry.shard);
    return [...groups]
      .map(([shard, entries]) => ({
        shard,
        firstTimestampMs: entries[0]?.timestampMs ?? 0,
        lastTimestampMs: entries.at(-1)?.timestampMs ?? 0,
        lastPosition: entries.at(-1)?.position ?? 0,
        bytes: bytesOf(entries),
      }))
      .toSorted((a, b) => compareText(a.shard, b.shard));
  }

  trim({ stream, beforeMs = -Infinity, maxBytes = Infinity }: Parameters<StreamStore["trim"]>[0]): boolean {
    const young = this.#entries(stream).filter((entry) => entry.timestampMs >= beforeMs);
    let bytes = bytesOf(young);
    let dropped = 0;
    for (const entry of young) {
      if (bytes <= maxBytes) break;
      bytes -= bytesOf([entry]);
      dropped++;
    }
    return this.#keep(stream, young.slice(dropped));
  }

  removeShard({ stream, shard }: Parameters<StreamStore["removeShard"]>[0]): boolean {
    return this.#keep(
      stream,
      this.#entries(stream).filter((entry) => entry.shard !== shard),
    );
  }

  remove({ stream }: { readonly stream: string }): boolean {
    this.#streams.delete(stream);
    return true;
  }

  list(range: KeyRange): { stream: string; bytes: number }[] {
    return [...this.#streams]
      .filter(([stream]) => isInRange(stream, range))
      .map(([stream, entries]) => ({ stream, bytes: bytesOf(entries) }))
      .toSorted((a, b) => compareText(a.stream, b.stream));
  }

  #entries(stream: string): readonly Entry[] {
    return this.#streams.get(stream) ?? [];
  }

  #keep(stream: string, entries: Entry[]): boolean {
    if (this.#streams.has(stream)) this.#streams.set(stream, entries);
    return true;
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { data }) => sum + data.byteLength + entryOverheadBytes, 0);
}
