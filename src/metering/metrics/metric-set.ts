/**
 * All metrics that share their dimensions, such as those of one function. Values are counted in memory by the minute in
 * which they arose until the store writes them down.
 */
import type { Scope } from "../../core/identity.ts";
import { Distribution } from "./distribution.ts";

export const minuteMs = 60_000;

export interface Dimension {
  readonly name: string;
  readonly value: string;
}

/** What a set's metrics are about. No dimensions: all of an account in one region together. */
export interface MetricSubject {
  readonly scope: Scope;
  /** Such as `AWS/Lambda`. */
  readonly namespace: string;
  readonly dimensions: readonly Dimension[];
}

/** Counts by metric name. */
export type Counts = ReadonlyMap<string, Distribution>;

/** The name of a subject within its account and region: the same in whatever order the dimensions come. */
export function shardOf({ namespace, dimensions }: Omit<MetricSubject, "scope">): string {
  const sorted = dimensions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify([namespace, ...sorted.flatMap(({ name, value }) => [name, value])]);
}

/** What `shardOf` named. */
export function subjectOfShard(scope: Scope, shard: string): MetricSubject {
  const [namespace = "", ...flat] = JSON.parse(shard) as string[];
  const dimensions = Array.from({ length: flat.length / 2 }, (_, index) => {
    return { name: flat[2 * index] ?? "", value: flat[2 * index + 1] ?? "" };
  });
  return { scope, namespace, dimensions };
}

export class MetricSet {
  readonly subject: MetricSubject;
  readonly shard: string;
  /** When each metric last had a value. */
  readonly lastSeenMs = new Map<string, number>();
  readonly #onOpened: (set: MetricSet) => void;
  /** Since this process began, without what is still open. */
  readonly #totals = new Map<string, Distribution>();
  /** By the minute's beginning. */
  readonly #open = new Map<number, Map<string, Distribution>>();
  /** Where the last value went: most follow one another within a minute. */
  #minute = NaN;
  #counts = new Map<string, Distribution>();

  /** `onOpened` is called when it begins to hold values that are not taken yet. */
  constructor(subject: MetricSubject, onOpened: (set: MetricSet) => void) {
    this.subject = subject;
    this.shard = shardOf(subject);
    this.#onOpened = onOpened;
  }

  record(metric: string, value: number, atMs: number): void {
    const minute = atMs - (atMs % minuteMs);
    if (minute !== this.#minute) this.#turnTo(minute);
    let distribution = this.#counts.get(metric);
    if (distribution === undefined) {
      distribution = new Distribution();
      this.#counts.set(metric, distribution);
    }
    distribution.record(value);
  }

  /** What has not been taken yet, by minute. */
  get open(): ReadonlyMap<number, Counts> {
    return this.#open;
  }

  /** Hands over what is open; it counts in the totals from then on. */
  take(): [minute: number, counts: Counts][] {
    const taken = [...this.#open];
    this.#open.clear();
    this.#minute = NaN;
    for (const [minute, counts] of taken) {
      for (const [metric, distribution] of counts) {
        mergeInto(this.#totals, metric, distribution);
        this.lastSeenMs.set(metric, Math.max(minute, this.lastSeenMs.get(metric) ?? 0));
      }
    }
    return taken;
  }

  /** All that came since this process began. */
  totals(): Counts {
    const totals = new Map<string, Distribution>();
    for (const counts of [this.#totals, ...this.#open.values()]) {
      for (const [metric, distribution] of counts) mergeInto(totals, metric, distribution);
    }
    return totals;
  }

  #turnTo(minute: number): void {
    if (this.#open.size === 0) this.#onOpened(this);
    let counts = this.#open.get(minute);
    if (counts === undefined) {
      counts = new Map();
      this.#open.set(minute, counts);
    }
    this.#minute = minute;
    this.#counts = counts;
  }
}

export function mergeInto(counts: Map<string, Distribution>, metric: string, distribution: Distribution): void {
  let merged = counts.get(metric);
  if (merged === undefined) {
    merged = new Distribution();
    counts.set(metric, merged);
  }
  merged.merge(distribution);
}
