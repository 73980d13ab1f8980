/**
 * Filter patterns of CloudWatch Logs: which messages a search returns.
 *
 * Unstructured patterns: terms and "quoted phrases" that must all occur, `-term` that must not, `?term` of which one
 * must. As on AWS, `?` terms beside others are passed over. Case matters. `{ $.level = "ERROR" }` matches JSON
 * messages (json-pattern.ts). Regular expressions (`%…%`) and space-delimited patterns (`[…]`) are refused.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
import type { ApiError } from "../../core/errors.ts";
import { compileJsonPattern } from "./json-pattern.ts";
import { invalidPattern, type MessageFilter } from "./message-filter.ts";

interface Term {
  readonly kind: "required" | "optional" | "excluded";
  readonly text: string;
}

/** Throws `InvalidParameterException` with AWS's texts. */
export function compileFilterPattern(pattern: string): MessageFilter {
  const trimmed = pattern.trim();
  if (trimmed.startsWith("{")) {
    if (!trimmed.endsWith("}")) throw invalidPattern("If a filter pattern starts with '{' it must end with '}'");
    return compileJsonPattern(trimmed.slice(1, -1));
  }
  if (trimmed.startsWith("[")) throw invalidPattern("space-delimited patterns ([…]) are not supported by Hearth yet");

  const terms = parseTerms(trimmed);
  const texts = (kind: Term["kind"]): string[] => terms.filter((term) => term.kind === kind).map(({ text }) => text);
  const required = texts("required");
  const excluded = texts("excluded");
  const optional = required.length + excluded.length > 0 ? [] : texts("optional");
  return (message) =>
    required.every((text) => message.includes(text)) &&
    !excluded.some((text) => message.includes(text)) &&
    (optional.length === 0 || optional.some((text) => message.includes(text)));
}

/** A modifier, then a phrase in quotes (in which `\"` is a quote) or everything up to the next space. */
const termPattern = /(?<modifier>[?-]?)(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^\s"]+))(?=\s|$)/y;

function parseTerms(pattern: string): Term[] {
  const terms: Term[] = [];
  let at = 0;
  while (at < pattern.length) {
    termPattern.lastIndex = at;
    const groups = termPattern.exec(pattern)?.groups;
    if (groups === undefined) throw invalidTerm(pattern.slice(at).split(/\s/, 1)[0] ?? "");
    const { modifier, quoted, bare } = groups;
    if (bare !== undefined) checkBare(bare);
    if (quoted === "") throw invalidTerm('""');
    const text = bare ?? (quoted ?? "").replaceAll(/\\(["\\])/g, "$1");
    terms.push({ kind: modifier === "?" ? "optional" : modifier === "-" ? "excluded" : "required", text });
    at = termPattern.lastIndex;
    while (/\s/.test(pattern[at] ?? "")) at++;
  }
  return terms;
}

/** Terms of anything but letters, digits and underscores have to be quoted. */
function checkBare(text: string): void {
  if (text.startsWith("%")) throw invalidPattern("regular expressions (%…%) are not supported by Hearth yet");
  if (!/^[\p{L}\p{N}_]+$/u.test(text)) throw invalidTerm(text);
}

function invalidTerm(text: string): ApiError {
  return invalidPattern(`Invalid character(s) in term '${text}'`);
}
