/**
 * An event source mapping as it is kept: a source, the function that is invoked with its records, and how.
 * `["event-source-mapping", account, region, uuid]`. A mapping outlives its function, as on Lambda.
 */
import type { Scope } from "../../core/identity.ts";
import type { EventSource } from "./event-sources.ts";
import type { MappingState } from "./mapping-life.ts";

/** Prefix of the mappings of all accounts. */
export const mappingsPrefix = ["event-source-mapping"] as const;

export function mappingsOf(scope: Scope): readonly [string, string, string] {
  return ["event-source-mapping", scope.account, scope.region];
}

export function mappingKey(scope: Scope, uuid: string): readonly [string, string, string, string] {
  return ["event-source-mapping", scope.account, scope.region, uuid];
}

export function mappingArn({ account, region }: Scope, uuid: string): string {
  return `arn:aws:lambda:${region}:${account}:event-source-mapping:${uuid}`;
}

export interface EventSourceMappingRecord {
  readonly scope: Scope;
  readonly uuid: string;
  readonly source: EventSource;
  readonly functionName: string;
  /** As the caller named it: `$LATEST`, a version, an alias, or nothing. */
  readonly qualifier?: string;
  readonly settings: MappingSettings;
  readonly state: MappingState;
  /** Whether it reads once its state is settled. */
  readonly enabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly lastModifiedMs: number;
}

/** Whoever reads for the mappings. */
export interface MappingReaders {
  /** Resolves when nothing more is read for the mapping and nothing that was read waits for its function. */
  stopped(mapping: EventSourceMappingRecord): Promise<void>;
}

/** Which of them a mapping has depends on its source; see `aws/lambda/mapping-settings.ts`. */
export interface MappingSettings {
  readonly batchSize: number;
  /** Undefined is the 500 ms of the sources that have no other default. */
  readonly batchingWindowSeconds?: number;
  /** Event patterns; a record that matches one of them is taken, and every record when there is none. */
  readonly filterPatterns: readonly string[];
  readonly responseTypes?: readonly "ReportBatchItemFailures"[];
  readonly metrics?: readonly string[];
  readonly systemLogLevel?: string;
  readonly maximumConcurrency?: number;
  readonly pollers?: ProvisionedPollers;
  readonly parallelizationFactor?: number;
  readonly startingPosition?: "LATEST" | "TRIM_HORIZON" | "AT_TIMESTAMP";
  readonly startingPositionTimestampMs?: number;
  /** Where a batch is reported that could not be processed. */
  readonly onFailure?: string;
  /** -1 is without end. */
  readonly maximumRecordAgeSeconds?: number;
  readonly bisectsBatchOnError?: boolean;
  /** -1 is without end. */
  readonly maximumRetryAttempts?: number;
  /** 0 is no window. */
  readonly tumblingWindowSeconds?: number;
  readonly topics?: readonly string[];
  readonly queues?: readonly string[];
  readonly sourceAccess?: readonly { readonly type: string; readonly uri?: string }[];
  readonly kafka?: KafkaSettings;
  readonly documentDb?: DocumentDbSettings;
}

export interface ProvisionedPollers {
  readonly minimum: number;
  readonly maximum: number;
  readonly groupName?: string;
}

export interface KafkaSettings {
  /** Undefined until the mapping has an id, which is then its group's too. */
  readonly consumerGroupId?: string;
  readonly consumptionMode?: string;
  readonly schemaRegistry?: {
    readonly uri?: string;
    readonly eventRecordFormat?: string;
    readonly access?: readonly { readonly type?: string; readonly uri?: string }[];
    readonly validatedAttributes?: readonly string[];
  };
}

export interface DocumentDbSettings {
  readonly databaseName: string;
  readonly collectionName?: string;
  readonly fullDocument?: string;
}
