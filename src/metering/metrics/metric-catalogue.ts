/**
 * Which metrics there are, and when each last had a value: in memory, and in a record for each set, so that a restart
 * forgets none. A record is written when a metric is new and then at most every 50 minutes: by so much a metric may look
 * less recent than it is, after a restart.
 */
import type { Scope } from "../../core/identity.ts";
import type { Key, Records } from "../../engine/contract.ts";
import { MetricSet, minuteMs, shardOf, subjectOfShard, type MetricSubject, type SeenTimes } from "./metric-set.ts";

/** How far a record may lag behind. CloudWatch's `RecentlyActive` is as exact. */
export const seenLagMsMax = 50 * minuteMs;
/** A metric without values for so long is forgotten. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html */
export const listedMs = 14 * 86_400_000;
/**
 * Sets that are known at once: functions, their versions and aliases, of all accounts; some ten for each function. Beyond
 * it those go whose last value is oldest. One takes some 1.5 KB of memory, and half of that once its function is deleted.
 */
export const setsMax = 50_000;
/** Records that are written at once. */
const writesAtOnce = 100;

const recordsPrefix = ["metric"] as const;

interface SeenRecord {
  readonly lastSeenMs: SeenTimes;
}

export class MetricCatalogue {
  readonly #records: Pick<Records, "put" | "delete" | "list">;
  readonly #onOpened: (set: MetricSet) => void;
  /** By account and region, then shard: a key of all three would be one more long text for each set. */
  readonly #scopes = new Map<string, Map<string, MetricSet>>();
  /** As the records have it. */
  readonly #written = new WeakMap<MetricSet, SeenTimes>();

  constructor(records: Pick<Records, "put" | "delete" | "list">, onOpened: (set: MetricSet) => void) {
    this.#records = records;
    this.#onOpened = (set) => {
      // It may have been forgotten meanwhile.
      this.#of(set.subject.scope).set(set.shard, set);
      onOpened(set);
    };
  }

  /** Takes up what the records know. */
  async load(): Promise<void> {
    for (const { key, value } of await this.#records.list<SeenRecord>(recordsPrefix)) {
      const [, account = "", region = "", shard = ""] = key;
      const set = this.setOf(subjectOfShard({ account, region }, shard));
      set.seen(Object.entries(value.lastSeenMs));
      this.#written.set(set, set.lastSeenMs);
    }
  }

  /** Makes it if there is none yet. */
  setOf(subject: MetricSubject): MetricSet {
    const found = this.find(subject);
    if (found !== undefined) return found;
    const set = new MetricSet(subject, this.#onOpened);
    this.#of(subject.scope).set(set.shard, set);
    return set;
  }

  find(subject: MetricSubject): MetricSet | undefined {
    return this.#scopes.get(idOf(subject.scope))?.get(shardOf(subject));
  }

  *sets(): Iterable<MetricSet> {
    for (const sets of this.#scopes.values()) yield* sets.values();
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
    const all = [...this.sets()];
    const byAge = all
      .filter((set) => set.open.size === 0)
      .map((set) => ({ set, seenMs: Math.max(0, ...Object.values(set.lastSeenMs)) }))
      .toSorted((a, b) => a.seenMs - b.seenMs);
    const surplus = all.length - setsMax;
    const old = byAge.filter(({ seenMs }, index) => index < surplus || seenMs < nowMs - listedMs);
    for (const { set } of old) {
      this.#remove(set);
      if (this.#written.delete(set)) await this.#records.delete(keyOf(set));
    }
  }

  #of(scope: Scope): Map<string, MetricSet> {
    const id = idOf(scope);
    let sets = this.#scopes.get(id);
    if (sets === undefined) {
      sets = new Map();
      this.#scopes.set(id, sets);
    }
    return sets;
  }

  #remove({ subject: { scope }, shard }: MetricSet): void {
    const sets = this.#of(scope);
    sets.delete(shard);
    if (sets.size === 0) this.#scopes.delete(idOf(scope));
  }

  #isStale(set: MetricSet): boolean {
    const written = this.#written.get(set);
    return Object.entries(set.lastSeenMs).some(
      ([metric, seenMs]) => seenMs - (written?.[metric] ?? -Infinity) > seenLagMsMax,
    );
  }

  async #write(set: MetricSet): Promise<void> {
    const { lastSeenMs } = set;
    const record: SeenRecord = { lastSeenMs };
    await this.#records.put(keyOf(set), record).then(
      () => this.#written.set(set, lastSeenMs),
      () => undefined,
    );
  }
}

function idOf({ account, region }: Scope): string {
  return `${account}/${region}`;
}

function keyOf({ subject: { scope }, shard }: MetricSet): Key {
  return [...recordsPrefix, scope.account, scope.region, shard];
}
