/**
 * Statistics of a metric over periods of time.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
 */
import { Distribution } from "../../metering/metrics/distribution.ts";
import { minuteMs } from "../../metering/metrics/metric-set.ts";

export type Statistic = (values: Distribution) => number;

export const simpleStatistics = {
  SampleCount: ({ count }) => count,
  Average: ({ average }) => average,
  Sum: ({ sum }) => sum,
  Minimum: ({ min }) => min,
  Maximum: ({ max }) => max,
} as const satisfies Readonly<Record<string, Statistic>>;

/** `p50`, `p99.9`: percentiles, with up to ten decimals. */
const percentilePattern = /^p(\d{1,2}(?:\.\d{1,10})?|100(?:\.0{1,10})?)$/;
/** Statistics of CloudWatch that Hearth does not compute: trimmed and winsorised means, their counts and sums, ranks. */
const absentPattern = /^(?:(?:tm|tc|ts|wm)\d{1,3}(?:\.\d{1,10})?|iqm|(?:tm|tc|ts|wm|pr)\(.*\))$/i;

export type ParsedStatistic =
  | { readonly kind: "known"; readonly of: Statistic }
  | { readonly kind: "absent" }
  | { readonly kind: "invalid" };

export function parseStatistic(name: string): ParsedStatistic {
  if (Object.hasOwn(simpleStatistics, name)) {
    return { kind: "known", of: simpleStatistics[name as keyof typeof simpleStatistics] };
  }
  return parseExtendedStatistic(name);
}

/** What `GetMetricStatistics` calls extended. */
export function parseExtendedStatistic(name: string): ParsedStatistic {
  const [, percent] = percentilePattern.exec(name) ?? [];
  if (percent !== undefined) return { kind: "known", of: (values) => values.percentile(Number(percent)) };
  return { kind: absentPattern.test(name) ? "absent" : "invalid" };
}

export function isPeriod(seconds: number): boolean {
  return seconds % 60 === 0 || [1, 5, 10, 20, 30].includes(seconds);
}

/** CloudWatch takes a start as the full minute before it. */
export function startOf(time: Date): number {
  const ms = time.getTime();
  return ms - (((ms % minuteMs) + minuteMs) % minuteMs);
}

export interface Point {
  /** The beginning of its period. */
  readonly atMs: number;
  readonly values: Distribution;
}

/** The values of minutes by periods, which are counted from `startMs`; in order, and without the empty ones. */
export function byPeriod(
  minutes: ReadonlyMap<number, Distribution>,
  startMs: number,
  periodMs: number,
): readonly Point[] {
  const periods = new Map<number, Distribution>();
  for (const [minute, values] of minutes) {
    const atMs = minute - ((minute - startMs) % periodMs);
    let merged = periods.get(atMs);
    if (merged === undefined) {
      merged = new Distribution();
      periods.set(atMs, merged);
    }
    merged.merge(values);
  }
  return Array.from(periods, ([atMs, values]): Point => ({ atMs, values })).toSorted((a, b) => a.atMs - b.atMs);
}
