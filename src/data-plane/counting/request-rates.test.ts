/** The request rates of the counting service; its concurrency is in counting-service.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { CountingService } from "./counting-service.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const resize = functionArn(scope, "resize");
const mail = functionArn(scope, "mail");

function countingOf(accountConcurrency: number, requestsPerConcurrency = 10): CountingService {
  return new CountingService({ accountConcurrency, requestsPerConcurrency });
}

/** Runs one after the other, each in no time, until one is refused or so many ran. */
function run(counting: CountingService, arn: string, nowMs: number, max = 100_000, version = "$LATEST") {
  for (let ran = 0; ran < max; ran++) {
    const admission = counting.admit(scope, arn, version, nowMs);
    if (!admission.admitted) return { ran, reason: admission.reason, retryAfterMs: admission.retryAfterMs };
    admission.lease[Symbol.dispose]();
  }
  return { ran: max };
}

test("a function with a reserve gets ten requests a second for each environment that may run", () => {
  const counting = countingOf(1000);
  counting.setReserved(scope, resize, 2);

  assert.deepEqual(run(counting, resize, 0), {
    ran: 20,
    reason: "ReservedFunctionInvocationRateLimitExceeded",
    retryAfterMs: 50,
  });
  assert.equal(run(counting, resize, 50).ran, 1);
  assert.equal(run(counting, resize, 1050).ran, 20);
});

test("functions without a reserve share ten times the concurrency that they share", () => {
  const counting = countingOf(10);
  counting.setReserved(scope, functionArn(scope, "other"), 4);

  assert.equal(run(counting, resize, 0, 40).ran, 40);
  assert.deepEqual(run(counting, mail, 0), {
    ran: 20,
    reason: "FunctionInvocationRateLimitExceeded",
    retryAfterMs: 1000 / 60,
  });
});

test("accounts and regions do not share a rate", () => {
  const counting = countingOf(1);
  run(counting, resize, 0);

  for (const elsewhere of [
    { ...scope, account: "111111111111" },
    { ...scope, region: "eu-west-1" },
  ]) {
    assert(counting.admit(elsewhere, functionArn(elsewhere, "resize"), "$LATEST", 0).admitted);
  }
});

test("what is provisioned has its own rate, and what goes beyond draws from its function's reserve", () => {
  const counting = countingOf(1000);
  counting.setReserved(scope, resize, 5);
  counting.setProvisioned(scope, resize, new Map([["1", 3]]));

  assert.equal(run(counting, resize, 0, 100_000, "1").ran, 50);
  assert.equal(run(counting, resize, 0).ran, 0);
  assert.equal(run(counting, resize, 1000).ran, 20, "others have no part in what a version has provisioned");
  assert.deepEqual(run(counting, resize, 1000, 100_000, "1"), {
    ran: 30,
    reason: "ReservedFunctionInvocationRateLimitExceeded",
    retryAfterMs: 1000 / 30,
  });
});

test("concurrency is the reason when both are used up, and a refusal costs nothing of the rate", () => {
  const counting = countingOf(1000, 1);
  counting.setReserved(scope, resize, 2);
  const held = [0, 1].map(() => counting.admit(scope, resize, "$LATEST", 0));

  for (let call = 0; call < 5; call++) {
    const refused = counting.admit(scope, resize, "$LATEST", 1000);
    assert(!refused.admitted);
    assert.equal(refused.reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
  }

  for (const admission of held) if (admission.admitted) admission.lease[Symbol.dispose]();
  assert.equal(run(counting, resize, 1000).ran, 2);
});

test("events that were accepted run at any rate, and count against nobody's", () => {
  const counting = countingOf(1000);
  counting.setReserved(scope, resize, 1);

  for (let event = 0; event < 100; event++) {
    const admission = counting.admit(scope, resize, "$LATEST", 0, true);
    assert(admission.admitted);
    admission.lease[Symbol.dispose]();
  }
  assert.equal(run(counting, resize, 0).ran, 10);
});

test("with no requests for each unit of concurrency there is no rate", () => {
  const counting = countingOf(1, 0);

  assert.equal(run(counting, resize, 0, 10_000).ran, 10_000);
});

test("a reserve that is set, changed or taken away is limited by its new rate within a second", () => {
  const counting = countingOf(100);
  counting.setReserved(scope, resize, 1);
  assert.equal(run(counting, resize, 0).ran, 10);

  counting.setReserved(scope, resize, 3);
  assert.equal(run(counting, resize, 1000).ran, 30);

  counting.setReserved(scope, resize, undefined);
  assert.equal(run(counting, resize, 1000).ran, 1000);
});

test("over any history no share of an account gets more in any time than its rate, and no lease is lost", () => {
  const names = ["a", "b", "c", "d"];
  const reserves: Readonly<Record<string, number>> = { c: 1, d: 3 };
  const provisioned = { name: "d", version: "1", count: 1 };
  const accountConcurrency = 8;
  const factor = 2;
  const step = fc.record({
    pauseMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(40), fc.nat(1500)),
    name: fc.constantFrom(...names),
    version: fc.constantFrom("$LATEST", "1"),
    holds: fc.boolean(),
    release: fc.nat(8),
  });
  /** Who draws from the same rate, without provisioned concurrency and with it, and their concurrency together. */
  const shares = [
    { of: (name: string) => reserves[name] === undefined, concurrency: 4 },
    { of: (name: string) => name === "c", concurrency: 1 },
    { of: (name: string) => name === "d", concurrency: 3 },
    { of: () => true, concurrency: accountConcurrency },
  ];

  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (history) => {
      const counting = countingOf(accountConcurrency, factor);
      for (const [name, reserve] of Object.entries(reserves)) {
        counting.setReserved(scope, functionArn(scope, name), reserve);
      }
      const shareOfVersion = new Map([[provisioned.version, provisioned.count]]);
      counting.setProvisioned(scope, functionArn(scope, provisioned.name), shareOfVersion);
      const ran: { readonly atMs: number; readonly name: string }[] = [];
      const held: { readonly name: string; readonly lease: Disposable }[] = [];
      let nowMs = 0;

      for (const { pauseMs, name, version, holds, release } of history) {
        nowMs += pauseMs;
        const admission = counting.admit(scope, functionArn(scope, name), version, nowMs);
        if (admission.admitted) {
          ran.push({ atMs: nowMs, name });
          if (holds) held.push({ name, lease: admission.lease });
          else admission.lease[Symbol.dispose]();
        } else {
          assert(admission.retryAfterMs > 0 && admission.retryAfterMs <= 60_000);
        }
        if (release < held.length) held.splice(release, 1)[0]?.lease[Symbol.dispose]();
        for (const each of names) {
          const count = held.filter((one) => one.name === each).length;
          assert.equal(counting.inFlight(functionArn(scope, each)), count);
        }
      }

      for (const { of, concurrency } of shares) {
        const times = ran.filter(({ name }) => of(name)).map(({ atMs }) => atMs);
        const perSecond = factor * concurrency;
        for (const [first, fromMs] of times.entries()) {
          for (let last = first; last < times.length; last++) {
            const inflow = (((times[last] ?? 0) - fromMs) * perSecond) / 1000;
            assert(last - first + 1 <= perSecond + inflow + 0.001, "more ran than the rate allows");
          }
        }
      }
      for (const { lease } of held) lease[Symbol.dispose]();
      assert(names.every((each) => counting.inFlight(functionArn(scope, each)) === 0));
      nowMs += 1000;
      for (const name of names) {
        const ofReserve = factor * (reserves[name] ?? 0);
        if (ofReserve > 0) assert.equal(run(counting, functionArn(scope, name), nowMs, 100, "1").ran, ofReserve);
      }
    }),
  );
});
