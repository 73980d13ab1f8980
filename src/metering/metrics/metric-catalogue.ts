/**
 * Which metrics there are, and when each last had a value: in memory, and in a record for each set, so that a restart
 * forgets none. A record is written when a metric is new and then at most every 50 minutes: by so much a metric may look
 * less recent than it is, after a restart.
 */
import type { Scope } from "../../core/identity.ts";
import type { Key, Records } from "../../engine/contract.ts";
import { MetricSet, minuteMs, shardOf, subjectOfShard, type MetricSubject } from "./metric-set.ts";

/** How far a record may lag behind. CloudWatch's `RecentlyActive` is as exact. */
export const seenLagMsMax = 50 * minuteMs;
/** A metric without values for so long is forgotten. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html */
export const listedMs = 14 * 86_400_000;
/** Sets that are known at once: functions, their versions and aliases, of all accounts. Beyond it those go whose last value is oldest. */
export const setsMax = 100_000;
/** Records that are written at once. */
const writesAtOnce = 100;

const recordsPrefix = ["metric"] as const;

interface SeenRecord {
  /** By metric name. */
  readonly lastSeenMs: Readonly<Record<string, number>>;
}

export class MetricCatalogue {
  readonly #records: Pick<Records, "put" | "delete" | "list">;
  readonly #onOpened: (set: MetricSet) => void;
  /** By account, region and shard. */
  readonly #sets = new Map<string, MetricSet>();
  /** As the records have it. */
  readonly #written = new WeakMap<MetricSet, ReadonlyMap<string, number>>();

  constructor(records: Pick<Records, "put" | "delete" | "list">, onOpened: (set: MetricSet) => void) {
    this.#records = records;
    this.#onOpened = (set) => {
      // It may have been forgotten meanwhile.
      this.#sets.set(idOf(set.subject.scope, set.shard), set);
      onOpened(set);
    };
  }

  /** Takes up what the records know. */
  async load(): Promise<void> {
    for (const { key, value } of await this.#records.list<SeenRecord>(recordsPrefix)) {
      const [, account = "", region = "", shard = ""] = key;
      const set = this.setOf(subjectOfShard({ account, region }, shard));
      for (const [metric, seenMs] of Object.entries(value.lastSeenMs)) {
        set.lastSeenMs.set(metric, Math.max(seenMs, set.lastSeenMs.get(metric) ?? 0));
      }
      this.#written.set(set, new Map(set.lastSeenMs));
    }
  }

  /** Makes it if there is none yet. */
  setOf(subject: MetricSubject): MetricSet {
    const found = this.find(subject);
    if (found !== undefined) return found;
    const set = new MetricSet(subject, this.#onOpened);
    this.#sets.set(idOf(subject.scope, set.shard), set);
    return set;
  }

  find(subject: MetricSubject): MetricSet | undefined {
    return this.#sets.get(idOf(subject.scope, shardOf(subject)));
  }

  sets(): Iterable<MetricSet> {
    return this.#sets.values();
  }

  /** Notes down what has been seen. What cannot be written now is written the next time. */
  async write(sets: readonly MetricSet[]): Promise<void> {
    const stale = sets.filter((set) => this.#isStale(set));
    for (let index = 0; index < stale.length; index += writesAtOnce) {
      await Promise.all(stale.slice(index, index + writesAtOnce).map((set) => this.#write(set)));
    }
  }

  /** Forgets what has had no value for two weeks, and what is too much. */
  async forgetOld(nowMs: number): Promise<void> {
    const idle = [...this.#sets].filter(([, set]) => set.open.size === 0);
    const byAge = idle
      .map(([id, set]) => ({ id, set, seenMs: Math.max(0, ...set.lastSeenMs.values()) }))
      .toSorted((a, b) => a.seenMs - b.seenMs);
    const surplus = this.#sets.size - setsMax;
    const old = byAge.filter(({ seenMs }, index) => index < surplus || seenMs < nowMs - listedMs);
    for (const { id, set } of old) {
      this.#sets.delete(id);
      if (this.#written.delete(set)) await this.#records.delete(keyOf(set));
    }
  }

  #isStale(set: MetricSet): boolean {
    const written = this.#written.get(set);
    for (const [metric, seenMs] of set.lastSeenMs) {
      if (seenMs - (written?.get(metric) ?? -Infinity) > seenLagMsMax) return true;
    }
    return false;
  }

  async #write(set: MetricSet): Promise<void> {
    const seen = new Map(set.lastSeenMs);
    const record: SeenRecord = { lastSeenMs: Object.fromEntries(seen) };
    await this.#records.put(keyOf(set), record).then(
      () => this.#written.set(set, seen),
      () => undefined,
    );
  }
}

function idOf({ account, region }: Scope, shard: string): string {
  return `${account}/${region}/${shard}`;
}

function keyOf({ subject: { scope }, shard }: MetricSet): Key {
  return [...recordsPrefix, scope.account, scope.region, shard];
}
