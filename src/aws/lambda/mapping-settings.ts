/**
 * From the parameters of a request to a mapping's settings, with Lambda's defaults and its checks beyond the service
 * model. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
 */
import type { FilterCriteria } from "@aws-sdk/client-lambda";
import { destinationKindOf } from "../../control-plane/event-invoke/destination.ts";
import {
  isFifoQueue,
  type EventSource,
  type SourceKind,
} from "../../control-plane/event-source-mappings/event-sources.ts";
import type { MappingSettings } from "../../control-plane/event-source-mappings/mapping-record.ts";
import { eventPatternProblem } from "../../core/event-pattern.ts";
import {
  isKafka,
  refuseForeignParameters,
  requireParameters,
  unsupportedDestination,
  unsupportedParameter,
  type MappingParameters,
} from "./mapping-parameters.ts";
import { accessOf, compact, documentDbOf, kafkaOf, pollersOf, requirePollers } from "./mapping-source-settings.ts";
import { invalidParameter, notSupported } from "./refusals.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html; Lambda's default is 5, on request 10. */
const filtersMax = 10;

/** Records of a FIFO queue that Lambda takes at once. */
const fifoBatchSizeMax = 10;

/** The youngest age that can be set, in seconds; -1 is without end. */
const recordAgeSecondsMin = 60;

const streamDefaults = {
  batchSize: 100,
  batchingWindowSeconds: 0,
  filterPatterns: [],
  responseTypes: [],
  parallelizationFactor: 1,
  maximumRecordAgeSeconds: -1,
  bisectsBatchOnError: false,
  maximumRetryAttempts: -1,
  tumblingWindowSeconds: 0,
} as const satisfies MappingSettings;

const brokerDefaults = { batchSize: 100, filterPatterns: [] } as const satisfies MappingSettings;

const defaultsOf: Readonly<Record<SourceKind, MappingSettings>> = {
  sqs: { batchSize: 10, batchingWindowSeconds: 0, filterPatterns: [], responseTypes: [] },
  kinesis: streamDefaults,
  dynamodb: streamDefaults,
  msk: brokerDefaults,
  "self-managed-kafka": brokerDefaults,
  mq: brokerDefaults,
  documentdb: brokerDefaults,
};

/** Throws AWS's refusal; the settings need the id of the mapping that they are for. */
export function settingsOfNewMapping(
  source: EventSource,
  parameters: MappingParameters,
): (uuid: string) => MappingSettings {
  const { kind } = source;
  refuseForeignParameters(kind, parameters);
  requireParameters(kind, parameters);
  const { Topics: topics, Queues: queues, ProvisionedPollerConfig } = parameters;
  if (ProvisionedPollerConfig !== undefined && pollersOf(kind, ProvisionedPollerConfig) === undefined) {
    throw invalidParameter(
      "Either MinimumPollers or MaximumPollers are required if ProvisionedPollerConfig is provided.",
    );
  }
  const settings = {
    ...changedSettings(source, defaultsOf[kind], parameters),
    ...startOf(source, parameters),
    ...(topics === undefined ? {} : { topics }),
    ...(queues === undefined ? {} : { queues }),
  };
  requireConsistent(source, settings);
  // A consumer group of its own, unless the caller named one.
  return (uuid) => (isKafka(kind) ? { ...settings, kafka: { consumerGroupId: uuid, ...settings.kafka } } : settings);
}

/** What `parameters` names replaces what was; throws AWS's refusal. */
export function settingsOfChangedMapping(
  source: EventSource,
  current: MappingSettings,
  parameters: MappingParameters,
): MappingSettings {
  refuseForeignParameters(source.kind, parameters);
  if (parameters.SourceAccessConfigurations?.some(({ Type }) => Type === "VIRTUAL_HOST") === true) {
    throw invalidParameter("The VIRTUAL_HOST of a mapping cannot be updated.");
  }
  const settings = changedSettings(source, current, parameters);
  requireConsistent(source, settings);
  return settings;
}

function changedSettings(
  source: EventSource,
  current: MappingSettings,
  parameters: MappingParameters,
): MappingSettings {
  if ((parameters.KMSKeyArn ?? "") !== "") throw notSupported("KMSKeyArn", "filter criteria are not encrypted.");
  const { MetricsConfig, ScalingConfig, ProvisionedPollerConfig, DestinationConfig } = parameters;
  if (DestinationConfig?.OnSuccess !== undefined) throw unsupportedDestination();
  const given = compact({
    batchSize: parameters.BatchSize,
    batchingWindowSeconds: parameters.MaximumBatchingWindowInSeconds,
    filterPatterns: parameters.FilterCriteria && patternsOf(parameters.FilterCriteria),
    responseTypes: parameters.FunctionResponseTypes,
    systemLogLevel: parameters.LoggingConfig?.SystemLogLevel,
    parallelizationFactor: parameters.ParallelizationFactor,
    maximumRecordAgeSeconds: parameters.MaximumRecordAgeInSeconds,
    bisectsBatchOnError: parameters.BisectBatchOnFunctionError,
    maximumRetryAttempts: parameters.MaximumRetryAttempts,
    tumblingWindowSeconds: parameters.TumblingWindowInSeconds,
    sourceAccess: parameters.SourceAccessConfigurations?.map((access) => accessOf(source.kind, access)),
    documentDb: parameters.DocumentDBEventSourceConfig && documentDbOf(parameters.DocumentDBEventSourceConfig),
    kafka: kafkaOf(
      current.kafka,
      parameters.AmazonManagedKafkaEventSourceConfig ?? parameters.SelfManagedKafkaEventSourceConfig,
    ),
  });
  // What names one of these and is empty takes it away.
  return compact({
    ...current,
    ...given,
    metrics: MetricsConfig === undefined ? current.metrics : MetricsConfig.Metrics,
    maximumConcurrency: ScalingConfig === undefined ? current.maximumConcurrency : ScalingConfig.MaximumConcurrency,
    pollers: ProvisionedPollerConfig === undefined ? current.pollers : pollersOf(source.kind, ProvisionedPollerConfig),
    onFailure:
      DestinationConfig === undefined ? current.onFailure : DestinationConfig.OnFailure?.Destination || undefined,
  });
}

/** Of streams: where the reading begins. */
function startOf(
  source: EventSource,
  { StartingPosition: startingPosition, StartingPositionTimestamp: timestamp }: MappingParameters,
): Pick<MappingSettings, "startingPosition" | "startingPositionTimestampMs"> {
  if (startingPosition !== "AT_TIMESTAMP") {
    if (timestamp === undefined) return startingPosition === undefined ? {} : { startingPosition };
    throw invalidParameter("StartingPositionTimestamp is only valid with the StartingPosition AT_TIMESTAMP.");
  }
  if (source.kind === "dynamodb") throw invalidParameter(`Unsupported starting position for arn type: ${source.arn}`);
  if (timestamp === undefined) throw invalidParameter("Need to specify a timestamp");
  return { startingPosition, startingPositionTimestampMs: timestamp.getTime() };
}

function requireConsistent(source: EventSource, settings: MappingSettings): void {
  const { batchSize, batchingWindowSeconds = 0, maximumRecordAgeSeconds = -1, onFailure } = settings;
  if (source.kind === "sqs") {
    if (isFifoQueue(source) && batchingWindowSeconds > 0) {
      throw invalidParameter("Batching window is not supported for FIFO queues");
    }
    if (isFifoQueue(source) && batchSize > fifoBatchSizeMax) {
      throw invalidParameter(`Batch size must not exceed ${fifoBatchSizeMax} for FIFO queues`);
    }
    if (batchSize > 10 && batchingWindowSeconds === 0) {
      throw invalidParameter(
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
      );
    }
  }
  if (maximumRecordAgeSeconds !== -1 && maximumRecordAgeSeconds < recordAgeSecondsMin) {
    throw invalidParameter(`MaximumRecordAgeInSeconds must be -1 or at least ${recordAgeSecondsMin}.`);
  }
  requireDestination(source.kind, onFailure);
  requireMetrics(source.kind, settings.metrics ?? []);
  requirePollers(source.kind, settings);
  if (settings.kafka?.consumptionMode === "Queue") {
    const { startingPosition } = settings;
    if (startingPosition !== undefined) throw unsupportedParameter("startingPosition");
    if (settings.batchingWindowSeconds !== undefined) throw unsupportedParameter("maximumBatchingWindowInSeconds");
  }
}

function requireDestination(kind: SourceKind, arn: string | undefined): void {
  const taken = ["queue", "topic", "bucket", ...(isKafka(kind) ? ["kafka-topic"] : [])];
  if (arn === undefined || taken.includes(destinationKindOf(arn) ?? "")) return;
  throw invalidParameter(
    `The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=${arn})) is invalid.`,
  );
}

function requireMetrics(kind: SourceKind, metrics: readonly string[]): void {
  if (isKafka(kind) || metrics.every((metric) => metric === "EventCount")) return;
  throw unsupportedParameter("metricsConfig");
}

function patternsOf({ Filters = [] }: FilterCriteria): string[] {
  if (Filters.length > filtersMax) throw invalidParameter(`At most ${filtersMax} filters are allowed.`);
  return Filters.map(({ Pattern }) => {
    if (Pattern === undefined || eventPatternProblem(Pattern) !== undefined) {
      throw invalidParameter("Invalid filter pattern definition.");
    }
    return Pattern;
  });
}
