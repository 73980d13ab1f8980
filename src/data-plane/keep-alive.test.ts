/** How long environments stay, which go first, and which are there before anybody asks: by each policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keepAlivePolicyNames } from "../config/keep-alive.ts";
import { configurationOf, DataPlaneWorld, executed, scope, settle } from "../../test/support/data-plane.ts";

const minuteMs = 60_000;

async function run(world: DataPlaneWorld, name: string): Promise<boolean> {
  const outcome = executed(await world.invoke(name));
  await outcome.report;
  await settle();
  return outcome.start.cold;
}

test("hybrid: what comes every half hour ends at once and is started again just before", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAlivePolicy: "hybrid", keepAliveMs: 240 * minuteMs },
  });
  await world.put(configurationOf("timer"));
  for (let round = 0; round < 10; round++) {
    await run(world, "timer");
    world.clock.advance(30 * minuteMs);
    await settle();
  }
  await run(world, "timer");

  world.clock.advance(1);
  await settle();
  assert.equal(world.worker.live.length, 0);
  world.clock.advance(26 * minuteMs);
  await settle();
  assert.equal(world.worker.live.length, 0);
  world.clock.advance(2 * minuteMs);
  await settle();
  assert.equal(world.worker.live.length, 1);
  assert.equal(await run(world, "timer"), false);
  await world.close();
});

test("forecast: what comes every half hour is soon there in time, without being kept in between", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAlivePolicy: "forecast" } });
  await world.put(configurationOf("timer"));
  let cold = 0;
  let kept = 0;
  for (let round = 0; round < 96; round++) {
    if (await run(world, "timer")) cold++;
    world.clock.advance(15 * minuteMs);
    await settle();
    if (round >= 48 && world.worker.live.length > 0) kept++;
    world.clock.advance(15 * minuteMs);
    await settle();
  }

  assert(cold < 20, `${cold} cold starts in two days`);
  assert(kept < 12, `there ${kept} times of 48 while nobody asked`);
  await world.close();
});

test("forecast: a function that nobody knows yet is kept for the next minutes", async () => {
  for (const memoryMiB of [128, 1024, 10_240]) {
    const world = await DataPlaneWorld.open({ config: { keepAlivePolicy: "forecast" }, memoryMiB: 20_480 });
    await world.put(configurationOf("new", { memoryMiB }));
    await run(world, "new");

    world.clock.advance(2 * minuteMs);
    await settle();

    assert.equal(await run(world, "new"), false, `${memoryMiB} MiB`);
    await world.close();
  }
});

test("greedy-dual: environments stay until their memory is wanted, and the cheapest to start again goes first", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAlivePolicy: "greedy-dual" },
    memoryMiB: 256,
    behaviour: { startMs: (spec) => (spec.functionArn.endsWith(":slow") ? 5000 : 50) },
  });
  for (const name of ["slow", "quick", "third"]) await world.put(configurationOf(name, { memoryMiB: 128 }));
  for (const name of ["slow", "quick", "third"]) {
    const invoked = run(world, name);
    for (let second = 0; second < 10; second++) {
      await settle();
      world.clock.advance(1000);
    }
    await invoked;
  }

  world.clock.advance(300 * minuteMs);
  await settle();

  assert.equal(await run(world, "slow"), false);
  assert.equal(await run(world, "third"), false);
  await world.close();
});

test("single functions are kept by policies of their own", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAlivePolicy: "fixed", keepAliveMs: minuteMs, keepAliveFor: "nightly=fixed:2h" },
  });
  await world.put(configurationOf("nightly"));
  await world.put(configurationOf("other"));
  await run(world, "nightly");
  await run(world, "other");

  world.clock.advance(119 * minuteMs);
  await settle();

  assert.equal(await run(world, "nightly"), false);
  assert.equal(world.worker.live.length, 1);
  await world.close();
});

test("whatever the policy: a deleted function has no environments, nothing is started for it, and no timer is left", async () => {
  for (const keepAlivePolicy of keepAlivePolicyNames) {
    const world = await DataPlaneWorld.open({ config: { keepAlivePolicy } });
    await world.put(configurationOf("gone"));
    for (let round = 0; round < 20; round++) {
      await run(world, "gone");
      world.clock.advance(10 * minuteMs);
      await settle();
    }

    await world.delete("gone");
    await settle();
    world.clock.advance(60 * minuteMs);
    await settle();

    assert.equal(world.worker.live.length, 0, keepAlivePolicy);
    await world.close();
  }
});

test("what was learned of a function goes with it, also when it changed and was not invoked since", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAlivePolicy: "forecast" } });
  const isKnown = async (): Promise<boolean> => {
    const insight = await world.dataPlane.why(scope, "f");
    assert(insight.kind === "found");
    return insight.keepAlive.expectation !== undefined;
  };
  await world.put(configurationOf("f", { memoryMiB: 128 }));
  await run(world, "f");
  await world.put(configurationOf("f", { memoryMiB: 128, generation: 2 }));
  assert(await isKnown(), "a deployment changes nothing");

  await world.delete("f");
  await world.put(configurationOf("f", { memoryMiB: 128, generation: 3 }));
  assert(!(await isKnown()), "another function has had that name");

  await run(world, "f");
  await world.put(configurationOf("f", { memoryMiB: 256, generation: 4 }));
  await world.put(configurationOf("f", { memoryMiB: 128, generation: 5 }));
  assert(!(await isKnown()), "what it was is not kept beside what it is");
  await world.close();
});

test("what was to be made ready of a function that has changed meanwhile is not started", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAlivePolicy: "hybrid", keepAliveMs: 240 * minuteMs },
  });
  await world.put(configurationOf("timer"));
  for (let round = 0; round < 10; round++) {
    await run(world, "timer");
    world.clock.advance(30 * minuteMs);
    await settle();
  }
  await run(world, "timer");
  world.clock.advance(1);
  await settle();

  await world.put(configurationOf("timer", { generation: 2 }));
  await settle();
  world.clock.advance(29 * minuteMs);
  await settle();

  assert.equal(world.worker.live.length, 0);
  await world.close();
});
