/**
 * A recorded answer of AWS against one of Hearth, key by key. The recorder wrote placeholders for what varies: `<uuid:2>`
 * is one value wherever it stands, and another than `<uuid:1>`; `date` is any; the account is 111111111111.
 */
import { recordedScope } from "./recordings.ts";

export interface Difference {
  /** `Configuration.Layers[0].Arn`; "" for the answer as a whole. */
  readonly path: string;
  /** Undefined: AWS has no such key. */
  readonly recorded: unknown;
  /** Undefined: Hearth has no such key. */
  readonly answered: unknown;
}

export interface Comparison {
  /** How many keys (values that are no objects or lists, in either answer) were compared. */
  readonly keys: number;
  readonly differences: readonly Difference[];
}

/** What the numbered placeholders of one case stand for. */
export class Placeholders {
  #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string> = new Map()) {
    this.#values = values;
  }

  valueOf(placeholder: string): string | undefined {
    return this.#values.get(placeholder);
  }

  /** Binds all or, when two of one kind would stand for one value, none. */
  bind(found: ReadonlyMap<string, string>): boolean {
    const all = new Map([...this.#values, ...found]);
    if (new Set([...all].map(([name, value]) => `${kindOf(name)}=${value}`)).size !== all.size) return false;
    this.#values = all;
    return true;
  }

  copy(): Placeholders {
    return new Placeholders(this.#values);
  }
}

function kindOf(placeholder: string): string {
  return placeholder.replace(/:\d+>$/, "");
}

/** Compares, and binds what the placeholders of matching keys stand for. */
export function compareAnswers(recorded: unknown, answered: unknown, placeholders: Placeholders): Comparison {
  const differences: Difference[] = [];
  let keys = 0;

  const visit = (expected: unknown, actual: unknown, path: string): void => {
    const given = typeof expected === "object" && typeof actual === "string" ? parsed(actual) : actual;
    if (isObject(expected) && (isObject(given) || given === undefined)) {
      // The key for an empty object is the object itself.
      const names = new Set([...Object.keys(expected), ...Object.keys(given ?? {})]);
      if (names.size === 0) leaf(expected, given, path, given !== undefined);
      for (const name of names) visit(expected[name], given?.[name], path === "" ? name : `${path}.${name}`);
    } else if (Array.isArray(expected) && Array.isArray(given)) {
      const length = Math.max(expected.length, given.length);
      if (length === 0) leaf(expected, given, path, true);
      for (let index = 0; index < length; index += 1) visit(expected[index], given[index], `${path}[${index}]`);
    } else {
      leaf(
        expected,
        given,
        path,
        isVariable(expected, path) ? isValue(given) : sameValue(expected, given, placeholders),
      );
    }
  };
  const leaf = (expected: unknown, actual: unknown, path: string, isSame: boolean): void => {
    keys += 1;
    if (!isSame) differences.push({ path, recorded: expected, answered: actual });
  };

  visit(recorded, answered, "");
  return { keys, differences };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The recorder read JSON in texts, such as policies and payloads. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Whole values that the recorder put in the place of what varies: some words, else the key's own name with hyphens. */
const variables = new Set(["date", "datetime", "timestamp", "lambda-url"]);

function isVariable(recorded: unknown, path: string): boolean {
  if (typeof recorded !== "string") return false;
  const key = /[^.[\]]*$/.exec(path)?.[0] ?? "";
  return variables.has(recorded) || (/^[a-z]/.test(recorded) && recorded.replaceAll("-", "") === key.toLowerCase());
}

function isValue(answered: unknown): boolean {
  return ["string", "number"].includes(typeof answered) && answered !== "";
}

function sameValue(recorded: unknown, answered: unknown, placeholders: Placeholders): boolean {
  if (answered === undefined || answered === "") return recorded === answered;
  if (typeof recorded !== "string") return recorded === answered;
  if (/^<[^<>]+>$/.test(recorded) && typeof answered !== "string") return typeof answered === "number";
  return typeof answered === "string" && sameText(recorded, answered, placeholders);
}

const placeholderPattern = /<[a-z][\w:.-]*(?:\(\d+\))?>a*|111111111111/gi;

function sameText(recorded: string, answered: string, placeholders: Placeholders): boolean {
  const names: string[] = [];
  let pattern = "";
  let end = 0;
  for (const { 0: placeholder, index } of recorded.matchAll(placeholderPattern)) {
    pattern += escaped(recorded.slice(end, index));
    end = index + placeholder.length;
    const fixed = fixedValueOf(placeholder) ?? placeholders.valueOf(placeholder);
    if (fixed !== undefined) pattern += escaped(fixed);
    else if (names.includes(placeholder)) pattern += `\\${names.indexOf(placeholder) + 1}`;
    else if (/:\d+>$/.test(placeholder)) {
      names.push(placeholder);
      pattern += "(.+?)";
    } else pattern += patternOf(placeholder);
  }
  pattern += escaped(recorded.slice(end));

  const match = new RegExp(`^${pattern}$`, "s").exec(answered);
  if (match === null) return false;
  return placeholders.bind(new Map(names.map((name, index) => [name, match[index + 1] ?? ""])));
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}

function fixedValueOf(placeholder: string): string | undefined {
  if (placeholder === "<partition>") return "aws";
  if (placeholder === "<region>") return recordedScope.region;
  return placeholder === "111111111111" ? recordedScope.account : undefined;
}

/** What stands for a time shows its form; all others stand for any text. */
function patternOf(placeholder: string): string {
  const time = /^<timestamp:(.*)>$/.exec(placeholder)?.[1];
  if (time === undefined) return ".+?";
  return Array.from(time, (sign) => (/\d/.test(sign) ? String.raw`\d` : escaped(sign))).join("");
}

/** A recorded answer without what only the recorder's own client adds. */
export function plainRecorded(recorded: unknown): unknown {
  if (!isObject(recorded)) return recorded;
  // A helper of the recorded tests made the function and, when asked to, its mapping.
  const { CreateFunctionResponse, CreateEventSourceMappingResponse: _mapping, ...own } = recorded;
  if (CreateFunctionResponse !== undefined) return plainRecorded(CreateFunctionResponse);
  const { ResponseMetadata: metadata, Error: error, ...rest } = own;
  return {
    ...rest,
    ...(isObject(error) && { Error: inOneOrder(error) }),
    ...(isObject(metadata) && { ResponseMetadata: { HTTPStatusCode: metadata["HTTPStatusCode"] } }),
    ...(Array.isArray(rest["Errors"]) && { Errors: [...(rest["Errors"] as string[])].toSorted() }),
    ...(typeof rest["Message"] === "string" && { Message: textInOneOrder(rest["Message"]) }),
    ...(typeof rest["message"] === "string" && { message: textInOneOrder(rest["message"]) }),
  };
}

export interface AnsweredError {
  readonly code: string;
  readonly message: string;
  readonly status?: number;
  /** Further members of the error's body: `Type`, `Reason`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** What AWS Query tells besides, also where it is spoken no more: `Type`, `QueryErrorCode`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One of our errors in the form that the recorded one has. */
export function answeredError(error: AnsweredError, recorded: unknown): unknown {
  const form = isObject(recorded) ? recorded : {};
  const { code: Code, status } = error;
  // Some tests noted what they caught in a form of their own.
  if (Array.isArray(form["Errors"])) {
    const Errors = violationsOf(error.message).toSorted();
    return { Code, Count: Errors.length, Errors };
  }
  const Message = textInOneOrder(error.message);
  if (typeof form["Code"] === "string" && form["Error"] === undefined) return { Code, Message };
  return {
    Error: { Code, Message, ...detailsLike(error.details ?? {}, form["Error"]) },
    ...membersLike(error.members ?? {}, form),
    ...(status !== undefined && { ResponseMetadata: { HTTPStatusCode: status } }),
  };
}

/** Not all of the recorder's clients noted that there is no further detail. */
function detailsLike(details: Readonly<Record<string, unknown>>, form: unknown): Readonly<Record<string, unknown>> {
  const { Detail, ...told } = details;
  return isObject(form) && "Detail" in form ? { ...told, Detail } : told;
}

/** The text once more under the name that it has in the body, where the recorder's client knew the error's shape. */
function membersLike(
  members: Readonly<Record<string, unknown>>,
  form: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { Message, message, ...rest } = members;
  if (!("Message" in form) && !("message" in form)) return rest;
  return {
    ...rest,
    ...(typeof Message === "string" && { Message: textInOneOrder(Message) }),
    ...(typeof message === "string" && { message: textInOneOrder(message) }),
  };
}

const severalViolations = /^(\d+ validation errors? detected: )(.*)$/s;

/** Several violations come in any order. */
function textInOneOrder(text: string): string {
  const [, begin, list] = severalViolations.exec(text) ?? [];
  return begin === undefined || list === undefined ? text : begin + list.split("; ").toSorted().join("; ");
}

function violationsOf(text: string): string[] {
  return text.replace(severalViolations, "$2").split("; ");
}

function inOneOrder(error: Record<string, unknown>): Record<string, unknown> {
  return { ...error, Message: textInOneOrder(String(error["Message"])) };
}
