/**
 * The shapes of a service as the wire walks them: compiled once from the tuples that the `@aws-sdk/client-*` packages
 * carry as runtime schemas, so that no shape is typed by hand and none is looked up per request.
 *
 * A tuple is `[kind, namespace, name, traits, ...]`; kinds are 0 simple, 1 list, 2 map, 3 structure, 4 union, -3 error,
 * 9 operation. A reference is a tuple, a number (a simple type), a function that returns either, `"unit"`, or a pair of
 * a reference and the member's traits. https://smithy.io/2.0/spec/simple-types.html names the types.
 */
import { invariant } from "../../core/invariant.ts";

/** Traits by their Smithy name without namespace: `httpLabel`, `jsonName`, `xmlFlattened`, … */
export type Traits = Readonly<Record<string, unknown>>;

export type TimestampFormat = "date-time" | "http-date" | "epoch-seconds";

export interface SimpleShape {
  readonly kind: "string" | "number" | "boolean" | "bigint" | "big-decimal" | "blob" | "document" | "unit";
}

export interface TimestampShape {
  readonly kind: "timestamp";
  /** What the model asks for; undefined is the protocol's own default. */
  readonly format: TimestampFormat | undefined;
}

/** A place for a value: the target shape and the traits of place and target together. */
export interface Slot {
  readonly shape: Shape;
  readonly traits: Traits;
}

export interface ListShape {
  readonly kind: "list";
  readonly member: Slot;
}

export interface MapShape {
  readonly kind: "map";
  readonly key: Slot;
  readonly value: Slot;
}

export interface Member extends Slot {
  readonly name: string;
  readonly required: boolean;
}

export interface StructureShape {
  readonly kind: "structure" | "union";
  readonly name: string;
  readonly members: readonly Member[];
}

export type Shape = SimpleShape | TimestampShape | ListShape | MapShape | StructureShape;

const unit: StructureShape = { kind: "structure", name: "Unit", members: [] };

/** Index of a bit in a member's trait vector → trait. */
const traitBits = [
  "httpLabel",
  "idempotent",
  "idempotencyToken",
  "sensitive",
  "httpPayload",
  "httpResponseCode",
  "httpQueryParams",
] as const;

const listBit = 64;
const mapBit = 128;

const simpleKinds = new Map<number, SimpleShape | TimestampShape>([
  [0, { kind: "string" }],
  [1, { kind: "number" }],
  [2, { kind: "boolean" }],
  [4, { kind: "timestamp", format: undefined }],
  [5, { kind: "timestamp", format: "date-time" }],
  [6, { kind: "timestamp", format: "http-date" }],
  [7, { kind: "timestamp", format: "epoch-seconds" }],
  [15, { kind: "document" }],
  [17, { kind: "bigint" }],
  [19, { kind: "big-decimal" }],
  [21, { kind: "blob" }],
  // A streaming blob: what streams is the transfer, which the bindings know; its values are blobs.
  [42, { kind: "blob" }],
]);

export function traitsOf(raw: unknown): Traits {
  if (typeof raw === "number") {
    return Object.fromEntries(traitBits.filter((_, bit) => (raw >> bit) & 1).map((name) => [name, 1]));
  }
  return typeof raw === "object" && raw !== null ? (raw as Traits) : {};
}

/** Compiles tuples; each tuple once, so that recursive shapes refer to themselves. */
export class ShapeCompiler {
  readonly #compiled = new Map<unknown, Slot>();

  slot(reference: unknown): Slot {
    if (typeof reference === "function") return this.slot((reference as () => unknown)());
    if (typeof reference === "number") return { shape: this.#numbered(reference), traits: {} };
    if (reference === undefined || reference === null || reference === "unit") return { shape: unit, traits: {} };
    invariant(Array.isArray(reference), "a schema reference is a tuple, a number, a function or unit");
    const tuple = reference as readonly unknown[];
    if (tuple.length === 2) {
      const target = this.slot(tuple[0]);
      return { shape: target.shape, traits: { ...target.traits, ...traitsOf(tuple[1]) } };
    }
    return this.#compiled.get(tuple) ?? this.#tuple(tuple);
  }

  /** The input, output or error shape of a reference that the model says is a structure. */
  structure(reference: unknown): StructureShape {
    const { shape } = this.slot(reference);
    invariant(isStructure(shape), "inputs, outputs and errors are structures");
    return shape;
  }

  #numbered(number: number): Shape {
    if (number & mapBit) {
      return { kind: "map", key: this.slot(0), value: { shape: this.#numbered(number & ~mapBit), traits: {} } };
    }
    const simple = simpleKinds.get(number);
    if (simple !== undefined) return simple;
    invariant(number & listBit, `schema number ${number} is known`);
    return { kind: "list", member: { shape: this.#numbered(number & ~listBit), traits: {} } };
  }

  #tuple(tuple: readonly unknown[]): Slot {
    const [kind, , name, rawTraits] = tuple;
    const traits = traitsOf(rawTraits);
    const remember = <S extends Shape>(shape: S): S => {
      this.#compiled.set(tuple, { shape, traits });
      return shape;
    };
    switch (kind) {
      case 0: {
        const target = this.slot(tuple[4]);
        remember(target.shape);
        break;
      }
      case 1: {
        const list = remember({ kind: "list" as const, member: undefined as unknown as Slot });
        list.member = this.slot(tuple[4]);
        break;
      }
      case 2: {
        const unset = undefined as unknown as Slot;
        const map = remember({ kind: "map" as const, key: unset, value: unset });
        map.key = this.slot(tuple[4]);
        map.value = this.slot(tuple[5]);
        break;
      }
      case 3:
      case 4:
      case -3: {
        const members: Member[] = [];
        remember({ kind: kind === 4 ? "union" : "structure", name: String(name), members });
        const names = tuple[4] as readonly string[];
        const references = tuple[5] as readonly unknown[];
        const requiredCount = Number(tuple[6] ?? 0);
        for (const [index, memberName] of names.entries()) {
          members.push({ ...this.slot(references[index]), name: memberName, required: index < requiredCount });
        }
        break;
      }
      default:
        invariant(false, `schema kind ${String(kind)} is known`);
    }
    const slot = this.#compiled.get(tuple);
    invariant(slot !== undefined, "a compiled tuple is remembered");
    return slot;
  }
}

export function isStructure(shape: Shape): shape is StructureShape {
  return shape.kind === "structure" || shape.kind === "union";
}

/** The union of events of a structure that streams them, if it has one. */
export function eventStreamMember(shape: StructureShape): Member | undefined {
  return shape.members.find((member) => member.traits["streaming"] !== undefined && member.shape.kind === "union");
}

export function textTrait(traits: Traits, name: string): string | undefined {
  const value = traits[name];
  return typeof value === "string" ? value : undefined;
}
