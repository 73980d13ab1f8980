/**
 * Inputs that break their service model in exactly one place: too long, too short, out of range, against the pattern or
 * enum, missing, or of another JSON type. For tests.
 */
import type { Constraint } from "../wire/constraints.ts";
import { compileBindings } from "../wire/http-bindings.ts";
import type { Operation } from "../wire/service-model.ts";
import { isStructure, type Member, type Shape, type StructureShape } from "../wire/shapes.ts";
import type { ModelValues } from "./model-values.ts";

type Path = readonly (string | number)[];

export interface BrokenInput {
  /** `FunctionName too long` */
  readonly name: string;
  /** Names of members, numbers of items. */
  readonly path: Path;
  readonly input: Record<string, unknown>;
  readonly value: unknown;
  /** `type`: the value cannot even be read as what the member is. */
  readonly kind: "constraint" | "type";
}

interface Breach {
  readonly what: string;
  /** Undefined: the member is left out. */
  readonly value: unknown;
  readonly kind: BrokenInput["kind"];
}

/** Longer ones would only make the test slow. */
const brokenLengthMax = 20_000;
const brokenItemsMax = 200;
const depthMax = 5;

/** Of the model's patterns, none takes all of these. */
const unlikelyTexts = ["!", "é ☃", " ", "\u0000", "a\nb", "", "a".repeat(200)];

export function brokenInputs(operation: Operation, values: ModelValues): BrokenInput[] {
  const base = values.minimal(operation.input);
  const { labels, query, headers, payload } = compileBindings(operation.input, operation.http?.uri);
  const asText = new Set<string | number>(
    [...labels, ...query, ...headers].map(({ member }) => member.name).concat(payload?.name ?? []),
  );
  // What travels outside the body is a text, whatever it is.
  const isReal = ({ path: [top = ""], breach }: Placed): boolean =>
    breach.kind !== "type" || !asText.has(top) || breach.value === unreadableText;
  const placed = breachesIn(operation.input, values, 0).filter(isReal);
  return placed.map(({ path, needed, breach }) => {
    const input = structuredClone(base);
    for (const [at, value] of needed) place(input, at, structuredClone(value), true);
    place(input, path, breach.value, false);
    return { name: `${path.join(".")} ${breach.what}`, path, input, value: breach.value, kind: breach.kind };
  });
}

/** The same input with a second breach in it. */
export function withBoth(first: BrokenInput, second: BrokenInput): Record<string, unknown> {
  const [top = ""] = second.path;
  const input = structuredClone(first.input);
  if (Object.hasOwn(second.input, top)) input[top] = structuredClone(second.input[top]);
  else delete input[top];
  return input;
}

interface Placed {
  readonly path: Path;
  /** What must be there for the path to exist, from the outermost. */
  readonly needed: readonly (readonly [Path, unknown])[];
  readonly breach: Breach;
}

function breachesIn(structure: StructureShape, values: ModelValues, depth: number): Placed[] {
  return structure.members.flatMap((member) => {
    const constraint = values.constraintOf(structure, member);
    const own = [
      ...(values.isRequired(structure, member)
        ? [{ what: "missing", value: undefined, kind: "constraint" as const }]
        : []),
      ...breachesOf(member.shape, constraint, values),
      ...typeBreaches(member.shape),
    ].map((breach): Placed => ({ path: [member.name], needed: [], breach }));
    return [...own, ...inner(member, constraint, values, depth)];
  });
}

/** Breaches inside the member's structure, or inside the one item of its list. */
function inner(member: Member, constraint: Constraint | undefined, values: ModelValues, depth: number): Placed[] {
  if (depth >= depthMax) return [];
  const { shape, name } = member;
  const under = (at: Path, target: StructureShape, whole: unknown): Placed[] =>
    breachesIn(target, values, depth + 1).map(({ path, needed, breach }) => ({
      path: [...at, ...path],
      needed: [[[name], whole], ...needed.map(([inside, value]) => [[...at, ...inside], value] as const)],
      breach,
    }));
  if (isStructure(shape)) return under([name], shape, values.minimal(shape));
  if (shape.kind !== "list") return [];
  const { shape: item } = shape.member;
  const valid = values.validItem(item, values.named(constraint?.item));
  return isStructure(item) ? under([name, 0], item, [valid]) : [];
}

function breachesOf(shape: Shape, constraint: Constraint | undefined, values: ModelValues): Breach[] {
  if (constraint === undefined) return [];
  return [...sizeBreaches(shape, constraint, values), ...contentBreaches(shape, constraint, values)].map(
    ([what, value]) => ({ what, value, kind: "constraint" }),
  );
}

function sizeBreaches(shape: Shape, constraint: Constraint, values: ModelValues): [string, unknown][] {
  const { min, max } = constraint;
  const found: [string, unknown][] = [];
  if (shape.kind === "number") {
    if (max !== undefined && max < Number.MAX_SAFE_INTEGER) found.push(["too large", max + 1]);
    if (min !== undefined) found.push(["too small", min - 1]);
    return found;
  }
  const sized = (size: number): unknown => valueOfSize(shape, constraint, size, values);
  const longest = shape.kind === "list" || shape.kind === "map" ? brokenItemsMax : brokenLengthMax;
  if (max !== undefined && max < longest) found.push(["too long", sized(max + 1)]);
  if (min !== undefined && min > 0) found.push(["too short", sized(min - 1)]);
  return found.filter(([, value]) => value !== undefined);
}

function valueOfSize(shape: Shape, constraint: Constraint, size: number, values: ModelValues): unknown {
  if (shape.kind === "string") return "a".repeat(size);
  if (shape.kind === "blob") return new Uint8Array(size);
  if (shape.kind === "list") {
    const item =
      values.named(constraint.item) ?? (constraint.enum && { type: "string" as const, enum: constraint.enum });
    return Array.from({ length: size }, () => values.validItem(shape.member.shape, item));
  }
  if (shape.kind !== "map") return undefined;
  const item = values.validItem(shape.value.shape, values.named(constraint.value));
  return Object.fromEntries(Array.from({ length: size }, (_, index) => [`key${index}`, item]));
}

function contentBreaches(shape: Shape, constraint: Constraint, values: ModelValues): [string, unknown][] {
  if (shape.kind === "string") return textBreaches(constraint);
  if (shape.kind === "list") {
    const item =
      values.named(constraint.item) ?? (constraint.enum && { type: "string" as const, enum: constraint.enum });
    if (item === undefined || shape.member.shape.kind !== "string") return [];
    return textBreaches(item).map(([what, value]) => [`item ${what}`, [value]]);
  }
  if (shape.kind === "map") {
    const key = values.named(constraint.key);
    const value = values.validItem(shape.value.shape, values.named(constraint.value));
    return key === undefined ? [] : textBreaches(key).map(([what, text]) => [`key ${what}`, { [text]: value }]);
  }
  return [];
}

function textBreaches({
  pattern,
  regex,
  enum: allowed,
  min = 0,
  max = Number.POSITIVE_INFINITY,
}: Constraint): [string, string][] {
  const found: [string, string][] = [];
  if (allowed !== undefined) found.push(["not in the enum", "No such value"]);
  if (pattern !== undefined) {
    const whole = new RegExp(`^(?:${regex ?? pattern})$`, regex === undefined ? "" : "u");
    const text = unlikelyTexts.find((each) => !whole.test(each) && each.length >= min && each.length <= max);
    if (text !== undefined) found.push(["against the pattern", text]);
  }
  return found;
}

/** No number, no time, not true and not false. */
const unreadableText = "what";

/** JSON values that are no such thing. */
function typeBreaches(shape: Shape): Breach[] {
  const wrong: Partial<Record<Shape["kind"], readonly unknown[]>> = {
    string: [5, {}, [], true],
    number: [unreadableText, {}, []],
    boolean: [unreadableText, 1, {}],
    timestamp: [{}, unreadableText],
    blob: [5, {}],
    list: ["text", {}, 5],
    map: ["text", [], 5],
    structure: ["text", [], 5],
    union: ["text", [], 5],
  };
  return (wrong[shape.kind] ?? []).map((value) => ({ what: `as ${JSON.stringify(value)}`, value, kind: "type" }));
}

function place(target: Record<string, unknown>, path: Path, value: unknown, isOnlyIfAbsent: boolean): void {
  let at: unknown = target;
  for (const step of path.slice(0, -1)) at = (at as Record<string | number, unknown>)[step];
  const last = path.at(-1) ?? "";
  const holder = at as Record<string | number, unknown>;
  if (isOnlyIfAbsent && holder[last] !== undefined) return;
  if (value === undefined) delete holder[last];
  else holder[last] = value;
}
