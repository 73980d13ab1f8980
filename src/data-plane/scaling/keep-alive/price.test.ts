import assert from "node:assert/strict";
import { test } from "node:test";

import { Price } from "./price.ts";

function priceAfter(settlements: readonly (readonly [spent: number, budget: number])[]): number {
  const price = new Price(600_000, 100);
  for (const [spent, budget] of settlements) price.settle(spent, budget);
  return price.current;
}

test("what is kept although the window would keep nothing any more raises the price within minutes", () => {
  const granted = Array.from({ length: 10 }, () => [100, 100] as const);

  const before = priceAfter(granted);
  const after = priceAfter([...granted, [100, 0], [100, 0], [100, 0]]);

  assert(after > 1.5 * before, `${before}, then ${after}`);
});

test("what was saved before may be spent while the window would keep nothing", () => {
  const saved = Array.from({ length: 10 }, () => [50, 100] as const);

  assert(priceAfter([...saved, [100, 0], [100, 0], [100, 0]]) < 1.2 * priceAfter(saved));
});
