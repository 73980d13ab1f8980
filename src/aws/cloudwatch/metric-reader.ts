/** Reads a metric's values, by period, for the operations that show them. */
import type { Dimension as WireDimension } from "@aws-sdk/client-cloudwatch";
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import { unitOf } from "../../metering/metrics/metric-names.ts";
import { minuteMs, type Dimension } from "../../metering/metrics/metric-set.ts";
import { retentionMs, type MetricStore } from "../../metering/metrics/metric-store.ts";
import { byPeriod, type Point } from "./statistics.ts";

export interface CloudWatchServices {
  readonly metrics: Pick<MetricStore, "read" | "sets">;
  readonly clock: Clock;
}

export interface MetricQuery {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: readonly Dimension[];
  /** Values in another unit are not meant. */
  readonly unit: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly periodMs: number;
}

export interface Reading {
  readonly points: readonly Point[];
  /** Minutes that had to be read for it. */
  readonly minutes: number;
}

/** No points of a metric that there is not. */
export async function readMetric(
  { metrics, clock }: CloudWatchServices,
  scope: Scope,
  query: MetricQuery,
): Promise<Reading> {
  const { namespace, metric, dimensions, unit, startMs, endMs, periodMs } = query;
  const ownUnit = unitOf(namespace, metric);
  if (ownUnit === undefined || (unit !== undefined && unit !== ownUnit)) return { points: [], minutes: 0 };
  const nowMs = clock.now();
  const range = { fromMs: Math.max(startMs, nowMs - retentionMs - minuteMs), toMs: Math.min(endMs, nowMs + minuteMs) };
  if (range.fromMs >= range.toMs) return { points: [], minutes: 0 };
  const minutes = await metrics.read({ scope, namespace, dimensions }, metric, range);
  return { points: byPeriod(minutes, startMs, periodMs), minutes: minutes.size };
}

export function dimensionsOf(dimensions: readonly WireDimension[] | undefined): Dimension[] {
  return (dimensions ?? []).map(({ Name: name = "", Value: value = "" }) => ({ name, value }));
}
