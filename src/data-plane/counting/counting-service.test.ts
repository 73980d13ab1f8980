import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { CountingService, type Lease } from "./counting-service.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const resize = functionArn(scope, "resize");
const mail = functionArn(scope, "mail");

function admitted(counting: CountingService, arn: string, from = scope): Lease {
  const admission = counting.admit(from, arn);
  assert(admission.admitted);
  return admission.lease;
}

test("throttles a function at its reserved concurrency, and admits again once a lease is returned", () => {
  const counting = new CountingService({ accountConcurrency: 1000 });
  counting.setReserved(scope, resize, 1);

  const lease = admitted(counting, resize);
  assert.deepEqual(counting.admit(scope, resize), {
    admitted: false,
    reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  });

  lease[Symbol.dispose]();
  assert(counting.admit(scope, resize).admitted);
});

test("a function reserved at zero is never admitted", () => {
  const counting = new CountingService({ accountConcurrency: 1000 });
  counting.setReserved(scope, resize, 0);

  assert.equal(counting.admit(scope, resize).admitted, false);
});

test("an account's functions share what is not reserved, and a reserve is never taken by others", () => {
  const counting = new CountingService({ accountConcurrency: 3 });
  counting.setReserved(scope, resize, 2);

  admitted(counting, mail);
  assert.deepEqual(counting.admit(scope, mail), { admitted: false, reason: "ConcurrentInvocationLimitExceeded" });

  admitted(counting, resize);
  admitted(counting, resize);
});

test("accounts and regions do not share a limit", () => {
  const counting = new CountingService({ accountConcurrency: 1 });
  const elsewhere = { account: "111111111111", region: "us-east-1" };
  const abroad = { account: "000000000000", region: "eu-west-1" };

  admitted(counting, resize);
  admitted(counting, functionArn(elsewhere, "resize"), elsewhere);
  admitted(counting, functionArn(abroad, "resize"), abroad);
});

test("a lease returned twice gives back one place", () => {
  const counting = new CountingService({ accountConcurrency: 2 });
  const first = admitted(counting, resize);
  admitted(counting, resize);

  first[Symbol.dispose]();
  first[Symbol.dispose]();

  admitted(counting, resize);
  assert.equal(counting.admit(scope, resize).admitted, false);
});

test("over any history, no admission goes beyond a limit and no lease is lost", () => {
  const names = ["a", "b", "c", "d"];
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("admit" as const), name: fc.constantFrom(...names) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(50) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("reserve" as const),
        name: fc.constantFrom(...names),
        reserved: fc.option(fc.nat(4), { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), name: fc.constantFrom(...names) }) },
  );

  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 200 }), (accountConcurrency, history) => {
      const counting = new CountingService({ accountConcurrency });
      const held: { name: string; lease: Lease }[] = [];
      const reserves = new Map<string, number>();
      const inFlight = (name: string): number => held.filter((each) => each.name === name).length;

      for (const event of history) {
        switch (event.do) {
          case "admit": {
            const reserve = reserves.get(event.name);
            const reserved = [...reserves.values()].reduce((sum, each) => sum + each, 0);
            const unreserved = held.filter((each) => !reserves.has(each.name)).length;
            const hasRoom =
              reserve === undefined ? unreserved < accountConcurrency - reserved : inFlight(event.name) < reserve;
            const admission = counting.admit(scope, functionArn(scope, event.name));
            assert.equal(admission.admitted, hasRoom);
            if (admission.admitted) held.push({ name: event.name, lease: admission.lease });
            break;
          }
          case "release": {
            const [released] = held.splice(event.which % Math.max(1, held.length), 1);
            released?.lease[Symbol.dispose]();
            break;
          }
          case "reserve": {
            if (event.reserved === undefined) reserves.delete(event.name);
            else reserves.set(event.name, event.reserved);
            counting.setReserved(scope, functionArn(scope, event.name), event.reserved);
            break;
          }
          case "forget": {
            reserves.delete(event.name);
            counting.forget(scope, functionArn(scope, event.name));
            break;
          }
        }
        for (const name of names) assert.equal(counting.inFlight(functionArn(scope, name)), inFlight(name));
      }
    }),
  );
});
