/**
 * The documents by which control plane and data plane meet: what the control plane knows of a function, written to the
 * engine's records and watched by the data plane, which never asks the control plane.
 *
 * Keys: `["function", account, region, name]` holds `FunctionRecord`;
 * `["function-version", account, region, name, number]` holds `FunctionConfiguration` of a published version.
 * The kind comes first, so that one watch follows the functions of every account; within a kind the account comes
 * first, so that no prefix of one account reaches into another.
 */
import type { Scope } from "./identity.ts";

/** Prefix of the functions of all accounts. */
export const functionsPrefix = ["function"] as const;
/** Prefix of the published versions of all accounts. */
export const functionVersionsPrefix = ["function-version"] as const;

/** The functions of one account in one region, in the order of their names. */
export function functionsOf(scope: Scope): readonly [string, string, string] {
  return ["function", scope.account, scope.region];
}

export function functionKey(scope: Scope, name: string): readonly [string, string, string, string] {
  return ["function", scope.account, scope.region, name];
}

export function functionVersionKey(
  scope: Scope,
  name: string,
  version: string,
): readonly [string, string, string, string, string] {
  return ["function-version", scope.account, scope.region, name, version];
}

export function functionArn(scope: Scope, name: string, qualifier?: string): string {
  const arn = `arn:aws:lambda:${scope.region}:${scope.account}:function:${name}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}

export const latestVersion = "$LATEST";

export type FunctionState = "Pending" | "Active" | "Inactive" | "Failed";
export type LastUpdateStatus = "Successful" | "InProgress" | "Failed";

export interface LoggingConfig {
  readonly format: "Text" | "JSON";
  /** Only with JSON: the least level that a function's own lines must have. */
  readonly applicationLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL";
  /** Only with JSON: the least level that the platform's lines must have. */
  readonly systemLevel?: "DEBUG" | "INFO" | "WARN";
  readonly group: string;
}

/** One version of a function, `$LATEST` included: everything an execution environment is made from. */
export interface FunctionConfiguration {
  readonly name: string;
  /** `$LATEST` or the decimal number of a published version. */
  readonly version: string;
  /** Without qualifier. */
  readonly functionArn: string;
  readonly description: string;
  /** A Lambda runtime identifier such as `nodejs24.x`. */
  readonly runtime: string;
  readonly handler: string;
  readonly role: string;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly ephemeralStorageMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  /** True once an environment was given, be it an empty one: AWS then shows it. */
  readonly environmentDeclared?: boolean;
  readonly architecture: "x86_64" | "arm64";
  readonly tracingMode: "PassThrough" | "Active";
  readonly logging: LoggingConfig;
  /** Blob digest (hex SHA-256) of the zip as uploaded; `codeSha256` is the same digest in base64. */
  readonly codeDigest: string;
  readonly codeSha256: string;
  readonly codeSizeBytes: number;
  readonly state: FunctionState;
  readonly stateReason?: string;
  readonly stateReasonCode?: string;
  readonly lastUpdateStatus: LastUpdateStatus;
  readonly lastUpdateStatusReason?: string;
  readonly lastUpdateStatusReasonCode?: string;
  readonly revisionId: string;
  /** Milliseconds since the epoch. */
  readonly lastModifiedMs: number;
  /**
   * Rises whenever code or configuration changes in a way that running environments must not outlive; two
   * configurations with the same ARN, version and generation may share environments.
   */
  readonly generation: number;
}

export interface FunctionRecord {
  readonly scope: Scope;
  readonly name: string;
  /** What `$LATEST` runs: the last configuration that became active. Undefined until the first did. */
  readonly active?: FunctionConfiguration;
  /** What the control plane shows: equal to `active`, or the change that is in progress or failed. */
  readonly latest: FunctionConfiguration;
  readonly reservedConcurrency?: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}
