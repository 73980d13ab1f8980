/**
 * Reads a stream window by window: a window is a range of positions small enough that appends need not wait long. For
 * one shard it holds the shard's next entries; for several, the next zone that has entries of the wanted time.
 */
import type { DatabaseSync } from "node:sqlite";
import type { ReadInput, ReadSlice } from "../front/stores.ts";
import { prepareAll, type Prepared } from "./statements.ts";

/** Windows read in one slice of work: some milliseconds. */
const windowsPerSlice = 8;
/** Positions in a zone; the schema has the same number. */
const zoneSize = 1024;

/** Positions from `low` to `high`, both inclusive. */
interface Window {
  readonly low: number;
  readonly high: number;
}

type Row = Record<string, unknown>;

export class StreamReads {
  readonly #statements: Prepared<typeof readStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareAll(database, readStatements);
  }

  read(input: ReadInput): ReadSlice {
    const stream = this.#statements.stream.get(input.stream)?.["id"];
    if (typeof stream !== "number") return { entries: [] };
    const shard = input.shard === undefined ? undefined : this.#shard(stream, input.shard);
    if (shard === null) return { entries: [] };
    const entries: ReadSlice["entries"] = [];
    let bytesLeft = input.maxBytes;
    let left: Window = { low: input.afterPosition + 1, high: input.beforePosition - 1 };
    for (let windows = 0; windows < windowsPerSlice; windows++) {
      if (left.low > left.high) return { entries };
      const window = shard ? this.#ofShard(shard, left, input) : this.#ofZone(stream, left, input);
      if (!window) return { entries };
      for (const row of this.#entries(stream, shard, window, input)) {
        const entry = toEntry(row);
        entries.push(entry);
        bytesLeft -= entry.data.byteLength;
        if (entries.length >= input.limit || bytesLeft <= 0) return { entries, resumeAt: entry.position };
      }
      left = input.backwards ? { low: left.low, high: window.low - 1 } : { low: window.high + 1, high: left.high };
    }
    return { entries, resumeAt: input.backwards ? left.high + 1 : left.low - 1 };
  }

  #shard(stream: number, name: string): number | null {
    const id = this.#statements.shard.get(stream, name)?.["id"];
    return typeof id === "number" ? id : null;
  }

  #ofShard(shard: number, { low, high }: Window, { backwards }: ReadInput): Window | undefined {
    const statement = backwards ? this.#statements.shardWindowBackwards : this.#statements.shardWindow;
    return toWindow(statement.get(shard, low, high, zoneSize));
  }

  #ofZone(stream: number, { low, high }: Window, { backwards, fromMs, toMs }: ReadInput): Window | undefined {
    const statement = backwards ? this.#statements.zoneBackwards : this.#statements.zone;
    const zone = statement.get(stream, Math.floor(low / zoneSize), Math.floor(high / zoneSize), fromMs, toMs)?.["zone"];
    if (typeof zone !== "number") return undefined;
    return { low: Math.max(low, zone * zoneSize), high: Math.min(high, zone * zoneSize + zoneSize - 1) };
  }

  #entries(stream: number, shard: number | undefined, { low, high }: Window, input: ReadInput): Iterable<Row> {
    const { fromMs: from, toMs: to, shardPrefix: prefix = "", backwards } = input;
    if (shard === undefined) {
      const statement = backwards ? this.#statements.entriesBackwards : this.#statements.entries;
      return statement.iterate({ stream, low, high, from, to, prefix });
    }
    const statement = backwards ? this.#statements.shardEntriesBackwards : this.#statements.shardEntries;
    return statement.iterate({ shard, low, high, from, to, prefix });
  }
}

function toEntry(row: Row): ReadSlice["entries"][number] {
  return {
    position: Number(row["position"]),
    shard: String(row["shard"]),
    timestampMs: Number(row["timestamp_ms"]),
    data: row["data"] as Uint8Array,
  };
}

function toWindow(row: Record<string, unknown> | undefined): Window | undefined {
  const { low, high } = row ?? {};
  return typeof low === "number" && typeof high === "number" ? { low, high } : undefined;
}

const selectEntries =
  "SELECT position, shard.name AS shard, timestamp_ms, data FROM entry JOIN shard ON shard.id = entry.shard";
const wanted = `position BETWEEN $low AND $high AND timestamp_ms BETWEEN $from AND $to
  AND substr(shard.name, 1, length($prefix)) = $prefix ORDER BY position`;
const ofStream = `${selectEntries} WHERE entry.stream = $stream AND ${wanted}`;
const ofShard = `${selectEntries} WHERE entry.shard = $shard AND ${wanted}`;
const selectZone = `SELECT zone FROM zone
  WHERE stream = ? AND zone BETWEEN ? AND ? AND last_ms >= ? AND first_ms <= ? ORDER BY zone`;
const selectShard = "SELECT position FROM entry WHERE shard = ? AND position BETWEEN ? AND ? ORDER BY position";

export const readStatements = {
  stream: "SELECT id FROM stream WHERE name = ?",
  shard: "SELECT id FROM shard WHERE stream = ? AND name = ?",
  entries: ofStream,
  entriesBackwards: `${ofStream} DESC`,
  shardEntries: ofShard,
  shardEntriesBackwards: `${ofShard} DESC`,
  zone: `${selectZone} LIMIT 1`,
  zoneBackwards: `${selectZone} DESC LIMIT 1`,
  shardWindow: `SELECT min(position) AS low, max(position) AS high FROM (${selectShard} LIMIT ?)`,
  shardWindowBackwards: `SELECT min(position) AS low, max(position) AS high FROM (${selectShard} DESC LIMIT ?)`,
} as const;
