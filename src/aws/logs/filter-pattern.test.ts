import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ApiError } from "../../core/errors.ts";
import { compileFilterPattern } from "./filter-pattern.ts";

function matching(pattern: string, messages: readonly string[]): string[] {
  return messages.filter(compileFilterPattern(pattern));
}

const lines = ["[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", "[INFO 200] fine", "error in lower case"];

test("the empty pattern matches everything", () => {
  assert.deepEqual(matching("", lines), lines);
  assert.deepEqual(matching("  ", lines), lines);
});

test("every term must occur, and case matters", () => {
  assert.deepEqual(matching("ERROR REQUEST", lines), lines.slice(0, 2));
  assert.deepEqual(matching("error", lines), [lines[3]]);
});

test("a quoted phrase must occur as it stands", () => {
  assert.deepEqual(matching('"ERROR 401"', lines), [lines[1]]);
  assert.deepEqual(matching(String.raw`"say \"hi\""`, ['say "hi"', "say hi"]), ['say "hi"']);
});

test("excluded terms must not occur", () => {
  assert.deepEqual(matching("ERROR -BAD", lines), [lines[1]]);
  assert.deepEqual(matching('-"ERROR 4"', lines), lines.slice(2));
});

test("of optional terms one must occur; beside other terms they are passed over", () => {
  assert.deepEqual(matching("?BAD ?fine", lines), [lines[0], lines[2]]);
  assert.deepEqual(matching("?fine REQUEST", lines), lines.slice(0, 2));
});

test("an unquoted term of other characters is refused as AWS does", () => {
  for (const pattern of ["a@b", "x=1", '"unclosed', '""', "?", "-"]) {
    assert.throws(
      () => compileFilterPattern(pattern),
      (error) =>
        error instanceof ApiError &&
        error.code === "InvalidParameterException" &&
        error.message === `Invalid filter pattern: Invalid character(s) in term '${pattern}'`,
    );
  }
});

test("patterns that Hearth does not have are refused by name", () => {
  assert.throws(() => compileFilterPattern("%AUTH.*%"), /regular expressions/);
  assert.throws(() => compileFilterPattern("[ip, user]"), /space-delimited/);
});

test("fields of JSON messages are compared", () => {
  const documents = [
    '{"level":"ERROR","status":500,"user":{"id":7},"tags":["a","b"],"ok":false,"gone":null}',
    '{"level":"INFO","status":200,"user":{"id":8},"ok":true}',
    "not JSON at all",
  ];
  const [error, info] = documents;
  const cases: readonly (readonly [string, readonly (string | undefined)[]])[] = [
    ['{ $.level = "ERROR" }', [error]],
    ["{ $.level = ERROR }", [error]],
    ['{ $.level = "ERR*" }', [error]],
    ['{ $.level = "*R*O*" }', [error]],
    ['{ $.level != "ERROR" }', [info]],
    ["{ $.status >= 500 }", [error]],
    ["{ $.status < 3e2 }", [info]],
    ["{ $.user.id = 8 }", [info]],
    ['{ $["user"].id = 7 }', [error]],
    ['{ $.tags[1] = "b" }', [error]],
    ['{ $.tags[*] = "a" }', [error]],
    ["{ $.ok IS TRUE }", [info]],
    ["{ $.ok IS FALSE }", [error]],
    ["{ $.gone IS NULL }", [error]],
    ["{ $.tags NOT EXISTS }", [info]],
    ['{ ($.level = "ERROR" && $.status = 200) || $.user.id = 8 }', [info]],
    ['{ $.level = "ERROR" || $.level = "INFO" && $.status = 1 }', [error]],
    ['{ $.missing != "x" }', []],
  ];
  for (const [pattern, expected] of cases) assert.deepEqual(matching(pattern, documents), expected, pattern);
});

test("a JSON pattern that does not parse is refused", () => {
  for (const pattern of [
    "{ $.a }",
    "{ $.a = }",
    "{ ($.a = 1 }",
    "{ $.a = 1 && }",
    "{ a = 1 }",
    '{ $.a > "x" }',
    "{}",
  ]) {
    assert.throws(() => compileFilterPattern(pattern), /Invalid filter pattern/, pattern);
  }
  assert.throws(() => compileFilterPattern("{ $.a = 1"), /must end with '}'/);
});

test("any text is either a pattern or refused, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `{ $.${text} }`),
      ),
      fc.string(),
      (pattern, message) => {
        try {
          compileFilterPattern(pattern)(message);
        } catch (error) {
          assert(error instanceof ApiError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
