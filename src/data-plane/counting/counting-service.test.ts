import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { ThrottleReason } from "../frontend/contract.ts";
import { CountingService, type Admission, type Lease } from "./counting-service.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const resize = functionArn(scope, "resize");
const mail = functionArn(scope, "mail");

/** Without rates. */
function countingOf(accountConcurrency: number): CountingService {
  return new CountingService({ accountConcurrency, requestsPerConcurrency: 0 });
}

function refused(reason: ThrottleReason): Admission {
  return { admitted: false, reason, retryAfterMs: 1000 };
}

function admitted(counting: CountingService, arn: string, version = "$LATEST", from = scope): Lease {
  const admission = counting.admit(from, arn, version, 0);
  assert(admission.admitted);
  return admission.lease;
}

test("throttles a function at its reserved concurrency, and admits again once a lease is returned", () => {
  const counting = countingOf(1000);
  counting.setReserved(scope, resize, 1);

  const lease = admitted(counting, resize);
  assert.deepEqual(
    counting.admit(scope, resize, "$LATEST", 0),
    refused("ReservedFunctionConcurrentInvocationLimitExceeded"),
  );

  lease[Symbol.dispose]();
  assert(counting.admit(scope, resize, "$LATEST", 0).admitted);
});

test("a function reserved at zero is never admitted", () => {
  const counting = countingOf(1000);
  counting.setReserved(scope, resize, 0);

  assert.equal(counting.admit(scope, resize, "$LATEST", 0).admitted, false);
});

test("an account's functions share what is not reserved, and a reserve is never taken by others", () => {
  const counting = countingOf(3);
  counting.setReserved(scope, resize, 2);

  admitted(counting, mail);
  assert.deepEqual(counting.admit(scope, mail, "$LATEST", 0), refused("ConcurrentInvocationLimitExceeded"));

  admitted(counting, resize);
  admitted(counting, resize);
});

test("accounts and regions do not share a limit", () => {
  const counting = countingOf(1);
  const elsewhere = { account: "111111111111", region: "us-east-1" };
  const abroad = { account: "000000000000", region: "eu-west-1" };

  admitted(counting, resize);
  admitted(counting, functionArn(elsewhere, "resize"), "$LATEST", elsewhere);
  admitted(counting, functionArn(abroad, "resize"), "$LATEST", abroad);
});

test("a lease returned twice gives back one place", () => {
  const counting = countingOf(2);
  const first = admitted(counting, resize);
  admitted(counting, resize);

  first[Symbol.dispose]();
  first[Symbol.dispose]();

  admitted(counting, resize);
  assert.equal(counting.admit(scope, resize, "$LATEST", 0).admitted, false);
});

test("provisioned concurrency runs first, and what spills over draws from the account", () => {
  const counting = countingOf(3);
  counting.setProvisioned(scope, resize, new Map([["1", 2]]));

  admitted(counting, mail);
  assert.deepEqual(
    counting.admit(scope, mail, "$LATEST", 0),
    refused("ConcurrentInvocationLimitExceeded"),
    "what is provisioned is taken from the account",
  );
  admitted(counting, resize, "1");
  const second = admitted(counting, resize, "1");
  assert.equal(counting.admit(scope, resize, "1", 0).admitted, false);
  assert.equal(counting.admit(scope, resize, "$LATEST", 0).admitted, false, "other versions have no part in it");

  second[Symbol.dispose]();
  assert(counting.admit(scope, resize, "1", 0).admitted);
});

test("a function that has provisioned all that it reserved runs nothing on demand", () => {
  const counting = countingOf(1000);
  counting.setReserved(scope, resize, 2);
  counting.setProvisioned(scope, resize, new Map([["1", 2]]));

  assert.deepEqual(
    counting.admit(scope, resize, "$LATEST", 0),
    refused("ReservedFunctionConcurrentInvocationLimitExceeded"),
  );
  admitted(counting, resize, "1");
  admitted(counting, resize, "1");
  assert.deepEqual(counting.admit(scope, resize, "1", 0), refused("ReservedFunctionConcurrentInvocationLimitExceeded"));
});

test("what is in flight when provisioned concurrency is taken away counts on demand from then on", () => {
  const counting = countingOf(2);
  counting.setProvisioned(scope, resize, new Map([["1", 2]]));
  const first = admitted(counting, resize, "1");
  admitted(counting, resize, "1");

  counting.setProvisioned(scope, resize, new Map());

  assert.equal(counting.admit(scope, mail, "$LATEST", 0).admitted, false);
  first[Symbol.dispose]();
  assert(counting.admit(scope, mail, "$LATEST", 0).admitted);
});

test("over any history, no admission goes beyond a limit and no lease is lost", () => {
  const names = ["a", "b", "c", "d"];
  const name = fc.constantFrom(...names);
  const version = fc.constantFrom("$LATEST", "1", "2");
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("admit" as const), name, version }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(50) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("reserve" as const),
        name,
        reserved: fc.option(fc.nat(4), { nil: undefined }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("provision" as const), name, first: fc.nat(3), second: fc.nat(3) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), name }) },
  );

  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 200 }), (accountConcurrency, history) => {
      const counting = countingOf(accountConcurrency);
      const held: { name: string; version: string; lease: Lease }[] = [];
      const reserves = new Map<string, number>();
      const provisioned = new Map<string, Map<string, number>>();
      const inFlight = (of: string, at?: string): number =>
        held.filter((each) => each.name === of && (at === undefined || each.version === at)).length;
      const provisionedOf = (of: string, at?: string): number =>
        at === undefined ? sum(provisioned.get(of)?.values() ?? []) : (provisioned.get(of)?.get(at) ?? 0);
      const onDemand = (of: string): number =>
        sum(["$LATEST", "1", "2"].map((at) => Math.max(0, inFlight(of, at) - provisionedOf(of, at))));
      const hasRoom = (of: string, at: string): boolean => {
        const reserve = reserves.get(of);
        if (reserve !== undefined && inFlight(of) >= reserve) return false;
        if (inFlight(of, at) < provisionedOf(of, at)) return true;
        if (reserve !== undefined) return onDemand(of) < reserve - provisionedOf(of);
        const unreserved = names.filter((each) => !reserves.has(each));
        const setAside = sum(reserves.values()) + sum(unreserved.map((each) => provisionedOf(each)));
        return sum(unreserved.map(onDemand)) < accountConcurrency - setAside;
      };

      for (const event of history) {
        switch (event.do) {
          case "admit": {
            const expected = hasRoom(event.name, event.version);
            const admission = counting.admit(scope, functionArn(scope, event.name), event.version, 0);
            assert.equal(admission.admitted, expected);
            if (admission.admitted) held.push({ name: event.name, version: event.version, lease: admission.lease });
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
          case "provision": {
            const each = new Map([
              ["1", event.first],
              ["2", event.second],
            ]);
            provisioned.set(event.name, each);
            counting.setProvisioned(scope, functionArn(scope, event.name), each);
            break;
          }
          case "forget": {
            reserves.delete(event.name);
            provisioned.delete(event.name);
            counting.forget(scope, functionArn(scope, event.name));
            break;
          }
        }
        for (const each of names) assert.equal(counting.inFlight(functionArn(scope, each)), inFlight(each));
      }
    }),
  );
});

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, each) => total + each, 0);
}
