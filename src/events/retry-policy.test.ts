import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backOffMs,
  defaultRetrySettings,
  isTooOld,
  stepAfter,
  type AttemptKind,
  type EventHistory,
  type NextStep,
  type RetrySettings,
} from "./retry-policy.ts";

const acceptedAtMs = 1_000_000;
const fresh: EventHistory = { acceptedAtMs, failures: 0, waits: 0 };

function after(
  attempt: AttemptKind,
  history: Partial<EventHistory> = {},
  settings: Partial<RetrySettings> = {},
  ageMs = 0,
): NextStep {
  return stepAfter(attempt, { ...fresh, ...history }, { ...defaultRetrySettings, ...settings }, acceptedAtMs + ageMs);
}

const exhausted = { kind: "failed", condition: "RetriesExhausted" };
const tooOld = { kind: "failed", condition: "EventAgeExceeded" };

test("a function that fails is tried again after one minute, then after two, and no more", () => {
  assert.deepEqual(after("failed"), { kind: "retry", delayMs: 60_000 });
  assert.deepEqual(after("failed", { failures: 1 }), { kind: "retry", delayMs: 120_000 });
  assert.deepEqual(after("failed", { failures: 2 }), exhausted);
});

test("the maximum of retries is obeyed, none included", () => {
  assert.deepEqual(after("failed", {}, { maximumRetryAttempts: 0 }), exhausted);
  assert.deepEqual(after("failed", {}, { maximumRetryAttempts: 1 }), { kind: "retry", delayMs: 60_000 });
  assert.deepEqual(after("failed", { failures: 1 }, { maximumRetryAttempts: 1 }), exhausted);
});

test("what was not served waits 1 s, then twice as long each time up to 5 minutes, and has as many retries as before", () => {
  const waits = Array.from({ length: 11 }, (_, index) => backOffMs(index) / 1000);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);

  assert.deepEqual(after("not-served", { failures: 2, waits: 40 }), { kind: "back-off", delayMs: 300_000 });
  assert.deepEqual(after("not-served", { waits: 1 }, { maximumRetryAttempts: 0 }), { kind: "back-off", delayMs: 2000 });
});

test("an event whose next attempt would come after its maximum age has failed at once", () => {
  const maximumEventAgeMs = 60_000;
  assert.deepEqual(after("failed", {}, { maximumEventAgeMs }), { kind: "retry", delayMs: 60_000 });
  assert.deepEqual(after("failed", {}, { maximumEventAgeMs }, 1), tooOld);
  assert.deepEqual(after("not-served", { waits: 5 }, { maximumEventAgeMs }, 28_000), {
    kind: "back-off",
    delayMs: 32_000,
  });
  assert.deepEqual(after("not-served", { waits: 5 }, { maximumEventAgeMs }, 28_001), tooOld);
  assert(!isTooOld(fresh, { ...defaultRetrySettings, maximumEventAgeMs }, acceptedAtMs + 60_000));
  assert(isTooOld(fresh, { ...defaultRetrySettings, maximumEventAgeMs }, acceptedAtMs + 60_001));
});

test("retries that are used up count for more than age", () => {
  assert.deepEqual(after("failed", { failures: 2 }, {}, 1e9), exhausted);
});

test("an event that succeeded is done, however old; zero concurrency and a loop end it at once", () => {
  assert.deepEqual(after("succeeded", {}, {}, 1e9), { kind: "succeeded" });
  assert.deepEqual(after("zero-reserved"), { kind: "failed", condition: "ZeroReservedConcurrency" });
  assert.deepEqual(after("recursive"), { kind: "failed", condition: "RecursiveInvocation" });
});
