/**
 * `console` as functions know it on Lambda: each call is one log event with time, request id and level, as text or as
 * JSON, and calls below the function's log level cost nothing.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 *
 * Events go as frames to the descriptor in `_LAMBDA_TELEMETRY_LOG_FD`, so that a message of several lines stays one event;
 * without it, to standard output with its line feeds turned into carriage returns.
 */
"use strict";

const fs = require("node:fs");
const { format } = require("node:util");
const { intoError, toLogText } = require("./errors.js");

/** Order of severity, and the bits that the level sets in a frame's type. */
const levels = {
  TRACE: { name: "TRACE", priority: 1, frameBits: 0b00100 },
  DEBUG: { name: "DEBUG", priority: 2, frameBits: 0b01000 },
  INFO: { name: "INFO", priority: 3, frameBits: 0b01100 },
  WARN: { name: "WARN", priority: 4, frameBits: 0b10000 },
  ERROR: { name: "ERROR", priority: 5, frameBits: 0b10100 },
  FATAL: { name: "FATAL", priority: 6, frameBits: 0b11000 },
};

const frameHeaderBytes = 16;
const textFrame = 0xa55a0003;
const jsonFrame = 0xa55a0002;

/** Of the invocation that runs now; what log lines carry. */
const current = {
  requestId: /** @type {string | undefined} */ (undefined),
  tenantId: /** @type {string | undefined} */ (undefined),
};

/** Set by `patchConsole`. */
let isJson = false;

/** Where frames go; undefined while or when there is no such descriptor. @type {number | undefined} */
let descriptor = undefined;

/** @param {string | undefined} requestId @param {string | undefined} tenantId */
function setCurrentInvocation(requestId, tenantId) {
  current.requestId = requestId;
  current.tenantId = tenantId;
}

function formatText(time, level, parameters) {
  return `${time}\t${current.requestId}\t${level.name}\t${format(...parameters)}`;
}

function formatJson(time, level, parameters) {
  const record = { timestamp: time, level: level.name, requestId: current.requestId };
  if (current.tenantId) record.tenantId = current.tenantId;
  if (parameters.length === 1) {
    record.message = parameters[0];
    try {
      return JSON.stringify(record, withErrorFields);
    } catch {
      record.message = format(record.message);
      return JSON.stringify(record);
    }
  }
  record.message = format(...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  return JSON.stringify(error === undefined ? record : { ...record, ...errorFields(error) });
}

function withErrorFields(_key, value) {
  return value instanceof Error ? Object.assign(errorFields(value), value) : value;
}

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  };
}

/** Writes all of `bytes`, whatever a pipe takes at once. */
function writeAll(target, bytes) {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += fs.writeSync(target, bytes, at);
    } catch (error) {
      // A full pipe that somebody made non-blocking: the reader is at work.
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

/** @returns {(timeMs: number, level: { frameBits: number }, message: string) => void} */
function frameWriter(target) {
  const type = isJson ? jsonFrame : textFrame;
  return (timeMs, level, message) => {
    const text = isJson ? message : `${message}\n`;
    const length = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(frameHeaderBytes + length);
    frame.writeUInt32BE((type | level.frameBits) >>> 0, 0);
    frame.writeUInt32BE(length, 4);
    frame.writeBigInt64BE(BigInt(timeMs) * 1000n, 8);
    frame.write(text, frameHeaderBytes);
    writeAll(target, frame);
  };
}

function lineWriter() {
  return (_timeMs, _level, message) => {
    process.stdout.write(`${message.replaceAll("\n", "\r")}\n`);
  };
}

/** Reads the log settings from the environment and takes over `console`; again when the environment has changed. */
function patchConsole() {
  isJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
  const least = levels[process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? levels.TRACE;
  const named = Number.parseInt(process.env._LAMBDA_TELEMETRY_LOG_FD ?? "", 10);
  if (Number.isInteger(named)) descriptor = named;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;

  const formatEvent = isJson ? formatJson : formatText;
  const write = descriptor === undefined ? lineWriter() : frameWriter(descriptor);
  const method = (level) => {
    if (level.priority < least.priority) return () => {};
    return (...parameters) => {
      const now = new Date();
      write(now.getTime(), level, formatEvent(now.toISOString(), level, parameters));
    };
  };

  console.trace = method(levels.TRACE);
  console.debug = method(levels.DEBUG);
  console.info = method(levels.INFO);
  console.log = console.info;
  console.warn = method(levels.WARN);
  console.error = method(levels.ERROR);
  console.fatal = method(levels.FATAL);
}

/** Logs a failure of the function under a headline such as `Invoke Error`. */
function logError(headline, error) {
  if (isJson) console.error(intoError(error));
  else console.error(headline, toLogText(intoError(error)));
}

/** Runs the formatting once, so that a function's first line does not compile it. Writes nothing. */
function exerciseFormatting() {
  const time = new Date().toISOString();
  return formatText(time, levels.INFO, ["%s", { warm: 1 }]).length + formatJson(time, levels.INFO, ["warm"]).length;
}

module.exports = { exerciseFormatting, logError, patchConsole, setCurrentInvocation };
