import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterBacklog,
  afterFailure,
  afterQuiet,
  afterSuccess,
  afterThrottle,
  batchesAllowed,
  batchLimitsOf,
  initialConcurrency,
  pauseAfterFailures,
  withinLimits,
  type BatchConcurrency,
} from "./batch-concurrency.ts";

const settings = { batchSize: 10, filterPatterns: [] };
const standard = batchLimitsOf(settings, false);
const times = (count: number, step: (now: BatchConcurrency) => BatchConcurrency, from: BatchConcurrency) =>
  Array.from({ length: count }).reduce<BatchConcurrency>((now) => step(now), from);

test("a standard queue begins with five batches, gets 300 more a minute of backlog, and 1250 at most", () => {
  const first = initialConcurrency(standard);
  assert.equal(batchesAllowed(first), 5);

  const afterMinute = times(60, (now) => afterBacklog(now, standard, 1000), first);
  assert.equal(batchesAllowed(afterMinute), 305);
  assert.equal(batchesAllowed(afterBacklog(afterMinute, standard, 600_000)), 1250);
});

test("MaximumConcurrency is never exceeded, nor when it is lowered", () => {
  const limits = batchLimitsOf({ ...settings, maximumConcurrency: 7 }, false);
  const grown = afterBacklog(initialConcurrency(limits), limits, 60_000);
  assert.equal(batchesAllowed(grown), 7);
  assert.equal(batchesAllowed(initialConcurrency(batchLimitsOf({ ...settings, maximumConcurrency: 2 }, false))), 2);

  assert.equal(batchesAllowed(withinLimits(grown, batchLimitsOf({ ...settings, maximumConcurrency: 3 }, false))), 3);
});

test("of a FIFO queue the groups are the limit, or MaximumConcurrency", () => {
  assert.equal(batchesAllowed(initialConcurrency(batchLimitsOf(settings, true))), 1250);
  assert.equal(batchesAllowed(initialConcurrency(batchLimitsOf({ ...settings, maximumConcurrency: 4 }, true))), 4);
});

test("provisioned pollers have ten batches each: the minimum always, the maximum after growing by 1000 a minute", () => {
  const limits = batchLimitsOf({ ...settings, pollers: { minimum: 2, maximum: 200 } }, false);
  const first = initialConcurrency(limits);

  assert.equal(batchesAllowed(first), 20);
  assert.equal(batchesAllowed(afterBacklog(first, limits, 60_000)), 1020);
  assert.equal(batchesAllowed(afterBacklog(first, limits, 600_000)), 2000);
  assert.equal(batchesAllowed(times(100, (now) => afterFailure(now, limits), first)), 20);
});

test("failures take away, down to one batch; each success gives one back, up to where it began", () => {
  const failing = times(20, (now) => afterFailure(now, standard), initialConcurrency(standard));
  assert.equal(batchesAllowed(failing), 1);
  assert.equal(afterBacklog(failing, standard, 60_000), failing, "a backlog does not");

  assert.equal(batchesAllowed(afterSuccess(failing, standard)), 2);
  assert.equal(batchesAllowed(times(50, (now) => afterSuccess(now, standard), failing)), 5);
});

test("a refusal leaves as many as were admitted", () => {
  const grown = afterBacklog(initialConcurrency(standard), standard, 60_000);

  assert.equal(batchesAllowed(afterThrottle(grown, standard, 40)), 40);
  assert.equal(batchesAllowed(afterThrottle(grown, standard, 0)), 1);
});

test("after a quiet time it begins anew, but gives back nothing that failures took", () => {
  const grown = afterBacklog(initialConcurrency(standard), standard, 60_000);
  assert.equal(batchesAllowed(afterQuiet(grown, standard)), 5);

  const failing = times(20, (now) => afterFailure(now, standard), grown);
  assert.equal(afterQuiet(failing, standard).allowed <= grown.allowed, true);
});

test("five failures in a row cost no pause, the next ones twice as long each time up to a second, and a success ends it", () => {
  const first = initialConcurrency(standard);
  const pausesMs = [5, 6, 7, 20].map((failures) =>
    pauseAfterFailures(times(failures, (now) => afterFailure(now, standard), first)),
  );
  assert.deepEqual(pausesMs, [0, 50, 100, 1000]);

  const failing = times(20, (now) => afterFailure(now, standard), first);
  assert.equal(pauseAfterFailures(afterSuccess(failing, standard)), 0);
});
