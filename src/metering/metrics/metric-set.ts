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

/** When each metric last had a value, by name. An object, since there are many, of few shapes: a map takes twice as much. */
export type SeenTimes = Readonly<Record<string, number>>;

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

const nothing: ReadonlyMap<never, never> = new Map<never, never>();

/** One that is at rest holds as little as it can: there may be tens of thousands. */
export class MetricSet {
  readonly subject: MetricSubject;
  readonly shard: string;
  readonly #onOpened: (set: MetricSet) => void;
  #lastSeenMs: SeenTimes = {};
  /** Since this process began, without what is still open; undefined while there are none. */
  #totals: Map<string, Distribution> | undefined;
  #isRetired = false;
  /** By the minute's beginning; undefined while there is nothing. */
  #open: Map<number, Map<string, Distribution>> | undefined;
  /** Where the last value went: most follow one another within a minute. */
  #minute = NaN;
  #counts: Map<string, Distribution> | undefined;

  /** `onOpened` is called when it begins to hold values that are not taken yet. */
  constructor(subject: MetricSubject, onOpened: (set: MetricSet) => void) {
    this.subject = subject;
    this.shard = shardOf(subject);
    this.#onOpened = onOpened;
  }

  record(metric: string, value: number, atMs: number): void {
    const minute = atMs - (atMs % minuteMs);
    const counts = minute === this.#minute && this.#counts !== undefined ? this.#counts : this.#turnTo(minute);
    let distribution = counts.get(metric);
    if (distribution === undefined) {
      distribution = new Distribution();
      counts.set(metric, distribution);
    }
    distribution.record(value);
  }

  /** Another object when that changes: who holds one holds what was so. */
  get lastSeenMs(): SeenTimes {
    return this.#lastSeenMs;
  }

  /** It had values then. */
  seen(times: Iterable<readonly [metric: string, seenMs: number]>): void {
    const seen = { ...this.#lastSeenMs };
    for (const [metric, seenMs] of times) seen[metric] = Math.max(seenMs, seen[metric] ?? 0);
    this.#lastSeenMs = seen;
  }

  /** What has not been taken yet, by minute. */
  get open(): ReadonlyMap<number, Counts> {
    return this.#open ?? nothing;
  }

  /** Hands over what is open; it counts in the totals from then on. */
  take(): [minute: number, counts: Counts][] {
    const taken = [...this.open];
    this.#open = undefined;
    this.#counts = undefined;
    this.seen(taken.flatMap(([minute, counts]) => Array.from(counts.keys(), (metric) => [metric, minute] as const)));
    if (this.#isRetired) return taken;
    this.#totals ??= new Map();
    for (const [, counts] of taken) mergeAll(this.#totals, counts);
    return taken;
  }

  /** All that came since this process began; nothing while it is retired. */
  totals(): Counts {
    const totals = new Map<string, Distribution>();
    if (this.#isRetired) return totals;
    for (const counts of [this.#totals ?? nothing, ...this.open.values()]) mergeAll(totals, counts);
    return totals;
  }

  /** What it is about is no more: its values are written down as ever, but nobody asks for their totals. */
  retire(): void {
    this.#isRetired = true;
    this.#totals = undefined;
  }

  /** What it is about is there again. */
  revive(): void {
    this.#isRetired = false;
  }

  #turnTo(minute: number): Map<string, Distribution> {
    if (this.#open === undefined) {
      this.#open = new Map();
      this.#onOpened(this);
    }
    let counts = this.#open.get(minute);
    if (counts === undefined) {
      counts = new Map();
      this.#open.set(minute, counts);
    }
    this.#minute = minute;
    this.#counts = counts;
    return counts;
  }
}

function mergeAll(into: Map<string, Distribution>, counts: Counts): void {
  for (const [metric, distribution] of counts) {
    let merged = into.get(metric);
    if (merged === undefined) {
      merged = new Distribution();
      into.set(metric, merged);
    }
    merged.merge(distribution);
  }
}
