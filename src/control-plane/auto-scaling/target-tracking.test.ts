import assert from "node:assert/strict";
import { test } from "node:test";
import { minuteMs } from "../../metering/metrics/metric-set.ts";
import { readAlarm } from "./metric-alarm.ts";
import type { ScalableTargetRecord, ScalingPolicyRecord } from "./scaling-records.ts";
import { decideTracking, type TrackingDecision } from "./target-tracking.ts";

const nowMs = Date.UTC(2026, 10, 21, 8);
const resource = { scope: { account: "000000000000", region: "us-east-1" }, name: "f", qualifier: "live" };

const target: ScalableTargetRecord = {
  resource,
  id: "t",
  minCapacity: 1,
  maxCapacity: 100,
  suspended: { scaleIn: false, scaleOut: false, scheduled: false },
  tags: {},
  createdAtMs: 0,
};

const policy: ScalingPolicyRecord = {
  resource,
  name: "p",
  id: "1",
  metric: { kind: "utilization" },
  targetValue: 0.7,
  createdAtMs: 0,
};

/** Values of the last minutes, the newest last; undefined where there was none. */
function minutesOf(values: readonly (number | undefined)[]): Map<number, number> {
  const minutes = new Map<number, number>();
  for (const [index, value] of values.entries()) {
    if (value !== undefined) minutes.set(nowMs - (values.length - index) * minuteMs, value);
  }
  return minutes;
}

interface Given {
  readonly target?: Partial<ScalableTargetRecord>;
  readonly policy?: Partial<ScalingPolicyRecord>;
}

function decide(capacity: number, values: readonly (number | undefined)[], given: Given = {}): TrackingDecision {
  return decideAll(capacity, [{ values, ...given }], given.target);
}

function decideAll(
  currentCapacity: number,
  policies: readonly {
    readonly values: readonly (number | undefined)[];
    readonly policy?: Partial<ScalingPolicyRecord>;
  }[],
  over: Partial<ScalableTargetRecord> = {},
): TrackingDecision {
  return decideTracking({
    target: { ...target, ...over },
    currentCapacity,
    readings: policies.map(({ values, policy: own }) => ({
      policy: { ...policy, ...own },
      minutes: minutesOf(values),
    })),
    nowMs,
  });
}

/** `out 15`, `in 3`, a reason, or nothing. */
function text(decision: TrackingDecision): string {
  if (decision.kind === "none") return "";
  return decision.kind === "not-scaled" ? decision.reason.code : `${decision.direction} ${decision.capacity}`;
}

const steady = (value: number, count = 15): number[] => Array.from({ length: count }, () => value);

const changedAt = (capacityChangedAtMs: number): Given => ({ target: { capacityChangedAtMs } });

test("three minutes above the target scale out in proportion, rounded up", () => {
  assert.equal(text(decide(10, [0.9, 0.9, 0.9])), "out 13");
  assert.equal(text(decide(10, [0.71, 0.8, 1])), "out 15");
  assert.equal(text(decide(3, [1, 1, 1], { policy: { targetValue: 0.5 } })), "out 6");
  assert.equal(text(decide(10, [0.9, 0.9])), "");
  assert.equal(text(decide(10, [0.9, 0.7, 0.9])), "");
});

test("fifteen minutes more than 10 % below the target scale in, to what the busiest of them needs", () => {
  assert.equal(text(decide(10, steady(0.35))), "in 5");
  assert.equal(text(decide(10, [...steady(0.1, 7), 0.6, ...steady(0.1, 7)])), "in 9");
  assert.equal(text(decide(10, steady(0.35, 14))), "");
  assert.equal(text(decide(10, [...steady(0.35, 14), 0.64])), "");
  assert.equal(text(decide(10, steady(0.66))), "");
  assert.equal(text(decide(10, steady(0))), "in 1");
});

test("nothing is let go that would bring the metric back above its target", () => {
  const decision = decide(2, steady(0.5));

  assert.equal(text(decision), "AutoScalingAnticipatedFlapping");
  assert.equal(text(decide(10, steady(0.7))), "");
});

test("a metric without values scales nothing", () => {
  assert.equal(text(decide(10, [])), "");
  assert.equal(text(decide(10, [...steady(0.1, 20), ...Array.from({ length: 17 }, () => undefined)])), "");
});

test("values that are all from before the last change scale nothing", () => {
  const quiet = [...steady(0.35), undefined];

  assert.equal(text(decide(10, quiet, changedAt(nowMs - minuteMs - 1))), "in 5");
  assert.equal(text(decide(10, quiet, changedAt(nowMs - minuteMs))), "");
  assert.equal(text(decide(10, [1, 1, 1, undefined], changedAt(nowMs - minuteMs))), "");
  assert.equal(text(decide(10, [1, 1, 1], changedAt(nowMs - minuteMs))), "out 15");
});

test("the capacity stays within its bounds, and says so", () => {
  assert.equal(text(decide(90, [1, 1, 1])), "out 100");
  assert.equal(text(decide(100, [1, 1, 1])), "AlreadyAtMaxCapacity");
  assert.equal(text(decide(10, steady(0.1), { target: { minCapacity: 5 } })), "in 5");
  assert.equal(text(decide(5, steady(0.1), { target: { minCapacity: 5 } })), "AlreadyAtMinCapacity");
  assert.equal(text(decide(0, [1, 1, 1], { target: { minCapacity: 0 } })), "AlreadyAtDesiredCapacity");
});

test("what is suspended or disabled does not happen", () => {
  const suspended = { scaleIn: false, scaleOut: false, scheduled: false };

  assert.equal(text(decide(10, [1, 1, 1], { target: { suspended: { ...suspended, scaleOut: true } } })), "");
  assert.equal(text(decide(10, [1, 1, 1], { target: { suspended: { ...suspended, scaleIn: true } } })), "out 15");
  assert.equal(text(decide(10, steady(0.1), { target: { suspended: { ...suspended, scaleIn: true } } })), "");
  assert.equal(text(decide(10, steady(0.1), { policy: { disableScaleIn: true } })), "");
});

test("one policy is enough to scale out, all with scale-in have to agree to scale in, and the largest capacity counts", () => {
  const low = { values: steady(0.35) };
  const lower = { values: steady(0.07), policy: { name: "q" } };
  const high = { values: steady(0.8), policy: { name: "h" } };
  const idle = { values: [], policy: { name: "i" } };

  assert.equal(text(decideAll(10, [low, lower])), "in 5");
  assert.equal(text(decideAll(10, [low, high])), "out 12");
  assert.equal(text(decideAll(10, [high, { values: [1, 1, 1] }])), "out 15");
  assert.equal(text(decideAll(10, [low, idle])), "");
  assert.equal(text(decideAll(10, [low, { ...idle, policy: { name: "i", disableScaleIn: true } }])), "in 5");
});

test("while a scale-out cools down, what it added counts as part of what is wanted, and only more is added", () => {
  const scaledOut = { untilMs: nowMs + 1, fromCapacity: 10 };

  assert.equal(text(decide(13, [0.9, 0.9, 0.9], { target: { scaledOut } })), "");
  assert.equal(text(decide(13, [0.9, 0.9, 1], { target: { scaledOut } })), "out 15");
  assert.equal(
    text(decide(13, [0.9, 0.9, 0.9], { target: { scaledOut: { ...scaledOut, untilMs: nowMs } } })),
    "out 17",
  );
});

test("a scale-in waits for the one before it, and a scale-out does not", () => {
  const scaledIn = { untilMs: nowMs + 1 };

  assert.equal(text(decide(10, steady(0.35), { target: { scaledIn } })), "");
  assert.equal(text(decide(10, [1, 1, 1], { target: { scaledIn } })), "out 15");
  assert.equal(text(decide(10, steady(0.35), { target: { scaledIn: { untilMs: nowMs } } })), "in 5");
});

test("an alarm passes over missing values as CloudWatch's examples do", () => {
  const X = 1;
  const state = (values: readonly (number | undefined)[]) =>
    readAlarm(minutesOf(values), nowMs, 3, (value) => value === X).state;

  assert.equal(state([0, undefined, X, undefined, X]), "OK");
  assert.equal(state([undefined, undefined, undefined, undefined, 0]), "OK");
  assert.equal(state([undefined, undefined, undefined, undefined, undefined]), "INSUFFICIENT_DATA");
  assert.equal(state([0, X, X, undefined, X]), "ALARM");
  assert.equal(state([undefined, undefined, X, undefined, undefined]), "ALARM");
  assert.equal(state([undefined, undefined, undefined, X, X]), "OK");
});
