/**
 * Random histories of functions that are called more than they may: at once, a second, and with more new environments
 * than they may get; some fail, some take their environment with them, starts and inits fail, environments and workers
 * are lost, reserves come and go. No limit is exceeded in any stretch of time, and when all is over every place is free
 * again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UnavailableError } from "../core/errors.ts";
import { configurationOf, DataPlaneWorld, settle } from "../../test/support/data-plane.ts";
import type { InvokeOutcome } from "./frontend/contract.ts";

const accountConcurrency = 4;
const requestsPerConcurrency = 5;
const environmentsPerTenSeconds = 3;
/** One with a reserve that comes and goes; of the others one runs for long. */
const names = ["reserved", "slow", "quick"] as const;

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("invoke" as const),
      name: fc.constantFrom(...names),
      isEvent: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.oneof(fc.nat(30), fc.nat(1500)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reserve" as const), reserve: fc.constantFrom(0, 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
);

const histories = fc.array(step, { minLength: 20, maxLength: 150 });

/** More than that began in no time, and than flowed in meanwhile. */
function assertRate(timesMs: readonly number[], capacity: number, refillMs: number, what: string): void {
  for (const [first, fromMs] of timesMs.entries()) {
    for (let last = first; last < timesMs.length; last++) {
      const inflow = (((timesMs[last] ?? 0) - fromMs) * capacity) / refillMs;
      assert(last - first + 1 <= capacity + inflow + 0.001, what);
    }
  }
}

test("over random histories no limit is exceeded, and no place is lost", async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.nat(1000), fc.boolean(), async (history, salt, isTroubled) => {
      const started = new Map<string, number[]>();
      const begun: number[] = [];
      const numberOf = (requestId: string): number => parseInt(requestId.slice(-6), 10) + salt;
      let fails = isTroubled;
      const isUnlucky = ({ id }: { readonly id: string }, among: number): boolean =>
        fails && (parseInt(id.slice(0, 6), 16) + salt) % among === 0;
      const world = await DataPlaneWorld.open({
        config: { accountConcurrency, requestsPerConcurrency, environmentsPerTenSeconds, keepAliveMs: 2000 },
        behaviour: {
          startMs({ functionName }) {
            const times = started.get(functionName) ?? [];
            times.push(world.clock.monotonicMs());
            started.set(functionName, times);
            return times.length % 3;
          },
          startError: (spec) => (isUnlucky(spec, 7) ? new UnavailableError("no-capacity", "out of luck") : undefined),
          initialized: (spec) => !isUnlucky(spec, 5),
          handlerMs: ({ requestId, invokedFunctionArn }) =>
            invokedFunctionArn.endsWith("slow") ? (numberOf(requestId) * 7) % 900 : numberOf(requestId) % 3,
          handler: ({ requestId, payload }) =>
            numberOf(requestId) % 4 === 0
              ? { kind: "function-error", functionError: "Unhandled", payload }
              : { kind: "success", payload, contentType: "application/json" },
          settleMs: ({ requestId }) => numberOf(requestId) % 20,
          ends: ({ requestId }) => numberOf(requestId) % 5 === 0,
        },
      });
      const reserve = (reservedConcurrency: number): Promise<void> =>
        world.put(configurationOf("reserved"), { reservedConcurrency });
      await reserve(1);
      for (const name of ["slow", "quick"]) await world.put(configurationOf(name));
      const open = new Set<Promise<unknown>>();
      const outcomes: InvokeOutcome[] = [];
      const failures: unknown[] = [];
      const invoke = (name: string, isEvent: boolean): void => {
        const atMs = world.clock.monotonicMs();
        const called = async (): Promise<void> => {
          const outcome = await world.invoke(name, isEvent ? { isEvent } : {});
          outcomes.push(outcome);
          if (outcome.kind === "executed" && !isEvent) begun.push(atMs);
        };
        const outcome = called()
          .catch((error: unknown) => failures.push(error))
          .finally(() => open.delete(outcome));
        open.add(outcome);
      };

      for (const each of history) {
        if (each.do === "invoke") invoke(each.name, each.isEvent);
        else if (each.do === "advance") world.clock.advance(each.ms);
        else if (each.do === "reserve") await reserve(each.reserve);
        else if (isTroubled) await trouble(world, each.do);
        await settle();
        assert(open.size <= accountConcurrency + 1, "those who are turned away know it at once");
      }

      fails = false;
      await reserve(1);
      for (let wait = 0; wait < 10; wait++) {
        world.clock.advance(2000);
        await settle();
      }
      assert.equal(open.size, 0, "everybody was answered");
      // An attempt that failed is repeated without another right to start.
      for (const times of isTroubled ? [] : started.values()) {
        assertRate(times, environmentsPerTenSeconds, 10_000, "more environments were started than may be");
      }
      begun.sort((one, other) => one - other);
      assertRate(begun, accountConcurrency * requestsPerConcurrency, 1000, "more requests ran than may in a second");
      assert(isTroubled || failures.length === 0);
      for (const failure of failures) assert(failure instanceof UnavailableError, String(failure));
      for (const outcome of outcomes) {
        assert(outcome.kind === "executed" || outcome.kind === "throttled");
        if (outcome.kind === "throttled") assert(outcome.retryAfterSeconds >= 1 && outcome.retryAfterSeconds <= 60);
      }
      const { behaviour } = world.workers.at(-1) ?? world.worker;
      behaviour.handlerMs = () => 100;
      const last = ["reserved", "reserved", "slow", "quick", "quick"].map((name) => world.invoke(name));
      await settle();
      world.clock.advance(1000);
      await settle();
      world.clock.advance(1000);
      const kinds = (await Promise.all(last)).map(({ kind }) => kind);
      assert.deepEqual(kinds, ["executed", "throttled", "executed", "executed", "executed"], "every place is free");
      world.clock.advance(10_000);
      await settle();
      await world.close();
    }),
    { numRuns: 60 },
  );
});

/** An idle environment crashes, or the worker is lost with all that runs on it and another one comes. */
async function trouble(world: DataPlaneWorld, what: "crash" | "lose"): Promise<void> {
  const worker = world.workers.at(-1);
  if (what === "lose") {
    worker?.lose();
    await world.attach(worker?.behaviour);
    return;
  }
  const idle = worker?.live.find(
    ({ state, spec }) => state === "idle" && world.dataPlane.environment(spec.id) !== undefined,
  );
  if (idle !== undefined) worker?.crash(idle.spec.id);
}
