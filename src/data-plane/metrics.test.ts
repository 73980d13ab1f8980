/** What the data plane counts of the invocations that go through it, and of the environments that it keeps for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Distribution } from "../metering/metrics/distribution.ts";
import { configurationOf, DataPlaneWorld, executed, scope, settle } from "../../test/support/data-plane.ts";

function counted(
  world: DataPlaneWorld,
  namespace: string,
  dimensions: Readonly<Record<string, string>>,
): ReadonlyMap<string, Distribution> {
  // Whoever counts time catches up.
  world.metrics.sets();
  const wanted = Object.entries(dimensions).map(([name, value]) => ({ name, value }));
  return world.metrics.setOf({ scope, namespace, dimensions: wanted }).totals();
}

const ofFunction = (world: DataPlaneWorld, name: string): ReadonlyMap<string, Distribution> =>
  counted(world, "AWS/Lambda", { FunctionName: name });
const costOf = (world: DataPlaneWorld, name: string): ReadonlyMap<string, Distribution> =>
  counted(world, "Hearth", { FunctionName: name });

async function run(world: DataPlaneWorld, name: string): Promise<void> {
  const { report } = executed(await world.invoke(name));
  await report;
  await settle();
}

test("a cold and a warm invocation: both are invocations, one of them a cold start of one environment", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f"));

  await run(world, "f");
  await run(world, "f");

  const found = ofFunction(world, "f");
  assert.deepEqual([found.get("Invocations")?.sum, found.get("Errors")?.sum, found.get("Throttles")?.sum], [2, 0, 0]);
  assert.equal(found.get("ConcurrentExecutions")?.max, 1);
  assert.deepEqual(
    ["ColdStarts", "EnvironmentStarts"].map((metric) => costOf(world, "f").get(metric)?.sum),
    [1, 1],
  );
  assert.equal(costOf(world, "f").get("StartDelay")?.count, 2);
  assert.equal(counted(world, "Hearth", { FunctionName: "f", Phase: "Init" }).get("StartPhaseDuration")?.count, 1);
  await world.close();
});

test("a refused invocation is a throttle with its reason, and no invocation", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f"), { reservedConcurrency: 0 });

  assert.equal((await world.invoke("f")).kind, "throttled");

  assert.equal(ofFunction(world, "f").get("Throttles")?.sum, 1);
  assert.equal(ofFunction(world, "f").get("Invocations"), undefined);
  const reason = { FunctionName: "f", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" };
  assert.equal(counted(world, "Hearth", reason).get("Throttles")?.sum, 1);
  await world.close();
});

test("idle memory costs its size times how long it waits, while it waits and afterwards; then it expires", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAliveMs: 60_000 } });
  await world.put(configurationOf("f", { memoryMiB: 256 }));
  await run(world, "f");

  world.clock.advance(10_000);
  const soFar = costOf(world, "f").get("IdleMemoryTime")?.sum;
  world.clock.advance(50_000);
  await settle();
  world.clock.advance(60_000);
  const inAll = costOf(world, "f").get("IdleMemoryTime")?.sum;

  assert.equal(soFar, 256 * 10);
  assert.equal(inAll, 256 * 60);
  assert.equal(costOf(world, "f").get("Expirations")?.sum, 1);
  assert.equal(costOf(world, "f").get("Evictions"), undefined);
  await world.close();
});

test("an environment that makes room for another function is an eviction of its own function", async () => {
  const world = await DataPlaneWorld.open({ memoryMiB: 256 });
  await world.put(configurationOf("old", { memoryMiB: 256 }));
  await world.put(configurationOf("new", { memoryMiB: 256 }));
  await run(world, "old");
  world.clock.advance(1000);

  await run(world, "new");

  assert.equal(costOf(world, "old").get("Evictions")?.sum, 1);
  assert.equal(costOf(world, "old").get("IdleMemoryTime")?.sum, 256);
  assert.equal(costOf(world, "new").get("Evictions"), undefined);
  await world.close();
});

test("nothing of a deleted function is in flight, and what its idle environments cost is counted", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f", { memoryMiB: 128 }));
  await run(world, "f");
  world.clock.advance(2000);

  await world.delete("f");
  await settle();

  const cost = { scope, namespace: "Hearth", dimensions: [{ name: "FunctionName", value: "f" }] };
  const minutes = await world.metrics.read(cost, "IdleMemoryTime", { fromMs: 0, toMs: Infinity });
  assert.deepEqual(
    Array.from(minutes.values(), ({ sum }) => sum),
    [256],
  );
  await world.close();
});
