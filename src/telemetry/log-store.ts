/**
 * The logs of functions, with the semantics of CloudWatch Logs: groups hold streams, streams hold events in the order
 * of their arrival.
 *
 * A group is a stream of the engine, a log stream is a shard of it. What an environment writes is gathered and appended
 * off everybody's path; readers find everything that was added before they asked. Groups and their settings are
 * records; log streams that somebody created by hand are too, while those of environments exist as long as they have
 * events. Differs from AWS: a log stream of an environment is gone when its last event has been trimmed.
 */
import type { Clock } from "../core/clock.ts";
import type { Scope } from "../core/identity.ts";
import { changeRecord } from "../engine/change-record.ts";
import type { Engine } from "../engine/contract.ts";
import { encodeKey } from "../engine/keys.ts";
import { LogSweeper } from "./log-sweeper.ts";
import { decodeLogEvent, encodeLogEvent, type LogEvent, type StoredLogEvent } from "./log-event.ts";
import { groupKey, groupsOf, streamKey, streamsOf, logKey, logsOf, type GroupRecord } from "./log-keys.ts";
import { StreamAppender } from "./stream-appender.ts";

export interface LogGroup {
  readonly name: string;
  readonly record: GroupRecord;
  readonly storedBytes: number;
}

export interface LogStream {
  readonly name: string;
  readonly createdAtMs: number;
  /** Undefined while it has no events. */
  readonly events?: {
    readonly firstTimestampMs: number;
    readonly lastTimestampMs: number;
    readonly bytes: number;
  };
}

export interface LogQuery {
  readonly stream?: string;
  readonly streamPrefix?: string;
  readonly afterPosition?: number;
  readonly beforePosition?: number;
  /** Both inclusive. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly limit: number;
  readonly backwards?: boolean;
}

/** Lines that an environment wrote. */
export interface LogLines {
  readonly scope: Scope;
  readonly group: string;
  readonly stream: string;
  readonly events: readonly LogEvent[];
  /** Lines lost since the last ones, because they came faster than the environment may write. */
  readonly dropped: number;
}

export interface LogStoreOptions {
  readonly engine: Pick<Engine, "records" | "streams">;
  readonly clock: Clock;
  /** Disk that all logs of all accounts may take. */
  readonly logBytesMax: number;
  /** For groups that have no retention of their own. */
  readonly logRetentionDays: number;
}

export class LogStore {
  readonly #engine: Pick<Engine, "records" | "streams">;
  readonly #clock: Clock;
  readonly #appender: StreamAppender;
  readonly #sweeper: LogSweeper;
  /** Groups whose record is known to exist, or is being written. */
  readonly #known = new Set<string>();
  readonly #creating = new Set<Promise<void>>();

  constructor(options: LogStoreOptions) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#sweeper = new LogSweeper(options);
    this.#appender = new StreamAppender({
      streams: options.engine.streams,
      clock: options.clock,
      dropNotice: (shard, count) => {
        const nowMs = options.clock.now();
        const message = `${count} log events are missing here: they came faster than they could be stored.\n`;
        return encodeLogEvent(shard, { timestampMs: nowMs, message }, nowMs);
      },
      onAppended: (_stream, bytes) => this.#sweeper.appended(bytes),
    });
  }

  /** Takes what an environment wrote; never fails and never waits. */
  append({ scope, group, stream, events, dropped }: LogLines): void {
    const key = logKey(scope, group);
    this.#ensureGroup(scope, group);
    if (dropped > 0) this.#appender.countDropped(key, stream, dropped);
    const nowMs = this.#clock.now();
    this.#appender.add(
      key,
      events.map((event) => encodeLogEvent(stream, event, nowMs)),
    );
  }

  /** Resolves when the events are durable, with the position of the last. */
  put(scope: Scope, group: string, stream: string, events: readonly LogEvent[]): Promise<number> {
    const nowMs = this.#clock.now();
    const entries = events.map((event) => encodeLogEvent(stream, event, nowMs));
    this.#sweeper.appended(entries.reduce((sum, entry) => sum + entry.data.byteLength, 0));
    return this.#engine.streams.append(logKey(scope, group), entries);
  }

  /** In the order of arrival (falling when `backwards`); may end before `limit`, only an empty answer is the end. */
  async read(scope: Scope, group: string, query: LogQuery): Promise<StoredLogEvent[]> {
    const { stream, streamPrefix, ...rest } = query;
    const key = logKey(scope, group);
    await this.#appender.flush(key);
    const entries = await this.#engine.streams.read(key, {
      ...rest,
      ...(stream !== undefined && { shard: stream }),
      ...(streamPrefix !== undefined && { shardPrefix: streamPrefix }),
    });
    return entries.map(decodeLogEvent);
  }

  /** In the order of their names. */
  async groups(scope: Scope): Promise<LogGroup[]> {
    await this.#settled();
    const [records, logs] = await Promise.all([
      this.#engine.records.list<GroupRecord>(groupsOf(scope)),
      this.#engine.streams.list(logsOf(scope)),
    ]);
    const bytes = new Map(logs.map((log) => [log.stream.at(-1), log.bytes]));
    return records.map(({ key, value }) => {
      const name = key.at(-1) ?? "";
      return { name, record: value, storedBytes: bytes.get(name) ?? 0 };
    });
  }

  async group(scope: Scope, name: string): Promise<GroupRecord | undefined> {
    await this.#settled();
    return (await this.#engine.records.get<GroupRecord>(groupKey(scope, name)))?.value;
  }

  /** False when there is one of that name. */
  async createGroup(scope: Scope, name: string, tags: Readonly<Record<string, string>>): Promise<boolean> {
    await this.#settled();
    const record: GroupRecord = { createdAtMs: this.#clock.now(), tags };
    return (await this.#engine.records.put(groupKey(scope, name), record, "absent")).written;
  }

  /** Changes a group's settings; false when there is none of that name. */
  async updateGroup(scope: Scope, name: string, change: (record: GroupRecord) => GroupRecord): Promise<boolean> {
    await this.#settled();
    const changed = await changeRecord(this.#engine.records, groupKey(scope, name), (record: GroupRecord | undefined) =>
      record === undefined ? undefined : change(record),
    );
    return changed !== undefined;
  }

  /** With all its streams and events. An environment that writes to it afterwards makes it anew. */
  async deleteGroup(scope: Scope, name: string): Promise<boolean> {
    await this.#settled();
    const entry = await this.#engine.records.get(groupKey(scope, name));
    if (entry === undefined) return false;
    this.#known.delete(encodeKey(logKey(scope, name)));
    await this.#appender.discard(logKey(scope, name));
    const streams = await this.#engine.records.list(streamsOf(scope, name));
    await Promise.all([
      this.#engine.streams.remove(logKey(scope, name)),
      ...streams.map((stream) => this.#engine.records.delete(stream.key)),
    ]);
    await this.#engine.records.delete(groupKey(scope, name));
    return true;
  }

  /** In the order of their names. */
  async streams(scope: Scope, group: string): Promise<LogStream[]> {
    const key = logKey(scope, group);
    await this.#appender.flush(key);
    const [records, shards] = await Promise.all([
      this.#engine.records.list<{ readonly createdAtMs: number }>(streamsOf(scope, group)),
      this.#engine.streams.shards(key),
    ]);
    const byName = new Map<string, LogStream>();
    for (const { key: recordKey, value } of records) {
      const name = recordKey.at(-1) ?? "";
      byName.set(name, { name, createdAtMs: value.createdAtMs });
    }
    for (const { shard, firstTimestampMs, lastTimestampMs, bytes } of shards) {
      const createdAtMs = byName.get(shard)?.createdAtMs ?? firstTimestampMs;
      byName.set(shard, { name: shard, createdAtMs, events: { firstTimestampMs, lastTimestampMs, bytes } });
    }
    return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async hasStream(scope: Scope, group: string, name: string): Promise<boolean> {
    if ((await this.#engine.records.get(streamKey(scope, group, name))) !== undefined) return true;
    const [event] = await this.read(scope, group, { stream: name, limit: 1 });
    return event !== undefined;
  }

  /** False when there is one of that name. */
  async createStream(scope: Scope, group: string, name: string): Promise<boolean> {
    if (await this.hasStream(scope, group, name)) return false;
    const record = { createdAtMs: this.#clock.now() };
    return (await this.#engine.records.put(streamKey(scope, group, name), record, "absent")).written;
  }

  /** With its events; false when there is none of that name. */
  async deleteStream(scope: Scope, group: string, name: string): Promise<boolean> {
    if (!(await this.hasStream(scope, group, name))) return false;
    // What waits would make it anew.
    await this.#appender.flush(logKey(scope, group));
    await this.#engine.streams.removeShard(logKey(scope, group), name);
    await this.#engine.records.delete(streamKey(scope, group, name));
    return true;
  }

  /** Writes what waits and ends the sweeping. */
  async close(): Promise<void> {
    await this.#settled();
    await this.#appender.close();
    await this.#sweeper.close();
  }

  /** Makes the record of a group when its first event comes. */
  #ensureGroup(scope: Scope, name: string): void {
    const id = encodeKey(logKey(scope, name));
    if (this.#known.has(id)) return;
    this.#known.add(id);
    const record: GroupRecord = { createdAtMs: this.#clock.now(), tags: {} };
    const creating = this.#engine.records
      .put(groupKey(scope, name), record, "absent")
      // Busy or full: the next event tries again.
      .catch(() => this.#known.delete(id))
      .then(() => void this.#creating.delete(creating));
    this.#creating.add(creating);
  }

  /** Groups that environments have just begun to write to exist for every reader. */
  async #settled(): Promise<void> {
    if (this.#creating.size > 0) await Promise.all(this.#creating);
  }
}
