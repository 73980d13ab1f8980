/**
 * What Lambda says of a function's environment variables beyond the pattern of their names.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
import { invalidParameter } from "./refusals.ts";

/** All names and values together, as JSON. */
const environmentBytesMax = 4096;

/** Names that only the platform sets. */
const reservedNames: ReadonlySet<string> = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_DEFAULT_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_LAMBDA_MAX_CONCURRENCY",
  "AWS_LAMBDA_METADATA_API",
  "AWS_LAMBDA_METADATA_TOKEN",
  "AWS_LAMBDA_RUNTIME_API",
  "AWS_REGION",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "LAMBDA_RUNTIME_DIR",
  "LAMBDA_TASK_ROOT",
]);

const because =
  "Lambda was unable to configure your environment variables because the environment variables you have provided";

export function checkEnvironment(variables: Readonly<Record<string, string>>): void {
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) > environmentBytesMax) {
    throw invalidParameter(`${because} exceeded the 4KB limit. String measured: ${measured}`);
  }
  const reserved = Object.keys(variables).filter((name) => reservedNames.has(name));
  if (reserved.length > 0) {
    throw invalidParameter(
      `${because} contains reserved keys that are currently not supported for modification. ` +
        `Reserved keys used in this request: ${reserved.join(", ")}`,
    );
  }
  const unusable = Object.keys(variables).find((name) => variables[name]?.includes("\0") === true);
  if (unusable !== undefined)
    throw invalidParameter(`${because} contains a NUL character in the value of ${unusable}.`);
}
