/**
 * Shapes as CBOR: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
 */
import { invariant, unreachable } from "../../core/invariant.ts";
import { cborInstant } from "./cbor-writer.ts";
import { depthMax, setOwn } from "./json-codec.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Shape, StructureShape } from "./shapes.ts";

function expect(condition: unknown, wanted: string): asserts condition {
  if (!condition) throw new SerializationError(`Value can not be converted to ${wanted}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

export function decodeCbor(shape: Shape, value: unknown, depth = 0): unknown {
  if (depth > depthMax) throw new SerializationError(`Nested deeper than ${depthMax} levels`);
  switch (shape.kind) {
    case "string":
      expect(typeof value === "string", "a String");
      return value;
    case "number":
      expect(typeof value === "number" || typeof value === "bigint", "an Integer");
      return Number(value);
    case "boolean":
      expect(typeof value === "boolean", "a Boolean");
      return value;
    case "bigint":
      expect(typeof value === "bigint" || Number.isSafeInteger(value), "a BigInteger");
      return BigInt(value as bigint | number);
    case "big-decimal":
      expect(typeof value === "number" || isRecord(value), "a BigDecimal");
      return value;
    case "timestamp": {
      // Tag 1, seconds since the epoch: https://www.rfc-editor.org/rfc/rfc8949#name-epoch-based-date-time
      const seconds = isRecord(value) && value["tag"] === 1 ? value["value"] : value;
      expect(typeof seconds === "number" || typeof seconds === "bigint", "milliseconds since epoch");
      const date = new Date(Math.round(Number(seconds) * 1000));
      expect(!Number.isNaN(date.getTime()), "milliseconds since epoch");
      return date;
    }
    case "blob":
      expect(value instanceof Uint8Array, "a Blob");
      return value;
    case "document":
      return value;
    case "unit":
      return undefined;
    case "list":
      expect(Array.isArray(value), "a List");
      return value.map((item: unknown) => decodeCborElement(shape.member, item, depth));
    case "map": {
      expect(isRecord(value), "a Map");
      const decoded: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        setOwn(decoded, key, decodeCborElement(shape.value, item, depth));
      }
      return decoded;
    }
    case "structure":
    case "union": {
      expect(isRecord(value), "a structure");
      const decoded: Record<string, unknown> = {};
      for (const member of shape.members) {
        const item = value[member.name];
        if (item !== undefined && item !== null) decoded[member.name] = decodeCbor(member.shape, item, depth + 1);
      }
      return decoded;
    }
    default:
      return unreachable(shape);
  }
}

function decodeCborElement(
  slot: { readonly shape: Shape; readonly traits: Readonly<Record<string, unknown>> },
  item: unknown,
  depth: number,
): unknown {
  if (item === null && slot.traits["sparse"] !== undefined) return null;
  return decodeCbor(slot.shape, item, depth + 1);
}

/** A value that the CBOR writer takes: timestamps as tags, members that are not set left out. */
export function encodeCbor(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case "timestamp":
      invariant(value instanceof Date, "a timestamp is a Date");
      return cborInstant(value);
    case "list":
      return (value as readonly unknown[]).map((item) => (item === null ? null : encodeCbor(shape.member.shape, item)));
    case "map": {
      const encoded: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value as Readonly<Record<string, unknown>>)) {
        if (item !== undefined) setOwn(encoded, key, item === null ? null : encodeCbor(shape.value.shape, item));
      }
      return encoded;
    }
    case "structure":
    case "union":
      return encodeCborStructure(shape, value);
    case "string":
    case "number":
    case "boolean":
    case "bigint":
    case "big-decimal":
    case "blob":
    case "document":
    case "unit":
      return value;
    default:
      return unreachable(shape);
  }
}

function encodeCborStructure(shape: StructureShape, value: unknown): Record<string, unknown> {
  const encoded: Record<string, unknown> = {};
  for (const member of shape.members) {
    const item = (value as Readonly<Record<string, unknown>>)[member.name];
    if (item !== undefined && item !== null) encoded[member.name] = encodeCbor(member.shape, item);
  }
  return encoded;
}
