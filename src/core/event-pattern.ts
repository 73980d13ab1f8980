/**
 * The grammar of event patterns, by which event source mappings filter records: an object whose leaves are lists of
 * values and match expressions. Says whether a text is a pattern, and if not, why; matching is not done here.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import { isIP } from "node:net";

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
type JsonObject = Readonly<Record<string, Json>>;

/** Why a text is no pattern. */
class PatternError extends Error {}

/** Undefined when `text` is an event pattern; else the reason why it is not. */
export function eventPatternProblem(text: string): string | undefined {
  try {
    requirePattern(JSON.parse(text) as Json);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    if (error instanceof SyntaxError) return "Event pattern must be JSON";
    throw error;
  }
}

function requirePattern(pattern: Json): void {
  if (!isObject(pattern)) throw new PatternError("Filter is not an object");
  requireFields(pattern);
}

function requireFields(fields: JsonObject): void {
  const entries = Object.entries(fields);
  if (entries.length === 0) throw new PatternError("Empty objects are not allowed");
  for (const [name, value] of entries) {
    if (isObject(value)) requireFields(value);
    else if (!isList(value)) throw new PatternError(`"${name}" must be an object or an array`);
    else if (isAlternatives(name, value)) for (const alternative of value) requireFields(alternative);
    else requireValues(value);
  }
}

/** `$or` over lists of values is a field like any other. */
function isAlternatives(name: string, values: readonly Json[]): values is readonly JsonObject[] {
  return name === "$or" && values.length > 1 && values.every(isObject);
}

function requireValues(values: readonly Json[]): void {
  if (values.length === 0) throw new PatternError("Empty arrays are not allowed");
  for (const value of values) {
    if (isList(value)) throw new PatternError("Arrays within arrays are not allowed");
    if (isObject(value)) requireExpression(value);
  }
}

const expressions: Readonly<Record<string, (operand: Json) => void>> = {
  prefix: (operand) => requireTextOrCaseless("prefix", operand),
  suffix: (operand) => requireTextOrCaseless("suffix", operand),
  "equals-ignore-case": (operand) => requireText("equals-ignore-case", operand),
  wildcard: requireWildcard,
  exists(operand) {
    if (typeof operand !== "boolean") throw new PatternError("exists match pattern must be either true or false.");
  },
  cidr: requireCidr,
  numeric: requireNumeric,
  "anything-but": requireAnythingBut,
};

function requireExpression(expression: JsonObject): void {
  const [operator, operand] = onlyEntryOf(expression);
  const check = Object.hasOwn(expressions, operator) ? expressions[operator] : undefined;
  if (check === undefined) throw new PatternError(`Unrecognized match type ${operator}`);
  check(operand);
}

function onlyEntryOf(expression: JsonObject): readonly [string, Json] {
  const [first, ...others] = Object.entries(expression);
  if (first === undefined) throw new PatternError("Empty objects are not allowed");
  if (others.length > 0) throw new PatternError("Only one key allowed in match expression");
  return first;
}

function requireText(operator: string, operand: Json): asserts operand is string {
  if (typeof operand !== "string") throw new PatternError(`${operator} match pattern must be a string`);
}

function requireTextOrCaseless(operator: string, operand: Json): void {
  if (!isObject(operand)) {
    requireText("prefix/suffix", operand);
    return;
  }
  const [inner, text] = onlyEntryOf(operand);
  if (inner !== "equals-ignore-case")
    throw new PatternError(`Unsupported anything-but or ${operator} pattern: ${inner}`);
  requireText("equals-ignore-case", text);
}

function requireWildcard(operand: Json): void {
  requireText("wildcard", operand);
  if (/(?<!\\)(?:\\\\)*\*\*/.test(operand)) throw new PatternError("Consecutive wildcard characters are not allowed");
  if (/\\(?![\\*])/.test(operand.replaceAll("\\\\", ""))) throw new PatternError("Invalid escape character");
}

function requireCidr(operand: Json): void {
  requireText("cidr", operand);
  const [address = "", bits, ...others] = operand.split("/");
  const version = isIP(address);
  if (version === 0) throw new PatternError(`Nonstandard IP address: ${address}`);
  if (bits === undefined) return;
  if (others.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) {
    throw new PatternError(`Malformed CIDR, mask bits: ${bits}`);
  }
}

const lowerBounds: ReadonlySet<unknown> = new Set([">", ">="]);
const upperBounds: ReadonlySet<unknown> = new Set(["<", "<="]);

/** `["=", 5]`, one bound, or a lower one followed by a greater upper one. */
function requireNumeric(operand: Json): void {
  if (!isList(operand)) throw new PatternError("Value of numeric must be an array.");
  const [operator, value, upper, upperValue] = operand;
  const isLower = lowerBounds.has(operator);
  if (operator !== "=" && !isLower && !upperBounds.has(operator)) throw badRange(operator);
  if (typeof value !== "number") throw notNumeric(operator);
  if (operand.length === 2) return;
  if (!isLower || operand.length > 4) throw new PatternError("Too many terms in numeric range expression");
  if (!upperBounds.has(upper)) throw badRange(upper);
  if (typeof upperValue !== "number") throw notNumeric(upper);
  if (value >= upperValue) throw new PatternError("Bottom must be less than top");
}

function badRange(operator: Json | undefined): PatternError {
  return new PatternError(`Bad numeric range operator: ${JSON.stringify(operator)}`);
}

function notNumeric(operator: Json | undefined): PatternError {
  return new PatternError(`Value of ${JSON.stringify(operator)} must be numeric`);
}

const innerOfAnythingBut = new Set(["prefix", "suffix", "equals-ignore-case", "wildcard"]);

function requireAnythingBut(operand: Json): void {
  if (isList(operand)) {
    const kinds = new Set(operand.map((value) => typeof value));
    if (operand.length === 0) throw new PatternError("Empty arrays are not allowed");
    if (kinds.size > 1) throw new PatternError("Inside anything-but list, mixed types are not supported");
    for (const value of operand) requireScalar(value);
  } else if (isObject(operand)) {
    const [operator, excluded] = onlyEntryOf(operand);
    if (!innerOfAnythingBut.has(operator)) throw new PatternError(`Unsupported anything-but pattern: ${operator}`);
    const values = isList(excluded) ? excluded : [excluded];
    if (values.length === 0) throw new PatternError("Empty arrays are not allowed");
    for (const value of values) {
      if (operator === "wildcard") requireWildcard(value);
      else requireText(operator, value);
    }
  } else requireScalar(operand);
}

function requireScalar(value: Json): void {
  if (typeof value === "string" || typeof value === "number") return;
  throw new PatternError("Value of anything-but must be an array or single string/number value.");
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
