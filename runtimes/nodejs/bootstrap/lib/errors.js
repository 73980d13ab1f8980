/**
 * Errors as Lambda's Node runtime names, words and serialises them: `{errorType, errorMessage, trace}` on the wire, the
 * error with its enumerable fields in the log.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
"use strict";

const { isNativeError } = require("node:util/types");

/** A failure that the runtime itself found; `name` is what callers match on. */
class RuntimeError extends Error {
  constructor(type, message, options) {
    super(message, options);
    Object.defineProperty(this, "name", { value: `Runtime.${type}` });
    // The stack's first line was written before the name was known.
    this.stack = this.stack?.replace(/^Error/, this.name);
  }
}

class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super("UnhandledPromiseRejection", String(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

function isErrorLike(value) {
  return (
    typeof value === "object" &&
    value !== null &&
    (value instanceof Error ||
      isNativeError(value) ||
      (typeof value.name === "string" && typeof value.message === "string" && typeof value.stack === "string"))
  );
}

// ASCII DEL is not allowed in the header that carries the type; Lambda escapes it everywhere.
const escapeDelete = (text) => String(text).replaceAll("\u007F", "%7F");

/** What the caller of the function gets. @returns {{ errorType: string, errorMessage: string, trace: string[] }} */
function toResponse(error) {
  try {
    if (isErrorLike(error)) {
      const stack = typeof error.stack === "string" ? escapeDelete(error.stack).split("\n") : [];
      return { errorType: escapeDelete(error.name), errorMessage: escapeDelete(error.message), trace: stack };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
      trace: [],
    };
  }
}

/** The text after the headline of an error in the log; starts with a tab. */
function toLogText(error) {
  try {
    return `\t${JSON.stringify(error, (_key, value) => withErrorFields(value))}`;
  } catch {
    return `\t${JSON.stringify(toResponse(error))}`;
  }
}

function withErrorFields(value) {
  if (!(value instanceof Error)) return value;
  const fields = Object.assign({ errorType: value.name, errorMessage: value.message, code: value.code }, value);
  if (typeof value.stack === "string") fields.stack = value.stack.split("\n");
  return fields;
}

function intoError(value) {
  return value instanceof Error ? value : new Error(String(value));
}

/** @returns {string} JSON text; `null` for what has no JSON form of its own, as `undefined` */
function serialize(value, isLegacy) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    const message = "Unable to stringify response body";
    throw isLegacy
      ? new Error(message, { cause: error })
      : new RuntimeError("JSONStringifyError", message, { cause: error });
  }
  return text === undefined ? "null" : text;
}

/** Longest error type that is sent as a header, in characters. */
const errorTypeLengthMax = 256;

/** The header line that names an error, for `error` and `init/error`. */
function errorTypeHeader(errorType) {
  const printable = errorType.replace(/[^\u0020-\u007E]/g, "?").slice(0, errorTypeLengthMax);
  return `Lambda-Runtime-Function-Error-Type: ${printable}\r\n`;
}

module.exports = {
  RuntimeError,
  UnhandledPromiseRejection,
  errorTypeHeader,
  intoError,
  serialize,
  toLogText,
  toResponse,
};
