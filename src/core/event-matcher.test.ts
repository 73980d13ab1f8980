import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { compileEventPattern } from "./event-matcher.ts";

const matches = (pattern: unknown, event: unknown): boolean => compileEventPattern(JSON.stringify(pattern))(event);

const directory =
  process.env["HEARTH_PARITY_DATA"] ?? fileURLToPath(new URL("../../../shared/parity", import.meta.url));
const file = join(directory, "event_patterns.json.gz");
const skip = existsSync(file) ? false : `no recorded answers at ${directory}`;

test("matches what AWS was recorded to match, and nothing else", { skip }, () => {
  const cases = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
    readonly name: string;
    readonly pattern: unknown;
    readonly event: unknown;
    readonly expect: "match" | "no-match" | "exception";
  }[];
  const answer = ({ pattern, event }: (typeof cases)[number]): string => {
    try {
      return matches(pattern, event) ? "match" : "no-match";
    } catch {
      return "exception";
    }
  };

  assert(cases.length > 50);
  for (const each of cases) assert.equal(answer(each), each.expect, each.name);
});

test("values match by type and value, and one of those listed is enough", () => {
  assert(matches({ a: [1, "b", null, true] }, { a: "b" }));
  assert(matches({ a: [null] }, { a: null }));
  assert(!matches({ a: ["1"] }, { a: 1 }));
  assert(!matches({ a: ["b"] }, {}));
  assert(!matches({ a: ["b"], c: ["d"] }, { a: "b", c: "e" }));
});

test("one element of an array must match all that is asked of it", () => {
  const pattern = { items: { kind: ["a"], size: [{ numeric: [">", 1] }] } };

  assert(matches(pattern, { items: [{ kind: "b" }, { kind: "a", size: 2 }] }));
  assert(
    !matches(pattern, {
      items: [
        { kind: "a", size: 1 },
        { kind: "b", size: 2 },
      ],
    }),
  );
});

test("a missing field matches what may be absent only", () => {
  assert(matches({ a: { b: [{ exists: false }] } }, {}));
  assert(matches({ a: [{ exists: false }] }, { a: { b: 1 } }), "what has fields is no value");
  assert(matches({ a: [{ exists: true }] }, { a: null }));
  assert(!matches({ a: [{ exists: true }] }, { a: [] }));
  assert(!matches({ a: [{ "anything-but": "b" }] }, {}));
});

test("wildcards stand for any text, and are escaped by a backslash", () => {
  for (const [wildcard, good, bad] of [
    ["a*c", "abc", "ab"],
    ["*b*b*", "xbxb", "xb"],
    ["a*a", "aa", "a"],
    [String.raw`\**`, "*x", "x"],
    [String.raw`a\\*`, String.raw`a\b`, "ab"],
    ["*.png", "a\nb.png", "a.pngx"],
  ] as const) {
    assert(matches({ n: [{ wildcard }] }, { n: good }), `${wildcard} ${good}`);
    assert(!matches({ n: [{ wildcard }] }, { n: bad }), `${wildcard} ${bad}`);
  }
});

test("addresses are compared by their network", () => {
  assert(matches({ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: "10.0.0.255" }));
  assert(!matches({ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: "10.0.1.0" }));
  assert(matches({ ip: [{ cidr: "2001:db8::/32" }] }, { ip: "2001:db8::1" }));
  assert(!matches({ ip: [{ cidr: "0.0.0.0/0" }] }, { ip: "no address" }));
});

test("of alternatives one is enough, on any level", () => {
  const pattern = { a: { $or: [{ b: [1] }, { c: [{ prefix: "x" }] }] }, d: [2] };

  assert(matches(pattern, { a: { c: "xy" }, d: 2 }));
  assert(!matches(pattern, { a: { b: 2 }, d: 2 }));
  assert(!matches(pattern, { a: { b: 1 } }));
});

test("an event that is deep, long or hostile is judged without harm", () => {
  const depth = 200_000;
  const deep = JSON.parse(`{"a":${"[".repeat(depth)}1${"]".repeat(depth)}}`) as unknown;

  assert(matches({ a: [1] }, deep));
  assert(!matches({ a: [{ wildcard: `${"*a".repeat(200)}b` }] }, { a: "a".repeat(100_000) }));
  assert(!matches({ __proto__x: ["a"], constructor: [{ exists: true }] }, {}));
});

test("whatever an event is, its own values are a pattern that it matches", () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const name = fc.string({ minLength: 1 }).filter((text) => !/[.$]/.test(text) && text !== "__proto__");
  fc.assert(
    fc.property(fc.dictionary(name, value, { minKeys: 1 }), (event) => {
      const pattern = Object.fromEntries(Object.entries(event).map(([key, each]) => [key, [each]]));
      assert(matches(pattern, event));
    }),
  );
});
