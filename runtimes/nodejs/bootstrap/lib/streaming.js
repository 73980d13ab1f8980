/**
 * Response streaming: `awslambda.streamifyResponse`, `awslambda.HttpResponseStream.from`, and the writable stream that a
 * streaming handler gets, which sends its response in chunks while the handler runs.
 * https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html
 */
"use strict";

const { Writable } = require("node:stream");
const { logError } = require("./console.js");
const { addInvocationFields } = require("./context.js");
const { RuntimeError, errorTypeHeader, toResponse } = require("./errors.js");
const { highWaterMarkSymbol, streamingSymbol } = require("./loader.js");

/** @typedef {import("./session.js").Invocation} Invocation */
/** @typedef {import("./session.js").Session} Session */

const preludeContentType = "application/vnd.awslambda.http-integration-response";
/** Null bytes between the JSON prelude and the body. */
const preludeDelimiterBytes = 8;

const errorTypeTrailer = "Lambda-Runtime-Function-Error-Type";
const errorBodyTrailer = "Lambda-Runtime-Function-Error-Body";
/** Of an error in a trailer, in characters before encoding. */
const errorLengthMax = 4096;

class ResponseStream extends Writable {
  #session;
  #requestId;
  #contentType = "application/octet-stream";
  #socket = undefined;
  #trailers = "";
  #isFinished = false;
  #onAnswered = () => {};

  /** Set by `HttpResponseStream.from`; called with a function that writes ahead of the first chunk. */
  _onBeforeFirstWrite = undefined;

  /** @param {Session} session @param {string} requestId @param {number | undefined} highWaterMark bytes */
  constructor(session, requestId, highWaterMark) {
    super({ decodeStrings: true, ...(highWaterMark === undefined ? {} : { highWaterMark }) });
    this.#session = session;
    this.#requestId = requestId;
  }

  /** @param {string} contentType */
  setContentType(contentType) {
    if (this.#socket !== undefined) {
      throw new RuntimeError("InvalidStreamingOperation", "Cannot set content-type, too late.");
    }
    this.#contentType = contentType;
  }

  /** Takes what JSON can say besides strings and bytes. */
  write(chunk, encoding, callback) {
    const isRaw = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(isRaw ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  /** Ends the response as a failed one; what was written before stays written. */
  fail(error, onDone) {
    if (this.#isFinished) {
      onDone();
      return;
    }
    this.#trailers = trailersOf(toResponse(error));
    if (this.destroyed) {
      this.#finish(onDone);
    } else {
      this.once("finish", onDone);
      this.end();
    }
  }

  _write(chunk, _encoding, callback) {
    const socket = this.#opened();
    if (chunk.length === 0) callback();
    else this.#writeChunk(socket, chunk, callback);
  }

  _final(callback) {
    this.#finish(callback);
  }

  #finish(callback) {
    this.#isFinished = true;
    this.#onAnswered = callback;
    this.#opened().write(`0\r\n${this.#trailers}\r\n`);
  }

  #writeChunk(socket, chunk, callback) {
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`);
    socket.write(chunk);
    socket.write("\r\n", callback);
    socket.uncork();
  }

  #opened() {
    if (this.#socket !== undefined) return this.#socket;
    const client = this.#session.client;
    this.#socket = client.open(
      `POST ${this.#session.responsePath(this.#requestId)} HTTP/1.1\r\nHost: ${client.host}\r\n` +
        `Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: ${this.#contentType}\r\n` +
        `Transfer-Encoding: chunked\r\nTrailer: ${errorTypeTrailer}, ${errorBodyTrailer}\r\n\r\n`,
      () => this.#onAnswered(),
    );
    const socket = this.#socket;
    this._onBeforeFirstWrite?.((data) => this.#writeChunk(socket, Buffer.from(data)));
    return socket;
  }
}

/** Trailers count as headers, which servers bound: a longer error is sent without its trace. */
function trailersOf(response) {
  const whole = JSON.stringify(response);
  const { errorType, errorMessage } = response;
  const text =
    whole.length <= errorLengthMax
      ? whole
      : JSON.stringify({ errorType, errorMessage: errorMessage.slice(0, errorLengthMax / 2), trace: [] });
  return `${errorTypeHeader(errorType)}${errorBodyTrailer}: ${Buffer.from(text).toString("base64")}\r\n`;
}

/** @param {boolean} isLegacy up to Node 22, where the next invocation waits for an empty event loop by default */
function streamingModel({ call, highWaterMark }, isLegacy) {
  return async (/** @type {Invocation} */ invocation, /** @type {Session} */ session) => {
    const { requestId, headers, body } = invocation;
    const stream = new ResponseStream(session, requestId, highWaterMark);
    let waitsForEmptyEventLoop = isLegacy;
    let isOver = false;
    const next = () => {
      if (isOver) return;
      isOver = true;
      if (waitsForEmptyEventLoop) session.whenIdle(() => session.next());
      else session.next();
    };
    const fail = (error) => {
      logError("Invoke Error", error);
      waitsForEmptyEventLoop = false;
      stream.fail(error, next);
    };
    const finished = new Promise((resolve, reject) => {
      stream.once("finish", resolve);
      stream.once("error", reject);
    });
    // Awaited below, after the handler; it may fail before that.
    finished.catch(() => {});

    const context = isLegacy
      ? {
          get callbackWaitsForEmptyEventLoop() {
            return waitsForEmptyEventLoop;
          },
          set callbackWaitsForEmptyEventLoop(value) {
            waitsForEmptyEventLoop = value;
          },
        }
      : {};
    session.whenIdle(() => fail(new Error("Response stream is not finished.")));
    try {
      const outcome = call(JSON.parse(body), stream, addInvocationFields(headers, context));
      if (typeof outcome?.then !== "function") throw new Error("Streaming does not support non-async handlers.");
      if ((await outcome) !== undefined) console.warn("Streaming handlers ignore return values.");
      await finished;
      next();
    } catch (error) {
      fail(error);
    }
  };
}

const HttpResponseStream = {
  /** @param {ResponseStream} stream @param {object} prelude status code, headers and cookies */
  from(stream, prelude) {
    stream.setContentType(preludeContentType);
    const text = JSON.stringify(prelude);
    stream._onBeforeFirstWrite = (write) => {
      write(text);
      write(new Uint8Array(preludeDelimiterBytes));
    };
    return stream;
  },
};

function streamifyResponse(handler, options) {
  handler[streamingSymbol] = "response";
  if (typeof options?.highWaterMark === "number") handler[highWaterMarkSymbol] = Math.trunc(options.highWaterMark);
  return handler;
}

/** Defines the global `awslambda`, unless the function's environment asks not to. */
function defineGlobal() {
  const setting = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (setting === "1" || setting === "true") return;
  globalThis.awslambda = { ...globalThis.awslambda, streamifyResponse, HttpResponseStream };
}

module.exports = { defineGlobal, streamingModel };
