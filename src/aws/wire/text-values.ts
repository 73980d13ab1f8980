/**
 * Single values as text: labels, query parameters, headers, form fields and XML text.
 * Formats: https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait
 */
import { unreachable } from "../../core/invariant.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Shape, TimestampFormat } from "./shapes.ts";

/** Milliseconds, however a client spelt the time; AWS's SDKs send one of these three. */
export function parseTimestamp(text: string, format: TimestampFormat): Date {
  const seconds = format === "epoch-seconds" || /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const date = new Date(Number.isNaN(seconds) ? Date.parse(text) : Math.round(seconds * 1000));
  if (text === "" || Number.isNaN(date.getTime())) {
    throw new SerializationError("STRING_VALUE can not be converted to milliseconds since epoch");
  }
  return date;
}

export function printTimestamp(date: Date, format: TimestampFormat): string {
  switch (format) {
    case "date-time":
      return date.toISOString().replace(".000Z", "Z");
    case "http-date":
      return date.toUTCString();
    case "epoch-seconds":
      return String(date.getTime() / 1000);
    default:
      return unreachable(format);
  }
}

const specialNumbers = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** Smithy's spelling of the numbers that JSON has none for. */
export function parseSpecialNumber(text: string): number | undefined {
  return specialNumbers.get(text);
}

const number = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

function parseNumber(text: string): number {
  const value = number.test(text) ? Number(text) : parseSpecialNumber(text);
  if (value === undefined) throw new SerializationError("STRING_VALUE can not be converted to an Integer");
  return value;
}

function parseBoolean(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new SerializationError("STRING_VALUE can not be converted to a Boolean");
}

/** The longest whole number that is read as one, in digits: conversion takes more than linear time. */
const bigintDigitsMax = 1000;

function parseBigInt(text: string): bigint {
  if (text.length > bigintDigitsMax || !/^-?\d+$/.test(text)) {
    throw new SerializationError("STRING_VALUE can not be converted to a BigInteger");
  }
  return BigInt(text);
}

/**
 * Strict, although Node's reader is not: it passes over what is no base64, so that the bytes fall short, and it takes the
 * alphabet of URLs. A regular expression over a 50 MB package would hold up everybody else for a third of a second.
 */
export function parseBase64(text: string): Uint8Array {
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const bytes = Buffer.from(text, "base64");
  const isWhole = text.length % 4 === 0 && bytes.length === (text.length / 4) * 3 - padding;
  if (!isWhole || text.includes("-") || text.includes("_")) throw new SerializationError("Invalid base64 encoding");
  return bytes;
}

export function printBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** One value of a shape that is neither list, map nor structure. */
export function parseText(shape: Shape, text: string, defaultFormat: TimestampFormat): unknown {
  switch (shape.kind) {
    case "string":
      return text;
    case "number":
      return parseNumber(text);
    case "boolean":
      return parseBoolean(text);
    case "bigint":
      return parseBigInt(text);
    case "big-decimal":
      return text;
    case "timestamp":
      return parseTimestamp(text, shape.format ?? defaultFormat);
    case "blob":
      return parseBase64(text);
    case "document":
    case "unit":
    case "list":
    case "map":
    case "structure":
    case "union":
      throw new SerializationError("Start of structure or map found where not expected.");
    default:
      return unreachable(shape);
  }
}

/** The counterpart of `parseText`, for values that a handler returned. */
export function printText(shape: Shape, value: unknown, defaultFormat: TimestampFormat): string {
  if (shape.kind === "timestamp") return printTimestamp(value as Date, shape.format ?? defaultFormat);
  if (value instanceof Uint8Array) return printBase64(value);
  if (typeof value === "object" && value !== null) throw new TypeError(`a ${shape.kind} has no text form`);
  return String(value);
}
