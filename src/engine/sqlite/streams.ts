/** The statements of streams, for their writing thread: appends and what is known of streams and shards. */
import type { DatabaseSync } from "node:sqlite";
import type { EntryInput, ReadInput, ReadSlice, StreamStore } from "../front/stores.ts";
import { compareText, type KeyRange } from "../keys.ts";
import { entryOverheadBytes } from "../limits.ts";
import type { Counter } from "./counter.ts";
import { StreamReads } from "./stream-reads.ts";
import { StreamTrims } from "./stream-trims.ts";
import { prepareAll, type Prepared } from "./statements.ts";

interface ShardGain {
  readonly firstTimestampMs: number;
  lastTimestampMs: number;
  lastPosition: number;
  bytes: number;
}

export class SqliteStreams implements StreamStore {
  /** The highest position of streams that were removed: where a new stream starts. */
  readonly #floor: Counter;
  readonly #reads: StreamReads;
  readonly #trims: StreamTrims;
  readonly #statements: Prepared<typeof streamStatements>;

  constructor(database: DatabaseSync, floor: Counter) {
    this.#floor = floor;
    this.#reads = new StreamReads(database);
    this.#trims = new StreamTrims(database, floor);
    this.#statements = prepareAll(database, streamStatements);
  }

  append({ stream: name, entries }: Parameters<StreamStore["append"]>[0]): number {
    const known = this.#statements.stream.get(name) ?? this.#statements.makeStream.get(name, this.#floor.value);
    const stream = Number(known?.["id"]);
    const shards = new Map<string, { id: number; gain: ShardGain }>();
    let position = Number(known?.["last_position"]);
    let bytes = 0;
    for (const entry of entries) {
      const size = entry.data.byteLength + entryOverheadBytes;
      bytes += size;
      const shard = this.#addEntry(stream, ++position, entry, shards.get(entry.shard)?.id);
      const gain = shards.get(entry.shard)?.gain ?? { firstTimestampMs: entry.timestampMs, bytes: 0 };
      const last = { lastTimestampMs: entry.timestampMs, lastPosition: position, bytes: gain.bytes + size };
      shards.set(entry.shard, { id: shard, gain: { firstTimestampMs: gain.firstTimestampMs, ...last } });
    }
    for (const { id, gain } of shards.values()) {
      this.#statements.gainShard.run(gain.lastTimestampMs, gain.lastPosition, gain.bytes, id);
    }
    this.#statements.gainStream.run(position, bytes, stream);
    return position;
  }

  #addEntry(stream: number, position: number, entry: EntryInput, knownShard: number | undefined): number {
    const { shard: name, timestampMs, data } = entry;
    const shard = knownShard ?? this.#shard(stream, name, timestampMs);
    this.#statements.addEntry.run(stream, position, shard, timestampMs, data);
    this.#statements.widenZone.run(stream, position, timestampMs, timestampMs);
    return shard;
  }

  #shard(stream: number, name: string, timestampMs: number): number {
    const row =
      this.#statements.shard.get(stream, name) ??
      this.#statements.makeShard.get(stream, name, timestampMs, timestampMs);
    return Number(row?.["id"]);
  }

  read(input: ReadInput): ReadSlice {
    return this.#reads.read(input);
  }

  lastPosition({ stream }: { readonly stream: string }): number {
    return Number(this.#statements.lastPosition.get(stream)?.["position"] ?? 0);
  }

  shards({ stream }: { readonly stream: string }): ReturnType<StreamStore["shards"]> {
    return this.#statements.shards
      .all(stream)
      .map((row) => ({
        shard: String(row["name"]),
        firstTimestampMs: Number(row["first_timestamp_ms"]),
        lastTimestampMs: Number(row["last_timestamp_ms"]),
        lastPosition: Number(row["last_position"]),
        bytes: Number(row["bytes"]),
      }))
      .toSorted((a, b) => compareText(a.shard, b.shard));
  }

  trim(input: Parameters<StreamStore["trim"]>[0]): boolean {
    return this.#trims.trim(input);
  }

  removeShard(input: Parameters<StreamStore["removeShard"]>[0]): boolean {
    return this.#trims.removeShard(input);
  }

  remove({ stream }: { readonly stream: string }): boolean {
    return this.#trims.remove(stream);
  }

  list({ from, to }: KeyRange): { stream: string; bytes: number }[] {
    return this.#statements.list
      .all(from, to)
      .map((row) => ({ stream: String(row["name"]), bytes: Number(row["bytes"]) }));
  }
}

export const streamStatements = {
  stream: "SELECT id, last_position FROM stream WHERE name = ?",
  makeStream: "INSERT INTO stream (name, last_position) VALUES (?, ?) RETURNING id, last_position",
  gainStream: "UPDATE stream SET last_position = ?, bytes = bytes + ? WHERE id = ?",
  shard: "SELECT id FROM shard WHERE stream = ? AND name = ?",
  makeShard: `INSERT INTO shard (stream, name, first_timestamp_ms, last_timestamp_ms, last_position, bytes)
    VALUES (?, ?, ?, ?, 0, 0) RETURNING id`,
  gainShard: "UPDATE shard SET last_timestamp_ms = ?, last_position = ?, bytes = bytes + ? WHERE id = ?",
  addEntry: "INSERT INTO entry (stream, position, shard, timestamp_ms, data) VALUES (?, ?, ?, ?, ?)",
  widenZone: `INSERT INTO zone (stream, zone, first_ms, last_ms) VALUES (?, ? >> 10, ?, ?)
    ON CONFLICT (stream, zone) DO UPDATE SET
      first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)`,
  lastPosition: "SELECT max(position) AS position FROM entry WHERE stream = (SELECT id FROM stream WHERE name = ?)",
  shards: `SELECT name, first_timestamp_ms, last_timestamp_ms, last_position, bytes FROM shard
    WHERE stream = (SELECT id FROM stream WHERE name = ?)`,
  list: "SELECT name, bytes FROM stream WHERE name >= ? AND name < ? ORDER BY name",
} as const;
