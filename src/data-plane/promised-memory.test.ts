/** Workers that have promised all their memory: who waits for some, who is throttled, and who can never have any. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, scope, settle } from "../../test/support/data-plane.ts";
import { UnavailableError } from "../core/errors.ts";
import { startAttemptsMax, startRetryMs } from "./assignment/environment-starter.ts";
import { memoryWaitMsMax } from "./assignment/memory-line.ts";

const handlerMs = 1000;

/** Room for four environments of 128 MB that work for a second each. */
async function open(names: readonly (readonly [name: string, memoryMiB: number])[]): Promise<DataPlaneWorld> {
  const world = await DataPlaneWorld.open({ memoryMiB: 512, behaviour: { handlerMs: () => handlerMs } });
  for (const [name, memoryMiB] of names) await world.put(configurationOf(name, { memoryMiB }));
  return world;
}

test("where environments at work hold all the memory, a start waits for the first that has no further work", async () => {
  const world = await open([
    ["busy", 512],
    ["other", 128],
  ]);
  const first = world.invoke("busy");
  await settle();
  const waiting = world.invoke("other");
  await settle();
  assert.equal(world.worker.starts.length, 1);

  world.clock.advance(handlerMs);
  await executed(await first).report;
  await settle();
  world.clock.advance(handlerMs);

  assert.equal(executed(await waiting).start.cold, true);
  assert.deepEqual(
    world.worker.live.map(({ spec }) => spec.functionName),
    ["other"],
  );
  await world.close();
});

test("an environment that ends gives its memory to who waits for some", async () => {
  const world = await open([
    ["busy", 512],
    ["other", 128],
  ]);
  world.worker.behaviour.ends = () => true;
  const first = world.invoke("busy");
  await settle();
  const waiting = world.invoke("other");
  await settle();

  world.clock.advance(handlerMs);
  executed(await first);
  await settle();
  world.clock.advance(handlerMs);

  executed(await waiting);
  await settle();
  assert.equal(world.worker.live.length, 0);
  await world.close();
});

test("where none is given back for ten seconds, who waits is throttled as for want of real memory", async () => {
  const world = await open([
    ["busy", 512],
    ["other", 128],
  ]);
  world.worker.behaviour.handlerMs = () => 2 * memoryWaitMsMax;
  const first = world.invoke("busy");
  await settle();

  const refused = world.invoke("other");
  await settle();
  world.clock.advance(memoryWaitMsMax);

  assert.deepEqual(await refused, { kind: "throttled", reason: "MemoryPressure", retryAfterSeconds: 1 });
  world.clock.advance(memoryWaitMsMax);
  executed(await first);
  await world.close();
});

test("a small environment does not wait behind a large one", async () => {
  const world = await open([
    ["busy", 128],
    ["large", 512],
    ["small", 128],
  ]);
  const outcomes = [world.invoke("busy")];
  await settle();
  world.clock.advance(handlerMs / 2);
  for (const name of ["busy", "busy", "busy", "large", "small"]) {
    outcomes.push(world.invoke(name));
    await settle();
  }

  world.clock.advance(handlerMs / 2);
  await settle();

  assert.deepEqual(
    world.worker.starts.map(({ functionName }) => functionName),
    ["busy", "busy", "busy", "busy", "small"],
  );
  for (let half = 0; half < 4; half++) {
    world.clock.advance(handlerMs / 2);
    await settle();
  }
  world.clock.advance(handlerMs);
  for (const outcome of await Promise.all(outcomes)) executed(outcome);
  await world.close();
});

test("who waits is served by what frees; the start that waited for memory for it turns nobody else away", async () => {
  const world = await open([["busy", 128]]);
  const outcomes = Array.from({ length: 10 }, () => world.invoke("busy"));
  await settle();
  assert.equal(world.worker.starts.length, 4);

  for (let round = 0; round < 3; round++) {
    world.clock.advance(handlerMs);
    await settle();
  }

  for (const outcome of await Promise.all(outcomes)) executed(outcome);
  assert.equal(world.worker.starts.length, 4);
  await world.close();
});

test("what no worker could ever hold is an error that says so, however little is promised", async () => {
  const world = await open([["huge", 1024]]);

  const outcome = world.invoke("huge").catch((error: unknown) => error);
  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    await settle();
    world.clock.advance(startRetryMs * 2 ** attempt);
  }

  const error = await outcome;
  assert(error instanceof UnavailableError);
  assert.equal(
    error.message,
    "No worker can hold an execution environment of 1024 MiB: the largest may be promised 512 MiB.",
  );
  assert.equal((await world.dataPlane.why(scope, "huge")).kind, "found");
  await world.close();
});
