/**
 * The metrics of late, by the minute. Values are counted in memory (`MetricSet.record` touches nothing else) and written
 * to a stream of each account and region at every full minute, each set's minute as one entry; entries of the same minute
 * add up. So a reader finds a value at once and a restart loses none, while a crash loses what came since the last full
 * minute.
 *
 * Kept for 15 days, as CloudWatch keeps values of a minute, and within a budget on disk, beyond which the oldest go.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import type { Engine, Key } from "../../engine/contract.ts";
import { fairLevel } from "../../telemetry/log-budget.ts";
import { StreamAppender } from "../../telemetry/stream-appender.ts";
import { Distribution, type EncodedDistribution } from "./distribution.ts";
import { MetricCatalogue } from "./metric-catalogue.ts";
import { minuteMs, type Counts, type MetricSet, type MetricSubject } from "./metric-set.ts";

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention */
export const retentionMs = 15 * 86_400_000;
/** How often old values, and metrics without any, are dropped. */
export const sweepEveryMs = 3_600_000;
/** Part of the budget after which a sweep is due: the disk never holds more than this beyond the budget. */
const dueShare = 1 / 16;
/** To which part of the budget a sweep cuts. */
const cutShare = 15 / 16;
/** Entries that are read at a time: a day of minutes, so that a long reading holds nobody up. */
const readAtOnce = 1440;
/** A read that a flush runs into is done again; a flush comes once a minute. */
const readAttemptsMax = 3;

const streamsPrefix = ["metrics"] as const;

/** One set's minute as it lies in a stream. */
type WrittenCounts = Readonly<Record<string, EncodedDistribution>>;

export interface MetricStoreOptions {
  readonly engine: Pick<Engine, "records" | "streams">;
  readonly clock: Clock;
  /** Disk that all metrics may take. */
  readonly metricsBytesMax: number;
}

export class MetricStore {
  readonly #streams: Engine["streams"];
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #appender: StreamAppender;
  readonly #catalogue: MetricCatalogue;
  /** Those with values that are not written yet. */
  readonly #open = new Set<MetricSet>();
  /** Called before values are written or shown. */
  readonly #beforeFlush: (() => void)[] = [];
  #flushes = 0;
  #appendedBytes = 0;
  #minuteTimer: Timer | undefined;
  #sweepTimer: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  #closed = false;

  constructor({ engine, clock, metricsBytesMax }: MetricStoreOptions) {
    this.#streams = engine.streams;
    this.#clock = clock;
    this.#bytesMax = metricsBytesMax;
    this.#appender = new StreamAppender({
      streams: engine.streams,
      clock,
      dropNotice: () => undefined,
      onAppended: (_stream, bytes) => this.#onAppended(bytes),
    });
    this.#catalogue = new MetricCatalogue(engine.records, (set) => this.#open.add(set));
  }

  /** Takes up what was there, and writes from now on. Values may be recorded before. */
  async start(): Promise<void> {
    await this.#catalogue.load();
    this.#armMinute();
    this.#armSweep(minuteMs);
  }

  /** The set to record into; the same object for the same subject, and good for as long as anybody holds it. */
  setOf(subject: MetricSubject): MetricSet {
    return this.#catalogue.setOf(subject);
  }

  /** All sets that have had values of late. */
  sets(): Iterable<MetricSet> {
    for (const task of this.#beforeFlush) task();
    return this.#catalogue.sets();
  }

  /** For whoever counts time that goes on: to catch up before values are written or shown. */
  beforeFlush(task: () => void): void {
    this.#beforeFlush.push(task);
  }

  /** One metric's values by the minute's beginning, from `fromMs` up to but without `toMs`. */
  async read(
    subject: MetricSubject,
    metric: string,
    range: { readonly fromMs: number; readonly toMs: number },
  ): Promise<Map<number, Distribution>> {
    const set = this.#catalogue.find(subject);
    if (set === undefined) return new Map();
    for (let attempt = 1; ; attempt++) {
      const flushes = this.#flushes;
      const minutes = await this.#readWritten(set, metric, range);
      // Otherwise what was open when it was not yet written may be neither here nor there.
      if (flushes !== this.#flushes && attempt < readAttemptsMax) continue;
      for (const [minute, counts] of set.open) {
        const open = counts.get(metric);
        if (open !== undefined && minute >= range.fromMs && minute < range.toMs) merge(minutes, minute, open);
      }
      return minutes;
    }
  }

  /** Writes everything that is in memory; resolves when it is durable, or the engine has refused it for now. */
  async flush(): Promise<void> {
    for (const task of this.#beforeFlush) task();
    this.#flushes++;
    const sets = [...this.#open];
    this.#open.clear();
    const streams = new Map<string, Key>();
    for (const set of sets) {
      const stream = streamOf(set.subject.scope);
      streams.set(stream.join("/"), stream);
      const entries = set.take().map(([minute, counts]) => {
        return { shard: set.shard, timestampMs: minute, data: Buffer.from(JSON.stringify(encode(counts))) };
      });
      this.#appender.add(stream, entries);
    }
    await Promise.all(Array.from(streams.values(), (stream) => this.#appender.flush(stream)));
    await this.#catalogue.write(sets);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#minuteTimer?.cancel();
    this.#sweepTimer?.cancel();
    await this.flush();
    await this.#appender.close();
    await this.#sweeping;
  }

  async #readWritten(
    { subject, shard }: MetricSet,
    metric: string,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): Promise<Map<number, Distribution>> {
    const stream = streamOf(subject.scope);
    await this.#appender.flush(stream);
    const minutes = new Map<number, Distribution>();
    for (let afterPosition: number | undefined; ;) {
      const entries = await this.#streams.read(stream, {
        shard,
        fromMs,
        toMs: toMs - 1,
        limit: readAtOnce,
        ...(afterPosition !== undefined && { afterPosition }),
      });
      for (const { timestampMs, data } of entries) {
        const written = (JSON.parse(Buffer.from(data).toString()) as WrittenCounts)[metric];
        if (written === undefined) continue;
        const counts = new Distribution();
        counts.mergeEncoded(written);
        merge(minutes, timestampMs, counts);
      }
      afterPosition = entries.at(-1)?.position;
      if (afterPosition === undefined) return minutes;
    }
  }

  /** At the next full minute. */
  #armMinute(): void {
    if (this.#closed) return;
    this.#minuteTimer = this.#clock.after(minuteMs - (this.#clock.now() % minuteMs), () => {
      this.#armMinute();
      void this.flush();
    });
  }

  #armSweep(delayMs: number): void {
    if (this.#closed) return;
    this.#sweepTimer = this.#clock.after(delayMs, () => {
      this.#armSweep(sweepEveryMs);
      this.#sweep();
    });
  }

  #onAppended(bytes: number): void {
    this.#appendedBytes += bytes;
    if (this.#appendedBytes >= this.#bytesMax * dueShare) this.#sweep();
  }

  /** One at a time. What could not be done, or came while another was under way, is done the next time. */
  #sweep(): void {
    if (this.#closed) return;
    this.#sweeping ??= this.#dropOld()
      .catch(() => undefined)
      .finally(() => (this.#sweeping = undefined));
  }

  async #dropOld(): Promise<void> {
    this.#appendedBytes = 0;
    const nowMs = this.#clock.now();
    const streams = await this.#streams.list(streamsPrefix);
    const sizes = streams.map(({ bytes }) => bytes);
    const isOver = sizes.reduce((sum, bytes) => sum + bytes, 0) > this.#bytesMax;
    const level = isOver ? fairLevel(sizes, this.#bytesMax * cutShare) : Infinity;
    for (const { stream } of streams) {
      const maxBytes = Number.isFinite(level) ? { maxBytes: level } : {};
      await this.#streams.trim(stream, { beforeMs: nowMs - retentionMs, ...maxBytes });
    }
    await this.#catalogue.forgetOld(nowMs);
  }
}

function streamOf({ account, region }: Scope): Key {
  return [...streamsPrefix, account, region];
}

function encode(counts: Counts): WrittenCounts {
  return Object.fromEntries(Array.from(counts, ([metric, distribution]) => [metric, distribution.encode()]));
}

function merge(minutes: Map<number, Distribution>, minute: number, counts: Distribution): void {
  const known = minutes.get(minute);
  if (known === undefined) {
    const copy = new Distribution();
    copy.merge(counts);
    minutes.set(minute, copy);
  } else known.merge(counts);
}
