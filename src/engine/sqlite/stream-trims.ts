/** Takes entries out of streams, a few zones in one slice of work, and keeps the sums of streams and shards true. */
import type { DatabaseSync } from "node:sqlite";
import type { StreamStore } from "../front/stores.ts";
import { entryOverheadBytes } from "../limits.ts";
import type { Counter } from "./counter.ts";
import { prepareAll, type Prepared } from "./statements.ts";

/** Zones (of 1024 entries) emptied in one slice of work. */
const zonesPerSlice = 8;
/** Entries of one shard removed in one slice of work. */
const entriesPerSlice = 4096;

export class StreamTrims {
  readonly #floor: Counter;
  readonly #statements: Prepared<typeof trimStatements>;

  constructor(database: DatabaseSync, floor: Counter) {
    this.#floor = floor;
    this.#statements = prepareAll(database, trimStatements);
  }

  /** True when nothing is left to do. */
  trim(input: Parameters<StreamStore["trim"]>[0]): boolean {
    const { beforeMs = -Number.MAX_VALUE, maxBytes = Number.MAX_VALUE } = input;
    const stream = this.#id(input.stream);
    if (stream === undefined) return true;
    for (let zones = 0; zones < zonesPerSlice; zones++) {
      const old = this.#statements.zoneBefore.get(stream, beforeMs)?.["zone"];
      if (typeof old === "number") {
        this.#dropFromZone(stream, old, Number.MAX_SAFE_INTEGER, beforeMs);
        continue;
      }
      const excess = Number(this.#statements.bytes.get(stream)?.["bytes"]) - maxBytes;
      const first = this.#statements.firstZone.get(stream)?.["zone"];
      if (!(excess > 0) || typeof first !== "number") return true;
      this.#dropFromZone(stream, first, this.#cut(stream, first, excess), Number.MAX_VALUE);
    }
    return false;
  }

  /** True when the shard is gone. */
  removeShard({ stream: name, shard: shardName }: Parameters<StreamStore["removeShard"]>[0]): boolean {
    const stream = this.#id(name);
    const shard = stream === undefined ? undefined : this.#statements.shard.get(stream, shardName)?.["id"];
    if (stream === undefined || typeof shard !== "number") return true;
    const high = this.#statements.shardSlice.get(shard, entriesPerSlice)?.["high"];
    if (typeof high === "number") {
      const lost = Number(this.#statements.shardBytes.get(shard, high)?.["bytes"]);
      this.#statements.dropOfShard.run(shard, high);
      this.#settle(stream, shard, lost);
    }
    return !this.#statements.shard.get(stream, shardName);
  }

  /** True when the stream is gone. */
  remove(name: string): boolean {
    const stream = this.#id(name);
    if (stream === undefined) return true;
    for (let zones = 0; zones < zonesPerSlice; zones++) {
      const first = this.#statements.firstZone.get(stream)?.["zone"];
      if (typeof first !== "number") {
        this.#floor.raiseTo(Number(this.#statements.lastPosition.get(stream)?.["last_position"]));
        this.#statements.dropStream.run(stream);
        return true;
      }
      this.#dropFromZone(stream, first, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE);
    }
    return false;
  }

  #id(name: string): number | undefined {
    const id = this.#statements.stream.get(name)?.["id"];
    return typeof id === "number" ? id : undefined;
  }

  /** The position in a zone up to which entries must go to make up for `excess` bytes; beyond the zone if all must. */
  #cut(stream: number, zone: number, excess: number): number {
    let dropped = 0;
    for (const row of this.#statements.sizes.iterate(stream, zone, zone)) {
      dropped += Number(row["bytes"]);
      if (dropped >= excess) return Number(row["position"]);
    }
    return Number.MAX_SAFE_INTEGER;
  }

  /** Drops a zone's entries up to a position and older than a time, then looks at what is left of the zone. */
  #dropFromZone(stream: number, zone: number, upTo: number, beforeMs: number): void {
    const which = { stream, zone, upTo, beforeMs };
    const lost = this.#statements.lost.all(which);
    this.#statements.drop.run(which);
    for (const row of lost) this.#settle(stream, Number(row["shard"]), Number(row["bytes"]));
    this.#statements.dropZone.run(stream, zone);
    this.#statements.remakeZone.run(stream, zone, zone);
  }

  /** Takes what was lost off the sums; a shard is gone with its last entry. */
  #settle(stream: number, shard: number, lostBytes: number): void {
    this.#statements.shrinkStream.run(lostBytes, stream);
    const first = this.#statements.firstOfShard.get(shard);
    const last = this.#statements.lastOfShard.get(shard);
    if (!first || !last) {
      this.#statements.dropShard.run(shard);
      return;
    }
    const [firstMs, lastMs] = [Number(first["timestamp_ms"]), Number(last["timestamp_ms"])];
    this.#statements.shrinkShard.run(firstMs, lastMs, Number(last["position"]), lostBytes, shard);
  }
}

const inZone = "position BETWEEN (? << 10) AND (? << 10) + 1023";
const chosen = `stream = $stream AND position BETWEEN ($zone << 10) AND min($upTo, ($zone << 10) + 1023)
  AND timestamp_ms < $beforeMs`;
const size = `length(data) + ${entryOverheadBytes}`;

export const trimStatements = {
  stream: "SELECT id FROM stream WHERE name = ?",
  bytes: "SELECT bytes FROM stream WHERE id = ?",
  lastPosition: "SELECT last_position FROM stream WHERE id = ?",
  dropStream: "DELETE FROM stream WHERE id = ?",
  shrinkStream: "UPDATE stream SET bytes = bytes - ? WHERE id = ?",

  zoneBefore: "SELECT zone FROM zone WHERE stream = ? AND first_ms < ? ORDER BY zone LIMIT 1",
  firstZone: "SELECT min(zone) AS zone FROM zone WHERE stream = ?",
  dropZone: "DELETE FROM zone WHERE stream = ? AND zone = ?",
  remakeZone: `INSERT INTO zone (stream, zone, first_ms, last_ms)
    SELECT stream, position >> 10, min(timestamp_ms), max(timestamp_ms) FROM entry
    WHERE stream = ? AND ${inZone} GROUP BY stream, position >> 10`,

  sizes: `SELECT position, ${size} AS bytes FROM entry WHERE stream = ? AND ${inZone} ORDER BY position`,
  lost: `SELECT shard, sum(${size}) AS bytes FROM entry WHERE ${chosen} GROUP BY shard`,
  drop: `DELETE FROM entry WHERE ${chosen}`,

  shard: "SELECT id FROM shard WHERE stream = ? AND name = ?",
  shardSlice: `SELECT max(position) AS high FROM
    (SELECT position FROM entry WHERE shard = ? ORDER BY position LIMIT ?)`,
  shardBytes: `SELECT sum(${size}) AS bytes FROM entry WHERE shard = ? AND position <= ?`,
  dropOfShard: "DELETE FROM entry WHERE shard = ? AND position <= ?",
  firstOfShard: "SELECT timestamp_ms FROM entry WHERE shard = ? ORDER BY position LIMIT 1",
  lastOfShard: "SELECT timestamp_ms, position FROM entry WHERE shard = ? ORDER BY position DESC LIMIT 1",
  shrinkShard: `UPDATE shard SET first_timestamp_ms = ?, last_timestamp_ms = ?, last_position = ?, bytes = bytes - ?
    WHERE id = ?`,
  dropShard: "DELETE FROM shard WHERE id = ?",
} as const;
