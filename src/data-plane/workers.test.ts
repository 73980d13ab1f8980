/** Workers that are full, drained or lost, and starts that fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnavailableError } from "../core/errors.ts";
import { configurationOf, DataPlaneWorld, executed, settle } from "../../test/support/data-plane.ts";
import { startAttemptsMax, startRetryMs, workerWaitMsMax } from "./assignment/environment-starter.ts";

test("when a worker stops taking anything, requests wait for the next one", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;

  world.worker.close();
  const waiting = world.invoke("hello");
  await settle();
  const next = await world.attach();

  executed(await waiting);
  assert.equal(next.starts.length, 1);
  await settle();
  await world.close();
});

test("a start that fails is tried again, and the waiter notices nothing", async () => {
  const world = await DataPlaneWorld.open();
  world.worker.behaviour.startError = () =>
    world.worker.starts.length < startAttemptsMax ? new UnavailableError("no-capacity", "no room") : undefined;
  await world.put(configurationOf("hello"));

  const outcome = world.invoke("hello");
  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    await settle();
    world.clock.advance(startRetryMs * 2 ** attempt);
  }

  executed(await outcome);
  assert.equal(world.worker.starts.length, startAttemptsMax);
  await world.close();
});

test("a start that fails every time is reported to who waits, with its cause", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startError: () => new Error("mount failed") } });
  await world.put(configurationOf("hello"));

  await assert.rejects(world.invoke("hello"), (error) => {
    assert(error instanceof UnavailableError);
    assert.equal(error.reason, "no-capacity");
    assert.equal((error.cause as Error).message, "mount failed");
    return true;
  });
  await world.close();
});

test("a runtime that is not here is named to the caller", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello", { runtime: "ruby3.4" }));

  await assert.rejects(world.invoke("hello"), /ruby3\.4/);
  await world.close();
});

test("when the worker is lost, running invocations fail, and who waits is served by the next worker", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 1000, startMs: () => 0 } });
  await world.put(configurationOf("hello"));
  const running = world.invoke("hello");
  await settle();
  world.worker.behaviour.startMs = () => 1000;
  const waiting = world.invoke("hello");
  await settle();

  world.worker.lose();
  await assert.rejects(running, (error) => error instanceof UnavailableError && error.reason === "worker-gone");
  const next = await world.attach();
  const outcome = executed(await waiting);

  assert.equal(next.live[0]?.spec.id, outcome.start.environmentId);
  assert.deepEqual(world.dataPlane.environment(outcome.start.environmentId)?.id, outcome.start.environmentId);
  await world.close();
});

test("without any worker a request waits for one for a bounded time", async () => {
  const world = await DataPlaneWorld.open({ workers: 0 });
  await world.put(configurationOf("hello"));
  const refused = assert.rejects(
    world.invoke("hello"),
    (error) => error instanceof UnavailableError && error.reason === "worker-gone",
  );
  await settle();

  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    world.clock.advance(workerWaitMsMax);
    await settle();
  }

  await refused;
  await world.close();
});

test("a full worker gives up the idle environment that was unused for longest, of whatever function", async () => {
  const world = await DataPlaneWorld.open({ memoryMiB: 256 });
  for (const name of ["one", "two", "three"]) await world.put(configurationOf(name));
  const one = executed(await world.invoke("one"));
  await one.report;
  world.clock.advance(1);
  await executed(await world.invoke("two")).report;
  world.clock.advance(1);

  await executed(await world.invoke("three")).report;

  assert.deepEqual(world.worker.destroyed, [one.start.environmentId]);
  await world.close();
});

test("a function too large for every worker is refused, and nothing is given up for it", async () => {
  const world = await DataPlaneWorld.open({ memoryMiB: 256 });
  await world.put(configurationOf("small"));
  await world.put(configurationOf("huge", { memoryMiB: 512 }));
  await executed(await world.invoke("small")).report;

  const refused = assert.rejects(world.invoke("huge"), /512 MiB/);
  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    await settle();
    world.clock.advance(startRetryMs * 2 ** attempt);
  }

  await refused;
  assert.equal(world.worker.destroyed.length, 0);
  await world.close();
});

test("environments that a worker has from before are destroyed when it is attached", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;
  const [left] = world.worker.live;

  await world.dataPlane.attachWorker(() => Promise.resolve(world.worker));

  assert.deepEqual(world.worker.destroyed, [left?.spec.id]);
  await world.close();
});

test("a draining worker ends its idle environments and takes no new ones", async () => {
  const world = await DataPlaneWorld.open({ workers: 0 });
  await world.put(configurationOf("hello"));
  const leaving = await world.attachNamed();
  const first = executed(await world.invoke("hello"));
  await first.report;
  const staying = await world.attach();

  leaving.attached.drain();
  await settle();

  assert.deepEqual(leaving.worker.destroyed, [first.start.environmentId]);
  executed(await world.invoke("hello"));
  assert.equal(staying.starts.length, 1);
  await world.close();
});
