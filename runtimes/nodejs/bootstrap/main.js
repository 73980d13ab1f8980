/**
 * Hearth's runtime for Node functions: started in a sandbox, speaks the Lambda Runtime API at AWS_LAMBDA_RUNTIME_API.
 * With HEARTH_POOLED=1 it makes itself ready first and learns its function later.
 */
"use strict";

const { RuntimeApiClient } = require("./lib/client.js");
const { logError, patchConsole, setCurrentInvocation } = require("./lib/console.js");
const { readFunctionFields } = require("./lib/context.js");
const { RuntimeError } = require("./lib/errors.js");
const { loadHandler } = require("./lib/loader.js");
const { callbackModel, promiseModel } = require("./lib/models.js");
const { awaitFunction, warmUp } = require("./lib/pool.js");
const { Session } = require("./lib/session.js");
const { defineGlobal, streamingModel } = require("./lib/streaming.js");

/** The first Node whose runtime has no callbacks. */
const firstMajorWithoutCallbacks = 24;
const isLegacy = Number.parseInt(process.versions.node, 10) < firstMajorWithoutCallbacks;

/** What a process exits with when top-level await never settles. */
const unsettledExitCode = 13;

/** @param {import("./lib/loader.js").Handler} handler */
function modelOf(handler) {
  if (handler.isStreaming) return streamingModel(handler, isLegacy);
  if (isLegacy) return callbackModel(handler.call);
  if (handler.call.length >= 3) {
    throw new RuntimeError(
      "CallbackHandlerDeprecated",
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
  return promiseModel(handler.call);
}

/** Takes over console and process events; before the function is known where the process waits for it. */
function prepare(client) {
  patchConsole();
  // What log lines of the init phase carry in place of a request id.
  setCurrentInvocation(isLegacy ? undefined : "-", undefined);
  const session = new Session(client);
  session.watchProcess(!isLegacy);
  return session;
}

/** Loads the function and serves it until the process ends. */
async function serve(session, taskRoot, handlerName) {
  defineGlobal();
  readFunctionFields();
  session.whenIdle(() => process.exit(unsettledExitCode));

  let model;
  try {
    model = modelOf(await loadHandler(taskRoot, handlerName));
  } catch (error) {
    logError(isLegacy ? "Uncaught Exception" : "Init Error", error);
    session.reportInitError(error, () => process.exit(isLegacy ? 129 : 1));
    return;
  }
  session.start((invocation) => model(invocation, session));
}

async function main() {
  const client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API ?? "127.0.0.1:9001");
  if (process.env.HEARTH_POOLED !== "1") {
    await serve(prepare(client), process.env.LAMBDA_TASK_ROOT ?? process.cwd(), process.env._HANDLER ?? "");
  } else {
    await warmUp(client, modelOf);
    const session = prepare(client);
    awaitFunction(client, ({ taskRoot, handler }) => {
      // The log settings came with the function.
      patchConsole();
      void serve(session, taskRoot, handler);
    });
  }
}

void main();
