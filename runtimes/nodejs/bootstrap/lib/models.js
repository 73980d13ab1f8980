/**
 * How a handler's outcome becomes the invocation's: the promise model of Node 24 and later, and the model with promises
 * and callbacks up to Node 22. Streaming handlers have `streaming.js`.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
 */
"use strict";

const { addInvocationFields } = require("./context.js");
const { RuntimeError, serialize } = require("./errors.js");

/** @typedef {import("./session.js").Invocation} Invocation */
/** @typedef {import("./session.js").Session} Session */

const neverSettled = () =>
  new RuntimeError(
    "NodeJsExit",
    "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes",
  );

const isThenable = (value) =>
  (typeof value === "object" || typeof value === "function") && value !== null && typeof value.then === "function";

/** Node 24: the returned value, or what its promise is settled with, is the result. */
function promiseModel(handler) {
  return async (/** @type {Invocation} */ invocation, /** @type {Session} */ session) => {
    const { requestId, headers, body } = invocation;
    let isGivenUp = false;
    session.whenIdle(() => {
      isGivenUp = true;
      session.fail(requestId, neverSettled());
    });
    let text;
    try {
      const outcome = handler(JSON.parse(body), addInvocationFields(headers, {}));
      text = serialize(isThenable(outcome) ? await outcome : outcome, false);
    } catch (error) {
      if (!isGivenUp) session.fail(requestId, error);
      return;
    }
    // A later invocation may settle what this one was given up for.
    if (!isGivenUp) session.succeed(requestId, text);
  };
}

/**
 * Up to Node 22: a promise, a callback or `context.done`; the first one counts. A callback's result waits until the
 * event loop is empty unless `callbackWaitsForEmptyEventLoop` is false; a handler that never answers gets `null`.
 */
function callbackModel(handler) {
  const isAsync = handler.constructor?.name === "AsyncFunction";
  return (/** @type {Invocation} */ invocation, /** @type {Session} */ session) => {
    const { requestId, headers, body } = invocation;
    let isDone = false;
    let waitsForEmptyEventLoop = true;

    const sendResult = (result) => {
      // Throws before the invocation counts as done, so that the error can still be its result.
      const text = serialize(result, true);
      isDone = true;
      session.succeed(requestId, text);
    };
    const sendError = (error) => {
      isDone = true;
      session.fail(requestId, error);
    };
    const done = (error, result) => {
      if (isDone) return;
      if (error !== undefined && error !== null) sendError(error);
      else sendResult(result);
    };
    const callback = (error, result) => {
      if (isDone) return;
      if ((error !== undefined && error !== null) || !waitsForEmptyEventLoop) {
        done(error, result);
        return;
      }
      const text = serialize(result, true);
      isDone = true;
      session.whenIdle(() => session.succeed(requestId, text));
    };
    const succeed = (result) => done(undefined, result);
    const fail = (error) => done(error ?? "handled");

    session.whenIdle(() => {
      if (isAsync) sendError(neverSettled());
      else sendResult(null);
    });
    try {
      const context = {
        get callbackWaitsForEmptyEventLoop() {
          return waitsForEmptyEventLoop;
        },
        set callbackWaitsForEmptyEventLoop(value) {
          waitsForEmptyEventLoop = value;
        },
        succeed,
        fail,
        done,
      };
      const outcome = handler(JSON.parse(body), addInvocationFields(headers, context), callback);
      if (isThenable(outcome)) outcome.then(succeed, fail).catch(fail);
    } catch (error) {
      done(error ?? "handled");
    }
  };
}

module.exports = { callbackModel, promiseModel };
