/**
 * What a scrape shows of functions: counters and histograms since this process began, from the sets that the store
 * counts by. Values of invocations are shown by what was invoked (`resource`), so that sums over labels count each once.
 */
import type { Distribution } from "./distribution.ts";
import type { InFlight } from "./lambda-metrics.ts";
import { hearthNamespace, lambdaNamespace, type HearthMetricName, type LambdaMetricName } from "./metric-names.ts";
import type { MetricSet } from "./metric-set.ts";
import type { Family, HistogramSample, Labels, Sample, SummarySample } from "./prometheus-text.ts";

const mebibyte = 1_048_576;
const msPerSecond = 1000;

/** In seconds: from a warm answer to the longest invocation. */
const secondsBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
] as const;

type Source =
  /** Under the function and what was invoked of it. */
  | { readonly namespace: typeof lambdaNamespace; readonly metric: LambdaMetricName }
  /** Under the function, and under one further dimension if it is named. */
  | { readonly namespace: typeof hearthNamespace; readonly metric: HearthMetricName; readonly by?: "Phase" | "Reason" };

interface Shown {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "summary" | "histogram";
  readonly from: Source;
  /** What a value is multiplied by, to be in the name's unit. */
  readonly factor?: number;
}

const ofLambda = (metric: LambdaMetricName): Source => ({ namespace: lambdaNamespace, metric });
const ofHearth = (metric: HearthMetricName, by?: "Phase" | "Reason"): Source => {
  return { namespace: hearthNamespace, metric, ...(by !== undefined && { by }) };
};
const seconds = 1 / msPerSecond;

const shown: readonly Shown[] = [
  {
    name: "hearth_invocations_total",
    help: "Invocations that ran, failed ones included.",
    type: "counter",
    from: ofLambda("Invocations"),
  },
  {
    name: "hearth_invocation_errors_total",
    help: "Invocations that ended in a function error.",
    type: "counter",
    from: ofLambda("Errors"),
  },
  {
    name: "hearth_invocation_duration_seconds",
    help: "Time that functions took.",
    type: "histogram",
    from: ofLambda("Duration"),
    factor: seconds,
  },
  {
    name: "hearth_invocation_start_delay_seconds",
    help: "Waiting of invocations for admission and for an environment.",
    type: "histogram",
    from: ofHearth("StartDelay"),
    factor: seconds,
  },
  {
    name: "hearth_throttles_total",
    help: "Invocations that were refused, by reason: the Reason that the caller got, or MemoryPressure, which has none.",
    type: "counter",
    from: ofHearth("Throttles", "Reason"),
  },
  {
    name: "hearth_cold_starts_total",
    help: "Invocations that waited until an environment had started.",
    type: "counter",
    from: ofHearth("ColdStarts"),
  },
  {
    name: "hearth_environment_starts_total",
    help: "Environments that were started, used or not.",
    type: "counter",
    from: ofHearth("EnvironmentStarts"),
  },
  {
    name: "hearth_pool_hits_total",
    help: "Environments that were started from a sandbox of the pool.",
    type: "counter",
    from: ofHearth("PoolHits"),
  },
  {
    name: "hearth_environment_start_phase_seconds",
    help: "Phases of the starts of environments.",
    type: "summary",
    from: ofHearth("StartPhaseDuration", "Phase"),
    factor: seconds,
  },
  {
    name: "hearth_idle_memory_byte_seconds_total",
    help: "Configured memory of idle environments times how long they were idle: the price of keep-alive.",
    type: "counter",
    from: ofHearth("IdleMemoryTime"),
    factor: mebibyte,
  },
  {
    name: "hearth_environment_evictions_total",
    help: "Idle environments that were ended to make room for a start, or because memory was short.",
    type: "counter",
    from: ofHearth("Evictions", "Reason"),
  },
  {
    name: "hearth_environment_expirations_total",
    help: "Idle environments that were ended because they had been idle for long enough.",
    type: "counter",
    from: ofHearth("Expirations"),
  },
  {
    name: "hearth_provisioned_invocations_total",
    help: "Invocations that ran on provisioned concurrency.",
    type: "counter",
    from: ofLambda("ProvisionedConcurrencyInvocations"),
  },
  {
    name: "hearth_provisioned_spillover_invocations_total",
    help: "Invocations that ran on demand because all provisioned concurrency was in use.",
    type: "counter",
    from: ofLambda("ProvisionedConcurrencySpilloverInvocations"),
  },
  {
    name: "hearth_recursive_invocations_dropped_total",
    help: "Invocations that were refused because they came round in a loop.",
    type: "counter",
    from: ofLambda("RecursiveInvocationsDropped"),
  },
  {
    name: "hearth_async_events_received_total",
    help: "Events that were accepted for asynchronous invocation.",
    type: "counter",
    from: ofLambda("AsyncEventsReceived"),
  },
  {
    name: "hearth_async_event_age_seconds",
    help: "Age of events when their function was invoked with them, each attempt.",
    type: "histogram",
    from: ofLambda("AsyncEventAge"),
    factor: seconds,
  },
  {
    name: "hearth_async_events_dropped_total",
    help: "Events that were given up without their function having succeeded.",
    type: "counter",
    from: ofLambda("AsyncEventsDropped"),
  },
  {
    name: "hearth_dead_letter_errors_total",
    help: "Events that their dead-letter queue did not take.",
    type: "counter",
    from: ofLambda("DeadLetterErrors"),
  },
  {
    name: "hearth_destination_delivery_failures_total",
    help: "Records that their destination did not take.",
    type: "counter",
    from: ofLambda("DestinationDeliveryFailures"),
  },
];

export function lambdaFamilies(sets: Iterable<MetricSet>, inFlight: readonly InFlight[]): Family[] {
  const shownSets = Array.from(sets).flatMap((set) => {
    const dimensions = dimensionsOf(set);
    return dimensions === undefined ? [] : [{ set, ...dimensions, totals: set.totals() }];
  });
  const families = shown.map((each): Family => {
    const { namespace, metric } = each.from;
    const by = "by" in each.from ? each.from.by : undefined;
    const found = shownSets.flatMap(({ set, labels, further, totals }) => {
      const distribution = totals.get(metric);
      const isMeant = set.subject.namespace === namespace && (namespace === lambdaNamespace || further === by);
      return isMeant && distribution !== undefined ? [{ labels, distribution }] : [];
    });
    return familyOf(each, found);
  });
  const gauge: Family = {
    name: "hearth_concurrent_executions",
    help: "Invocations in flight.",
    type: "gauge",
    samples: inFlight.map(({ scope, functionName, count }) => {
      return { labels: { ...scope, function: functionName }, value: count };
    }),
  };
  return [gauge, ...families];
}

/** Undefined of sets whose values others show too. */
function dimensionsOf({ subject }: MetricSet): { readonly labels: Labels; readonly further?: string } | undefined {
  const { scope, namespace, dimensions } = subject;
  const values = Object.fromEntries(dimensions.map(({ name, value }) => [name, value]));
  const { FunctionName, Resource, ExecutedVersion, ...rest } = values;
  if (FunctionName === undefined || ExecutedVersion !== undefined) return undefined;
  const labels = { account: scope.account, region: scope.region, function: FunctionName };
  if (namespace === lambdaNamespace)
    return Resource === undefined ? undefined : { labels: { ...labels, resource: Resource } };
  const [further] = Object.entries(rest);
  if (further === undefined) return { labels };
  const [name, value] = further;
  return { labels: { ...labels, [name.toLowerCase()]: value }, further: name };
}

function familyOf(
  { name, help, type, factor = 1 }: Shown,
  found: readonly { readonly labels: Labels; readonly distribution: Distribution }[],
): Family {
  const sumOf = ({ sum }: Distribution): number => sum * factor;
  switch (type) {
    case "counter": {
      const samples = found.map(({ labels, distribution }): Sample => ({ labels, value: sumOf(distribution) }));
      return { name, help, type, samples };
    }
    case "summary": {
      const samples = found.map(({ labels, distribution }): SummarySample => {
        return { labels, sum: sumOf(distribution), count: distribution.count };
      });
      return { name, help, type, samples };
    }
    default: {
      const bounds = secondsBounds.map((bound) => bound / factor);
      const samples = found.map(({ labels, distribution }): HistogramSample => {
        const counts = distribution.countsUpTo(bounds);
        const buckets = secondsBounds.map((upTo, index) => ({ upTo, count: counts[index] ?? 0 }));
        return { labels, sum: sumOf(distribution), count: distribution.count, buckets };
      });
      return { name, help, type, samples };
    }
  }
}
