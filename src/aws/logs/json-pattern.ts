/**
 * Filter patterns for JSON messages: `{ ($.level = "ERROR" || $.status >= 500) && $.user NOT EXISTS }`.
 * Selectors are `$.name`, `$["name"]`, `[0]` and `[*]`; strings may hold `*` for any text. A message that is not JSON
 * never matches, and neither does a comparison with a field that is not there.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
 */
import { invalidPattern, type MessageFilter } from "./message-filter.ts";

type Condition = (document: unknown) => boolean;
type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

interface Token {
  readonly kind: "selector" | "operator" | "comparison" | "string" | "word";
  readonly text: string;
}

const tokenPattern =
  /\s*(?:(?<selector>\$(?:\.[\w-]+|\["[^"]+"\]|\[\d+\]|\[\*\])+)|(?<operator>&&|\|\||\(|\))|(?<comparison>!=|<=|>=|=|<|>)|"(?<string>(?:[^"\\]|\\.)*)"|(?<word>[\w.*+-]+))/y;

/** Nesting of parentheses; a pattern has at most 1024 characters anyway. */
const depthMax = 32;

export function compileJsonPattern(source: string): MessageFilter {
  const condition = new Parser(tokenize(source)).parse();
  return (message) => {
    let document: unknown;
    try {
      document = JSON.parse(message);
    } catch {
      return false;
    }
    return condition(document);
  };
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const end = source.trimEnd().length;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < end) {
    const at = tokenPattern.lastIndex;
    const groups = tokenPattern.exec(source)?.groups;
    if (groups === undefined) throw invalidPattern(`unexpected '${source.slice(at, at + 20).trim()}'`);
    for (const kind of ["selector", "operator", "comparison", "string", "word"] as const) {
      const text = groups[kind];
      if (text !== undefined) tokens.push({ kind, text });
    }
  }
  return tokens;
}

/** `or := and ("||" and)*`, `and := one ("&&" one)*`, `one := "(" or ")" | comparison | test`. */
class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Condition {
    const condition = this.#or();
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return condition;
  }

  #or(): Condition {
    const alternatives = [this.#and()];
    while (this.#take("operator", "||")) alternatives.push(this.#and());
    return (document) => alternatives.some((each) => each(document));
  }

  #and(): Condition {
    const conditions = [this.#one()];
    while (this.#take("operator", "&&")) conditions.push(this.#one());
    return (document) => conditions.every((each) => each(document));
  }

  #one(): Condition {
    if (this.#take("operator", "(")) {
      if (++this.#depth > depthMax) throw invalidPattern(`more than ${depthMax} nested parentheses`);
      const condition = this.#or();
      this.#depth--;
      if (!this.#take("operator", ")")) throw this.#unexpected();
      return condition;
    }
    const selector = this.#next("selector");
    const valuesOf = compileSelector(selector);
    if (this.#take("word", "NOT")) {
      this.#expectWord("EXISTS");
      return (document) => valuesOf(document).length === 0;
    }
    if (this.#take("word", "IS")) {
      const expected = this.#constant();
      return (document) => valuesOf(document).includes(expected);
    }
    const comparison = this.#next("comparison") as Comparison;
    const matches = this.#operand(comparison);
    return (document) => valuesOf(document).some(matches);
  }

  #constant(): boolean | null {
    if (this.#take("word", "NULL")) return null;
    if (this.#take("word", "TRUE")) return true;
    if (this.#take("word", "FALSE")) return false;
    throw this.#unexpected();
  }

  #operand(comparison: Comparison): (value: unknown) => boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "string" && token?.kind !== "word") throw this.#unexpected();
    this.#at++;
    const number = token.kind === "word" ? Number(token.text) : NaN;
    if (!Number.isNaN(number)) {
      return (value) => typeof value === "number" && comparisons[comparison](value, number);
    }
    if (comparison !== "=" && comparison !== "!=") throw invalidPattern(`'${comparison}' needs a number`);
    const text = token.kind === "string" ? token.text.replaceAll(/\\(["\\])/g, "$1") : token.text;
    const isEqual = wildcard(text);
    return (value) => typeof value === "string" && isEqual(value) === (comparison === "=");
  }

  #next(kind: Token["kind"]): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw this.#unexpected();
    this.#at++;
    return token.text;
  }

  #take(kind: Token["kind"], text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #expectWord(text: string): void {
    if (!this.#take("word", text)) throw this.#unexpected();
  }

  #unexpected(): Error {
    const token = this.#tokens[this.#at];
    return invalidPattern(token === undefined ? "it ends too early" : `unexpected '${token.text}'`);
  }
}

const comparisons: Readonly<Record<Comparison, (value: number, bound: number) => boolean>> = {
  "=": (value, bound) => value === bound,
  "!=": (value, bound) => value !== bound,
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
};

/** The values that a selector finds in a document: several with `[*]`, none when there is no such field. */
function compileSelector(selector: string): (document: unknown) => unknown[] {
  const steps = [...selector.matchAll(/\.([\w-]+)|\["([^"]+)"\]|\[(\d+|\*)\]/g)].map(
    ([, name, quoted, index]) => name ?? quoted ?? index ?? "",
  );
  return (document) => {
    let found = [document];
    for (const step of steps) found = found.flatMap((value) => childrenOf(value, step));
    return found;
  };
}

function childrenOf(value: unknown, step: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (step === "*") return Array.isArray(value) ? value : [];
  return Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
}

/** Whether a text consists of the parts between the asterisks, in order; linear in the text. */
function wildcard(pattern: string): (text: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}
