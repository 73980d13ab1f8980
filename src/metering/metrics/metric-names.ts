/**
 * The metrics that there are. Those of `AWS/Lambda` are Lambda's, with its names and units; those of `Hearth` say what
 * Lambda does not tell.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
 */

export const lambdaNamespace = "AWS/Lambda";
export const hearthNamespace = "Hearth";

export type MetricUnit = "Count" | "Milliseconds" | "None";

export const lambdaUnits = {
  Invocations: "Count",
  Errors: "Count",
  Throttles: "Count",
  Duration: "Milliseconds",
  ConcurrentExecutions: "Count",
  UnreservedConcurrentExecutions: "Count",
  ClaimedAccountConcurrency: "Count",
  ProvisionedConcurrencyInvocations: "Count",
  ProvisionedConcurrencySpilloverInvocations: "Count",
  ProvisionedConcurrentExecutions: "Count",
  ProvisionedConcurrencyUtilization: "Count",
  RecursiveInvocationsDropped: "Count",
  AsyncEventsReceived: "Count",
  AsyncEventAge: "Milliseconds",
  AsyncEventsDropped: "Count",
  DeadLetterErrors: "Count",
  DestinationDeliveryFailures: "Count",
} as const satisfies Record<string, MetricUnit>;

export type LambdaMetricName = keyof typeof lambdaUnits;

/** Of an event source mapping, under its id. */
const mappingUnits = {
  PolledEventCount: "Count",
  FilteredOutEventCount: "Count",
  InvokedEventCount: "Count",
  FailedInvokeEventCount: "Count",
  DeletedEventCount: "Count",
} as const satisfies Record<string, MetricUnit>;

export type MappingMetricName = keyof typeof mappingUnits;

export const hearthUnits = {
  /** Waiting for admission and for an environment, of every invocation. */
  StartDelay: "Milliseconds",
  /** Invocations that waited until an environment had started. */
  ColdStarts: "Count",
  /** Environments that were started, used or not. */
  EnvironmentStarts: "Count",
  /** For every environment that was started: 1 if its sandbox came booted from the pool, else 0. */
  PoolHits: "Count",
  /** One phase of an environment's start; dimension `Phase`. */
  StartPhaseDuration: "Milliseconds",
  /** Refused invocations; dimension `Reason`. */
  Throttles: "Count",
  /** Configured memory of environments that wait for an invocation, times how long they do: MiB-seconds. */
  IdleMemoryTime: "None",
  /** Idle environments that were ended for the sake of others; also with dimension `Reason`. */
  Evictions: "Count",
  /** Idle environments that were ended because they had been idle for long enough. */
  Expirations: "Count",
} as const satisfies Record<string, MetricUnit>;

export type HearthMetricName = keyof typeof hearthUnits;

const unitsByNamespace: Readonly<Record<string, Readonly<Record<string, MetricUnit>>>> = {
  [lambdaNamespace]: { ...lambdaUnits, ...mappingUnits },
  [hearthNamespace]: hearthUnits,
};

/** Undefined of a metric that there is not. */
export function unitOf(namespace: string, metric: string): MetricUnit | undefined {
  const units = Object.hasOwn(unitsByNamespace, namespace) ? unitsByNamespace[namespace] : undefined;
  return units !== undefined && Object.hasOwn(units, metric) ? units[metric] : undefined;
}
