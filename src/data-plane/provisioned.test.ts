/**
 * Provisioned concurrency through the whole data plane, from the records to the worker's environments.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  functionArn,
  functionPartKey,
  type AliasRecord,
  type ProvisionedConcurrencyRecord,
} from "../core/function-record.ts";
import { configurationOf, DataPlaneWorld, executed, scope, settle } from "../../test/support/data-plane.ts";
import { memoryWaitMsMax } from "./assignment/memory-line.ts";
import type { ProvisioningStatus } from "./scaling/contract.ts";

const arn = functionArn(scope, "hello");

/** A function with the versions 1 and 2. */
async function open(options: Parameters<typeof DataPlaneWorld.open>[0] = {}): Promise<DataPlaneWorld> {
  const world = await DataPlaneWorld.open(options);
  await world.put(configurationOf("hello"));
  for (const version of ["1", "2"]) {
    const key = functionPartKey("function-version", scope, "hello", version);
    await world.engine.records.put(key, configurationOf("hello", { version }));
  }
  return world;
}

async function provision(world: DataPlaneWorld, qualifier: string, requested: number | undefined): Promise<void> {
  const key = functionPartKey("provisioned-concurrency", scope, "hello", qualifier);
  if (requested === undefined) await world.engine.records.delete(key);
  else await world.engine.records.put(key, { qualifier, requested, lastModifiedMs: world.clock.now() });
  await settle();
}

async function point(world: DataPlaneWorld, functionVersion: string, weights: Record<string, number> = {}) {
  const alias: AliasRecord = {
    name: "live",
    functionVersion,
    description: "",
    additionalVersionWeights: weights,
    revisionId: "1",
  };
  await world.engine.records.put(functionPartKey("function-alias", scope, "hello", "live"), alias);
  await settle();
}

async function statusOf(world: DataPlaneWorld, qualifier: string): Promise<ProvisioningStatus> {
  const key = functionPartKey("provisioned-concurrency", scope, "hello", qualifier);
  const entry = await world.engine.records.get<ProvisionedConcurrencyRecord>(key);
  assert(entry !== undefined);
  return world.dataPlane.provisioning.status(arn, entry.value);
}

function versions(world: DataPlaneWorld): string[] {
  return world.workers.flatMap((worker) => worker.live.map(({ spec }) => spec.functionVersion)).toSorted();
}

const ready = (count: number) => ({ status: "READY", allocated: count, available: count });
const inProgress = (count: number) => ({ status: "IN_PROGRESS", allocated: count, available: count });

test("environments are started ahead of demand, and the first invocation is no cold start", async () => {
  const world = await open({ behaviour: { startMs: () => 100 } });
  await provision(world, "1", 2);
  assert.deepEqual(await statusOf(world, "1"), inProgress(0));

  world.clock.advance(100);
  await settle();

  assert.deepEqual(await statusOf(world, "1"), ready(2));
  assert(world.worker.starts.every((spec) => spec.initializationType === "provisioned-concurrency"));
  const { start, executedVersion } = executed(await world.invoke("hello", { qualifier: "1" }));
  assert.deepEqual([start.cold, executedVersion], [false, "1"]);
  assert(start.phases !== undefined, "what its start took is known");
  await world.close();
});

test("what goes beyond is served on demand, and on-demand environments expire while provisioned ones stay", async () => {
  const world = await open({ config: { keepAliveMs: 1000 }, behaviour: { handlerMs: () => 50 } });
  await provision(world, "1", 1);

  const both = [world.invoke("hello", { qualifier: "1" }), world.invoke("hello", { qualifier: "1" })];
  await settle();
  world.clock.advance(50);
  const starts = (await Promise.all(both)).map((each) => executed(each).start.cold);

  assert.deepEqual(starts, [false, true]);
  await settle();
  world.clock.advance(10_000);
  await settle();
  assert.deepEqual(
    world.worker.live.map(({ spec }) => spec.initializationType),
    ["provisioned-concurrency"],
  );
  await world.close();
});

test("a crashed environment is replaced, at once unless it had only just started", async () => {
  const world = await open();
  await provision(world, "1", 2);
  const crash = async (): Promise<void> => {
    const [first] = world.worker.live;
    assert(first !== undefined);
    world.worker.crash(first.spec.id);
    await settle();
  };

  await crash();
  assert.equal(world.worker.live.length, 1);
  world.clock.advance(1000);
  await settle();
  assert.equal(world.worker.live.length, 2);
  world.clock.advance(1000);
  await crash();

  assert.equal(world.worker.live.length, 2);
  assert.equal(world.worker.starts.length, 4);
  await world.close();
});

test("an environment is replaced before its life ends, and the old one goes when the new one is there", async () => {
  const world = await open({ config: { environmentLifeMsMax: 10_000 }, behaviour: { startMs: () => 100 } });
  await provision(world, "1", 1);
  world.clock.advance(100);
  await settle();

  world.clock.advance(8999);
  await settle();
  assert.equal(world.worker.starts.length, 2);
  assert.equal(world.worker.destroyed.length, 0);
  world.clock.advance(100);
  await settle();

  assert.deepEqual(world.worker.destroyed, [world.worker.starts[0]?.id]);
  assert.equal(world.worker.live.length, 1);
  await world.close();
});

test("fewer are wanted: the surplus goes, what is busy after its invocation", async () => {
  const world = await open({ behaviour: { handlerMs: () => 50 } });
  await provision(world, "1", 3);
  const running = [1, 2, 3].map(() => world.invoke("hello", { qualifier: "1" }));
  await settle();

  await provision(world, "1", 1);
  assert.equal(world.worker.live.length, 3);
  world.clock.advance(50);
  await Promise.all(running);
  await settle();

  assert.equal(world.worker.live.length, 1);
  await provision(world, "1", undefined);
  assert.equal(world.worker.live.length, 0);
  await world.close();
});

test("when an alias moves, the former environments stay until the new ones are ready", async () => {
  const world = await open({ behaviour: { startMs: () => 100 } });
  await point(world, "1");
  await provision(world, "live", 1);
  world.clock.advance(100);
  await settle();
  assert.deepEqual(await statusOf(world, "live"), ready(1));

  await point(world, "2");
  assert.deepEqual(await statusOf(world, "live"), inProgress(1));
  assert.deepEqual(versions(world), ["1", "2"]);
  world.clock.advance(100);
  await settle();

  assert.deepEqual(await statusOf(world, "live"), ready(1));
  assert.deepEqual(versions(world), ["2"]);
  await world.close();
});

test("what an alias leaves behind stays until the other version has its part, whatever else changes meanwhile", async () => {
  const world = await open({ behaviour: { startMs: () => 100 } });
  await point(world, "1");
  await provision(world, "live", 2);
  world.clock.advance(100);
  await settle();

  await point(world, "1", { "2": 0.5 });
  await world.put(configurationOf("hello"), { tags: { a: "b" } });
  assert.deepEqual(versions(world), ["1", "1", "2"]);
  world.clock.advance(100);
  await settle();

  assert.deepEqual(versions(world), ["1", "2"]);
  await world.close();
});

test("an alias with weights has its environments on both versions", async () => {
  const world = await open();
  await point(world, "1");
  await provision(world, "live", 4);

  await point(world, "1", { "2": 0.25 });

  assert.deepEqual(versions(world), ["1", "1", "1", "2"]);
  assert.deepEqual(await statusOf(world, "live"), ready(4));
  await world.close();
});

test("an alias that is pointed to $LATEST has nothing provisioned and says why, and has it again when it moves back", async () => {
  const world = await open();
  await point(world, "1");
  await provision(world, "live", 2);

  await point(world, "$LATEST");

  assert.deepEqual(await statusOf(world, "live"), {
    status: "FAILED",
    reason: "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    allocated: 0,
    available: 0,
  });
  await point(world, "2");
  assert.deepEqual(await statusOf(world, "live"), ready(2));
  await world.close();
});

test("a function whose init fails has failed, after few attempts and for AWS's reason; asked anew it is tried again", async () => {
  let initialized = false;
  const world = await open({ behaviour: { initialized: () => initialized } });
  await provision(world, "1", 2);
  for (let wait = 0; wait < 5; wait++) {
    world.clock.advance(5000);
    await settle();
  }

  assert.deepEqual(await statusOf(world, "1"), {
    status: "FAILED",
    reason: "FUNCTION_ERROR_INIT_FAILURE",
    allocated: 0,
    available: 0,
  });
  assert(world.worker.starts.length <= 4, `${world.worker.starts.length} starts`);
  assert.equal(world.worker.live.length, 0);
  initialized = true;
  await provision(world, "1", 2);
  assert.deepEqual(await statusOf(world, "1"), ready(2));
  await world.close();
});

test("where there is no room it fails with that reason, and another worker mends it", async () => {
  const world = await open({ memoryMiB: 128 });
  await provision(world, "1", 2);
  for (let wait = 0; wait < 5; wait++) {
    world.clock.advance(5000);
    await settle();
  }
  assert.deepEqual(await statusOf(world, "1"), {
    status: "FAILED",
    reason: "No worker has 128 MiB for another execution environment.",
    allocated: 1,
    available: 1,
  });

  await world.attach();
  await settle();

  assert.deepEqual(await statusOf(world, "1"), ready(2));
  await world.close();
});

test("where there is no room for all, it fails also when the last to become ready comes after others were refused", async () => {
  const startsMs = [10, 100, 100, 100, 5000];
  const world = await open({ memoryMiB: startsMs.length * 128, behaviour: { startMs: () => startsMs.shift() ?? 0 } });
  await provision(world, "1", 20);
  for (let wait = 0; wait < 160; wait++) {
    world.clock.advance(50);
    await settle();
  }

  const { status, available } = await statusOf(world, "1");
  assert.deepEqual([status, available], ["FAILED", 5]);
  await world.close();
});

test("a lost worker's environments are started again on the next", async () => {
  const world = await open();
  await provision(world, "1", 2);

  world.worker.lose();
  await settle();
  assert.deepEqual(await statusOf(world, "1"), inProgress(0));
  const next = await world.attach();
  world.clock.advance(1000);
  await settle();

  assert.equal(next.live.length, 2);
  assert.deepEqual(await statusOf(world, "1"), ready(2));
  await world.close();
});

test("a worker that is drained gives its environments up, and another has them", async () => {
  const world = await DataPlaneWorld.open({ workers: 0 });
  const { worker, attached } = await world.attachNamed();
  await world.put(configurationOf("hello"));
  await world.engine.records.put(
    functionPartKey("function-version", scope, "hello", "1"),
    configurationOf("hello", { version: "1" }),
  );
  await provision(world, "1", 2);
  const next = await world.attach();

  attached.drain();
  await settle();

  assert.deepEqual([worker.live.length, next.live.length], [0, 2]);
  await world.close();
});

test("provisioned environments make no room for others: these are throttled as long as there is none", async () => {
  const world = await open({ memoryMiB: 256 });
  await provision(world, "1", 2);

  const refused = world.invoke("hello");
  await settle();
  world.clock.advance(memoryWaitMsMax);

  assert.deepEqual(await refused, { kind: "throttled", reason: "MemoryPressure", retryAfterSeconds: 1 });
  assert.deepEqual(versions(world), ["1", "1"]);
  const next = world.invoke("hello");
  await settle();
  await provision(world, "1", 1);
  executed(await next);
  await world.close();
});

test("what no worker could ever hold fails, and says so", async () => {
  const world = await open({ memoryMiB: 100 });
  await provision(world, "1", 1);
  for (let wait = 0; wait < 5; wait++) {
    world.clock.advance(5000);
    await settle();
  }

  const { status, reason } = await statusOf(world, "1");

  assert.deepEqual(
    [status, reason],
    ["FAILED", "No worker can hold an execution environment of 128 MiB: the largest may be promised 100 MiB."],
  );
  await world.close();
});

test("a function that has provisioned all it reserved runs $LATEST no more, and the version in full", async () => {
  const world = await open({ behaviour: { handlerMs: () => 50 } });
  await world.put(configurationOf("hello"), { reservedConcurrency: 2 });
  await provision(world, "1", 2);

  const latestOutcome = await world.invoke("hello");
  const both = [world.invoke("hello", { qualifier: "1" }), world.invoke("hello", { qualifier: "1" })];
  const third = await world.invoke("hello", { qualifier: "1" });

  assert.deepEqual(
    [latestOutcome, third].map((each) => each.kind === "throttled" && each.reason),
    ["ReservedFunctionConcurrentInvocationLimitExceeded", "ReservedFunctionConcurrentInvocationLimitExceeded"],
  );
  await settle();
  world.clock.advance(50);
  assert.deepEqual(
    (await Promise.all(both)).map((each) => executed(each).start.cold),
    [false, false],
  );
  await world.close();
});

test("a version that goes takes its environments with it, and none is started for it again", async () => {
  const world = await open();
  await provision(world, "1", 2);
  await provision(world, "2", 1);

  await world.engine.records.delete(functionPartKey("function-version", scope, "hello", "1"));
  await settle();
  world.clock.advance(10_000);
  await settle();

  assert.deepEqual(versions(world), ["2"]);
  assert.equal(world.worker.starts.length, 3);
  await world.close();
});

test("very many are ended at once", async () => {
  const many = 3000;
  const world = await open({ memoryMiB: 128 * many, config: { accountConcurrency: many } });
  await provision(world, "1", many);
  while (world.worker.live.length < many) await settle();

  await provision(world, "1", 1);
  assert.equal(world.worker.live.length, 1);
  await provision(world, "1", undefined);

  assert.equal(world.worker.live.length, 0);
  await world.close();
});

test("deleting the function ends what was provisioned for it", async () => {
  const world = await open();
  await provision(world, "1", 2);

  await world.delete("hello");
  await settle();

  assert.equal(world.worker.live.length, 0);
  assert.deepEqual(await statusOf(world, "1"), inProgress(0));
  await world.close();
});

test("few are started at once, and one function's many do not make another's wait", async () => {
  const world = await open({ behaviour: { startMs: () => 100 } });
  await world.put(configurationOf("other"));
  await world.engine.records.put(
    functionPartKey("function-version", scope, "other", "1"),
    configurationOf("other", { version: "1" }),
  );
  await provision(world, "1", 20);
  assert.equal(world.worker.starts.length, 4);
  await world.engine.records.put(functionPartKey("provisioned-concurrency", scope, "other", "1"), {
    qualifier: "1",
    requested: 1,
    lastModifiedMs: 0,
  });

  world.clock.advance(100);
  await settle();

  assert(world.worker.starts.some(({ functionName }) => functionName === "other"));
  world.clock.advance(100);
  await world.close();
});
