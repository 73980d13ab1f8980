/**
 * Random histories over many functions: arrivals, changes, deletions, crashes, failing starts and lost workers in any
 * order. The fake worker states that no environment ever runs two invocations; here it is checked that every request
 * ends, that limits hold, and that nothing is left over.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keepAlivePolicyNames } from "../config/keep-alive.ts";
import { UnavailableError } from "../core/errors.ts";
import { configurationOf, DataPlaneWorld, settle } from "../../test/support/data-plane.ts";
import { environmentWaitMsMax } from "./assignment/waiting-line.ts";

const functions = 100;
const accountConcurrency = 12;
const reservedOfFirst = 2;

interface Step {
  readonly do: "invoke" | "change" | "delete" | "advance" | "crash" | "lose";
  /** Skewed: some functions are called far more often than others. */
  readonly which: number;
  readonly ms: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    { weight: 30, arbitrary: fc.constant("invoke" as const) },
    { weight: 10, arbitrary: fc.constant("advance" as const) },
    { weight: 2, arbitrary: fc.constant("change" as const) },
    { weight: 1, arbitrary: fc.constant("delete" as const) },
    { weight: 1, arbitrary: fc.constant("crash" as const) },
    { weight: 1, arbitrary: fc.constant("lose" as const) },
  ),
  which: fc.oneof(fc.nat(3), fc.nat(functions - 1)),
  ms: fc.oneof(fc.nat(20), fc.nat(2000)),
});

test("over random histories of 100 functions every request ends, limits hold and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 250 }), fc.nat(1000), async (history, salt) => {
      const keepAlivePolicy = keepAlivePolicyNames[salt % keepAlivePolicyNames.length] ?? "forecast";
      const world = await DataPlaneWorld.open({
        config: { accountConcurrency, keepAlivePolicy, keepAliveMs: 1000, environmentLifeMsMax: 5000 },
        memoryMiB: 128 * 30,
        behaviour: {
          startMs: (spec) => (parseInt(spec.id.slice(0, 4), 16) + salt) % 30,
          startError: (spec) =>
            (parseInt(spec.id.slice(0, 4), 16) + salt) % 17 === 0
              ? new UnavailableError("no-capacity", "out of luck")
              : undefined,
          handlerMs: (invocation) => (parseInt(invocation.requestId.slice(-4), 10) * 7 + salt) % 50,
          settleMs: (invocation) => (parseInt(invocation.requestId.slice(-4), 10) + salt) % 12,
          ends: (invocation) => parseInt(invocation.requestId.slice(-4), 10) % 23 === 0,
        },
      });
      let generation = 1;
      const put = (which: number): Promise<void> =>
        world.put(
          configurationOf(`f${which}`, { generation: generation++ }),
          which === 0 ? { reservedConcurrency: reservedOfFirst } : {},
        );
      for (let which = 0; which < functions; which++) await put(which);

      const outcomes: Promise<string>[] = [];
      const open = new Set<Promise<string>>();
      const request = (which: number): void => {
        const outcome = world
          .invoke(`f${which}`)
          .then(
            ({ kind }) => kind,
            (error) => (error instanceof UnavailableError ? "unavailable" : String(error)),
          )
          .finally(() => open.delete(outcome));
        open.add(outcome);
        outcomes.push(outcome);
      };
      for (const { do: what, which, ms } of history) {
        switch (what) {
          case "invoke":
            request(which);
            break;
          case "advance":
            world.clock.advance(ms);
            break;
          case "change":
            await put(which);
            break;
          case "delete":
            await world.delete(`f${which}`);
            break;
          case "crash": {
            const idle = world.workers.at(-1)?.live.find((each) => each.state === "idle" && each.invocations > 0);
            if (idle !== undefined && isIdleForTheDataPlane(world, idle.spec.id))
              world.workers.at(-1)?.crash(idle.spec.id);
            break;
          }
          case "lose":
            world.workers.at(-1)?.lose();
            if (ms % 2 === 0) world.clock.advance(ms);
            await world.attach(world.worker.behaviour, world.worker.memoryMiB);
            break;
        }
        await settle();
        const busy = world.workers.at(-1)?.live.filter((each) => each.state === "busy") ?? [];
        // A reserve that is set while everything is in use is kept at once; what is in flight goes on.
        assert(open.size <= accountConcurrency + reservedOfFirst, "requests beyond the limit are refused at once");
        // Environments whose invocation is answered may still be settling: they count no more, but are busy yet.
        assert(busy.length <= 2 * accountConcurrency);
      }

      for (let wait = 0; wait < 10; wait++) {
        world.clock.advance(environmentWaitMsMax / 5);
        await settle();
      }
      assert.equal(open.size, 0, "every request ended");
      const expected = new Set(["executed", "throttled", "unavailable", "not-found"]);
      for (const outcome of await Promise.all(outcomes)) assert(expected.has(outcome), outcome);

      for (let which = 0; which < functions; which++) await world.delete(`f${which}`);
      world.clock.advance(10_000);
      await settle();
      assert.equal(world.workers.at(-1)?.live.length, 0, "every environment ended when nobody needed it");
      await world.close();
    }),
    { numRuns: 60 },
  );
});

/** The worker may be ready to be crashed while its report is still on the way. */
function isIdleForTheDataPlane(world: DataPlaneWorld, id: string): boolean {
  return world.dataPlane.environment(id) !== undefined;
}
