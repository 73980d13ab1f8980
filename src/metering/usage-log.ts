/**
 * The usage records of late, kept as data within a bound: appended off everybody's path, read back by function.
 */
import type { Clock } from "../core/clock.ts";
import type { Scope } from "../core/identity.ts";
import type { Engine, Key } from "../engine/contract.ts";
import { StreamAppender } from "../telemetry/stream-appender.ts";
import type { UsageRecord } from "./usage-record.ts";

/** Records of one account in one region; some 100 000 invocations. */
const usageBytesMax = 67_108_864;
/** Bytes after which a stream is cut to its bound again. */
const trimEveryBytes = 4_194_304;
/** Records that are read at a time: some 600 KiB. */
const linesAtOnce = 1000;
/** Records that are parsed at a time: some 2 ms. */
const recordsAtOnce = 250;
const lineEnd = Buffer.from("\n");

export class UsageLog {
  readonly #streams: Engine["streams"];
  readonly #appender: StreamAppender;
  /** Bytes appended to each stream since it was last cut. */
  readonly #appendedBytes = new Map<string, number>();
  readonly #trimming = new Set<Promise<void>>();

  constructor(options: { readonly engine: Pick<Engine, "streams">; readonly clock: Clock }) {
    this.#streams = options.engine.streams;
    this.#appender = new StreamAppender({
      streams: this.#streams,
      clock: options.clock,
      dropNotice: () => undefined,
      onAppended: (stream, bytes) => this.#onAppended(stream, bytes),
    });
  }

  /** Never fails and never waits. Under back-pressure the oldest records are lost. */
  record(usage: UsageRecord): void {
    this.#appender.add(usageKey(usage), [
      { shard: usage.functionName, timestampMs: usage.startedAtMs, data: Buffer.from(JSON.stringify(usage)) },
    ]);
  }

  /** The newest first; of all functions when none is named. */
  async recent(query: {
    readonly scope: Scope;
    readonly functionName?: string;
    readonly limit: number;
  }): Promise<UsageRecord[]> {
    const key = usageKey(query.scope);
    await this.#appender.flush(key);
    const entries = await this.#streams.read(key, {
      limit: query.limit,
      backwards: true,
      ...(query.functionName !== undefined && { shard: query.functionName }),
    });
    return entries.map((entry) => JSON.parse(Buffer.from(entry.data).toString()) as UsageRecord);
  }

  /**
   * The newest records of all accounts since then, in pages, the newest of each account and region first; each of these
   * has an equal share of `recordsMax`.
   */
  async *newest({
    fromMs,
    recordsMax,
  }: {
    readonly fromMs: number;
    readonly recordsMax: number;
  }): AsyncGenerator<UsageRecord[]> {
    await this.#appender.flushAll();
    const streams = await this.#streams.list(["usage"]);
    for (const { stream } of streams) {
      let beforePosition: number | undefined;
      for (let left = Math.ceil(recordsMax / streams.length); left > 0;) {
        const entries = await this.#streams.read(stream, {
          fromMs,
          limit: Math.min(left, recordsAtOnce),
          backwards: true,
          ...(beforePosition !== undefined && { beforePosition }),
        });
        if (entries.length === 0) break;
        left -= entries.length;
        beforePosition = entries.at(-1)?.position;
        yield entries.map(({ data }) => JSON.parse(Buffer.from(data).toString()) as UsageRecord);
      }
    }
  }

  /** All that is recorded, of all accounts: lines of JSON, the oldest of each account and region first. */
  async *lines(): AsyncGenerator<Buffer> {
    await this.#appender.flushAll();
    for (const { stream } of await this.#streams.list(["usage"])) {
      let afterPosition: number | undefined;
      for (;;) {
        const limit = linesAtOnce;
        const entries = await this.#streams.read(
          stream,
          afterPosition === undefined ? { limit } : { limit, afterPosition },
        );
        const last = entries.at(-1);
        if (last === undefined) break;
        afterPosition = last.position;
        yield Buffer.concat(entries.flatMap(({ data }) => [data, lineEnd]));
      }
    }
  }

  async close(): Promise<void> {
    await this.#appender.close();
    await Promise.all(this.#trimming);
  }

  #onAppended(stream: Key, bytes: number): void {
    const name = stream.join("/");
    const appended = (this.#appendedBytes.get(name) ?? trimEveryBytes) + bytes;
    if (appended < trimEveryBytes) {
      this.#appendedBytes.set(name, appended);
      return;
    }
    this.#appendedBytes.set(name, 0);
    const trimming = this.#streams
      .trim(stream, { maxBytes: usageBytesMax })
      // Busy or closing: the next cut makes up for it.
      .catch(() => undefined)
      .finally(() => this.#trimming.delete(trimming));
    this.#trimming.add(trimming);
  }
}

function usageKey({ account, region }: Scope): Key {
  return ["usage", account, region];
}
