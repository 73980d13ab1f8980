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
import { invariant } from "../../core/invariant.ts";
import type { LoggingConfig } from "../../core/function-record.ts";
import type { FunctionSettings } from "../../control-plane/functions/life-cycle.ts";
import { absentRuntimeMessage, classifyRuntime } from "../../runtimes/identifiers.ts";
import { checkEnvironment } from "./environment-variables.ts";
import { invalidParameter } from "./refusals.ts";
import { refuseRemoteCode } from "./unsupported.ts";

/** What this host can run. */
export interface HostAbilities {
  readonly architecture: FunctionSettings["architecture"];
  readonly runtimes: {
    /** Undefined when the runtime is not installed here. */
    find(identifier: string): { readonly version: string } | undefined;
  };
}

const defaults = {
  description: "",
  memoryMiB: 128,
  timeoutSeconds: 3,
  ephemeralStorageMiB: 512,
  tracingMode: "PassThrough",
} as const;

export function settingsOfNew(name: string, request: CreateFunctionRequest, host: HostAbilities): FunctionSettings {
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
  return {
    description: request.Description ?? defaults.description,
    runtime: Runtime,
    handler: Handler,
    role: request.Role,
    memoryMiB: request.MemorySize ?? defaults.memoryMiB,
    timeoutSeconds: request.Timeout ?? defaults.timeoutSeconds,
    ephemeralStorageMiB: request.EphemeralStorage?.Size ?? defaults.ephemeralStorageMiB,
    environment: Environment?.Variables ?? {},
    ...(Environment === undefined ? {} : { environmentDeclared: true }),
    architecture,
    tracingMode: defaults.tracingMode,
    logging: loggingOf(request.LoggingConfig, { format: "Text", group: `/aws/lambda/${name}` }),
  };
}

/** What the request changes; what it leaves out stays. */
export function changesOf(
  request: UpdateFunctionConfigurationRequest,
  current: FunctionSettings,
  host: HostAbilities,
): Partial<FunctionSettings> {
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
    // Replaced as a whole.
    ...(Environment === undefined ? {} : { environment: Environment.Variables ?? {}, environmentDeclared: true }),
    ...(request.LoggingConfig === undefined ? {} : { logging: loggingOf(request.LoggingConfig, current.logging) }),
  };
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
