import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeInvalidJson } from "./invalid-json.ts";

const at = (line: number, column: number): string =>
  `\n at [Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: ${line}, column: ${column}]`;
const anyValue = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

test("words what is wrong as AWS does, with line and column", async () => {
  const start =
    "start marker at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]";
  const cases: readonly (readonly [string | Buffer, string])[] = [
    // As recorded from AWS.
    [
      Buffer.from("mZnrLGoHoXpZaA==", "base64").subarray(0, 1),
      `Unexpected character ((CTRL-CHAR, code 153)): expected a valid value ${anyValue}${at(1, 1)}`,
    ],
    [Buffer.from([0x6e, 0x87, 0x72]), `Invalid UTF-8 start byte 0x87${at(1, 3)}`],
    ["hello", `Unrecognized token 'hello': was expecting ${anyValue}${at(1, 6)}`],
    ["nullx", `Unrecognized token 'nullx': was expecting ${anyValue}${at(1, 6)}`],
    ["{nope", `Unexpected character ('n' (code 110)): was expecting double-quote to start field name${at(1, 2)}`],
    ['{"a":1,}', `Unexpected character ('}' (code 125)): was expecting double-quote to start field name${at(1, 8)}`],
    [
      '{"a" 1}',
      `Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value${at(1, 6)}`,
    ],
    ['{"a":1 "b"}', `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries${at(1, 8)}`],
    ["[1 2]", `Unexpected character ('2' (code 50)): was expecting comma to separate Array entries${at(1, 4)}`],
    ["{", `Unexpected end-of-input: expected close marker for Object (${start})${at(1, 2)}`],
    ["[1,\n", `Unexpected end-of-input: expected close marker for Array (${start})${at(2, 1)}`],
    ['"abc', `Unexpected end-of-input in VALUE_STRING${at(1, 5)}`],
    ["01", `Invalid numeric value: Leading zeroes not allowed${at(1, 2)}`],
    ["[1}", `Unexpected close marker '}': expected ']' (for Array starting at ${start.slice(16)})${at(1, 3)}`],
    ['"\\x"', `Unrecognized character escape 'x' (code 120)${at(1, 4)}`],
  ];
  for (const [text, expected] of cases) {
    assert.equal(await describeInvalidJson(Buffer.from(text as string)), expected);
  }
});

test("agrees with the platform's own parser on every document", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.boolean(), async (text, pretty) => {
      const bytes = Buffer.from(pretty ? JSON.stringify(JSON.parse(text), undefined, 2) : text);

      assert.equal(await describeInvalidJson(bytes), undefined);
    }),
  );
});

test("agrees with the platform's own parser on what is almost JSON", async () => {
  const mutation = fc.record({
    text: fc.oneof(fc.json(), fc.constantFrom('{"ü":"\\u00e9\\n𝄞"}', "[-1.5e+10,0,true,false,null]", "  {}  ")),
    at: fc.nat(40),
    byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[],:"\\ \n0eE.+-tfnu')), fc.nat(255)),
    insert: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(mutation, async ({ text, at: where, byte, insert }) => {
      const bytes = Buffer.from(text);
      const position = where % (bytes.length + 1);
      const rest = bytes.subarray(insert ? position : position + 1);
      const mutated = Buffer.concat([bytes.subarray(0, position), Buffer.from([byte]), rest]);

      const problem = await describeInvalidJson(mutated);

      assert.equal(problem === undefined, isJson(mutated), `${mutated.toString("latin1")}: ${problem}`);
    }),
    { numRuns: 3000 },
  );
});

test("large payloads are looked at in slices, and deep ones need no stack", async () => {
  const deep = Buffer.from("[".repeat(200_000) + "]".repeat(200_000));
  const large = Buffer.from(JSON.stringify(Array.from({ length: 20_000 }, (_, index) => ({ index, text: "ü" }))));

  assert(describeInvalidJson(large) instanceof Promise);
  assert.equal(await describeInvalidJson(large), undefined);
  assert.equal(await describeInvalidJson(deep), undefined);
  assert.match((await describeInvalidJson(large.subarray(0, -1))) ?? "", /^Unexpected end-of-input: /);
});
