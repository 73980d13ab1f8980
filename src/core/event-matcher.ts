/**
 * Whether an event matches an event pattern: every field that the pattern names has one of the values that it lists. Of
 * an array in the event one element is enough, but one that matches all that is asked of it. Names are paths: a dot in
 * one is as good as another level.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import { BlockList, isIP } from "node:net";
import { eventPatternProblem } from "./event-pattern.ts";

export type EventMatcher = (event: unknown) => boolean;

type JsonObject = Readonly<Record<string, unknown>>;

/** Says yes or no to one value: text, number, boolean or null. */
type ValueTest = (value: unknown) => boolean;

/** What a field lists: one of it must be true. */
interface Listed {
  readonly tests: readonly ValueTest[];
  /** It may be missing as well. */
  readonly mayBeAbsent: boolean;
}

/** What is asked of one place in the event; all of it must be true. */
interface Place {
  readonly listed: Listed[];
  readonly fields: Map<string, Place>;
  /** Of each group one must be true. */
  readonly alternatives: (readonly Place[])[];
}

/** Throws for what is no pattern; see `eventPatternProblem`. */
export function compileEventPattern(text: string): EventMatcher {
  const problem = eventPatternProblem(text);
  if (problem !== undefined) throw new Error(`no event pattern: ${problem}`);
  const root = newPlace();
  addFields(root, JSON.parse(text) as JsonObject);
  return (event) => isObject(event) && fieldsMatch(root, event);
}

function newPlace(): Place {
  return { listed: [], fields: new Map(), alternatives: [] };
}

function addFields(place: Place, pattern: JsonObject): void {
  for (const [name, value] of Object.entries(pattern)) {
    if (name === "$or" && isListOfObjects(value)) {
      place.alternatives.push(
        value.map((each) => {
          const alternative = newPlace();
          addFields(alternative, each);
          return alternative;
        }),
      );
      continue;
    }
    const field = placeAt(place, name.split("."));
    if (isObject(value)) addFields(field, value);
    else if (Array.isArray(value)) field.listed.push(listedOf(value));
  }
}

function placeAt(place: Place, path: readonly string[]): Place {
  return path.reduce((at, name) => {
    const known = at.fields.get(name) ?? newPlace();
    at.fields.set(name, known);
    return known;
  }, place);
}

function listedOf(values: readonly unknown[]): Listed {
  return {
    mayBeAbsent: values.some(isAbsence),
    tests: values.filter((value) => !isAbsence(value)).map(testOf),
  };
}

function isAbsence(expression: unknown): boolean {
  return isObject(expression) && expression["exists"] === false;
}

/** An object that is undefined is missing, and with it all its fields. */
function fieldsMatch({ fields, alternatives }: Place, object: JsonObject | undefined): boolean {
  for (const [name, field] of fields) {
    if (!placeMatches(field, object === undefined ? [] : valuesAt(object, name))) return false;
  }
  return alternatives.every((group) => group.some((alternative) => fieldsMatch(alternative, object)));
}

function placeMatches(place: Place, values: readonly unknown[]): boolean {
  const elements = elementsOf(values);
  const objects = elements.filter(isObject);
  const leaves = elements.filter((element) => !isObject(element));
  const isListed = ({ tests, mayBeAbsent }: Listed): boolean =>
    leaves.length === 0 ? mayBeAbsent : leaves.some((leaf) => tests.some((test) => test(leaf)));
  if (!place.listed.every(isListed)) return false;
  if (place.fields.size === 0 && place.alternatives.length === 0) return true;
  return objects.length === 0 ? fieldsMatch(place, undefined) : objects.some((object) => fieldsMatch(place, object));
}

/** What lies under the name, and under names that go on with a dot. */
function valuesAt(object: JsonObject, name: string): unknown[] {
  const beginning = `${name}.`;
  const longer = Object.entries(object).filter(([key]) => key.startsWith(beginning));
  return [
    ...(Object.hasOwn(object, name) ? [object[name]] : []),
    ...longer.map(([key, value]) => ({ [key.slice(beginning.length)]: value })),
  ];
}

/** With those of arrays instead of the arrays, however deep; an event may be deeper than the stack. */
function elementsOf(values: readonly unknown[]): unknown[] {
  if (!values.some(Array.isArray)) return [...values];
  const found: unknown[] = [];
  const left = values.toReversed();
  while (left.length > 0) {
    const value = left.pop();
    if (!Array.isArray(value)) found.push(value);
    else for (const element of (value as readonly unknown[]).toReversed()) left.push(element);
  }
  return found;
}

function testOf(expression: unknown): ValueTest {
  if (!isObject(expression)) return (value) => value === expression;
  const [operator = "", operand] = Object.entries(expression)[0] ?? [];
  switch (operator) {
    case "exists":
      return () => true;
    case "numeric":
      return numericTest(operand as readonly unknown[]);
    case "cidr":
      return cidrTest(String(operand));
    case "anything-but":
      return anythingButTest(operand);
    default:
      return textTest(operator, operand);
  }
}

/** Of text only: whatever else a value is, it does not pass. */
function textTest(operator: string, operand: unknown): ValueTest {
  const test = ((): ((text: string) => boolean) => {
    if (isObject(operand)) {
      const folded = fold(String(operand["equals-ignore-case"]));
      return operator === "prefix" ? (text) => fold(text).startsWith(folded) : (text) => fold(text).endsWith(folded);
    }
    const wanted = String(operand);
    switch (operator) {
      case "prefix":
        return (text) => text.startsWith(wanted);
      case "suffix":
        return (text) => text.endsWith(wanted);
      case "equals-ignore-case":
        return (text) => fold(text) === fold(wanted);
      case "wildcard":
        return wildcardTest(wanted);
      default:
        throw new Error(`no match expression: ${operator}`);
    }
  })();
  return (value) => typeof value === "string" && test(value);
}

function fold(text: string): string {
  return text.toLowerCase();
}

/** Takes time by the product of the two lengths at most, whatever they are. */
function wildcardTest(wildcard: string): (text: string) => boolean {
  const parts: string[] = [""];
  for (const [, escaped, star, plain] of wildcard.matchAll(/\\([\\*])|(\*)|([^])/gu)) {
    if (star !== undefined) parts.push("");
    else parts[parts.length - 1] += escaped ?? plain ?? "";
  }
  const [first = "", ...others] = parts;
  const last = others.pop();
  return (text) => {
    if (last === undefined) return text === first;
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of others) {
      const found = text.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

function numericTest(terms: readonly unknown[]): ValueTest {
  const bounds: ((value: number) => boolean)[] = [];
  for (let at = 0; at < terms.length; at += 2) {
    const [operator, bound] = [terms[at], Number(terms[at + 1])];
    bounds.push((value) => {
      switch (operator) {
        case "=":
          return value === bound;
        case "<":
          return value < bound;
        case "<=":
          return value <= bound;
        case ">":
          return value > bound;
        default:
          return value >= bound;
      }
    });
  }
  return (value) => typeof value === "number" && bounds.every((isWithin) => isWithin(value));
}

function cidrTest(range: string): ValueTest {
  const [address = "", bits] = range.split("/");
  const addresses = new BlockList();
  const family = familyOf(address);
  if (bits === undefined) addresses.addAddress(address, family);
  else addresses.addSubnet(address, Number(bits), family);
  return (value) =>
    typeof value === "string" && isIP(value) !== 0 && familyOf(value) === family && addresses.check(value, family);
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** Every value that is not excluded, of whatever type. */
function anythingButTest(operand: unknown): ValueTest {
  const [operator, excluded] = isObject(operand) ? (Object.entries(operand)[0] ?? []) : [undefined, operand];
  const values: readonly unknown[] = Array.isArray(excluded) ? excluded : [excluded];
  const tests = values.map((value) => (operator === undefined ? testOf(value) : textTest(operator, value)));
  return (value) => !tests.some((test) => test(value));
}

function isListOfObjects(value: unknown): value is readonly JsonObject[] {
  return Array.isArray(value) && value.length > 1 && value.every(isObject);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
