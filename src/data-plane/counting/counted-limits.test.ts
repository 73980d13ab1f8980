/** What the counting service and the scaling rate tell of their limits: what is left, and what would be refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { CountingService, type Lease } from "./counting-service.ts";
import { createScalingRate } from "./scaling-rate.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const resize = functionArn(scope, "resize");
const mail = functionArn(scope, "mail");

test("what is reserved, provisioned and left to others is told with what of it is in use", () => {
  const counting = new CountingService({ accountConcurrency: 1000, requestsPerConcurrency: 10 });
  counting.setReserved(scope, resize, 100);
  counting.setProvisioned(scope, resize, new Map([["1", 10]]));
  counting.admit(scope, mail, "$LATEST", 0);
  counting.admit(scope, resize, "1", 0);

  assert.deepEqual(counting.limits(scope, resize, "1", 0), {
    refusal: undefined,
    inFlight: 1,
    accountConcurrency: 1000,
    unreserved: { inUse: 1, limit: 900 },
    reserved: { inUse: 1, limit: 100 },
    provisioned: { inUse: 1, limit: 10 },
    requests: { left: 900, perSecond: 900 },
    provisionedRequests: { left: 99, perSecond: 100 },
  });
});

test("starts that are left are told for each function, or for the account where the rate is the classic one", () => {
  for (const [name, left] of [
    ["current", 1000],
    ["classic", 998],
  ] as const) {
    const rate = createScalingRate({
      scalingRate: name,
      environmentsPerTenSeconds: 1000,
      accountConcurrency: 1000,
    });
    for (let count = 0; count < 2; count++) rate.take(scope, resize, 0);

    assert.deepEqual(rate.left(scope, resize, 0), { name, left: 998, max: 1000 });
    assert.deepEqual(rate.left(scope, mail, 0), { name, left, max: 1000 });
  }
});

test("after any history, what is told to be refused next is what is refused next, and asking changes nothing", () => {
  const step = fc.record({
    arn: fc.constantFrom(resize, mail),
    version: fc.constantFrom("1", "$LATEST"),
    afterMs: fc.nat(50),
    ends: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.option(fc.nat(4)), fc.nat(3), (steps, reserved, provisioned) => {
      const counting = new CountingService({ accountConcurrency: 6, requestsPerConcurrency: 3 });
      counting.setReserved(scope, resize, reserved ?? undefined);
      counting.setProvisioned(scope, resize, new Map([["1", Math.min(provisioned, reserved ?? 3)]]));
      const leases: Lease[] = [];
      let nowMs = 0;
      for (const { arn, version, afterMs, ends } of steps) {
        nowMs += afterMs;
        if (ends) leases.shift()?.[Symbol.dispose]();
        const told = counting.limits(scope, arn, version, nowMs).refusal;
        const admission = counting.admit(scope, arn, version, nowMs);
        assert.equal(admission.admitted ? undefined : admission.reason, told);
        if (admission.admitted) leases.push(admission.lease);
      }
    }),
  );
});
