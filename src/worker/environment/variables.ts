/**
 * The environment variables of a function's process: those that Lambda defines, the function's own, and the endpoints of
 * the services that Hearth serves; nothing else.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
import type { RuntimePack } from "../../runtimes/contract.ts";
import type { EnvironmentSpec } from "../contract.ts";
import { runtimeApiPort } from "../runtime-api/wire.ts";
import { endpointPort } from "./endpoint.ts";

export const taskRoot = "/var/task";
/** Descriptor of the framed log inside the sandbox. */
const telemetryDescriptor = 3;

/** What a function may set differently. */
const overridable = {
  LANG: "en_US.UTF-8",
  TZ: ":UTC",
} as const;

const endpoint = `http://127.0.0.1:${endpointPort}`;
const endpoints = {
  AWS_ENDPOINT_URL_LAMBDA: endpoint,
  AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: endpoint,
  AWS_ENDPOINT_URL_IAM: endpoint,
  AWS_ENDPOINT_URL_SQS: endpoint,
  AWS_ENDPOINT_URL_STS: endpoint,
} as const;

const runtimeConnection = {
  AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimeApiPort}`,
  _LAMBDA_TELEMETRY_LOG_FD: String(telemetryDescriptor),
} as const;

/**
 * Variables that extensions do not get:
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-extensions-api-env
 */
export const runtimeOnlyVariables = [
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_XRAY_CONTEXT_MISSING",
  "AWS_XRAY_DAEMON_ADDRESS",
  "LAMBDA_RUNTIME_DIR",
  "LAMBDA_TASK_ROOT",
  "_AWS_XRAY_DAEMON_ADDRESS",
  "_AWS_XRAY_DAEMON_PORT",
  "_HANDLER",
  "_LAMBDA_TELEMETRY_LOG_FD",
] as const;

/** Of a runtime that boots before its function is known. */
export function pooledVariables(runtime: RuntimePack): Record<string, string> {
  return { ...overridable, ...runtime.environment, ...runtimeConnection, HEARTH_POOLED: "1" };
}

/** Complete, for a runtime that knows its function. */
export function functionVariables(spec: EnvironmentSpec): Record<string, string> {
  const { logging, credentials, runtime } = spec;
  return {
    ...overridable,
    AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
    AWS_XRAY_DAEMON_ADDRESS: "169.254.79.129:2000",
    ...endpoints,
    ...runtime.environment,
    ...spec.environment,
    // Reserved: a function's own value never reaches here past the API's check, and would lose if it did.
    ...runtimeConnection,
    _HANDLER: spec.handler,
    AWS_REGION: spec.scope.region,
    AWS_DEFAULT_REGION: spec.scope.region,
    // OS-only runtimes have none, as on Lambda.
    ...(runtime.family === "provided" ? {} : { AWS_EXECUTION_ENV: `AWS_Lambda_${runtime.identifier}` }),
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: spec.functionVersion,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMiB),
    AWS_LAMBDA_INITIALIZATION_TYPE: spec.initializationType,
    AWS_LAMBDA_LOG_GROUP_NAME: logging.group,
    AWS_LAMBDA_LOG_STREAM_NAME: logging.stream,
    AWS_LAMBDA_LOG_FORMAT: logging.format,
    ...(logging.format === "JSON" ? { AWS_LAMBDA_LOG_LEVEL: logging.applicationLevel ?? "INFO" } : {}),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    LAMBDA_TASK_ROOT: taskRoot,
    LAMBDA_RUNTIME_DIR: "/var/runtime",
  };
}

/** True when the function sets a variable that its runtime reads only when the process starts. */
export function mustStartUnpooled(spec: EnvironmentSpec): boolean {
  return !spec.runtime.poolable || spec.runtime.startOnlyVariables.some((name) => name in spec.environment);
}
