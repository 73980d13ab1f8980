import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Key } from "./contract.ts";
import { compareText, decodeKey, encodeKey, isInRange, rangeAfter, rangeOfPrefix } from "./keys.ts";

const segment = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 4 }),
  fc.string({
    unit: fc.constantFrom("\u0000", "\u0001", "\u0002", "a", "\uFFFF", "\u{10FFFF}"),
    minLength: 1,
    maxLength: 4,
  }),
);
const key = fc.array(segment, { minLength: 1, maxLength: 4 }) as fc.Arbitrary<[string, ...string[]]>;

function compareBySegments(a: Key, b: Key): number {
  const differing = a.findIndex((text, index) => text !== b[index]);
  if (differing < 0) return a.length - b.length;
  const other = b[differing];
  return other === undefined ? 1 : Buffer.compare(Buffer.from(a[differing] ?? ""), Buffer.from(other));
}

test("a key comes back from its encoding, whatever its segments hold", () => {
  fc.assert(fc.property(key, (parts) => assert.deepEqual(decodeKey(encodeKey(parts)), parts)));
});

test("encoded keys sort segment by segment by code point, in JavaScript and in SQLite's bytes", () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const expected = Math.sign(compareBySegments(a, b));
      assert.equal(Math.sign(compareText(encodeKey(a), encodeKey(b))), expected);
      assert.equal(Buffer.compare(Buffer.from(encodeKey(a)), Buffer.from(encodeKey(b))), expected);
    }),
  );
});

test("a prefix takes exactly the keys that start with its segments, and `after` exactly those behind a key", () => {
  fc.assert(
    fc.property(key, key, (prefix, other) => {
      for (const candidate of [other, [...prefix, ...other] as Key]) {
        const isBelow = prefix.every((text, index) => candidate[index] === text);
        const range = rangeOfPrefix(prefix);
        assert.equal(isInRange(encodeKey(candidate), range), isBelow);
        const isBehind = compareBySegments(candidate, other) > 0;
        assert.equal(isInRange(encodeKey(candidate), rangeAfter(range, encodeKey(other))), isBelow && isBehind);
      }
    }),
  );
});
