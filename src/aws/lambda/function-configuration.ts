/**
 * A function as AWS shows it: exactly the members that AWS's answers have, and none that they lack.
 */
import { createHash } from "node:crypto";
import type { FunctionConfiguration as WireConfiguration } from "@aws-sdk/client-lambda";
import { functionArn, type FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { HostAbilities } from "./function-settings.ts";

export interface View {
  readonly scope: Scope;
  readonly runtimes: HostAbilities["runtimes"];
  /** As the caller named it; the ARN then carries it. */
  readonly qualifier?: string;
}

export function showFunction(configuration: FunctionConfiguration, view: View): WireConfiguration {
  return {
    ...showListed(configuration, view),
    ...stateOf(configuration),
    RuntimeVersionConfig: { RuntimeVersionArn: runtimeVersionArn(configuration.runtime, view) },
  };
}

/** As ListFunctions shows it: without state and runtime version. */
export function showListed(configuration: FunctionConfiguration, { scope, qualifier }: View): WireConfiguration {
  const { environment, environmentDeclared = false, logging } = configuration;
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
    ...(environmentDeclared ? { Environment: { Variables: { ...environment } } } : {}),
    TracingConfig: { Mode: configuration.tracingMode },
    RevisionId: configuration.revisionId,
    PackageType: "Zip",
    Architectures: [configuration.architecture],
    EphemeralStorage: { Size: configuration.ephemeralStorageMiB },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: {
      LogFormat: logging.format,
      ...(logging.applicationLevel === undefined ? {} : { ApplicationLogLevel: logging.applicationLevel }),
      ...(logging.systemLevel === undefined ? {} : { SystemLogLevel: logging.systemLevel }),
      LogGroup: logging.group,
    },
  };
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

/** Names the very interpreter: the same on every host that has the same version of it. */
function runtimeVersionArn(runtime: string, { scope, runtimes }: View): string {
  const version = runtimes.find(runtime)?.version ?? "";
  const id = createHash("sha256").update(`${runtime}/${version}`).digest("hex");
  return `arn:aws:lambda:${scope.region}::runtime:${id}`;
}

/** `2026-01-12T15:31:27.042+0000` */
function showTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace("Z", "+0000");
}
