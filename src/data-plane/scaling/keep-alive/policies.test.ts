import assert from "node:assert/strict";
import { test } from "node:test";

import { functionsMax, leastWorth, type IdleEnvironment, type KeepAlivePolicy } from "./contract.ts";
import { FixedWindow } from "./fixed-window.ts";
import { Forecast } from "./forecast.ts";
import { GreedyDual } from "./greedy-dual.ts";
import { HybridHistogram } from "./hybrid-histogram.ts";
import { keepAlivePolicyNames } from "../../../config/keep-alive.ts";
import { createPolicy, keepAlivePolicyOf } from "./named-policies.ts";
import { Remembered } from "./remembered.ts";
import { ReuseTimes, GeneralReuse } from "./reuse-times.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const a = { id: "a", memoryMiB: 100 };
const b = { id: "b", memoryMiB: 200 };

function idle(kept: IdleEnvironment["function"], idleSinceMs: number, rank = 0): IdleEnvironment {
  return { function: kept, rank, idleSinceMs };
}

function versionOf(name: string): IdleEnvironment["function"] {
  return { id: `arn:aws:lambda:us-east-1:000000000000:function:${name}:1/128`, memoryMiB: 128 };
}

/** One that came, ran for no time and has nothing after it. */
function invoke(policy: KeepAlivePolicy, kept: IdleEnvironment["function"], atMs: number): void {
  policy.observe("arrival", kept, atMs);
  policy.observe("end", kept, atMs);
}

test("the fixed window is the same for everyone, counted from the last invocation", () => {
  const policy = new FixedWindow(10 * minuteMs);

  assert.equal(policy.keepUntilMs(idle(a, 5000)), 5000 + 10 * minuteMs);
  assert.deepEqual(policy.outlook(), { kind: "nothing" });
});

test("hybrid: while little is known, an environment is kept for the whole range", () => {
  const policy = new HybridHistogram();

  invoke(policy, a, 0);

  assert.equal(policy.keepUntilMs(idle(a, 0), 0), 240 * minuteMs);
});

test("hybrid: what comes every half hour is unloaded at once and made ready just before", () => {
  const policy = new HybridHistogram();

  for (let round = 0; round <= 10; round++) invoke(policy, a, round * 30 * minuteMs);
  const lastMs = 300 * minuteMs;

  assert.equal(policy.keepUntilMs(idle(a, lastMs), lastMs), lastMs);
  assert.deepEqual(policy.outlook(a, 0, lastMs), { kind: "prewarm", atMs: lastMs + 27 * minuteMs, count: 1 });
  const readyMs = lastMs + 27 * minuteMs;
  const untilMs = policy.keepUntilMs(idle(a, readyMs), readyMs);
  assert(untilMs > lastMs + 31 * minuteMs && untilMs < lastMs + 40 * minuteMs);
});

test("hybrid: idle times beyond the range are forecast", () => {
  const policy = new HybridHistogram({ rangeMinutes: 60 });

  for (let round = 0; round <= 3; round++) invoke(policy, a, round * 100 * minuteMs);
  const lastMs = 300 * minuteMs;

  assert.equal(policy.keepUntilMs(idle(a, lastMs), lastMs), lastMs);
  assert.deepEqual(policy.outlook(a, 0, lastMs), { kind: "prewarm", atMs: lastMs + 85 * minuteMs, count: 1 });
});

test("hybrid: how far its forecasts were off is told", () => {
  const policy = new HybridHistogram({ rangeMinutes: 60 });
  for (const minute of [0, 100, 200]) invoke(policy, a, minute * minuteMs);
  assert.equal(policy.forecastErrors.count, 0);

  // Forecast after 100, 100 and 101⅔ minutes: off by nothing, by 5 % and by far.
  for (const minute of [300, 405, 467]) invoke(policy, a, minute * minuteMs);

  assert.deepEqual(policy.forecastErrors, { count: 3, withinMargin: 2 / 3, p50: 0.05 });
});

test("greedy-dual: under pressure goes first whose cold starts are cheap for its memory, and what is old grows cheap", () => {
  const policy: KeepAlivePolicy = new GreedyDual();
  for (const [kept, startMs] of [
    [a, 1000],
    [b, 100],
  ] as const) {
    policy.observe("arrival", kept, 0);
    policy.observeStart(kept, startMs);
    policy.observe("end", kept, 0);
    policy.observe("idle", kept, 0);
  }

  assert.deepEqual(
    leastWorth(policy, [idle(a, 0), idle(b, 0)], 150, 0).map((each) => each.function.id),
    ["b"],
  );
  // Enough of the others must be evicted, and a is not worth more than a new environment.
  policy.observe("evicted", a, 0);
  policy.observe("arrival", b, 1);
  policy.observe("used", b, 1);
  policy.observe("end", b, 1);
  policy.observe("idle", b, 1);
  assert(policy.worth(idle(b, 1), 1) > 10);
});

test("room is made by as few as are needed, and by all when they are not enough", () => {
  const policy = new FixedWindow(minuteMs);
  const [first, second, third] = [idle(a, 1), idle(a, 2), idle(a, 3)];

  assert.deepEqual(leastWorth(policy, [third, first, second], 200, 9), [first, second]);
  assert.equal(leastWorth(policy, [first, second, third], 1000, 9).length, 3);
  assert.deepEqual(leastWorth(policy, [first], 0, 9), []);
});

/** Plays a day of one function beside others that come at random, as production would. */
function play(policy: Forecast, periodMinutes: number, days: number): { readonly nowMs: number; cold: number } {
  let cold = 0;
  let readyUntilMs = -1;
  let readyFromMs = Infinity;
  const minutes = days * 1440;
  for (let minute = 0; minute < minutes; minute++) {
    const nowMs = minute * minuteMs + 3000;
    if (minute % 7 === 0) invoke(policy, b, nowMs);
    if (minute % periodMinutes !== 0) continue;
    const warm = nowMs <= readyUntilMs || nowMs >= readyFromMs;
    if (!warm) cold++;
    policy.observe("arrival", a, nowMs);
    policy.observeStart(a, 500);
    policy.observe("end", a, nowMs);
    readyUntilMs = policy.keepUntilMs(idle(a, nowMs), nowMs);
    const outlook = policy.outlook(a, 0, readyUntilMs);
    readyFromMs = outlook.kind === "prewarm" ? outlook.atMs + 500 : Infinity;
  }
  return { nowMs: minutes * minuteMs, cold };
}

test("forecast: what comes every half hour is soon expected, and not kept all the time in between", () => {
  const policy = new Forecast({ budgetWindowMs: 10 * minuteMs });

  const { cold } = play(policy, 30, 2);

  assert(cold < 20, `${cold} of 96 cold`);
  const nowMs = 2 * 24 * hourMs;
  policy.observe("arrival", a, nowMs + 3000);
  policy.observe("end", a, nowMs + 3000);
  assert(policy.keepUntilMs(idle(a, nowMs + 3000), nowMs + 3000) < nowMs + 10 * minuteMs);
});

test("forecast: of two functions with the same habits the one with the dearer start is worth more, and the smaller one", () => {
  const policy = new Forecast({ budgetWindowMs: 10 * minuteMs });
  const small = { id: "small", memoryMiB: 100 };
  const large = { id: "large", memoryMiB: 1000 };
  const dear = { id: "dear", memoryMiB: 100 };
  for (let minute = 0; minute < 60; minute += 5) {
    for (const kept of [small, large, dear]) {
      policy.observe("arrival", kept, minute * minuteMs);
      policy.observeStart(kept, kept === dear ? 3000 : 300);
      policy.observe("end", kept, minute * minuteMs);
    }
  }

  const nowMs = 56 * minuteMs;
  const worth = (kept: typeof small): number => policy.worth(idle(kept, 55 * minuteMs), nowMs);
  assert(worth(dear) > worth(small));
  assert(worth(small) > worth(large));
});

test("forecast: a function that was forgotten is unknown again", () => {
  const policy = new Forecast({ budgetWindowMs: 10 * minuteMs });
  invoke(policy, a, 0);
  policy.forget("a");

  assert.equal(policy.keepUntilMs(idle(a, 0), 1000), 1000);
  assert.deepEqual(policy.outlook(a, 0, 1000), { kind: "nothing" });
});

test("every policy answers for functions it has never heard of, and after a clock that went back", () => {
  for (const name of keepAlivePolicyNames) {
    const policy = createPolicy(name, 10 * minuteMs);
    invoke(policy, a, 100 * minuteMs);
    invoke(policy, a, 50 * minuteMs);

    assert(!Number.isNaN(policy.keepUntilMs(idle(b, 0), 60 * minuteMs)));
    assert(!Number.isNaN(policy.worth(idle(b, 0), 60 * minuteMs)));
    policy.outlook(b, 0, 60 * minuteMs);
    policy.observe("evicted", b, 60 * minuteMs);
    policy.forget("unknown");
  }
});

test("single functions, by name or ARN, have policies of their own", () => {
  const policy = keepAlivePolicyOf({
    keepAlivePolicy: "fixed",
    keepAliveMs: minuteMs,
    keepAliveFor: "nightly=fixed:1h, arn:aws:lambda:us-east-1:000000000000:function:day=greedy-dual",
  });

  assert.equal(policy.keepUntilMs(idle(versionOf("nightly"), 0), 0), hourMs);
  assert.equal(policy.keepUntilMs(idle(versionOf("day"), 0), 0), Infinity);
  assert.equal(policy.keepUntilMs(idle(versionOf("other"), 0), 0), minuteMs);
});

test("a large function that is kept for longer by a policy of its own takes nothing of what others are kept for", () => {
  const rounds = 200;
  const keptMs = (keepAliveFor: string): number => {
    const policy = keepAlivePolicyOf({ keepAlivePolicy: "forecast", keepAliveMs: 10 * minuteMs, keepAliveFor });
    const large = { ...versionOf("large"), memoryMiB: 10_240 };
    const small = versionOf("small");
    let sumMs = 0;
    for (let round = 0; round < rounds; round++) {
      const atMs = round * 7 * minuteMs;
      // The large one is idle all the time, but for a moment now and then.
      if (round % 20 === 0) {
        if (round > 0) policy.observe("used", large, atMs);
        invoke(policy, large, atMs);
        policy.observe("idle", large, atMs);
      }
      invoke(policy, small, atMs);
      sumMs += Math.min(7 * minuteMs, policy.keepUntilMs(idle(small, atMs), atMs) - atMs);
    }
    return sumMs;
  };

  assert(keptMs("large=fixed:4h") > 0.9 * keptMs("absent=fixed:4h,large=fixed:0s"));
  assert(keptMs("large=fixed:4h") > 2 * keptMs(""), "as all others it would spend what they have");
});

test("beyond the functions there is room for, those invoked longest ago are forgotten", () => {
  const remembered = new Remembered((kept) => kept.id, 10);
  for (let index = 0; index < 10; index++) remembered.touch({ id: `f${index}`, memoryMiB: 1 });
  remembered.touch({ id: "f0", memoryMiB: 1 });

  remembered.touch({ id: "new", memoryMiB: 1 });

  assert.equal(remembered.find("f1"), undefined);
  assert.equal(remembered.find("f0"), "f0");
  assert.equal(remembered.find("new"), "new");
  assert(functionsMax >= 10_000);
});

test("reuse times: who is used within seconds is waited for, and not beyond what that brings", () => {
  const reuse = new ReuseTimes(new GeneralReuse());
  for (let round = 0; round < 50; round++) reuse.add(1500);

  const waitMs = reuse.bestWaitMs(0, 10 * minuteMs, 1 / (5 * minuteMs));

  assert(waitMs >= 1500 && waitMs < minuteMs, `${waitMs}`);
  assert.equal(reuse.bestWaitMs(0, 10 * minuteMs, 1), 0);
  assert(reuse.usesPerMinute(0) > reuse.usesPerMinute(hourMs));
});
