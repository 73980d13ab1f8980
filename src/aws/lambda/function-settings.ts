/**
 * From the members of a request to a function's settings, with Lambda's defaults and its checks beyond the service
 * model. https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
 */
import type {
  Architecture,
  CreateFunctionRequest,
  FunctionCode,
  LoggingConfig as WireLoggingConfig,
  UpdateFunctionConfigurationRequest,
} from "@aws-sdk/client-lambda";
import type { Mappings } from "../../config/mappings.ts";
import { functionArn, type LoggingConfig } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { invariant } from "../../core/invariant.ts";
import type { FunctionSettings, SettingsChange } from "../../control-plane/functions/life-cycle.ts";
import { absentRuntimeMessage, classifyRuntime } from "../../runtimes/identifiers.ts";
import type { FunctionVariables } from "../../secrets/function-variables.ts";
import { checkEnvironment } from "./environment-variables.ts";
import {
  checkKey,
  fileSystemsOf,
  resealVariables,
  sealVariables,
  shownFileSystem,
  snapStartOf,
  vpcOf,
} from "./mapped-settings.ts";
import { deadLetterTargetOf } from "./dead-letter-config.ts";
import { invalidParameter } from "./refusals.ts";
import { refuseRemoteCode } from "./unsupported.ts";

/** What this host can run. */
export interface HostAbilities {
  readonly architecture: FunctionSettings["architecture"];
  readonly runtimes: {
    /** Undefined when the runtime is not installed here. */
    find(identifier: string): { readonly version: string } | undefined;
  };
  readonly variables: FunctionVariables;
  readonly mappings: Mappings;
}

const defaults = {
  description: "",
  memoryMiB: 128,
  timeoutSeconds: 3,
  ephemeralStorageMiB: 512,
  tracingMode: "PassThrough",
} as const;

export function settingsOfNew(
  scope: Scope,
  name: string,
  request: CreateFunctionRequest,
  host: HostAbilities,
): FunctionSettings {
  const { Runtime, Handler, Environment } = request;
  const architecture = architectureOf(request.Architectures, host) ?? host.architecture;
  if (Environment?.Variables !== undefined) checkEnvironment(Environment.Variables);
  if (Runtime === undefined || Handler === undefined) {
    throw invalidParameter(
      "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    );
  }
  checkRuntime(Runtime, host);
  invariant(request.Role !== undefined, "the wire takes no creation without a role");
  const kmsKeyArn = request.KMSKeyArn || undefined;
  checkKey(host.variables, kmsKeyArn);
  const vpc = vpcOf(request.VpcConfig, host.mappings);
  const fileSystems = fileSystemsOf(request.FileSystemConfigs ?? [], vpc, host.mappings);
  const deadLetterTargetArn = deadLetterTargetOf(request.DeadLetterConfig, functionArn(scope, name));
  const snapStart = snapStartOf(request.SnapStart, host.mappings);
  return {
    description: request.Description ?? defaults.description,
    runtime: Runtime,
    handler: Handler,
    role: request.Role,
    memoryMiB: request.MemorySize ?? defaults.memoryMiB,
    timeoutSeconds: request.Timeout ?? defaults.timeoutSeconds,
    ephemeralStorageMiB: request.EphemeralStorage?.Size ?? defaults.ephemeralStorageMiB,
    ...(Environment === undefined
      ? {}
      : variablesSetting(host, functionArn(scope, name), Environment.Variables ?? {}, kmsKeyArn)),
    ...(vpc === undefined ? {} : { vpc }),
    ...(fileSystems.length === 0 ? {} : { fileSystems }),
    ...(deadLetterTargetArn === undefined ? {} : { deadLetterTargetArn }),
    ...(snapStart === undefined ? {} : { snapStart }),
    architecture,
    tracingMode: request.TracingConfig?.Mode ?? defaults.tracingMode,
    logging: loggingOf(request.LoggingConfig, { format: "Text", group: `/aws/lambda/${name}` }),
  };
}

/** AWS keeps the key only with variables. */
function variablesSetting(
  { variables }: HostAbilities,
  arn: string,
  values: Readonly<Record<string, string>>,
  kmsKeyArn: string | undefined,
): Pick<FunctionSettings, "environment" | "kmsKeyArn"> {
  return {
    environment: sealVariables(variables, arn, values, kmsKeyArn),
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
  };
}

/** What the request changes. */
export function changesOf(
  request: UpdateFunctionConfigurationRequest,
  current: FunctionSettings & { readonly functionArn: string },
  host: HostAbilities,
): SettingsChange {
  const { Runtime, Handler, Environment } = request;
  if (Environment?.Variables !== undefined) checkEnvironment(Environment.Variables);
  if (Runtime !== undefined) checkRuntime(Runtime, host);
  return {
    ...(request.Description === undefined ? {} : { description: request.Description }),
    ...(Runtime === undefined ? {} : { runtime: Runtime }),
    ...(Handler === undefined ? {} : { handler: Handler }),
    ...(request.Role === undefined ? {} : { role: request.Role }),
    ...(request.MemorySize === undefined ? {} : { memoryMiB: request.MemorySize }),
    ...(request.Timeout === undefined ? {} : { timeoutSeconds: request.Timeout }),
    ...(request.EphemeralStorage?.Size === undefined ? {} : { ephemeralStorageMiB: request.EphemeralStorage.Size }),
    ...(request.TracingConfig?.Mode === undefined ? {} : { tracingMode: request.TracingConfig.Mode }),
    ...(request.DeadLetterConfig === undefined
      ? {}
      : { deadLetterTargetArn: deadLetterTargetOf(request.DeadLetterConfig, current.functionArn) }),
    ...(request.SnapStart === undefined ? {} : { snapStart: snapStartOf(request.SnapStart, host.mappings) }),
    ...variablesChange(request, current, host),
    ...networkChange(request, current, host),
    ...(request.LoggingConfig === undefined ? {} : { logging: loggingOf(request.LoggingConfig, current.logging) }),
  };
}

/** Replaced as a whole; a key that is changed alone seals what is there again. An empty key is the default one. */
function variablesChange(
  { Environment, KMSKeyArn }: UpdateFunctionConfigurationRequest,
  current: FunctionSettings & { readonly functionArn: string },
  host: HostAbilities,
): SettingsChange {
  if (Environment === undefined && KMSKeyArn === undefined) return {};
  const kmsKeyArn = KMSKeyArn === undefined ? current.kmsKeyArn : KMSKeyArn || undefined;
  checkKey(host.variables, kmsKeyArn);
  if (Environment !== undefined) {
    return { kmsKeyArn, ...variablesSetting(host, current.functionArn, Environment.Variables ?? {}, kmsKeyArn) };
  }
  if (current.environment === undefined) return {};
  return {
    environment: resealVariables(host.variables, current.functionArn, current.environment, kmsKeyArn),
    kmsKeyArn,
  };
}

/** Each replaced as a whole, and judged together: file systems need a VPC. */
function networkChange(
  { VpcConfig, FileSystemConfigs }: UpdateFunctionConfigurationRequest,
  current: FunctionSettings,
  { mappings }: HostAbilities,
): SettingsChange {
  if (VpcConfig === undefined && FileSystemConfigs === undefined) return {};
  const vpc = VpcConfig === undefined ? current.vpc : vpcOf(VpcConfig, mappings);
  const requested = FileSystemConfigs ?? (current.fileSystems ?? []).map(shownFileSystem);
  const fileSystems = fileSystemsOf(requested, vpc, mappings);
  return { vpc, fileSystems: fileSystems.length === 0 ? undefined : fileSystems };
}

/** Undefined when the request leaves it open. */
export function architectureOf(
  architectures: readonly Architecture[] | undefined,
  host: HostAbilities,
): FunctionSettings["architecture"] | undefined {
  const architecture = architectures?.[0];
  if (architecture === undefined || architecture === host.architecture) return architecture;
  throw invalidParameter(
    `Architectures: ${architecture} is not available here; this Hearth runs ${host.architecture} functions.`,
  );
}

/** The archive that the request carries. */
export function zipOf(code: FunctionCode | undefined): Uint8Array {
  const { ZipFile, ...elsewhere } = code ?? {};
  const others = Object.entries(elsewhere).filter(([, value]) => value !== undefined);
  if (ZipFile === undefined) {
    refuseRemoteCode(elsewhere);
    throw invalidParameter("Please provide a source for function code.");
  }
  if (others.length > 0) {
    throw invalidParameter("Please do not provide other FunctionCode parameters when providing a ZipFile.");
  }
  return ZipFile;
}

function checkRuntime(runtime: string, host: HostAbilities): void {
  const classification = classifyRuntime(runtime);
  if (classification.kind !== "known") throw invalidParameter(classification.message);
  if (host.runtimes.find(runtime) === undefined) throw invalidParameter(absentRuntimeMessage(runtime));
}

/** A partial change of what is there. Going to JSON turns filtering on, at INFO; going to Text turns it off. */
function loggingOf(change: WireLoggingConfig | undefined, current: LoggingConfig): LoggingConfig {
  const format = change?.LogFormat ?? current.format;
  const group = change?.LogGroup ?? current.group;
  const applicationLevel = change?.ApplicationLogLevel;
  const systemLevel = change?.SystemLogLevel;
  if (format === "JSON") {
    return {
      format,
      group,
      applicationLevel: applicationLevel ?? current.applicationLevel ?? "INFO",
      systemLevel: systemLevel ?? current.systemLevel ?? "INFO",
    };
  }
  if (applicationLevel !== undefined || systemLevel !== undefined) {
    throw invalidParameter(
      'LogLevel is not supported when LogFormat is set to "Text". ' +
        'Remove LogLevel from your request or change the LogFormat to "Json" and try again.',
    );
  }
  return { format, group };
}
