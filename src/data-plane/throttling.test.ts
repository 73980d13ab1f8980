/** Who is turned away, why, and that every place comes back: the whole data plane over fake workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, settle } from "../../test/support/data-plane.ts";
import type { InvokeOutcome } from "./frontend/contract.ts";

type Throttled = Extract<InvokeOutcome, { kind: "throttled" }>;

function throttledOf(outcomes: readonly InvokeOutcome[]): Throttled[] {
  return outcomes.filter((outcome) => outcome.kind === "throttled");
}

/** Calls it so often at once, lets `forMs` pass, and waits for every answer. */
async function callAtOnce(world: DataPlaneWorld, count: number, forMs = 0, name = "hello"): Promise<InvokeOutcome[]> {
  const calls = Array.from({ length: count }, () => world.invoke(name));
  await settle();
  world.clock.advance(forMs);
  const outcomes = await Promise.all(calls);
  for (const outcome of outcomes) if (outcome.kind === "executed") await outcome.report;
  return outcomes;
}

test("a function that needs more environments than its scaling rate allows is throttled, and runs when there is room", async () => {
  const world = await DataPlaneWorld.open({
    config: { environmentsPerTenSeconds: 2 },
    behaviour: { handlerMs: () => 10 },
  });
  await world.put(configurationOf("hello"));
  await world.put(configurationOf("other"));

  const outcomes = await callAtOnce(world, 3, 10);

  assert.deepEqual(throttledOf(outcomes), [
    { kind: "throttled", reason: "FunctionInvocationRateLimitExceeded", retryAfterSeconds: 5 },
  ]);
  assert.equal(world.worker.starts.length, 2);
  assert.equal(throttledOf(await callAtOnce(world, 2, 10)).length, 0, "what is warm needs no room");
  assert.equal(throttledOf(await callAtOnce(world, 1, 10, "other")).length, 0, "others have their own rate");
  world.clock.advance(5000);
  assert.equal(throttledOf(await callAtOnce(world, 3, 10)).length, 0);
  await world.close();
});

test("who waits for an environment that is about to be free, or that starts already, takes nothing from the scaling rate", async () => {
  const world = await DataPlaneWorld.open({
    config: { environmentsPerTenSeconds: 1 },
    behaviour: { startMs: () => 100, settleMs: () => 2 },
  });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(100);
  executed(await first);

  for (let call = 0; call < 5; call++) {
    const next = world.invoke("hello");
    await settle();
    world.clock.advance(2);
    executed(await next);
  }

  assert.equal(world.worker.starts.length, 1);
  world.clock.advance(2);
  await settle();
  await world.close();
});

test("who waits for an environment that is about to be free goes on waiting when no other may be started", async () => {
  const world = await DataPlaneWorld.open({
    config: { environmentsPerTenSeconds: 1 },
    behaviour: { settleMs: () => 500 },
  });
  await world.put(configurationOf("hello"));
  executed(await world.invoke("hello"));

  const second = world.invoke("hello");
  await settle();
  assert.equal((await world.invoke("hello")).kind, "throttled", "there is one environment, and one who waits for it");
  world.clock.advance(499);
  await settle();
  world.clock.advance(1);

  executed(await second);
  world.clock.advance(500);
  await settle();
  await world.close();
});

test("the latest is turned away when the environment goes for which another waits, and none may follow it", async () => {
  const world = await DataPlaneWorld.open({
    config: { environmentsPerTenSeconds: 1 },
    behaviour: { settleMs: () => 3, ends: () => true },
  });
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));

  const second = world.invoke("hello");
  await settle();
  world.clock.advance(3);

  assert.equal((await first.report).environment, "gone");
  assert.equal((await second).kind, "throttled");
  await world.close();
});

test("classic, with a limit of 10,000 and a burst of 3000: after 2000 calls of one function 1000 more run, of any", async () => {
  const world = await DataPlaneWorld.open({
    config: { accountConcurrency: 10_000, scalingRate: "classic" },
    behaviour: { handlerMs: () => 10 },
    memoryMiB: 10_000 * 128,
  });
  await world.put(configurationOf("hello"));
  await world.put(configurationOf("other"));

  const [first, second] = await Promise.all([callAtOnce(world, 2000, 10), callAtOnce(world, 1001, 10, "other")]);

  assert.equal(throttledOf(first).length, 0);
  assert.deepEqual(throttledOf(second), [
    { kind: "throttled", reason: "FunctionInvocationRateLimitExceeded", retryAfterSeconds: 1 },
  ]);
  await world.close();
});

test("a function that is called more often than ten times a second for each environment is throttled until its rate recovers", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"), { reservedConcurrency: 1 });
  const callInTurn = async (): Promise<InvokeOutcome> => {
    const [outcome] = await callAtOnce(world, 1);
    assert(outcome !== undefined);
    return outcome;
  };

  for (let call = 0; call < 10; call++) executed(await callInTurn());

  assert.deepEqual(await callInTurn(), {
    kind: "throttled",
    reason: "ReservedFunctionInvocationRateLimitExceeded",
    retryAfterSeconds: 1,
  });
  world.clock.advance(100);
  executed(await callInTurn());
  await world.close();
});

const endings: readonly (readonly [string, (world: DataPlaneWorld) => Promise<void>])[] = [
  [
    "an answer",
    async (world) => {
      await callAtOnce(world, 1, 10);
    },
  ],
  [
    "a failed function",
    async (world) => {
      world.worker.behaviour.handler = () => ({
        kind: "function-error",
        functionError: "Unhandled",
        payload: Buffer.from("{}"),
        contentType: "application/json",
      });
      await callAtOnce(world, 1, 10);
    },
  ],
  [
    "a crash or a timeout that ends the environment",
    async (world) => {
      world.worker.behaviour.ends = () => true;
      await callAtOnce(world, 1, 10);
      world.worker.behaviour.ends = () => false;
    },
  ],
  [
    "a start that failed",
    async (world) => {
      world.worker.behaviour.startError = () => new Error("broken");
      const call = world.invoke("hello").catch(() => undefined);
      await settle();
      await call;
      world.worker.behaviour.startError = () => undefined;
    },
  ],
  [
    "a worker that was lost",
    async (world) => {
      const call = world.invoke("hello").catch(() => undefined);
      await settle();
      world.worker.lose();
      await call;
      await world.attach({ handlerMs: () => 10 });
    },
  ],
  [
    "a function that was deleted while its caller waited",
    async (world) => {
      world.worker.behaviour.startMs = () => 50;
      const call = world.invoke("hello").catch(() => undefined);
      await settle();
      await world.delete("hello");
      await settle();
      world.clock.advance(50);
      await call;
      world.worker.behaviour.startMs = () => 0;
      await world.put(configurationOf("hello"), { reservedConcurrency: 1 });
    },
  ],
  [
    "a scaling rate that was used up",
    async (world) => {
      world.worker.behaviour.ends = () => true;
      for (let call = 0; call < 3; call++) await callAtOnce(world, 1, 10);
      assert.equal((await world.invoke("hello")).kind, "throttled");
      world.worker.behaviour.ends = () => false;
      world.clock.advance(10_000);
    },
  ],
];

for (const [ending, happen] of endings) {
  test(`the place of an invocation is free again after ${ending}`, async () => {
    const world = await DataPlaneWorld.open({
      config: { environmentsPerTenSeconds: 3, requestsPerConcurrency: 0 },
      behaviour: { handlerMs: () => 10 },
    });
    await world.put(configurationOf("hello"), { reservedConcurrency: 1 });

    await happen(world);

    const [free, full] = await callAtOnce(world, 2, 10);
    assert.equal(free?.kind, "executed");
    assert.equal(full?.kind, "throttled");
    await world.close();
  });
}
