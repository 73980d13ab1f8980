/**
 * An event source mapping as AWS shows it: exactly the members that its kind of source has.
 */
import type {
  EventSourceMappingConfiguration,
  KafkaSchemaRegistryConfig,
  SelfManagedKafkaEventSourceConfig,
} from "@aws-sdk/client-lambda";
import type { SourceKind } from "../../control-plane/event-source-mappings/event-sources.ts";
import {
  mappingArn,
  type EventSourceMappingRecord,
  type KafkaSettings,
  type MappingSettings,
} from "../../control-plane/event-source-mappings/mapping-record.ts";
import { functionArn } from "../../core/function-record.ts";
import { isKafka } from "./mapping-parameters.ts";

export function showMapping(record: EventSourceMappingRecord): EventSourceMappingConfiguration {
  const { scope, uuid, source, functionName, qualifier, settings, state, lastModifiedMs } = record;
  const { kind } = source;
  const isStream = kind === "kinesis" || kind === "dynamodb";
  return withoutUndefined({
    UUID: uuid,
    EventSourceMappingArn: mappingArn(scope, uuid),
    FunctionArn: functionArn(scope, functionName, qualifier),
    LastModified: new Date(lastModifiedMs),
    State: state,
    StateTransitionReason: isStream ? "User action" : "USER_INITIATED",
    // Nothing reads from the source yet.
    LastProcessingResult: kind === "sqs" ? undefined : "No records processed",
    ...(source.kind === "self-managed-kafka"
      ? { SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: [...source.bootstrapServers] } } }
      : { EventSourceArn: source.arn }),
    ...showSettings(kind, settings),
  });
}

function showSettings(kind: SourceKind, settings: MappingSettings): EventSourceMappingConfiguration {
  const { filterPatterns, metrics, systemLogLevel, maximumConcurrency, pollers, onFailure, documentDb } = settings;
  const takesDestination = kind === "kinesis" || kind === "dynamodb" || isKafka(kind);
  return {
    BatchSize: settings.batchSize,
    MaximumBatchingWindowInSeconds: settings.batchingWindowSeconds,
    FilterCriteria:
      filterPatterns.length === 0 ? undefined : { Filters: filterPatterns.map((Pattern) => ({ Pattern })) },
    FunctionResponseTypes: settings.responseTypes && [...settings.responseTypes],
    MetricsConfig: metrics && { Metrics: [...metrics] as NonNullable<Shown<"MetricsConfig">["Metrics"]> },
    LoggingConfig:
      systemLogLevel === undefined
        ? undefined
        : { SystemLogLevel: systemLogLevel as NonNullable<Shown<"LoggingConfig">["SystemLogLevel"]> },
    ScalingConfig: maximumConcurrency === undefined ? undefined : { MaximumConcurrency: maximumConcurrency },
    ProvisionedPollerConfig: pollers && {
      MinimumPollers: pollers.minimum,
      MaximumPollers: pollers.maximum,
      ...(pollers.groupName === undefined ? {} : { PollerGroupName: pollers.groupName }),
    },
    ParallelizationFactor: settings.parallelizationFactor,
    StartingPosition: settings.startingPosition,
    StartingPositionTimestamp:
      settings.startingPositionTimestampMs === undefined ? undefined : new Date(settings.startingPositionTimestampMs),
    DestinationConfig: takesDestination
      ? { OnFailure: onFailure === undefined ? {} : { Destination: onFailure } }
      : undefined,
    MaximumRecordAgeInSeconds: settings.maximumRecordAgeSeconds,
    BisectBatchOnFunctionError: settings.bisectsBatchOnError,
    MaximumRetryAttempts: settings.maximumRetryAttempts,
    TumblingWindowInSeconds: settings.tumblingWindowSeconds,
    Topics: settings.topics && [...settings.topics],
    Queues: settings.queues && [...settings.queues],
    SourceAccessConfigurations: settings.sourceAccess?.map(({ type, uri }) => ({
      Type: type as NonNullable<
        NonNullable<EventSourceMappingConfiguration["SourceAccessConfigurations"]>[number]["Type"]
      >,
      ...(uri === undefined ? {} : { URI: uri }),
    })),
    ...showKafka(kind, settings.kafka),
    DocumentDBEventSourceConfig: documentDb && {
      DatabaseName: documentDb.databaseName,
      ...(documentDb.collectionName === undefined ? {} : { CollectionName: documentDb.collectionName }),
      ...(documentDb.fullDocument === undefined
        ? {}
        : {
            FullDocument: documentDb.fullDocument as NonNullable<Shown<"DocumentDBEventSourceConfig">["FullDocument"]>,
          }),
    },
  };
}

type Shown<Member extends keyof EventSourceMappingConfiguration> = NonNullable<EventSourceMappingConfiguration[Member]>;

function showKafka(
  kind: SourceKind,
  kafka: KafkaSettings | undefined,
): Pick<EventSourceMappingConfiguration, "AmazonManagedKafkaEventSourceConfig" | "SelfManagedKafkaEventSourceConfig"> {
  if (kafka === undefined) return {};
  const shown = withoutUndefined({
    ConsumerGroupId: kafka.consumerGroupId,
    ConsumptionMode: kafka.consumptionMode,
    SchemaRegistryConfig: kafka.schemaRegistry && showRegistry(kafka.schemaRegistry),
  }) as SelfManagedKafkaEventSourceConfig;
  return kind === "msk" ? { AmazonManagedKafkaEventSourceConfig: shown } : { SelfManagedKafkaEventSourceConfig: shown };
}

function showRegistry(registry: NonNullable<KafkaSettings["schemaRegistry"]>): KafkaSchemaRegistryConfig {
  return withoutUndefined({
    SchemaRegistryURI: registry.uri,
    EventRecordFormat: registry.eventRecordFormat,
    AccessConfigs: registry.access?.map(({ type, uri }) => withoutUndefined({ Type: type, URI: uri })),
    SchemaValidationConfigs: registry.validatedAttributes?.map((Attribute) => ({ Attribute })),
  }) as KafkaSchemaRegistryConfig;
}

/** The wire encodes what is there; callers in the process shall see the same. */
function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
