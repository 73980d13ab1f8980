/**
 * One process's conversation with the Runtime API: asks for invocations, hands them to a programming model, sends what
 * comes of them, and reports what nobody caught.
 *
 * A programming model is a function `(invocation, handler, session) => void`; it ends each invocation by exactly one of
 * `session.succeed`, `session.fail` or a stream of its own followed by `session.next`.
 */
"use strict";

const { logError, setCurrentInvocation } = require("./console.js");
const { UnhandledPromiseRejection, errorTypeHeader, serialize, toResponse } = require("./errors.js");

/** @typedef {import("./answer-reader.js").Answer} Answer */
/** @typedef {{ requestId: string, headers: Answer["headers"], body: string }} Invocation */

const apiPrefix = "/2018-06-01/runtime";

/** Where a session's requests go; the warm-up has paths of its own. */
const invocationPaths = {
  next: `${apiPrefix}/invocation/next`,
  response: (/** @type {string} */ requestId) => `${apiPrefix}/invocation/${requestId}/response`,
};

/** Up to this size a response asks for the next invocation too; a larger one may be refused, so its answer is awaited. */
const pipelinedLengthMax = 65_536;

/** As Lambda's own client exits, by cause. */
const exitCodes = { uncaughtException: 129, unhandledRejection: 128 };

class Session {
  #client;
  #paths;
  /** @type {(invocation: Invocation) => void} */
  #run = () => {};
  /** Of the invocation that runs now. @type {string | undefined} */
  #requestId = undefined;
  /** Before the first invocation, errors belong to the init phase. */
  #isInitialising = true;
  /** Called when the handler's event loop has run empty. @type {(() => void) | undefined} */
  #whenIdle = undefined;

  /**
   * @param {import("./client.js").RuntimeApiClient} client
   * @param {typeof invocationPaths} paths
   */
  constructor(client, paths = invocationPaths) {
    this.#client = client;
    this.#paths = paths;
  }

  get client() {
    return this.#client;
  }

  /** @param {string} requestId */
  responsePath(requestId) {
    return this.#paths.response(requestId);
  }

  /** Takes invocations from now on. @param {(invocation: Invocation) => void} run */
  start(run) {
    this.#run = run;
    this.next();
  }

  next() {
    this.#waits();
    this.#client.get(this.#paths.next, this.#onNext);
  }

  /** Called by a model that has its answer only when nothing is left to do in the process. */
  whenIdle(task) {
    this.#whenIdle = task;
  }

  /** @param {string} requestId @param {string} text JSON */
  succeed(requestId, text) {
    const path = this.responsePath(requestId);
    if (text.length <= pipelinedLengthMax) {
      this.#waits();
      this.#client.postThenGet(path, text, this.#paths.next, this.#onNext);
    } else {
      this.#client.post(path, text, "", () => this.next());
    }
  }

  /** Logs the error and makes it the invocation's result. */
  fail(requestId, error) {
    logError("Invoke Error", error);
    this.#postError(this.#client, requestId, error, () => this.next());
  }

  /**
   * An error outside of any handler's promise: reported for what runs now, then the process ends.
   * Differs from AWS: an uncaught error of a Node 24 function is reported with its type, not as an exit status only.
   */
  crash(kind, error) {
    const headline = kind === "uncaughtException" ? "Uncaught Exception" : "Unhandled Promise Rejection";
    logError(headline, error);
    const exit = () => process.exit(exitCodes[kind]);
    if (this.#isInitialising) this.reportInitError(error, exit);
    // The handler may be in the midst of streaming its response over the session's own connection.
    else if (this.#requestId !== undefined) this.#postError(this.#client.another(), this.#requestId, error, exit);
    else exit();
  }

  reportInitError(error, onDone) {
    const response = toResponse(error);
    const header = errorTypeHeader(response.errorType);
    this.#client.post(`${apiPrefix}/init/error`, serialize(response, true), header, onDone);
  }

  /** From here on no invocation runs, until `next` is answered. */
  #waits() {
    this.#whenIdle = undefined;
    this.#requestId = undefined;
    this.#isInitialising = false;
  }

  #postError(client, requestId, error, onDone) {
    const response = toResponse(error);
    const path = `${apiPrefix}/invocation/${requestId}/error`;
    client.post(path, serialize(response, true), errorTypeHeader(response.errorType), onDone);
  }

  /**
   * Reports what nobody caught.
   * @param {boolean} yieldsToListeners whether a listener of the function's own decides what happens instead
   */
  watchProcess(yieldsToListeners) {
    const isTaken = (event) => yieldsToListeners && process.listenerCount(event) > 1;
    process.on("uncaughtException", (error) => {
      if (!isTaken("uncaughtException")) this.crash("uncaughtException", error);
    });
    process.on("unhandledRejection", (reason, promise) => {
      if (isTaken("unhandledRejection")) return;
      this.crash("unhandledRejection", new UnhandledPromiseRejection(reason, promise));
    });
    process.on("beforeExit", () => {
      const task = this.#whenIdle;
      this.#whenIdle = undefined;
      task?.();
    });
  }

  #onNext = (/** @type {Answer} */ answer) => {
    const requestId = answer.headers.get("lambda-runtime-aws-request-id");
    if (answer.status !== 200 || requestId === undefined) {
      process.stderr.write(`the runtime API answered ${answer.status} to next: ${answer.body}\n`);
      process.exit(1);
    }
    this.#requestId = requestId;
    setCurrentInvocation(requestId, answer.headers.get("lambda-runtime-aws-tenant-id"));
    this.#run({ requestId, headers: answer.headers, body: answer.body });
  };
}

module.exports = { Session };
