import assert from "node:assert/strict";
import { test } from "node:test";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { createScalingRate, type ScalingRate, type ScalingRateOptions } from "./scaling-rate.ts";

const virginia: Scope = { account: "000000000000", region: "us-east-1" };
const minuteMs = 60_000;

function rateOf(over: Partial<ScalingRateOptions> = {}): ScalingRate {
  return createScalingRate({
    scalingRate: "current",
    environmentsPerTenSeconds: 1000,
    accountConcurrency: 10_000,
    ...over,
  });
}

/** At once, in one region of each kind. */
function classicBursts(accountConcurrency: number): number[] {
  const rate = rateOf({ scalingRate: "classic", accountConcurrency });
  return ["us-west-2", "eu-central-1", "sa-east-1"].map((region) =>
    start(rate, 0, Infinity, "resize", { ...virginia, region }),
  );
}

/** Starts as many as it may, and at most so many. */
function start(rate: ScalingRate, nowMs: number, max = Infinity, name = "resize", scope = virginia): number {
  let started = 0;
  while (started < max && rate.take(scope, functionArn(scope, name), nowMs) === 0) started++;
  return started;
}

test("a function gets 1000 environments at once, and 1000 more over the next 10 seconds, evenly", () => {
  const rate = rateOf();

  assert.equal(start(rate, 0), 1000);
  assert.equal(start(rate, 1000), 100);
  assert.equal(start(rate, 10_000), 900);
});

test("what a function leaves of its rate is not saved up", () => {
  const rate = rateOf();

  assert.equal(start(rate, 0, 1), 1);
  assert.equal(start(rate, minuteMs), 1000);
});

test("functions do not share the current rate", () => {
  const rate = rateOf();
  start(rate, 0);

  assert.equal(start(rate, 0, Infinity, "mail"), 1000);
});

test("whoever is refused learns when there is room for one more", () => {
  const rate = rateOf({ environmentsPerTenSeconds: 2 });
  start(rate, 0);

  assert.equal(rate.take(virginia, functionArn(virginia, "resize"), 1000), 4000);
  assert.equal(start(rate, 5000), 1);
});

test("classic, with a limit of 10,000 and a burst of 3000, of which 2000 are used at 09:00: 1000 are left at once", () => {
  const nineMs = 9 * 60 * minuteMs;
  const rate = rateOf({ scalingRate: "classic" });

  assert.equal(start(rate, nineMs, 2000), 2000);

  assert.equal(start(rate, nineMs), 1000);
});

test("classic, as before: 1500 are left a minute later, and never more than 3000", () => {
  const nineMs = 9 * 60 * minuteMs;
  const rate = rateOf({ scalingRate: "classic" });
  start(rate, nineMs, 2000);

  assert.equal(start(rate, nineMs + minuteMs), 1500);
  assert.equal(start(rate, nineMs + 2 * minuteMs), 500);
  assert.equal(start(rate, nineMs + 60 * minuteMs), 3000);
});

test("classic: all functions of an account draw from one bucket, other accounts and regions have their own", () => {
  const rate = rateOf({ scalingRate: "classic" });
  const ireland = { ...virginia, region: "eu-west-1" };
  const stranger = { ...virginia, account: "111111111111" };

  assert.equal(start(rate, 0, 2000, "resize"), 2000);
  assert.equal(start(rate, 0, Infinity, "mail"), 1000);
  assert.equal(start(rate, 0, Infinity, "mail", ireland), 3000);
  assert.equal(start(rate, 0, Infinity, "mail", stranger), 3000);
});

test("classic: the burst is the region's, and no more than the account's concurrency", () => {
  assert.deepEqual(classicBursts(10_000), [3000, 1000, 500]);
  assert.deepEqual(classicBursts(1000), [1000, 1000, 500]);
  assert.deepEqual(classicBursts(200), [200, 200, 200]);
});

test("classic: an account whose concurrency is below its region's burst still gets 500 a minute", () => {
  const rate = rateOf({ scalingRate: "classic", accountConcurrency: 1000 });
  start(rate, 0);

  assert.equal(start(rate, minuteMs), 500);
});
