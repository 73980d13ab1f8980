import assert from "node:assert/strict";
import { test } from "node:test";
import type { Decision } from "../data-plane/assignment/decision-log.ts";
import type { VersionOutcome } from "../data-plane/data-plane.ts";
import type { FunctionInsight, Verdict } from "../data-plane/insight.ts";
import { durationText, timeText } from "./times.ts";
import { decisionText, outcomeText, shareText } from "./why-words.ts";

type Found = Extract<VersionOutcome, { readonly kind: "found" }>;

/** At noon, wherever the tests run. */
const nowMs = new Date(2026, 5, 1, 12, 0, 0).getTime();

function insight(verdict: Verdict, over: Partial<FunctionInsight> = {}): Found {
  return {
    kind: "found",
    nowMs,
    functionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
    version: "$LATEST",
    runtime: "nodejs24.x",
    memoryMiB: 128,
    verdict,
    room: { kind: "there" },
    environments: { idle: 0, atWork: 0, starting: 0, waiting: 0, provisioned: 0, idleOnes: [] },
    keepAlive: { policy: "fixed", windowMs: 600_000, isOwn: false },
    limits: {
      refusal: undefined,
      inFlight: 0,
      accountConcurrency: 1000,
      unreserved: { inUse: 100, limit: 900 },
      reserved: { inUse: 5, limit: 5 },
      provisioned: { inUse: 0, limit: 0 },
      requests: { left: 0, perSecond: 50 },
      scaling: { name: "current", left: 0, max: 1000 },
    },
    pool: { runtime: "nodejs24.x", memoryMiB: 128, ready: 3, target: 3, booting: 0, memoryBytes: 0 },
    decisions: [],
    ...over,
  };
}

function decision(kind: Decision["kind"], reason: string, over: Partial<Decision> = {}): Decision {
  return { kind, reason, detail: "", firstAtMs: nowMs, atMs: nowMs, count: 1, durationMs: 0, ...over };
}

test("cold: what ended when and why, what comes next, and where the next start comes from", () => {
  const cold = { state: "cold" } as const;
  const expired = decision("expired", "keep-alive", { atMs: nowMs - 60_000, durationMs: 600_000 });
  const prewarm = { atMs: nowMs + 1000, count: 1 };

  assert.equal(
    outcomeText(insight(cold, { decisions: [decision("throttled", "x"), expired] })),
    "cold: no environment; last one ended 11:59:00 after 10 min idle (idle for as long as the keep-alive policy wants); " +
      "next call starts cold from the pool (3 ready)",
  );
  assert.match(
    outcomeText(insight(cold, { keepAlive: { policy: "forecast", windowMs: 1, isOwn: false, prewarm } })),
    /; not invoked since Hearth started; one is made ready at 12:00:01; /,
  );
  assert.match(
    outcomeText(insight(cold, { room: { kind: "short" } })),
    /starts cold as soon as there is memory, which is short: if there is none soon, it is throttled$/,
  );
  assert.match(
    outcomeText(insight(cold, { room: { kind: "full" } })),
    /: all of it is promised to environments that are at work or provisioned; if none is given back soon, it is throttled$/,
  );
  assert.match(outcomeText(insight(cold, { room: { kind: "no-worker" } })), /there is none just now$/);
  const { pool: _pool, ...unpooled } = insight(cold);
  assert.match(outcomeText(unpooled), /starts cold from nothing: it does not use the pool$/);
});

test("warm, starting and busy are told with what there is", () => {
  const one = { id: "e", isProvisioned: false, sinceMs: nowMs - 1000, endsAtMs: nowMs + 599_000 };
  const environments = { idle: 1, atWork: 0, starting: 0, waiting: 0, provisioned: 0, idleOnes: [one] };
  const { endsAtMs: _endsAtMs, ...unlimited } = { ...one, isProvisioned: true };

  assert.equal(
    outcomeText(insight({ state: "warm" }, { environments })),
    "warm: an environment waits for the next call: idle since 11:59:59, there until 12:09:59 if nobody calls",
  );
  assert.equal(
    outcomeText(insight({ state: "warm" }, { environments: { ...environments, idle: 2, idleOnes: [unlimited, one] } })),
    "warm: an environment waits for the next call: idle since 11:59:59, provisioned, " +
      "there until its memory is wanted if nobody calls, 1 more like it",
  );
  assert.match(
    outcomeText(insight({ state: "busy" }, { environments: { ...environments, idle: 0, atWork: 3 } })),
    /^busy: all 3 environments are at work; /,
  );
  assert.match(outcomeText(insight({ state: "starting" })), /^starting: /);
});

test("what no worker can hold cannot start, and the most that one may be promised is told", () => {
  assert.equal(
    outcomeText(insight({ state: "too-large", offeredMiBMax: 100.5 })),
    "too large: no worker can hold an environment of 128 MB, the largest may be promised 100 MiB; the next call fails",
  );
});

function throttledText(reason: Extract<Verdict, { state: "throttled" }>["reason"], limit?: "scaling rate"): string {
  return outcomeText(insight({ state: "throttled", reason, ...(limit === undefined ? {} : { limit }) }));
}

test("throttled: which limit it is, and how much of it is in use", () => {
  assert.match(
    throttledText("ReservedFunctionConcurrentInvocationLimitExceeded"),
    /: 5 of the 5 that are reserved for it are in use$/,
  );
  const { limits, ...rest } = insight({
    state: "throttled",
    reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  });
  assert.match(
    outcomeText({ ...rest, limits: { ...limits, reserved: { inUse: 1, limit: 5 } } }),
    /: 1 of the 5 that are reserved for it are in use, and the others are provisioned for its versions$/,
  );
  assert.match(
    throttledText("ConcurrentInvocationLimitExceeded"),
    /: 100 of the 900 that functions without a reserve share /,
  );
  assert.match(throttledText("FunctionInvocationRateLimitExceeded"), /: no request of the 50 a second /);
  assert.match(
    throttledText("FunctionInvocationRateLimitExceeded", "scaling rate"),
    /: no start of the scaling rate's 1000 /,
  );
});

test("every decision is a sentence", () => {
  assert.equal(
    decisionText(decision("cold", "all-at-work", { durationMs: 12.34, detail: "pooled" })),
    "started cold, since all environments were at work; from the pool, ready after 12 ms",
  );
  assert.equal(
    decisionText(decision("evicted", "memory", { durationMs: 3000 })),
    "environment ended after 3 s idle: its memory was wanted for others",
  );
  assert.equal(
    decisionText(decision("throttled", "FunctionInvocationRateLimitExceeded", { detail: "scaling rate" })),
    "throttled: FunctionInvocationRateLimitExceeded, by the scaling rate",
  );
  assert.equal(
    decisionText(decision("throttled", "MemoryPressure")),
    "throttled: MemoryPressure, since no environment could be started: memory was short",
  );
});

test("that a provisioned environment is not ready is told with its reason", () => {
  assert.equal(
    decisionText(decision("not-provisioned", "init")),
    "provisioned environment not ready: the function's init phase failed",
  );
  assert.equal(
    decisionText(decision("not-provisioned", "start", { detail: "No worker has 128 MiB." })),
    "provisioned environment not ready: No worker has 128 MiB.",
  );
});

test("a version that cannot run is told by its state, one that is gone by its name", () => {
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:hello:9";

  assert.equal(outcomeText({ kind: "not-ready", state: "Failed", reason: "no code" }), "Failed: no code");
  assert.equal(outcomeText({ kind: "not-found", arn }), `there is no ${arn}`);
});

test("of an alias's versions the share is told, with no more digits than were given", () => {
  assert.deepEqual(
    [0.9, 0.1, 0.125, 0.07, 0.0001].map((weight) => shareText({ version: "3", weight })),
    [
      "90 % go to version 3",
      "10 % go to version 3",
      "12.5 % go to version 3",
      "7 % go to version 3",
      "0.01 % go to version 3",
    ],
  );
});

test("times have a date when it is not today's, durations their two greatest units", () => {
  assert.equal(timeText(nowMs, nowMs), "12:00:00");
  assert.equal(timeText(nowMs - 86_400_000, nowMs), "2026-05-31 12:00:00");
  assert.deepEqual([0.26, 9.94, 40.4, 1000, 59_600, 600_000, 5_400_000, 90_000_000, 3_601_000].map(durationText), [
    "0.3 ms",
    "9.9 ms",
    "40 ms",
    "1 s",
    "1 min",
    "10 min",
    "1 h 30 min",
    "1 d 1 h",
    "1 h",
  ]);
});
