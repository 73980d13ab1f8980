/**
 * The documents by which control plane and data plane meet: what the control plane knows of a function, written to the
 * engine's records and watched by the data plane, which never asks the control plane.
 *
 * Keys: `["function", account, region, name]` holds `FunctionRecord`. What belongs to a function or to one of its
 * qualifiers is a record of its own, `[kind, account, region, name, qualifier]`, and goes with the function; the kinds
 * are listed in `functionPartKinds`. The kind comes first, so that one watch follows the functions of every account;
 * within a kind the account comes first, so that no prefix of one account reaches into another.
 */
import type { Scope } from "./identity.ts";

/** Prefix of the functions of all accounts. */
export const functionsPrefix = ["function"] as const;

/**
 * Everything that a function owns besides its own record; deleting the function deletes all of it. The last segment is
 * a version (see `versionSegment`), the name of an alias, or `$LATEST` for the function itself.
 */
export const functionPartKinds = [
  "function-version",
  "function-alias",
  "function-policy",
  "function-url",
  "event-invoke-config",
  "provisioned-concurrency",
  "runtime-management",
] as const;
export type FunctionPartKind = (typeof functionPartKinds)[number];

/** The functions of one account in one region, in the order of their names. */
export function functionsOf(scope: Scope): readonly [string, string, string] {
  return ["function", scope.account, scope.region];
}

export function functionKey(scope: Scope, name: string): readonly [string, string, string, string] {
  return ["function", scope.account, scope.region, name];
}

export function functionPartKey(
  kind: FunctionPartKind,
  scope: Scope,
  name: string,
  qualifier: string,
): readonly [FunctionPartKind, string, string, string, string] {
  return [kind, scope.account, scope.region, name, versionSegment(qualifier)];
}

/** Digits that version numbers are filled up to, so that they are listed in their order. */
const versionDigits = 10;

/** A qualifier as the segment of a key. */
export function versionSegment(qualifier: string): string {
  return /^\d+$/.test(qualifier) ? qualifier.padStart(versionDigits, "0") : qualifier;
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

/** Environment variables as they are kept: sealed, but for their names. */
export interface SealedVariables {
  /** `default`, or the ARN of the owner's key. */
  readonly keyId: string;
  /** Base64; see `secrets/keyring.ts`. */
  readonly data: string;
  /** In order. */
  readonly names: readonly string[];
}

/** A layer version as a function uses it; the function keeps it when the layer version is deleted. */
export interface LayerUse {
  readonly arn: string;
  /** Blob digest of the layer's zip. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly unzippedBytes: number;
  readonly signingProfileVersionArn?: string;
  readonly signingJobArn?: string;
}

/** Without subnets and groups: of a function that was taken out of its VPC, or never was in one. */
export interface VpcSettings {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly ipv6AllowedForDualStack: boolean;
}

export interface FileSystemUse {
  readonly arn: string;
  /** Below `/mnt/`. */
  readonly localMountPath: string;
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
  /** The function's variables; undefined until some were given, be they none: AWS then shows them. */
  readonly environment?: SealedVariables;
  readonly architecture: "x86_64" | "arm64";
  readonly tracingMode: "PassThrough" | "Active";
  readonly logging: LoggingConfig;
  /** In the order of merging at `/opt`: what a later one has covers what an earlier one has. */
  readonly layers?: readonly LayerUse[];
  readonly kmsKeyArn?: string;
  readonly vpc?: VpcSettings;
  readonly fileSystems?: readonly FileSystemUse[];
  /** Where events go that the function could not process. */
  readonly deadLetterTargetArn?: string;
  /** What SnapStart applies to; shown, and without effect. */
  readonly snapStart?: "PublishedVersions";
  /** Of code that was signed and verified. */
  readonly signingProfileVersionArn?: string;
  readonly signingJobArn?: string;
  /** Blob digest (hex SHA-256) of the zip as uploaded; `codeSha256` is the same digest in base64. */
  readonly codeDigest: string;
  readonly codeSha256: string;
  readonly codeSizeBytes: number;
  /** Of the files in the zip; unknown of code that was stored by an earlier version of Hearth. */
  readonly codeUnzippedBytes?: number;
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

/**
 * A change of several records. It is written to the function's record first, and done by whoever finds it there, so that
 * a crash in between neither loses nor repeats any of it.
 */
export type FunctionIntent = PublishIntent | AliasIntent | RemoveIntent;

/** A version gets a record of its own. */
export interface PublishIntent {
  readonly kind: "publish";
  readonly configuration: FunctionConfiguration;
}

/** An alias is made or changed, while its versions are there. */
export interface AliasIntent {
  readonly kind: "alias";
  readonly alias: AliasRecord;
  /** Of the alias as it is changed; undefined when it is made. */
  readonly replacedRevisionId?: string;
}

/** A version or an alias goes, with every part that has its qualifier. */
export interface RemoveIntent {
  readonly kind: "remove";
  /** A UUID: the same alias may be made and taken away again. */
  readonly id: string;
  readonly qualifier: string;
}

export interface FunctionRecord {
  readonly scope: Scope;
  readonly name: string;
  /** What `$LATEST` runs: the last configuration that became active. Undefined until the first did. */
  readonly active?: FunctionConfiguration;
  /** What the control plane shows: equal to `active`, or the change that is in progress or failed. */
  readonly latest: FunctionConfiguration;
  readonly reservedConcurrency?: number;
  /** Highest version number that was ever published; numbers are not used again. */
  readonly lastVersion?: number;
  /** The newest version while it is there, and the fingerprint of what was published: the same is not published again. */
  readonly lastPublished?: { readonly version: string; readonly fingerprint: string };
  readonly intent?: FunctionIntent;
  /** Whether invocations that come back to the function in a circle are stopped; AWS's default is Terminate. */
  readonly recursiveLoop?: "Allow" | "Terminate";
  /** The code signing configuration by which new code is judged. */
  readonly codeSigningConfigArn?: string;
  /** Set when deletion has begun: to everybody the function is gone, and what it owns is being removed. */
  readonly deleting?: true;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

/** A name for a version, or for two of them by weight. `["function-alias", …, alias]` */
export interface AliasRecord {
  readonly name: string;
  readonly functionVersion: string;
  readonly description: string;
  /** At most one other version, with its share of the invocations (0 to 1); the rest goes to `functionVersion`. */
  readonly additionalVersionWeights: Readonly<Record<string, number>>;
  readonly revisionId: string;
}

/** How many environments are kept initialised for a version, or for what an alias points to. */
export interface ProvisionedConcurrencyRecord {
  /** The number of a version, or the name of an alias. */
  readonly qualifier: string;
  readonly requested: number;
  /** When it was last asked for; that also begins a failed allocation anew. */
  readonly lastModifiedMs: number;
}

/** When a version of a function takes a new runtime version. `["runtime-management", …, version]` */
export type RuntimeManagementRecord =
  | { readonly updateRuntimeOn: "Auto" | "FunctionUpdate" }
  | { readonly updateRuntimeOn: "Manual"; readonly runtimeVersionArn: string };
