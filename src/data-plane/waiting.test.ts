/** Who gets which environment, and who waits for how long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnavailableError } from "../core/errors.ts";
import { configurationOf, DataPlaneWorld, executed, settle } from "../../test/support/data-plane.ts";
import { settleGraceMsMax, settleGraceMsMin } from "./assignment/environment-table.ts";
import { environmentWaitMsMax } from "./assignment/waiting-line.ts";

test("the most recently used idle environment goes first", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 10 } });
  await world.put(configurationOf("hello"));
  const both = [world.invoke("hello"), world.invoke("hello")];
  await settle();
  world.clock.advance(10);
  const [one, two] = (await Promise.all(both)).map(executed);
  await settle();

  const next = world.invoke("hello");
  await settle();
  world.clock.advance(10);

  assert.equal(executed(await next).start.environmentId, two?.start.environmentId);
  assert.notEqual(one?.start.environmentId, two?.start.environmentId);
  await world.close();
});

test("who waits for a cold start takes an environment that frees first, and the start is kept for the next", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 10, startMs: () => 10_000 } });
  world.worker.behaviour.startMs = (spec) => (world.worker.starts[0] === spec ? 0 : 10_000);
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  const second = world.invoke("hello");
  await settle();

  world.clock.advance(10);
  await settle();
  world.clock.advance(10);
  const [a, b] = [executed(await first), executed(await second)];

  assert.equal(b.start.environmentId, a.start.environmentId);
  assert.equal(b.start.cold, false);
  world.clock.advance(10_000);
  await settle();
  const both = [world.invoke("hello"), world.invoke("hello")];
  await settle();
  world.clock.advance(10);
  await Promise.all(both);
  assert.equal(world.worker.starts.length, 2);
  await world.close();
});

test("a caller that calls again the moment it has its answer causes no cold start", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { settleMs: () => settleGraceMsMin - 1 } });
  await world.put(configurationOf("hello"), { reservedConcurrency: 1 });

  executed(await world.invoke("hello"));
  const again = world.invoke("hello");
  await settle();
  world.clock.advance(settleGraceMsMin - 1);

  assert.equal(executed(await again).start.cold, false);
  assert.equal(world.worker.starts.length, 1);
  world.clock.advance(settleGraceMsMin);
  await settle();
  await world.close();
});

test("a request waits for an environment about to be free for as long as a start takes, and no longer", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 40, settleMs: () => 1000 } });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(40);
  executed(await first);

  const again = world.invoke("hello");
  await settle();
  world.clock.advance(39);
  await settle();
  assert.equal(world.worker.starts.length, 1);
  world.clock.advance(1);
  await settle();
  assert.equal(world.worker.starts.length, 2);
  world.clock.advance(40);

  assert.equal(executed(await again).start.cold, true);
  world.clock.advance(1000);
  await settle();
  await world.close();
});

test("however long starts take, nobody waits long for an environment that does not settle", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 3000, settleMs: () => 10_000 } });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(3000);
  executed(await first);

  const again = world.invoke("hello");
  await settle();
  world.clock.advance(settleGraceMsMax);
  await settle();

  assert.equal(world.worker.starts.length, 2);
  world.clock.advance(10_000);
  executed(await again);
  world.clock.advance(10_000);
  await settle();
  await world.close();
});

test("nobody waits for an environment for ever", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 10 * environmentWaitMsMax } });
  await world.put(configurationOf("hello"));
  const waiting = world.invoke("hello");
  await settle();

  world.clock.advance(environmentWaitMsMax);

  await assert.rejects(waiting, UnavailableError);
  world.clock.advance(10 * environmentWaitMsMax);
  await settle();
  await world.close();
});
