/**
 * JSON as restJson1 and awsJson speak it, both ways: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 * Unknown members are ignored, `null` members are absent, values of the wrong type are refused in AWS's words.
 */
import { isUtf8 } from "node:buffer";
import { invariant, unreachable } from "../../core/invariant.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Member, Shape, StructureShape } from "./shapes.ts";
import { textTrait } from "./shapes.ts";
import { parseBase64, parseSpecialNumber, parseText, printBase64, printTimestamp } from "./text-values.ts";

/** Nesting of recursive shapes beyond which a request is refused: no real one comes near, and the walk recurses. */
export const depthMax = 100;

export interface JsonOptions {
  /** restJson1 obeys `jsonName`, the RPC protocols do not. */
  readonly jsonNames: boolean;
}

export function parseJson(body: Uint8Array): unknown {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!isUtf8(bytes)) throw new SerializationError("Invalid UTF-8 in the request body", { isMalformed: true });
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new SerializationError(error instanceof Error ? error.message : String(error), { isMalformed: true });
  }
}

/** Sets an own property even for `__proto__`, which plain assignment would take as the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}

/** Jackson's name of a token, as AWS's texts have it. */
function tokenOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return "STRING_VALUE";
    case "number":
      return "NUMBER_VALUE";
    default:
      return value === true ? "TRUE_VALUE" : "FALSE_VALUE";
  }
}

function refuse(value: unknown, wanted: string): never {
  if (Array.isArray(value)) throw new SerializationError("Start of list found where not expected");
  if (typeof value === "object") throw new SerializationError("Start of structure or map found where not expected.");
  throw new SerializationError(`${tokenOf(value)} can not be converted to ${wanted}`);
}

function jsonKey(member: Member, options: JsonOptions): string {
  return options.jsonNames ? (textTrait(member.traits, "jsonName") ?? member.name) : member.name;
}

export function decodeJson(shape: Shape, value: unknown, options: JsonOptions, depth = 0): unknown {
  switch (shape.kind) {
    case "string":
      return typeof value === "string" ? value : refuse(value, "a String");
    case "number":
      if (typeof value === "number") return value;
      return (typeof value === "string" ? parseSpecialNumber(value) : undefined) ?? refuse(value, "an Integer");
    case "boolean":
      return typeof value === "boolean" ? value : refuse(value, "a Boolean");
    case "bigint":
    case "big-decimal":
      if (typeof value !== "number" && typeof value !== "string") return refuse(value, "a BigDecimal");
      return parseText(shape, String(value), "epoch-seconds");
    case "timestamp":
      if (typeof value === "number") return new Date(Math.round(value * 1000));
      if (typeof value === "string") return parseText(shape, value, "epoch-seconds");
      return refuse(value, "milliseconds since epoch");
    case "blob":
      return typeof value === "string" ? parseBase64(value) : refuse(value, "a Blob");
    case "document":
      return value;
    case "unit":
      return undefined;
    case "list": {
      if (!Array.isArray(value)) {
        return typeof value === "object" ? refuse(value, "a list") : fail("Expected list or null");
      }
      const { member } = shape;
      return value.map((item) => decodeElement(member.shape, member.traits["sparse"], item, options, depth));
    }
    case "map": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return failAsObject(value);
      const decoded: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        const { shape: target, traits } = shape.value;
        setOwn(decoded, key, decodeElement(target, traits["sparse"], item, options, depth));
      }
      return decoded;
    }
    case "structure":
    case "union":
      return decodeStructure(shape, value, options, depth);
    default:
      return unreachable(shape);
  }
}

function decodeElement(shape: Shape, sparse: unknown, item: unknown, options: JsonOptions, depth: number): unknown {
  if (item !== null) return decodeJson(shape, item, options, depth + 1);
  return sparse === undefined && shape.kind !== "document" ? fail("Unexpected null in a list or map") : null;
}

function decodeStructure(shape: StructureShape, value: unknown, options: JsonOptions, depth: number): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return failAsObject(value);
  if (depth > depthMax) return fail(`Nested deeper than ${depthMax} levels`);
  const source = value as Readonly<Record<string, unknown>>;
  const decoded: Record<string, unknown> = {};
  for (const member of shape.members) {
    const item = source[jsonKey(member, options)];
    if (item === undefined || item === null) continue;
    decoded[member.name] = decodeJson(member.shape, item, options, depth + 1);
  }
  if (shape.kind === "union" && Object.keys(decoded).length > 1) {
    return fail(`Union ${shape.name} must have one member set, and only one`);
  }
  return decoded;
}

function fail(message: string): never {
  throw new SerializationError(message);
}

function failAsObject(value: unknown): never {
  return fail(Array.isArray(value) ? "Start of list found where not expected" : "Expected null");
}

/** A value ready for `JSON.stringify`. Throws a `TypeError` for what the model has no form for. */
export function encodeJson(shape: Shape, value: unknown, options: JsonOptions): unknown {
  switch (shape.kind) {
    case "string":
    case "boolean":
    case "document":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
    case "big-decimal":
      return Number(value);
    case "timestamp": {
      invariant(value instanceof Date, "a timestamp is a Date");
      const format = shape.format ?? "epoch-seconds";
      return format === "epoch-seconds" ? value.getTime() / 1000 : printTimestamp(value, format);
    }
    case "blob":
      invariant(value instanceof Uint8Array, "a blob is a Uint8Array");
      return printBase64(value);
    case "unit":
      return {};
    case "list":
      invariant(Array.isArray(value), "a list is an array");
      return value.map((item) => (item === null ? null : encodeJson(shape.member.shape, item, options)));
    case "map": {
      const encoded: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value as Readonly<Record<string, unknown>>)) {
        if (item !== undefined) {
          setOwn(encoded, key, item === null ? null : encodeJson(shape.value.shape, item, options));
        }
      }
      return encoded;
    }
    case "structure":
    case "union": {
      const source = value as Readonly<Record<string, unknown>>;
      const encoded: Record<string, unknown> = {};
      for (const member of shape.members) {
        const item = source[member.name];
        if (item === undefined || item === null) continue;
        encoded[jsonKey(member, options)] = encodeJson(member.shape, item, options);
      }
      return encoded;
    }
    default:
      return unreachable(shape);
  }
}
