import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fairLevel } from "./log-budget.ts";

test("nothing is cut while everything fits", () => {
  assert.equal(fairLevel([1, 2, 3], 6), Infinity);
  assert.equal(fairLevel([], 0), Infinity);
});

test("one that floods is cut, small ones keep everything", () => {
  assert.equal(fairLevel([10, 20, 100_000], 1000), 970);
});

test("over any sizes the sum after the cut is within the budget and nothing small is touched", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000_000), { maxLength: 50 }), fc.nat(1_000_000), (sizes, budget) => {
      const level = fairLevel(sizes, budget);
      const kept = sizes.map((size) => Math.min(size, level));
      assert(kept.reduce((sum, size) => sum + size, 0) <= budget);
      for (const size of sizes) if (size * sizes.length <= budget) assert(size <= level);
    }),
  );
});
