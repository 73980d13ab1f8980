/**
 * Which parameters an event source mapping takes, by the kind of its source, and what must be given: one table.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
 */
import type { CreateEventSourceMappingRequest, UpdateEventSourceMappingRequest } from "@aws-sdk/client-lambda";
import type { SourceKind } from "../../control-plane/event-source-mappings/event-sources.ts";
import type { ApiError } from "../../core/errors.ts";
import { invalidParameter } from "./refusals.ts";

/** What Create takes and what Update takes. */
export type MappingParameters = Partial<CreateEventSourceMappingRequest & UpdateEventSourceMappingRequest>;
type Parameter = keyof MappingParameters;

const streams: readonly SourceKind[] = ["kinesis", "dynamodb"];
const kafka: readonly SourceKind[] = ["msk", "self-managed-kafka"];

/** Parameters that only some sources take; all others are for every one. */
const takenBy: Partial<Record<Parameter, readonly SourceKind[]>> = {
  AmazonManagedKafkaEventSourceConfig: ["msk"],
  BisectBatchOnFunctionError: [...streams, ...kafka],
  DestinationConfig: [...streams, ...kafka],
  DocumentDBEventSourceConfig: ["documentdb"],
  FunctionResponseTypes: ["sqs", ...streams, ...kafka],
  LoggingConfig: kafka,
  MaximumRecordAgeInSeconds: [...streams, ...kafka],
  MaximumRetryAttempts: [...streams, ...kafka],
  ParallelizationFactor: streams,
  ProvisionedPollerConfig: ["sqs", ...kafka],
  Queues: ["mq"],
  ScalingConfig: ["sqs"],
  SelfManagedEventSource: ["self-managed-kafka"],
  SelfManagedKafkaEventSourceConfig: ["self-managed-kafka"],
  SourceAccessConfigurations: [...kafka, "mq", "documentdb"],
  StartingPosition: [...streams, ...kafka, "documentdb"],
  StartingPositionTimestamp: [...streams, ...kafka, "documentdb"],
  Topics: kafka,
  TumblingWindowInSeconds: streams,
};

/** Parameters that a new mapping must have. */
const requiredOfNew: Partial<Record<SourceKind, readonly Parameter[]>> = {
  msk: ["Topics"],
  "self-managed-kafka": ["Topics", "SourceAccessConfigurations"],
  mq: ["Queues", "SourceAccessConfigurations"],
  documentdb: ["SourceAccessConfigurations", "DocumentDBEventSourceConfig"],
};

/** Ways of access that only some sources have; all others are for self-managed Kafka alone. */
const accessTakenBy: Readonly<Record<string, readonly SourceKind[]>> = {
  BASIC_AUTH: ["self-managed-kafka", "mq", "documentdb"],
  CLIENT_CERTIFICATE_TLS_AUTH: kafka,
  SASL_SCRAM_512_AUTH: kafka,
  VIRTUAL_HOST: ["mq"],
};

export function requireAccessType(kind: SourceKind, type: string | undefined): string {
  if (type === undefined) throw invalidParameter("Required 'type' parameter is missing.");
  if (!(accessTakenBy[type] ?? ["self-managed-kafka"]).includes(kind)) {
    throw invalidParameter(`Unsupported source access configuration type ${type} for given event source mapping type.`);
  }
  return type;
}

/** Throws AWS's refusal of the first parameter that the source does not take. */
export function refuseForeignParameters(kind: SourceKind, parameters: MappingParameters): void {
  for (const [name, kinds] of Object.entries(takenBy)) {
    if (parameters[name as Parameter] === undefined || kinds.includes(kind)) continue;
    if (name === "DestinationConfig") throw unsupportedDestination();
    if (name === "StartingPosition" && kind === "sqs") {
      throw invalidParameter("StartingPosition is not valid for SQS event sources.");
    }
    throw unsupportedParameter(lowerFirst(name));
  }
}

export function requireParameters(kind: SourceKind, parameters: MappingParameters): void {
  for (const name of requiredOfNew[kind] ?? []) {
    if (parameters[name] === undefined) {
      throw invalidParameter(`Required '${lowerFirst(name)}' parameter is missing.`);
    }
  }
  if (streams.includes(kind) && parameters.StartingPosition === undefined) {
    throw invalidParameter(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    );
  }
}

export function isKafka(kind: SourceKind): boolean {
  return kafka.includes(kind);
}

export function unsupportedParameter(name: string): ApiError {
  return invalidParameter(`Unsupported '${name}' parameter for given event source mapping type.`);
}

export function unsupportedDestination(): ApiError {
  return invalidParameter("Unsupported DestinationConfig parameter for given event source mapping type.");
}

/** As AWS writes the parameter: `DocumentDBEventSourceConfig` begins with a small d. */
function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
