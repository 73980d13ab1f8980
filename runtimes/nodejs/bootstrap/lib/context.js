/**
 * The `context` argument of a handler: what the Runtime API's headers and the environment say of an invocation.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
 */
"use strict";

/** @typedef {import("./answer-reader.js").Answer} Answer */

/** Of the function; the same for every invocation. @type {Record<string, string | undefined>} */
let functionFields = {};

/** Reads what the environment says; called once, when the environment is complete. */
function readFunctionFields() {
  functionFields = {
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

/**
 * Adds the fields that every programming model has to `context`, and passes the trace on in the environment.
 * @param {Answer["headers"]} headers
 * @param {object} context with the members of the programming model
 */
function addInvocationFields(headers, context) {
  const deadlineMs = Number(headers.get("lambda-runtime-deadline-ms"));
  const traceId = headers.get("lambda-runtime-trace-id");
  if (traceId) process.env._X_AMZN_TRACE_ID = traceId;
  else delete process.env._X_AMZN_TRACE_ID;
  return Object.assign(context, functionFields, {
    clientContext: parseHeader(headers, "lambda-runtime-client-context", "ClientContext"),
    identity: parseHeader(headers, "lambda-runtime-cognito-identity", "CognitoIdentity"),
    invokedFunctionArn: headers.get("lambda-runtime-invoked-function-arn"),
    awsRequestId: headers.get("lambda-runtime-aws-request-id"),
    tenantId: headers.get("lambda-runtime-aws-tenant-id"),
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  });
}

function parseHeader(headers, name, label) {
  const text = headers.get(name);
  if (text === undefined || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${label} as json: ${String(error)}`, { cause: error });
  }
}

module.exports = { addInvocationFields, readFunctionFields };
