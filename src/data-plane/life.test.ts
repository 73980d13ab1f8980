/** How environments end: unused, old, crashed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, settle } from "../../test/support/data-plane.ts";

test("an idle environment ends after the keep-alive time since its last use", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAliveMs: 1000 } });
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;
  world.clock.advance(600);
  await executed(await world.invoke("hello")).report;

  world.clock.advance(999);
  assert.equal(world.worker.live.length, 1);
  world.clock.advance(1);
  assert.equal(world.worker.live.length, 0);
  await settle();
  await world.close();
});

test("an environment at its maximum life finishes its invocation and is replaced", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAliveMs: 1_000_000, environmentLifeMsMax: 5000 },
    behaviour: { handlerMs: () => 100 },
  });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(100);
  const old = executed(await first).start.environmentId;
  await settle();

  world.clock.advance(4850);
  const second = world.invoke("hello");
  await settle();
  world.clock.advance(100);
  assert.equal(executed(await second).start.environmentId, old);
  await settle();

  assert.deepEqual(world.worker.destroyed, [old]);
  await world.close();
});

test("an idle environment ends at its maximum life, however short its idle time", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAliveMs: 1_000_000, environmentLifeMsMax: 5000 } });
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;

  world.clock.advance(5000);

  assert.equal(world.worker.live.length, 0);
  await settle();
  await world.close();
});

test("an environment that ends with its invocation is not used again", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { ends: () => true } });
  await world.put(configurationOf("hello"));

  const first = executed(await world.invoke("hello"));
  await first.report;
  const second = executed(await world.invoke("hello"));

  assert.notEqual(second.start.environmentId, first.start.environmentId);
  assert.equal(second.start.cold, true);
  await world.close();
});

test("an idle environment that crashes is not used again", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));
  await first.report;

  world.worker.crash(first.start.environmentId);

  assert.equal(executed(await world.invoke("hello")).start.cold, true);
  assert.equal(world.dataPlane.environment(first.start.environmentId), undefined);
  await world.close();
});

test("an invocation that meets an environment that has just ended runs in another one", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));
  await first.report;

  world.worker.vanish(first.start.environmentId);
  const second = executed(await world.invoke("hello"));

  assert.notEqual(second.start.environmentId, first.start.environmentId);
  assert.equal(world.worker.invocations.length, 2);
  assert.equal(world.dataPlane.environment(first.start.environmentId), undefined);
  await settle();
  assert.equal(world.usage.length, 2);
  await world.close();
});
