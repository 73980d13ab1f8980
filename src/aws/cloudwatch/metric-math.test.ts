import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ApiError } from "../../core/errors.ts";
import { evaluate, idsOf, parseExpression, type Series } from "./metric-math.ts";

const series: Readonly<Record<string, Series>> = {
  errors: new Map([
    [1, 1],
    [2, 0],
    [3, 4],
  ]),
  calls: new Map([
    [1, 4],
    [2, 0],
    [4, 9],
  ]),
};

function valueOf(text: string, values: Readonly<Record<string, number>> = {}): number | undefined {
  const all = { one: 1, ...values };
  return evaluate(parseExpression(text), (id) => new Map([[0, all[id as keyof typeof all] ?? NaN]])).get(0);
}

test("operators bind as in mathematics, from the left", () => {
  assert.equal(valueOf("one + 2 * 3 - 4 / 2"), 5);
  assert.equal(valueOf("(one + 2) * 3"), 9);
  assert.equal(valueOf("-2 ^ 2 * one"), -4);
  assert.equal(valueOf("10 - 4 - 3 * one"), 3);
  assert.equal(valueOf("100 * .5e1 / one"), 500);
  assert.equal(valueOf("2 * -one"), -2);
});

test("a rate has a value where both have one, and none where it would be no number", () => {
  const rate = parseExpression("100 * (errors / calls)");

  assert.deepEqual(idsOf(rate), ["errors", "calls"]);
  assert.deepEqual([...evaluate(rate, (id) => series[id] ?? new Map())], [[1, 25]]);
});

test("what is more than arithmetic is refused by its name, and nonsense is refused", () => {
  for (const [text, message] of [
    ["FILL(m1, 0)", /'FILL'/],
    ["SUM(METRICS())", /'SUM'/],
    ["SELECT AVG(Duration) FROM SCHEMA", /'SELECT'/],
    ["m1 > 5", /'>'/],
    ["m1 +", /ends too early/],
    ["(m1", /not closed/],
    ["m1 m2", /'m'/],
    ["", /ends too early/],
    ["(".repeat(60), /parentheses/],
  ] as const) {
    assert.throws(() => parseExpression(text), { name: "ApiError", message }, text);
  }
});

test("no text makes it fail otherwise", () => {
  const pieces = fc.constantFrom("m1", "m2", "1", "2.5", "+", "-", "*", "/", "^", "(", ")", " ", "SUM", ">", "é", "\n");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      try {
        evaluate(parseExpression(parts.join("")), () => new Map([[1, 2]]));
      } catch (error) {
        assert(error instanceof ApiError);
      }
    }),
  );
});
