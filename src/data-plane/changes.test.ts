/** What a change or the deletion of a function does to its environments and to who waits for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, settle } from "../../test/support/data-plane.ts";

test("when a function changes, idle environments end, a running invocation finishes, and the next one is new", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: (each) => (each.wantsLogTail ? 100 : 1) } });
  await world.put(configurationOf("hello"));
  const running = world.invoke("hello", { wantsLogTail: true });
  const other = world.invoke("hello");
  await settle();
  world.clock.advance(1);
  const old = executed(await other);
  await old.report;

  await world.put(configurationOf("hello", { generation: 2, handler: "index.other" }));
  await settle();
  assert.deepEqual(world.worker.destroyed, [old.start.environmentId]);
  const next = world.invoke("hello");
  await settle();
  world.clock.advance(1);
  const renewed = executed(await next);
  world.clock.advance(100);
  const finished = executed(await running);
  await finished.report;
  await settle();

  assert.equal(world.worker.live.length, 1);
  assert.equal(world.worker.live[0]?.spec.id, renewed.start.environmentId);
  assert.equal(world.worker.live[0]?.spec.handler, "index.other");
  await world.close();
});

test("a change that keeps the generation keeps the environments", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));
  await first.report;

  await world.put(configurationOf("hello"), { tags: { team: "web" }, reservedConcurrency: 5 });

  assert.equal(executed(await world.invoke("hello")).start.environmentId, first.start.environmentId);
  await world.close();
});

test("who waits for a start that fails because the function has changed is served by what it is now", async () => {
  const world = await DataPlaneWorld.open({
    behaviour: {
      startMs: (spec) => (spec.handler === "index.old" ? 50 : 0),
      startError: (spec) => (spec.handler === "index.old" ? new Error("the code is gone") : undefined),
    },
  });
  await world.put(configurationOf("hello", { handler: "index.old" }));
  const waiting = world.invoke("hello");
  await settle();

  await world.put(configurationOf("hello", { handler: "index.new", generation: 2 }));
  world.clock.advance(50);

  executed(await waiting);
  assert.equal(world.worker.live[0]?.spec.handler, "index.new");
  await settle();
  await world.close();
});

test("starts of a deleted function are given up, and its worker takes others", async () => {
  const world = await DataPlaneWorld.open({
    behaviour: { startMs: (spec) => (spec.functionArn.endsWith("gone") ? 60_000 : 0) },
  });
  await world.put(configurationOf("gone"));
  await world.put(configurationOf("hello"));
  const waiting = [world.invoke("gone"), world.invoke("gone"), world.invoke("gone")];
  await settle();
  assert.equal(world.worker.live.length, 3);

  await world.delete("gone");
  for (const each of waiting) assert.equal((await each).kind, "not-found");
  await settle();

  assert.equal(world.worker.live.length, 0);
  world.clock.advance(60_000);
  await settle();
  executed(await world.invoke("hello"));
  await world.close();
});

test("when a function changes, starts that nobody waits for are given up, and who waits is served by the others", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 50, handlerMs: () => 1 } });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(50);
  await settle();
  // Takes the first environment while a start for it is under way, which then serves nobody.
  const second = world.invoke("hello");
  await settle();
  world.clock.advance(1);
  executed(await first);
  await settle();
  world.clock.advance(1);
  executed(await second);
  await settle();
  const startsBefore = world.worker.live.filter(({ state }) => state === "starting").length;

  await world.put(configurationOf("hello", { generation: 2, handler: "index.other" }));
  await settle();

  assert.equal(startsBefore, 1);
  assert.deepEqual(world.worker.live, []);
  world.clock.advance(50);
  await world.close();
});

test("a deleted function ends its environments and turns away who waits, as not found", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 50 } });
  await world.put(configurationOf("hello"));
  const waiting = world.invoke("hello");
  await settle();

  await world.delete("hello");

  assert.equal((await waiting).kind, "not-found");
  world.clock.advance(50);
  await settle();
  assert.equal(world.worker.live.length, 0);
  await world.close();
});
