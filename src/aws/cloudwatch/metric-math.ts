/**
 * Metric math, as far as Hearth has it: numbers and other queries' ids, joined by `+ - * / ^` and parentheses. A result has
 * a value wherever everything that it is made of has one, and none where there would be no number, as after a division by
 * zero.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
 */
import { ApiError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";

type Operator = "+" | "-" | "*" | "/" | "^";

export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "negated"; readonly operand: Expression }
  | { readonly kind: "operation"; readonly operator: Operator; readonly left: Expression; readonly right: Expression };

/** Values by time. */
export type Series = ReadonlyMap<number, number>;

/** Parentheses within parentheses; an expression has at most 2048 characters anyway. */
const depthMax = 50;

const tokenPattern = /\s*(?:((?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)|([a-z]\w*)|([-+*/^()]))/y;

/** Throws with the reason when it is none, or when it needs more than Hearth has. */
export function parseExpression(text: string): Expression {
  return new Parser(text).parse();
}

/** The ids that it is made of. */
export function idsOf(expression: Expression): string[] {
  switch (expression.kind) {
    case "number":
      return [];
    case "id":
      return [expression.id];
    case "negated":
      return idsOf(expression.operand);
    case "operation":
      return [...idsOf(expression.left), ...idsOf(expression.right)];
    default:
      return unreachable(expression);
  }
}

/** One that names no id has no series. */
export function evaluate(expression: Expression, seriesOf: (id: string) => Series): Series {
  const [first, ...others] = idsOf(expression).map((id) => seriesOf(id));
  const result = new Map<number, number>();
  for (const atMs of first?.keys() ?? []) {
    if (!others.every((series) => series.has(atMs))) continue;
    const value = valueAt(expression, (id) => seriesOf(id).get(atMs) ?? NaN);
    if (Number.isFinite(value)) result.set(atMs, value);
  }
  return result;
}

function valueAt(expression: Expression, valueOf: (id: string) => number): number {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "id":
      return valueOf(expression.id);
    case "negated":
      return -valueAt(expression.operand, valueOf);
    case "operation":
      return applied(expression.operator, valueAt(expression.left, valueOf), valueAt(expression.right, valueOf));
    default:
      return unreachable(expression);
  }
}

function applied(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "^":
      return left ** right;
    default:
      return unreachable(operator);
  }
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  parse(): Expression {
    const expression = this.#sum();
    if (this.#next !== undefined) throw unexpected(this.#next);
    return expression;
  }

  get #next(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(...wanted: readonly string[]): string | undefined {
    const token = this.#next;
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.#at++;
    return token;
  }

  #sum(): Expression {
    let left = this.#product();
    for (let operator = this.#take("+", "-"); operator !== undefined; operator = this.#take("+", "-")) {
      left = { kind: "operation", operator: operator as Operator, left, right: this.#product() };
    }
    return left;
  }

  #product(): Expression {
    let left = this.#signed();
    for (let operator = this.#take("*", "/"); operator !== undefined; operator = this.#take("*", "/")) {
      left = { kind: "operation", operator: operator as Operator, left, right: this.#signed() };
    }
    return left;
  }

  #signed(): Expression {
    let isNegated = false;
    while (this.#take("-") !== undefined) isNegated = !isNegated;
    const operand = this.#power();
    return isNegated ? { kind: "negated", operand } : operand;
  }

  #power(): Expression {
    let left = this.#operand();
    while (this.#take("^") !== undefined) {
      left = { kind: "operation", operator: "^", left, right: this.#operand() };
    }
    return left;
  }

  #operand(): Expression {
    const token = this.#next;
    if (token === undefined) throw problem("it ends too early");
    this.#at++;
    if (token === "(") {
      if (++this.#depth > depthMax) throw problem(`it has more than ${depthMax} parentheses within each other`);
      const inner = this.#sum();
      this.#depth--;
      if (this.#take(")") === undefined) throw problem("a parenthesis is not closed");
      return inner;
    }
    if (/^[\d.]/.test(token)) return { kind: "number", value: Number(token) };
    if (/^[a-z]/.test(token)) return { kind: "id", id: token };
    throw unexpected(token);
  }
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  const end = text.trimEnd().length;
  for (let at = 0; at < end; at = tokenPattern.lastIndex) {
    const match = tokenPattern.exec(text);
    if (match === null) throw unexpected(text.slice(at).trim());
    tokens.push(match[1] ?? match[2] ?? match[3] ?? "");
  }
  return tokens;
}

function unexpected(found: string): ApiError {
  const name = /^(?:[A-Z][A-Z_]*|.)/.exec(found)?.[0] ?? "";
  return problem(`Hearth has no '${name}' there: it adds, subtracts, multiplies, divides and raises ids and numbers`);
}

function problem(message: string): ApiError {
  return new ApiError("ValidationException", message);
}
