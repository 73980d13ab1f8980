/**
 * Inputs of any operation as its service model allows them: lengths, patterns, ranges and enums are kept, whatever else
 * the values mean. A service's test names values that mean something (functions that are there, ARNs), by member. For
 * tests.
 */
import fc from "fast-check";
import type { Constraint, Constraints } from "../wire/constraints.ts";
import type { Operation } from "../wire/service-model.ts";
import { isStructure, type Member, type Shape, type StructureShape } from "../wire/shapes.ts";

/** Values of members by name; they are drawn more often than what the model alone allows. */
export type KnownValues = Readonly<Record<string, readonly unknown[]>>;

/** Recursive shapes end here. */
const depthMax = 5;
/** Enough for structure; limits are tried by requests that break them. */
const lengthMax = 40;
const itemsMax = 3;
const optionalMax = 3;
const knownWeight = 8;

const none = fc.constant(undefined);

export class ModelValues {
  readonly constraints: Constraints;
  readonly #known: KnownValues;
  readonly #texts = new Map<Constraint, fc.Arbitrary<string>>();

  constructor(constraints: Constraints, known: KnownValues) {
    this.constraints = constraints;
    this.#known = known;
  }

  /** Any input of an operation: required members, and some of the others. */
  input(operation: Operation): fc.Arbitrary<Record<string, unknown>> {
    return this.#structure(operation.input, 0);
  }

  /** One value of a member that its constraints allow: a known one, if any. */
  valid(structure: StructureShape, member: Member): unknown {
    const [known] = this.#knownOf(structure, member);
    if (known !== undefined) return known;
    if (isStructure(member.shape)) return this.minimal(member.shape);
    return firstOf(this.#value(member.shape, this.constraintOf(structure, member), 1));
  }

  /** Only what is required, or of a union its first member. */
  minimal(structure: StructureShape): Record<string, unknown> {
    const members = structure.kind === "union" ? structure.members.slice(0, 1) : structure.members;
    const needed = structure.kind === "union" ? members : members.filter((each) => this.isRequired(structure, each));
    return Object.fromEntries(needed.map((member) => [member.name, this.valid(structure, member)]));
  }

  /** One value of an item of a list, or of a map. */
  validItem(shape: Shape, constraint: Constraint | undefined): unknown {
    return isStructure(shape) ? this.minimal(shape) : firstOf(this.#value(shape, constraint, 1));
  }

  isRequired(structure: StructureShape, member: Member): boolean {
    return member.required || (this.constraints.required[structure.name] ?? []).includes(member.name);
  }

  constraintOf(structure: StructureShape, member: Member): Constraint | undefined {
    return this.named(this.constraints.members[structure.name]?.[member.name]);
  }

  named(name: string | undefined): Constraint | undefined {
    return name === undefined ? undefined : this.constraints.shapes[name];
  }

  /** A name may stand for several things: of the known values those that this member can have. */
  #knownOf(structure: StructureShape, member: Member): readonly unknown[] {
    const constraint = this.constraintOf(structure, member);
    return (this.#known[member.name] ?? []).filter(
      (value) => isOfKind(member.shape, value) && keeps(constraint, value),
    );
  }

  #structure(structure: StructureShape, depth: number): fc.Arbitrary<Record<string, unknown>> {
    const members = structure.members.filter((member) => depth < depthMax || this.isRequired(structure, member));
    const arbitraries = Object.fromEntries(
      members.map((member) => [member.name, this.#member(structure, member, depth)]),
    );
    if (structure.kind === "union") {
      return fc
        .constantFrom(...members.map(({ name }) => name))
        .chain((name) => fc.record({ [name]: arbitraries[name] ?? none }));
    }
    const [required, optional] = [true, false].map((isWanted) =>
      members.filter((member) => this.isRequired(structure, member) === isWanted).map(({ name }) => name),
    );
    // A few at a time: with many, one of them is always refused.
    return fc
      .subarray(optional ?? [], { maxLength: Math.min(optional?.length ?? 0, optionalMax) })
      .chain((chosen) =>
        fc.record(
          Object.fromEntries([...(required ?? []), ...chosen].map((name) => [name, arbitraries[name] ?? none])),
        ),
      );
  }

  #member(structure: StructureShape, member: Member, depth: number): fc.Arbitrary<unknown> {
    const known = this.#knownOf(structure, member);
    const any = this.#value(member.shape, this.constraintOf(structure, member), depth + 1);
    if (known.length === 0) return any;
    return fc.oneof({ weight: knownWeight, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: any });
  }

  #value(shape: Shape, constraint: Constraint | undefined, depth: number): fc.Arbitrary<unknown> {
    switch (shape.kind) {
      case "string":
        return this.#text(constraint);
      case "number":
        return fc.integer({ min: constraint?.min ?? 0, max: constraint?.max ?? 10_000 });
      case "boolean":
        return fc.boolean();
      case "bigint":
        return fc.bigInt({ min: 0n, max: 2n ** 53n });
      case "big-decimal":
        return fc.constant("1.5");
      case "timestamp":
        return fc.integer({ min: 0, max: 2 ** 32 }).map((seconds) => new Date(seconds * 1000));
      case "blob":
        return fc.uint8Array({ minLength: constraint?.min ?? 0, maxLength: lengthMax });
      case "document":
        return fc.json().map((text) => JSON.parse(text) as unknown);
      case "unit":
        return fc.constant({});
      case "list": {
        const item = this.#value(shape.member.shape, this.named(constraint?.item) ?? itemsOf(constraint), depth + 1);
        const [minLength, maxLength] = sizesOf(constraint, depth);
        return fc.array(item, { minLength, maxLength });
      }
      case "map": {
        const [minKeys, maxKeys] = sizesOf(constraint, depth);
        const value = this.#value(shape.value.shape, this.named(constraint?.value), depth + 1);
        return fc.dictionary(this.#text(this.named(constraint?.key)), value, {
          minKeys,
          maxKeys,
          noNullPrototype: true,
        });
      }
      case "structure":
      case "union":
        return this.#structure(shape, depth);
      default:
        throw new Error(`no value for ${String(shape satisfies never)}`);
    }
  }

  #text(constraint: Constraint | undefined): fc.Arbitrary<string> {
    const { enum: values, pattern, min: minLength = 0, max = lengthMax } = constraint ?? {};
    if (values !== undefined) return fc.constantFrom(...values);
    const maxLength = Math.max(minLength, Math.min(max, lengthMax));
    if (constraint === undefined || pattern === undefined)
      return fc.string({ unit: "grapheme-ascii", minLength, maxLength });
    const made = this.#texts.get(constraint) ?? textOfPattern(constraint, minLength, max);
    this.#texts.set(constraint, made);
    return made;
  }
}

/** Where AWS reports a list as if it were one value, its own enum is that of its items. */
function itemsOf(constraint: Constraint | undefined): Constraint | undefined {
  return constraint?.enum === undefined ? undefined : { type: "string", enum: constraint.enum };
}

function sizesOf(constraint: Constraint | undefined, depth: number): [number, number] {
  const min = constraint?.min ?? 0;
  return [min, depth >= depthMax ? min : Math.max(min, Math.min(constraint?.max ?? itemsMax, itemsMax))];
}

function isOfKind(shape: Shape, value: unknown): boolean {
  if (shape.kind === "list") return Array.isArray(value);
  if (shape.kind === "blob") return value instanceof Uint8Array;
  return typeof value === (["structure", "union", "map"].includes(shape.kind) ? "object" : shape.kind);
}

function keeps(constraint: Constraint | undefined, value: unknown): boolean {
  if (constraint === undefined || typeof value !== "string") return true;
  const { enum: values, min = 0, max = Number.POSITIVE_INFINITY } = constraint;
  if (values !== undefined) return values.includes(value);
  return value.length >= min && value.length <= max && patternOf(constraint).test(value);
}

function patternOf({ pattern = String.raw`[\s\S]*`, regex }: Constraint): RegExp {
  return new RegExp(`^(?:${regex ?? pattern})$`, regex === undefined ? "" : "u");
}

/** Looking around is left to the filter: the generator cannot. */
const lookaround = /\(\?<?[!=](?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)/g;

function textOfPattern(constraint: Constraint, minLength: number, maxLength: number): fc.Arbitrary<string> {
  const source = (constraint.regex ?? constraint.pattern ?? "")
    .replaceAll(lookaround, "")
    .replaceAll(/(?<!\[|\\)\^|(?<!\\)\$(?=[|)])|(?<!\\)\$$/g, "")
    // Nor can it do nothing.
    .replaceAll(/\|?\(\)/g, "")
    .replaceAll("(|", "(")
    .replace(/^\|/, "");
  const whole = patternOf(constraint);
  return fc
    .stringMatching(new RegExp(`^(?:${source})$`, constraint.regex === undefined ? "" : "u"))
    .filter((text) => text.length >= minLength && text.length <= maxLength && whole.test(text));
}

/** The same in every run. */
function firstOf<T>(arbitrary: fc.Arbitrary<T>): T {
  const [first] = fc.sample(arbitrary, { numRuns: 1, seed: 1 });
  return first as T;
}
