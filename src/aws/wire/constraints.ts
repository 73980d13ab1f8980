/**
 * Checks an input against the constraints of the service's model (required, length, range, pattern, enum) and words
 * every breach as AWS does, all of one request together:
 * `2 validation errors detected: Value '' at 'name' failed to satisfy constraint: …; Value null at 'role' failed to …`.
 *
 * The SDK's schemas carry none of this, so the tables are generated from AWS's service models (tools/
 * generate-constraints.ts). A first pass only answers whether all is well; paths and texts are made in a second one.
 */
import { ApiError } from "../../core/errors.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Member, Shape, Slot, StructureShape } from "./shapes.ts";
import { isStructure } from "./shapes.ts";

/** The constraints of one named shape. Lengths of strings, sizes of blobs, lists and maps, values of numbers. */
export interface Constraint {
  readonly type: "string" | "integer" | "long" | "float" | "double" | "list" | "map" | "blob";
  readonly min?: number;
  readonly max?: number;
  /** As AWS prints it. */
  readonly pattern?: string;
  /** The pattern as JavaScript reads it, where it differs. */
  readonly regex?: string;
  /** Of a list, what each of its items may be, where AWS reports the list as if it were one value. */
  readonly enum?: readonly string[];
  /** What AWS takes although its text does not list it. */
  readonly unlisted?: readonly string[];
  /** Names of the constrained shapes of a list's items, a map's keys and a map's values. */
  readonly item?: string;
  /** AWS's text about the items also says that they must not be null. */
  readonly isItemRequired?: boolean;
  readonly key?: string;
  readonly value?: string;
}

export interface Constraints {
  readonly shapes: Readonly<Record<string, Constraint>>;
  /** Structure → member → name of its constrained shape. */
  readonly members: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Structure → required members, where the model knows more than the SDK's schema. */
  readonly required: Readonly<Record<string, readonly string[]>>;
}

export type Validate = (input: Readonly<Record<string, unknown>>) => void;

/** Breaches that one answer lists at most: a batch of thousands of bad entries gets a bounded text. */
const breachesMax = 100;

/** Characters of a value that a message repeats. Differs from AWS: a message about a longer value is cut. */
const printedValueLengthMax = 20_000;

/** Reports a breach of `what` by `value` at `path`. */
type Report = (path: string, value: unknown, what: string, isSensitive: boolean) => void;

interface Check {
  /** Nothing is reported: the value is fine. `path` is only read when something is. */
  run(value: unknown, path: () => string, report: Report): void;
}

interface ConstraintTest {
  /** True when the value is fine. */
  readonly test: (value: unknown) => boolean;
  readonly text: string;
}

export function compileValidation(
  input: () => StructureShape,
  constraints: Constraints | undefined,
  options: { readonly code: string; readonly missingCode?: string | undefined; readonly hidesValues?: boolean },
): Validate {
  const { code, missingCode, hidesValues = false } = options;
  const compiler = new CheckCompiler(constraints ?? { shapes: {}, members: {}, required: {} });
  // Compiled at an operation's first request: most of a service's operations are never called.
  let check: Check | undefined;
  return (value) => {
    check ??= compiler.structure(input());
    const breaches: string[] = [];
    check.run(
      value,
      () => "",
      (path, breaching, what, isSensitive) => {
        if (breaching === null && missingCode !== undefined) throw missing(missingCode, path);
        if (breaches.length >= breachesMax) return;
        const printed = (isSensitive || hidesValues) && breaching !== null ? "Value" : `Value ${printValue(breaching)}`;
        breaches.push(`${printed} at '${path}' failed to satisfy constraint: ${what}`);
      },
    );
    if (breaches.length === 0) return;
    const count = breaches.length === 1 ? "1 validation error" : `${breaches.length} validation errors`;
    throw new ApiError(code, `${count} detected: ${breaches.join("; ")}`);
  };
}

/** In the words of services that spoke AWS Query first, which name the parameter as it is written. */
function missing(code: string, path: string): ApiError {
  const segments = path.split(".").filter((segment) => segment !== "member");
  const name = segments.map((segment) => segment.charAt(0).toUpperCase() + segment.slice(1)).join(".");
  return new ApiError(code, `The request must contain the parameter ${name}.`);
}

class CheckCompiler {
  readonly #constraints: Constraints;
  readonly #structures = new Map<StructureShape, Check>();

  constructor(constraints: Constraints) {
    this.#constraints = constraints;
  }

  structure(shape: StructureShape): Check {
    const known = this.#structures.get(shape);
    if (known !== undefined) return known;
    const members: { readonly member: Member; readonly path: string; readonly check: Check | undefined }[] = [];
    const check: Check = {
      run(value, path, report) {
        const source = value as Readonly<Record<string, unknown>>;
        for (const { member, path: name, check: memberCheck } of members) {
          const item = source[member.name];
          if (item === undefined) {
            if (member.required) report(join(path(), name), null, "Member must not be null", false);
          } else memberCheck?.run(item, () => join(path(), name), report);
        }
      },
    };
    this.#structures.set(shape, check);
    const required = this.#constraints.required[shape.name] ?? [];
    const names = this.#constraints.members[shape.name] ?? {};
    for (const member of shape.members) {
      const isRequired = member.required || required.includes(member.name);
      const memberCheck = this.#slot(member, this.#constraints.shapes[names[member.name] ?? ""]);
      if (isRequired || memberCheck !== undefined) {
        members.push({
          member: { ...member, required: isRequired },
          path: lowerFirst(member.name),
          check: memberCheck,
        });
      }
    }
    return check;
  }

  /** Undefined when there is nothing to check. */
  #slot(slot: Slot, constraint: Constraint | undefined): Check | undefined {
    const { shape } = slot;
    const isSensitive = slot.traits["sensitive"] !== undefined;
    const own = constraint === undefined ? [] : testsOf(constraint);
    const inner = this.#inner(shape, constraint, isSensitive);
    if (own.length === 0 && inner === undefined && constraint?.type !== "integer" && constraint?.type !== "long") {
      return undefined;
    }
    const isWhole = constraint?.type === "integer" || constraint?.type === "long";
    return {
      run(value, path, report) {
        if (isWhole && !Number.isInteger(value)) {
          throw new SerializationError("NUMBER_VALUE can not be converted to an Integer");
        }
        for (const { test, text } of own) if (!test(value)) report(path(), value, text, isSensitive);
        inner?.run(value, path, report);
      },
    };
  }

  #inner(shape: Shape, constraint: Constraint | undefined, isSensitive: boolean): Check | undefined {
    if (isStructure(shape)) return this.structure(shape);
    const { shapes } = this.#constraints;
    if (shape.kind === "list") {
      const item = constraint?.item === undefined ? undefined : shapes[constraint.item];
      if (item !== undefined) {
        const further = constraint?.isItemRequired === true ? ["Member must not be null"] : [];
        return elementsCheck(item, (value) => value as readonly unknown[], "Member", isSensitive, further);
      }
      const check = this.#slot(shape.member, undefined);
      if (check === undefined) return undefined;
      return {
        run(value, path, report) {
          for (const [index, element] of (value as readonly unknown[]).entries()) {
            if (element !== null) check.run(element, () => `${path()}.${index + 1}.member`, report);
          }
        },
      };
    }
    if (shape.kind === "map") {
      const key = constraint?.key === undefined ? undefined : shapes[constraint.key];
      const value = constraint?.value === undefined ? undefined : shapes[constraint.value];
      const keys = key && elementsCheck(key, (map) => Object.keys(map as object), "Map keys", isSensitive);
      const values = value && elementsCheck(value, (map) => Object.values(map as object), "Map value", isSensitive);
      const check = this.#slot(shape.value, undefined);
      if (keys === undefined && values === undefined && check === undefined) return undefined;
      return {
        run(map, path, report) {
          keys?.run(map, path, report);
          values?.run(map, path, report);
          if (check === undefined) return;
          for (const [name, item] of Object.entries(map as object)) {
            if (item !== null) check.run(item, () => `${path()}.${name}.member`, report);
          }
        },
      };
    }
    return undefined;
  }
}

/** Lists and maps of simple values are reported whole, with every constraint of their elements, kept or not. */
function elementsCheck(
  constraint: Constraint,
  elementsOf: (value: unknown) => readonly unknown[],
  subject: "Member" | "Map keys" | "Map value",
  isSensitive: boolean,
  further: readonly string[] = [],
): Check {
  const tests = testsOf(constraint);
  const listed = [tests.find(isMaximum), tests.find(isMinimum), ...tests.filter((test) => !isBound(test))];
  const texts = [...listed.flatMap((test) => (test ? [test.text] : [])), ...further];
  const text = `${subject} must satisfy constraint: [${texts.join(", ")}]`;
  return {
    run(value, path, report) {
      const isFine = elementsOf(value).every((element) => tests.every(({ test }) => test(element)));
      if (!isFine) report(path(), value, text, isSensitive);
    },
  };
}

const isMaximum = ({ text }: ConstraintTest): boolean => text.includes("less than or equal to");
const isMinimum = ({ text }: ConstraintTest): boolean => text.includes("greater than or equal to");
const isBound = (test: ConstraintTest): boolean => isMaximum(test) || isMinimum(test);

function testsOf(constraint: Constraint): readonly ConstraintTest[] {
  const { min, max, pattern, enum: values, unlisted = [] } = constraint;
  const isNumber = !["string", "list", "map", "blob"].includes(constraint.type);
  const measured = isNumber ? "value" : "length";
  const measure = isNumber ? Number : sizeOf;
  const tests: ConstraintTest[] = [];
  if (pattern !== undefined) {
    const regex = new RegExp(`^(?:${constraint.regex ?? pattern})$`, constraint.regex === undefined ? "" : "u");
    tests.push({
      test: (value) => regex.test(String(value)),
      text: `Member must satisfy regular expression pattern: ${pattern}`,
    });
  }
  if (max !== undefined) {
    tests.push({
      test: (value) => measure(value) <= max,
      text: `Member must have ${measured} less than or equal to ${max}`,
    });
  }
  if (min !== undefined) {
    tests.push({
      test: (value) => measure(value) >= min,
      text: `Member must have ${measured} greater than or equal to ${min}`,
    });
  }
  if (values !== undefined) {
    const allowed = new Set([...values, ...unlisted]);
    tests.push({
      test: (value) =>
        Array.isArray(value) ? value.every((item) => allowed.has(String(item))) : allowed.has(String(value)),
      text: `Member must satisfy enum value set: [${values.join(", ")}]`,
    });
  }
  return tests;
}

function sizeOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return value instanceof Uint8Array ? value.byteLength : Object.keys(value as object).length;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** A value as Java prints it, which is what AWS's texts show. */
function printValue(value: unknown): string {
  if (value === null) return "null";
  const text = printJava(value);
  return `'${text.length > printedValueLengthMax ? `${text.slice(0, printedValueLengthMax)}…` : text}'`;
}

function printJava(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Uint8Array) {
    return `java.nio.HeapByteBuffer[pos=0 lim=${value.byteLength} cap=${value.byteLength}]`;
  }
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(printJava).join(", ")}]`;
  if (typeof value !== "object") return `${value as string | number | boolean}`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}=${printJava(item)}`)
    .join(", ")}}`;
}
