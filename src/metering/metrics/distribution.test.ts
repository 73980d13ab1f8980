import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Distribution } from "./distribution.ts";

function of(values: readonly number[]): Distribution {
  const distribution = new Distribution();
  for (const value of values) distribution.record(value);
  return distribution;
}

const values = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e9, noNaN: true })), {
  minLength: 1,
  maxLength: 200,
});

test("a percentile is the value of its rank, at most 1 % off, whatever the values", () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 100, noNaN: true }), (recorded, percent) => {
      const ascending = recorded.toSorted((a, b) => a - b);
      const exact = ascending[Math.max(1, Math.ceil((percent / 100) * recorded.length)) - 1] ?? NaN;

      const found = of(recorded).percentile(percent);

      assert(Math.abs(found - exact) <= exact * 0.01 + 1e-12, `${found} for ${exact}`);
    }),
  );
});

test("merging what was recorded apart, or stored, is recording it together", () => {
  fc.assert(
    fc.property(values, values, (some, others) => {
      const merged = of(some);
      merged.merge(of(others));
      const restored = new Distribution();
      restored.mergeEncoded(JSON.parse(JSON.stringify(of(some).encode())) as number[]);
      restored.mergeEncoded(of(others).encode());
      const whole = of([...some, ...others]);

      for (const each of [merged, restored]) {
        assert.equal(each.count, whole.count);
        assert.equal(each.min, whole.min);
        assert.equal(each.max, whole.max);
        assert(Math.abs(each.sum - whole.sum) <= Math.abs(whole.sum) * 1e-12);
        assert.equal(each.percentile(50), whole.percentile(50));
      }
    }),
  );
});

test("counts up to rising bounds are cumulative, and whole numbers fall on their own side", () => {
  assert.deepEqual(of([0, 1, 1, 5, 10, 250]).countsUpTo([0, 1, 4, 5, 10, 100, 1000]), [1, 3, 3, 4, 5, 5, 6]);
});
