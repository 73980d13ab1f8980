/**
 * Which messages a mapping's filter criteria let through. Rules for the body's members are for bodies of JSON, rules for
 * the body itself for plain text; a body of the other kind does not pass.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
 */
import { compileEventPattern } from "../core/event-matcher.ts";

/** The record as the function would get it, but for its body, which is given apart. */
export type RecordFilter = (record: object, body: string) => boolean;

const everything: RecordFilter = () => true;

/** One pattern that matches is enough; without any, every record passes. */
export function recordFilterOf(patterns: readonly string[]): RecordFilter {
  if (patterns.length === 0) return everything;
  const filters = patterns.map((pattern) => ({ kind: bodyKindOf(pattern), matches: compileEventPattern(pattern) }));
  return (record, text) => {
    const json = parsedBody(text);
    const kind = json === undefined ? "text" : "json";
    const seen = { ...record, body: json ?? text };
    return filters.some((filter) => (filter.kind ?? kind) === kind && filter.matches(seen));
  };
}

/** Undefined when a pattern asks nothing of the body, or in alternatives only. */
function bodyKindOf(pattern: string): "json" | "text" | undefined {
  const { body } = JSON.parse(pattern) as { readonly body?: unknown };
  if (body === undefined) return undefined;
  return Array.isArray(body) ? "text" : "json";
}

/** Undefined for plain text, as which a single number or word counts too. */
function parsedBody(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
