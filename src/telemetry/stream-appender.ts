/**
 * Appends to the engine's streams off everybody's path: what is added is gathered for a moment, written in batches, and
 * kept within a bound of memory. Under back-pressure the oldest entries of the fullest stream are dropped and counted,
 * so that one that floods loses its own.
 */
import type { Clock, Timer } from "../core/clock.ts";
import type { Key, Streams } from "../engine/contract.ts";
import { encodeKey } from "../engine/keys.ts";

export interface AppendedEntry {
  readonly shard: string;
  readonly timestampMs: number;
  readonly data: Uint8Array;
}

/** Longest time that an entry waits for others. */
export const gatherMs = 100;
/** Entries of one stream that are written without waiting for more. */
const eagerBytes = 262_144;
/** Of one append; well below what the engine takes at once, so that other writers get their turn. */
const batchBytesMax = 1_048_576;
const batchEntriesMax = 5000;
/** Waiting entries of one stream: some seconds of a function that writes as fast as it may. */
export const streamBytesMax = 8_388_608;
/** Waiting entries of all streams. */
export const waitingBytesMax = 67_108_864;
/** Wait before a refused batch is tried again. */
const retryMs = 500;
/** What an entry weighs beside its data. */
const entryOverheadBytes = 64;

interface Waiting {
  readonly stream: Key;
  entries: AppendedEntry[];
  bytes: number;
  timer: Timer | undefined;
  writing: Promise<void> | undefined;
  /** The engine took no more the last time: nothing is written before the next retry, however much comes. */
  isRefused: boolean;
  /** Entries dropped since the last one that was written, by shard. */
  dropped: Map<string, number>;
}

export interface StreamAppenderOptions {
  readonly streams: Pick<Streams, "append">;
  readonly clock: Clock;
  /** An entry that says how many were dropped before it; undefined leaves no trace of them in the stream. */
  readonly dropNotice: (shard: string, count: number) => AppendedEntry | undefined;
  /** Called after each batch that was written. */
  readonly onAppended: (stream: Key, bytes: number) => void;
}

export class StreamAppender {
  readonly #options: StreamAppenderOptions;
  readonly #waiting = new Map<string, Waiting>();
  #bytes = 0;
  #closed = false;

  constructor(options: StreamAppenderOptions) {
    this.#options = options;
  }

  /** Never fails and never waits. */
  add(stream: Key, entries: readonly AppendedEntry[]): void {
    if (this.#closed || entries.length === 0) return;
    const waiting = this.#of(stream);
    for (const entry of entries) {
      waiting.entries.push(entry);
      this.#count(waiting, weight(entry));
    }
    this.#dropBeyondBounds(waiting);
    if (waiting.bytes >= eagerBytes && !waiting.isRefused) void this.#write(waiting);
    else this.#arm(waiting, gatherMs);
  }

  /** Counts entries that were lost before they came here, so that the next one written says so. */
  countDropped(stream: Key, shard: string, count: number): void {
    const { dropped } = this.#of(stream);
    dropped.set(shard, (dropped.get(shard) ?? 0) + count);
  }

  /** Resolves when what was added before is written, or the engine has refused it for now. */
  async flush(stream: Key): Promise<void> {
    const waiting = this.#waiting.get(encodeKey(stream));
    if (waiting !== undefined) await this.#write(waiting);
  }

  /** The same, of every stream. */
  async flushAll(): Promise<void> {
    await Promise.all(Array.from(this.#waiting.values(), (waiting) => this.#write(waiting)));
  }

  /** Forgets what waits for a stream that was removed. */
  async discard(stream: Key): Promise<void> {
    const waiting = this.#waiting.get(encodeKey(stream));
    if (waiting === undefined) return;
    this.#drop(waiting, waiting.entries.length);
    await waiting.writing;
    this.#drop(waiting, waiting.entries.length);
    waiting.dropped.clear();
  }

  /** Writes what waits, once, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Array.from(this.#waiting.values(), (waiting) => this.#write(waiting)));
    for (const waiting of this.#waiting.values()) waiting.timer?.cancel();
    this.#waiting.clear();
  }

  #of(stream: Key): Waiting {
    const key = encodeKey(stream);
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = {
        stream,
        entries: [],
        bytes: 0,
        timer: undefined,
        writing: undefined,
        isRefused: false,
        dropped: new Map(),
      };
      this.#waiting.set(key, waiting);
    }
    return waiting;
  }

  #arm(waiting: Waiting, delayMs: number): void {
    if (waiting.timer !== undefined || waiting.writing !== undefined || this.#closed) return;
    waiting.timer = this.#options.clock.after(delayMs, () => {
      waiting.timer = undefined;
      void this.#write(waiting);
    });
  }

  #write(waiting: Waiting): Promise<void> {
    waiting.timer?.cancel();
    waiting.timer = undefined;
    waiting.writing ??= this.#writeAll(waiting).finally(() => {
      waiting.writing = undefined;
      if (waiting.entries.length > 0) this.#arm(waiting, retryMs);
      else if (waiting.dropped.size === 0) this.#waiting.delete(encodeKey(waiting.stream));
    });
    return waiting.writing;
  }

  /** Ends when nothing waits, or at the first batch that the engine refuses. */
  async #writeAll(waiting: Waiting): Promise<void> {
    while (waiting.entries.length > 0) {
      const batch = takeBatch(waiting);
      const { dropped } = waiting;
      waiting.dropped = new Map();
      const bytes = batch.reduce((sum, entry) => sum + weight(entry), 0);
      try {
        await this.#options.streams.append(waiting.stream, [...this.#notices(dropped), ...batch]);
      } catch (error) {
        for (const [shard, count] of dropped) this.countDropped(waiting.stream, shard, count);
        waiting.entries = [...batch, ...waiting.entries];
        if (error instanceof RangeError) {
          // Over a bound of the engine, and always will be.
          this.#drop(waiting, batch.length);
          continue;
        }
        // Busy, full or closing: it is tried again later, unless it has to be dropped first.
        waiting.isRefused = true;
        this.#dropBeyondBounds(waiting);
        return;
      }
      waiting.isRefused = false;
      this.#count(waiting, -bytes);
      this.#options.onAppended(waiting.stream, bytes);
    }
  }

  #notices(dropped: ReadonlyMap<string, number>): AppendedEntry[] {
    return [...dropped].flatMap(([shard, count]) => this.#options.dropNotice(shard, count) ?? []);
  }

  #dropBeyondBounds(added: Waiting): void {
    while (added.bytes > streamBytesMax && added.entries.length > 0) this.#dropOldest(added);
    while (this.#bytes > waitingBytesMax) {
      const fullest = [...this.#waiting.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a), added);
      if (fullest.entries.length === 0) return;
      this.#dropOldest(fullest);
    }
  }

  /** A hundredth at a time, so that a flood does not pay for every entry. */
  #dropOldest(waiting: Waiting): void {
    this.#drop(waiting, Math.ceil(waiting.entries.length / 100));
  }

  #drop(waiting: Waiting, count: number): void {
    for (const entry of waiting.entries.splice(0, count)) {
      this.#count(waiting, -weight(entry));
      waiting.dropped.set(entry.shard, (waiting.dropped.get(entry.shard) ?? 0) + 1);
    }
  }

  #count(waiting: Waiting, bytes: number): void {
    waiting.bytes += bytes;
    this.#bytes += bytes;
  }
}

/** Takes from the front as much as one append may hold. Its bytes stay counted until it is written. */
function takeBatch(waiting: Waiting): AppendedEntry[] {
  let bytes = 0;
  let count = 0;
  for (const entry of waiting.entries) {
    bytes += weight(entry);
    if (count > 0 && (bytes > batchBytesMax || count >= batchEntriesMax)) break;
    count++;
  }
  return waiting.entries.splice(0, count);
}

function weight(entry: AppendedEntry): number {
  return entry.data.byteLength + entryOverheadBytes;
}
