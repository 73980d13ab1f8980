import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { eventPatternProblem } from "./event-pattern.ts";

const isPattern = (pattern: unknown): boolean => eventPatternProblem(JSON.stringify(pattern)) === undefined;
const isRange = (...range: unknown[]): boolean => isPattern({ n: [{ numeric: range }] });
const isWildcard = (wildcard: string): boolean => isPattern({ n: [{ wildcard }] });

const directory =
  process.env["HEARTH_PARITY_DATA"] ?? fileURLToPath(new URL("../../../shared/parity", import.meta.url));
const file = join(directory, "event_patterns.json.gz");
const skip = existsSync(file) ? false : `no recorded answers at ${directory}`;

test("takes the patterns that AWS takes, and no others", { skip }, () => {
  const cases = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
    readonly name: string;
    readonly pattern: unknown;
    readonly expect: string;
  }[];

  assert(cases.length > 50);
  for (const { name, pattern, expect } of cases) assert.equal(isPattern(pattern), expect !== "exception", name);
});

test("refuses what is no object of lists, and says why", () => {
  const problems: Readonly<Record<string, string>> = {
    null: "Filter is not an object",
    "simple string": "Event pattern must be JSON",
    "{}": "Empty objects are not allowed",
    '{"a":{}}': "Empty objects are not allowed",
    '{"a":[]}': "Empty arrays are not allowed",
    '{"a":"b"}': '"a" must be an object or an array',
    '{"a":[["b"]]}': "Arrays within arrays are not allowed",
    '{"a":[{"prefix":"b","suffix":"c"}]}': "Only one key allowed in match expression",
    '{"a":[{"toString":"b"}]}': "Unrecognized match type toString",
  };
  for (const [text, problem] of Object.entries(problems)) assert.equal(eventPatternProblem(text), problem, text);
});

test("numeric ranges go from a lower bound to a greater upper one", () => {
  for (const good of [
    ["=", 1],
    [">", 1],
    ["<=", 1],
    [">=", 1, "<", 2],
  ])
    assert(isRange(...good), String(good));
  for (const bad of [[], ["="], ["~", 1], [">", "1"], ["<", 2, ">", 1], [">", 2, "<", 1], [">", 1, "<", 2, "<", 3]]) {
    assert(!isRange(...bad), String(bad));
  }
});

test("wildcards must not follow each other unless they are escaped", () => {
  for (const good of ["*", "a*b*", String.raw`\**`, String.raw`\\*`, String.raw`*\*`]) assert(isWildcard(good), good);
  for (const bad of ["**", String.raw`\\**`, String.raw`\a`, "\\"]) assert(!isWildcard(bad), bad);
});

test("property: any text is judged, never a crash", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const problem = eventPatternProblem(text);
      assert(problem === undefined || problem !== "");
    }),
  );
});
