import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBucket, TokenBuckets } from "./token-bucket.ts";

/** Takes what it gets at once. */
function drain(take: () => boolean): number {
  let taken = 0;
  while (take()) taken++;
  return taken;
}

test("a new bucket is full, and an empty one fills evenly up to what it holds", () => {
  const bucket = new TokenBucket();
  const at = (nowMs: number) => drain(() => bucket.take(10, 1000, nowMs));

  assert.equal(at(5000), 10);
  assert.equal(at(5099), 0);
  assert.equal(at(5100), 1);
  assert.equal(at(5400), 3);
  assert.equal(at(60_000), 10);
});

test("whoever finds none learns when there is one, and finds it then and no sooner", () => {
  const bucket = new TokenBucket();
  drain(() => bucket.take(3, 1000, 0));

  const waitMs = bucket.waitMs(3, 1000, 100);

  assert(Math.abs(waitMs - (1000 / 3 - 100)) < 0.01);
  assert.equal(bucket.take(3, 1000, 100 + waitMs - 1), false);
  assert.equal(bucket.take(3, 1000, 100 + waitMs), true);
});

test("a bucket that holds nothing never has one", () => {
  const bucket = new TokenBucket();

  assert.equal(bucket.take(0, 1000, 0), false);
  assert.equal(bucket.waitMs(0, 1000, 0), Infinity);
});

test("a limit that shrinks holds at once, and one that grows within the time of a refill", () => {
  const bucket = new TokenBucket();

  assert.equal(
    drain(() => bucket.take(2, 1000, 0)),
    2,
  );
  assert.equal(
    drain(() => bucket.take(100, 1000, 500)),
    50,
  );
  assert.equal(
    drain(() => bucket.take(100, 1000, 1500)),
    100,
  );
});

test("over any history no stretch of time gets more than a full bucket and what flowed in, and nobody is refused in vain", () => {
  const capacity = fc.integer({ min: 1, max: 20 });
  const refillMs = fc.constantFrom(10, 1000, 10_000);
  const pause = fc.oneof(fc.constant(0), fc.nat(30), fc.nat(3000));

  fc.assert(
    fc.property(capacity, refillMs, fc.array(pause, { maxLength: 300 }), (holds, fillsInMs, pauses) => {
      const bucket = new TokenBucket();
      const taken: number[] = [];
      let nowMs = 0;
      for (const pauseMs of pauses) {
        nowMs += pauseMs;
        const waitMs = bucket.waitMs(holds, fillsInMs, nowMs);
        const isTaken = bucket.take(holds, fillsInMs, nowMs);
        assert.equal(isTaken, waitMs === 0);
        if (isTaken) taken.push(nowMs);
        else assert(waitMs <= fillsInMs / holds + 0.01, "one token is never far away");
      }

      for (const [first, fromMs] of taken.entries()) {
        for (let last = first; last < taken.length; last++) {
          const inflow = (((taken[last] ?? 0) - fromMs) * holds) / fillsInMs;
          assert(last - first + 1 <= holds + inflow + 0.001, "more was taken than there was");
        }
      }
    }),
  );
});

test("each key has a bucket of its own, and those that are full again take no memory", () => {
  const buckets = new TokenBuckets({ capacity: 2, refillMs: 1000 });

  assert.deepEqual(
    ["a", "a", "a", "b"].map((key) => buckets.take(key, 0)),
    [0, 0, 500, 0],
  );
  for (let key = 0; key < 100_000; key++) assert.equal(buckets.take(`key ${key}`, key), 0);

  assert(buckets.size < 5000, `${buckets.size} buckets are kept`);
});
