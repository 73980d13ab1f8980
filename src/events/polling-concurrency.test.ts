import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allowedAfterInvocation,
  allowedAfterSecond,
  ceilingAfterRefusal,
  ceilingAfterWait,
  ceilingReconsidered,
  concurrencyFor,
  concurrencyMax,
  durationAfter,
  firstAllowed,
  noCeiling,
} from "./polling-concurrency.ts";

test("as many as work off what waits within a second, between ten and the account's concurrency", () => {
  assert.equal(concurrencyFor({ outstanding: 0, durationMs: 50 }, concurrencyMax, noCeiling), 10);
  assert.equal(concurrencyFor({ outstanding: 1000, durationMs: 50 }, concurrencyMax, noCeiling), 50);
  assert.equal(concurrencyFor({ outstanding: 100_000, durationMs: 1 }, concurrencyMax, noCeiling), 100);
  assert.equal(concurrencyFor({ outstanding: 100_000, durationMs: 10_000 }, concurrencyMax, noCeiling), concurrencyMax);
});

test("however much waits, it begins with ten, and grows with each invocation that ends and slowly while none does", () => {
  const demand = { outstanding: 100_000, durationMs: 10_000 };
  assert.equal(concurrencyFor(demand, firstAllowed, noCeiling), 10);
  assert.equal(concurrencyFor(demand, allowedAfterInvocation(firstAllowed), noCeiling), 11);
  assert.equal(concurrencyFor(demand, allowedAfterSecond(firstAllowed), noCeiling), 15);
  assert.equal(allowedAfterSecond(concurrencyMax), concurrencyMax);
});

test("who is refused asks for no more than were admitted, and tries a few more later, and again", () => {
  const demand = { outstanding: 1000, durationMs: 1000 };
  let ceiling = ceilingAfterRefusal(noCeiling, 3, 10_000);
  assert.equal(concurrencyFor(demand, concurrencyMax, ceiling), 3);
  ceiling = ceilingAfterRefusal(ceiling, 7, 10_001);
  assert.equal(concurrencyFor(demand, concurrencyMax, ceiling), 3);

  assert.equal(concurrencyFor(demand, concurrencyMax, ceilingReconsidered(ceiling, 12_000)), 3);
  ceiling = ceilingReconsidered(ceiling, 13_100);
  assert.equal(concurrencyFor(demand, concurrencyMax, ceiling), 4);
  assert.equal(concurrencyFor(demand, concurrencyMax, ceilingReconsidered(ceiling, 14_100)), 5);
});

test("where environments come slowly fewer are asked for, but not fewer than ten", () => {
  const demand = { outstanding: 100_000, durationMs: 1000 };
  assert.equal(ceilingAfterWait(noCeiling, 1000, 100, 0), noCeiling);
  assert.equal(concurrencyFor(demand, concurrencyMax, ceilingAfterWait(noCeiling, 1001, 100, 0)), 75);
  assert.equal(concurrencyFor(demand, concurrencyMax, ceilingAfterWait(noCeiling, 5000, 11, 0)), 10);
});

test("where none was admitted, one goes on trying", () => {
  assert.equal(
    concurrencyFor({ outstanding: 1000, durationMs: 1000 }, concurrencyMax, ceilingAfterRefusal(noCeiling, 0, 0)),
    1,
  );
});

test("the duration follows a faster invocation at once and a slower one little by little", () => {
  assert.equal(durationAfter(undefined, 80), 80);
  assert.equal(durationAfter(80, 5), 5);
  let durationMs = 5;
  for (let sample = 0; sample < 1000; sample++) durationMs = durationAfter(durationMs, 1000);
  assert(durationMs > 13 && durationMs < 14, String(durationMs));
});
