/**
 * Counts the events that go through an event source mapping, where its `MetricsConfig` asks for them.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
 */
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import { lambdaNamespace, type MappingMetricName } from "./metric-names.ts";
import type { MetricStore } from "./metric-store.ts";

/** Counts so many events of one mapping. */
export type CountEvents = (metric: MappingMetricName, events: number) => void;

/** Counts for a mapping with that id; nothing unless `isAsked` says so just then. */
export type MappingMetrics = (
  mapping: { readonly scope: Scope; readonly uuid: string },
  isAsked: () => boolean,
) => CountEvents;

export function createMappingMetrics({
  store,
  clock,
}: {
  readonly store: MetricStore;
  readonly clock: Clock;
}): MappingMetrics {
  return ({ scope, uuid }, isAsked) =>
    (metric, events) => {
      if (!isAsked()) return;
      const dimensions = [{ name: "EventSourceMappingUUID", value: uuid }];
      store.setOf({ scope, namespace: lambdaNamespace, dimensions }).record(metric, events, clock.now());
    };
}
