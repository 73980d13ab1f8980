/**
 * One log event as it lies in a stream: eight bytes of ingestion time, then the message in UTF-8. Its stream is the log
 * group, its shard the log stream.
 */
import type { StreamEntry } from "../engine/contract.ts";
import type { AppendedEntry } from "./stream-appender.ts";

export interface LogEvent {
  readonly timestampMs: number;
  readonly message: string;
}

export interface StoredLogEvent extends LogEvent {
  /** Rises in the order of arrival within a group. */
  readonly position: number;
  readonly stream: string;
  readonly ingestedAtMs: number;
}

const headerBytes = 8;

export function encodeLogEvent(stream: string, event: LogEvent, ingestedAtMs: number): AppendedEntry {
  const data = Buffer.allocUnsafe(headerBytes + Buffer.byteLength(event.message));
  data.writeDoubleBE(ingestedAtMs, 0);
  data.write(event.message, headerBytes);
  return { shard: stream, timestampMs: event.timestampMs, data };
}

export function decodeLogEvent(entry: StreamEntry): StoredLogEvent {
  const data = Buffer.from(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength);
  return {
    position: entry.position,
    stream: entry.shard,
    timestampMs: entry.timestampMs,
    ingestedAtMs: data.readDoubleBE(0),
    message: data.toString("utf8", headerBytes),
  };
}
