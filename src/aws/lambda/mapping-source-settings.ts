/**
 * Settings of an event source mapping that belong to its source: pollers, access, Kafka, DocumentDB. From the parameters
 * of a request, with Lambda's defaults and bounds.
 */
import type {
  DocumentDBEventSourceConfig,
  KafkaSchemaRegistryConfig,
  ProvisionedPollerConfig,
  SelfManagedKafkaEventSourceConfig,
  SourceAccessConfiguration,
} from "@aws-sdk/client-lambda";
import type { SourceKind } from "../../control-plane/event-source-mappings/event-sources.ts";
import type {
  DocumentDbSettings,
  KafkaSettings,
  MappingSettings,
  ProvisionedPollers,
} from "../../control-plane/event-source-mappings/mapping-record.ts";
import { isKafka, requireAccessType, unsupportedParameter } from "./mapping-parameters.ts";
import { invalidParameter } from "./refusals.ts";

/** Pollers that can be provisioned, by AWS's bounds. */
const pollerBounds = {
  sqs: { minimum: 2, minimumMax: 200, maximum: 200, maximumMax: 10_000 },
  kafka: { minimum: 1, minimumMax: 200, maximum: 200, maximumMax: 2000 },
} as const;

function boundsOf(kind: SourceKind): (typeof pollerBounds)["sqs" | "kafka"] {
  return isKafka(kind) ? pollerBounds.kafka : pollerBounds.sqs;
}

export function requirePollers(kind: SourceKind, { pollers, maximumConcurrency }: MappingSettings): void {
  if (pollers === undefined) return;
  const { minimum: least, minimumMax, maximumMax } = boundsOf(kind);
  const { minimum, maximum, groupName } = pollers;
  if (groupName !== undefined && !isKafka(kind)) throw unsupportedParameter("pollerGroupName");
  if (maximumConcurrency !== undefined) {
    throw invalidParameter(
      "Provisioned mode for SQS ESM does not support maximum concurrency feature. " +
        "Use MaximumPollers as the control mechanism and remove maximum concurrency.",
    );
  }
  if (minimum < least || minimum > minimumMax || maximum < minimum || maximum > maximumMax) {
    throw invalidParameter(
      `MinimumPollers should be between [${least}, ${minimumMax}] and MaximumPollers should be between ` +
        `[MinimumPollers, ${maximumMax}]`,
    );
  }
}

/** Undefined for an empty configuration: provisioned mode is off. */
export function pollersOf(kind: SourceKind, config: ProvisionedPollerConfig): ProvisionedPollers | undefined {
  const { MinimumPollers, MaximumPollers, PollerGroupName } = config;
  if (MinimumPollers === undefined && MaximumPollers === undefined && PollerGroupName === undefined) return undefined;
  const { minimum, maximum } = boundsOf(kind);
  return {
    minimum: MinimumPollers ?? minimum,
    maximum: MaximumPollers ?? Math.max(maximum, MinimumPollers ?? 0),
    ...(PollerGroupName === undefined ? {} : { groupName: PollerGroupName }),
  };
}

export function accessOf(
  kind: SourceKind,
  { Type, URI }: SourceAccessConfiguration,
): { readonly type: string; readonly uri?: string } {
  const type = requireAccessType(kind, Type);
  return URI === undefined ? { type } : { type, uri: URI };
}

export function documentDbOf(config: DocumentDBEventSourceConfig): DocumentDbSettings {
  const { DatabaseName, CollectionName, FullDocument } = config;
  if (DatabaseName === undefined) throw invalidParameter("Required 'databaseName' parameter is missing.");
  return compact({ databaseName: DatabaseName, collectionName: CollectionName, fullDocument: FullDocument });
}

/** The consumer group and the mode are for life. */
export function kafkaOf(
  current: KafkaSettings | undefined,
  config: SelfManagedKafkaEventSourceConfig | undefined,
): KafkaSettings | undefined {
  if (config === undefined) return undefined;
  const { ConsumerGroupId, ConsumptionMode, SchemaRegistryConfig } = config;
  const isOther = (given: string | undefined, kept: string | undefined): boolean =>
    current !== undefined && given !== undefined && given !== kept;
  if (isOther(ConsumerGroupId, current?.consumerGroupId)) throw invalidParameter("ConsumerGroupId cannot be updated.");
  if (isOther(ConsumptionMode, current?.consumptionMode)) throw invalidParameter("ConsumptionMode cannot be updated.");
  return compact({
    consumerGroupId: ConsumerGroupId ?? current?.consumerGroupId,
    consumptionMode: ConsumptionMode ?? current?.consumptionMode,
    schemaRegistry: SchemaRegistryConfig === undefined ? current?.schemaRegistry : registryOf(SchemaRegistryConfig),
  });
}

function registryOf(config: KafkaSchemaRegistryConfig): NonNullable<KafkaSettings["schemaRegistry"]> | undefined {
  const { SchemaRegistryURI, EventRecordFormat, AccessConfigs, SchemaValidationConfigs } = config;
  if (SchemaRegistryURI === undefined) return undefined;
  return compact({
    uri: SchemaRegistryURI,
    eventRecordFormat: EventRecordFormat,
    access: AccessConfigs?.map(({ Type, URI }) => compact({ type: Type, uri: URI })),
    validatedAttributes: SchemaValidationConfigs?.flatMap(({ Attribute }) =>
      Attribute === undefined ? [] : [Attribute],
    ),
  });
}

/** Members that may be undefined become members that may be absent. */
type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

export function compact<T extends object>(value: T): Compact<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Compact<T>;
}
