/**
 * A function as AWS shows it: exactly the members that AWS's answers have, and none that they lack.
 */
import type { FunctionConfiguration as WireConfiguration } from "@aws-sdk/client-lambda";
import { functionArn, type FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { KeyMissingError } from "../../secrets/keyring.ts";
import { runtimeVersionArn } from "../../runtimes/runtime-version.ts";
import type { HostAbilities } from "./function-settings.ts";
import { showSigning } from "./signing-view.ts";
import { showLayerUse } from "./layers-view.ts";
import { showTime } from "./show-time.ts";
import { shownFileSystem, showVpc } from "./mapped-settings.ts";

export interface View {
  readonly scope: Scope;
  readonly host: HostAbilities;
  /** As the caller named it; the ARN then carries it. */
  readonly qualifier?: string;
}

export function showFunction(configuration: FunctionConfiguration, view: View): WireConfiguration {
  return {
    ...showListed(configuration, view),
    ...stateOf(configuration),
    RuntimeVersionConfig: { RuntimeVersionArn: versionArnOf(configuration.runtime, view) },
  };
}

/** As ListFunctions shows it: without state and runtime version. */
export function showListed(configuration: FunctionConfiguration, { scope, qualifier, host }: View): WireConfiguration {
  const { layers = [], logging, vpc, fileSystems, kmsKeyArn, deadLetterTargetArn } = configuration;
  return {
    FunctionName: configuration.name,
    FunctionArn: functionArn(scope, configuration.name, qualifier),
    Runtime: configuration.runtime as NonNullable<WireConfiguration["Runtime"]>,
    Role: configuration.role,
    Handler: configuration.handler,
    CodeSize: configuration.codeSizeBytes,
    Description: configuration.description,
    Timeout: configuration.timeoutSeconds,
    MemorySize: configuration.memoryMiB,
    LastModified: showTime(configuration.lastModifiedMs),
    CodeSha256: configuration.codeSha256,
    Version: configuration.version,
    ...(vpc === undefined ? {} : { VpcConfig: showVpc(vpc) }),
    ...(deadLetterTargetArn === undefined ? {} : { DeadLetterConfig: { TargetArn: deadLetterTargetArn } }),
    ...environmentOf(configuration, host),
    ...(kmsKeyArn === undefined ? {} : { KMSKeyArn: kmsKeyArn }),
    ...(layers.length === 0 ? {} : { Layers: layers.map(showLayerUse) }),
    ...showSigning(configuration),
    TracingConfig: { Mode: configuration.tracingMode },
    RevisionId: configuration.revisionId,
    PackageType: "Zip",
    ...(fileSystems === undefined ? {} : { FileSystemConfigs: fileSystems.map(shownFileSystem) }),
    Architectures: [configuration.architecture],
    EphemeralStorage: { Size: configuration.ephemeralStorageMiB },
    SnapStart: { ApplyOn: configuration.snapStart ?? "None", OptimizationStatus: "Off" },
    LoggingConfig: {
      LogFormat: logging.format,
      ...(logging.applicationLevel === undefined ? {} : { ApplicationLogLevel: logging.applicationLevel }),
      ...(logging.systemLevel === undefined ? {} : { SystemLogLevel: logging.systemLevel }),
      LogGroup: logging.group,
    },
  };
}

/** Variables whose key the owner took away are not shown; the rest of the function is. */
function environmentOf(
  { functionArn: arn, environment }: FunctionConfiguration,
  { variables }: HostAbilities,
): Pick<WireConfiguration, "Environment"> {
  if (environment === undefined) return {};
  try {
    return { Environment: { Variables: { ...variables.open(arn, environment) } } };
  } catch (error) {
    if (!(error instanceof KeyMissingError)) throw error;
    const Message = `Lambda was unable to decrypt your environment variables because the KMS key '${error.keyId}' was not found.`;
    return { Environment: { Error: { ErrorCode: "KMSNotFoundException", Message } } };
  }
}

/** A function that is being created has no update yet. */
function stateOf(configuration: FunctionConfiguration): WireConfiguration {
  const { state, stateReason, stateReasonCode } = configuration;
  const { lastUpdateStatus, lastUpdateStatusReason, lastUpdateStatusReasonCode } = configuration;
  return {
    State: state,
    ...(stateReason === undefined ? {} : { StateReason: stateReason }),
    ...(stateReasonCode === undefined
      ? {}
      : { StateReasonCode: stateReasonCode as NonNullable<WireConfiguration["StateReasonCode"]> }),
    ...(state === "Pending" ? {} : { LastUpdateStatus: lastUpdateStatus }),
    ...(lastUpdateStatusReason === undefined ? {} : { LastUpdateStatusReason: lastUpdateStatusReason }),
    ...(lastUpdateStatusReasonCode === undefined
      ? {}
      : {
          LastUpdateStatusReasonCode: lastUpdateStatusReasonCode as NonNullable<
            WireConfiguration["LastUpdateStatusReasonCode"]
          >,
        }),
  };
}

function versionArnOf(identifier: string, { scope, host }: View): string {
  return runtimeVersionArn(scope.region, { identifier, version: host.runtimes.find(identifier)?.version ?? "" });
}
