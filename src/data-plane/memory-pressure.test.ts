/** Workers whose memory is really short: who goes, who waits, and who is told to come again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, scope, settle } from "../../test/support/data-plane.ts";
import type { DataPlaneOptions } from "./data-plane.ts";
import { memoryWaitMsMax } from "./assignment/memory-line.ts";
import { victimsPerRoundMax } from "./assignment/memory-relief.ts";

const memoryMiB = 9600;
/** A sixteenth of it, 600 MiB, is what must be left; once it was not, a twelfth. */
const short = { availableMiB: 500 };
const plenty = { availableMiB: 8000 };

interface Options {
  readonly heldMiB?: Readonly<Record<string, number>>;
  readonly config?: Partial<DataPlaneOptions["config"]>;
}

async function open({ heldMiB = {}, config }: Options = {}): Promise<DataPlaneWorld> {
  return DataPlaneWorld.open({
    memoryMiB,
    config: { memoryOvercommit: 100, cpuOvercommit: 1000, ...config },
    behaviour: { heldMiB: ({ functionName }) => heldMiB[functionName] ?? 10 },
  });
}

/** Each has an idle environment afterwards; the first was used longest ago. */
async function warm(world: DataPlaneWorld, ...names: string[]): Promise<void> {
  for (const name of names) {
    await world.put(configurationOf(name));
    await executed(await world.invoke(name)).report;
    world.clock.advance(1000);
  }
}

function idle(world: DataPlaneWorld): string[] {
  return world.worker.live.map(({ spec }) => spec.functionName);
}

test("while memory is left nothing is ended, whatever was promised", async () => {
  const world = await open();
  await warm(world, ...Array.from({ length: 400 }, (_, index) => `f${index}`));

  world.worker.tell({ availableMiB: 600 });
  await settle();

  assert.equal(world.worker.live.length, 400);
  await world.close();
});

test("when memory is short, idle environments end in the policy's order, until they have given back what is missing", async () => {
  const world = await open({ heldMiB: { oldest: 100, older: 300, newer: 300, newest: 300 } });
  await warm(world, "oldest", "older", "newer", "newest");

  world.worker.tell(short);
  await settle();

  assert.deepEqual(idle(world), ["newer", "newest"]);
  await world.close();
});

test("what runs an invocation and what is provisioned stays, even if nothing else is left", async () => {
  const world = await open({ heldMiB: { f: 5000 } });
  world.worker.behaviour.handlerMs = () => 60_000;
  await world.put(configurationOf("f"));
  const running = world.invoke("f");
  await settle();

  world.worker.tell({ availableMiB: 10 });
  await settle();

  assert.deepEqual(idle(world), ["f"]);
  world.clock.advance(60_000);
  executed(await running);
  await settle();
  assert.deepEqual(idle(world), ["f"]);
  world.worker.tell({ availableMiB: 10 });
  await settle();
  assert.deepEqual(idle(world), []);
  await world.close();
});

test("with greedy-dual that environment goes first whose cold start is cheapest for what it really holds", async () => {
  const world = await open({
    heldMiB: { large: 2000, small: 20 },
    config: { keepAlivePolicy: "greedy-dual" },
  });
  world.worker.behaviour.startMs = () => 100;
  for (const name of ["large", "small"]) {
    await world.put(configurationOf(name));
    const outcome = world.invoke(name);
    await settle();
    world.clock.advance(100);
    await executed(await outcome).report;
  }

  world.worker.tell(short);
  await settle();

  assert.deepEqual(idle(world), ["small"]);
  await world.close();
});

test("an eviction for want of memory is counted by its reason", async () => {
  const world = await open();
  await warm(world, "f");

  world.worker.tell(short);
  await settle();

  const counted = [...world.metrics.sets()].filter(({ subject: { dimensions } }) =>
    dimensions.some(({ name, value }) => name === "Reason" && value === "MemoryPressure"),
  );
  assert.equal(counted.length, 2);
  await world.close();
});

test("a round ends so many at most, and the next begins with what is measured after it", async () => {
  const world = await open({ heldMiB: {} });
  await warm(world, ...Array.from({ length: 100 }, (_, index) => `f${index}`));

  world.worker.tell({ availableMiB: 0 });
  world.worker.tell({ availableMiB: 0 });
  await settle();
  assert.equal(world.worker.live.length, 100 - victimsPerRoundMax);
  world.worker.tell({ availableMiB: 400 });
  await settle();

  assert.equal(world.worker.live.length, 0);
  await world.close();
});

test("a start waits while memory is short, and goes on when there is some again", async () => {
  const world = await open();
  world.worker.tell(short);
  await world.put(configurationOf("f"));

  const waiting = world.invoke("f");
  await settle();
  assert.equal(world.worker.starts.length, 0);
  world.clock.advance(memoryWaitMsMax / 2);
  world.worker.tell({ availableMiB: 799 });
  await settle();
  assert.equal(world.worker.starts.length, 0, "memory is short until a twelfth is available again");
  world.worker.tell(plenty);

  executed(await waiting);
  await world.close();
});

test("where memory stays short, who waits for a start is throttled, and may come again", async () => {
  const world = await open();
  world.worker.tell(short);
  await world.put(configurationOf("f"));

  const refused = Promise.all([world.invoke("f"), world.invoke("f")]);
  await settle();
  world.clock.advance(memoryWaitMsMax);

  const throttled = { kind: "throttled", reason: "MemoryPressure", retryAfterSeconds: 1 };
  assert.deepEqual(await refused, [throttled, throttled]);
  assert.equal(world.worker.starts.length, 0);
  world.worker.tell(plenty);
  executed(await world.invoke("f"));
  await world.close();
});

test("who is throttled for want of memory counts as that, once, gives its place back, and is told so by why", async () => {
  const world = await open({ config: { accountConcurrency: 1 } });
  world.worker.tell(short);
  await world.put(configurationOf("f"));

  for (let call = 0; call < 2; call++) {
    const refused = world.invoke("f");
    await settle();
    world.clock.advance(memoryWaitMsMax);
    assert.equal((await refused).kind, "throttled");
  }

  const ofFunction = { name: "FunctionName", value: "f" };
  for (const [namespace, dimensions] of [
    ["AWS/Lambda", [ofFunction]],
    ["Hearth", [ofFunction, { name: "Reason", value: "MemoryPressure" }]],
  ] as const) {
    assert.equal(world.metrics.setOf({ scope, namespace, dimensions }).totals().get("Throttles")?.sum, 2, namespace);
  }
  const why = await world.dataPlane.why(scope, "f");
  assert(why.kind === "found");
  assert.deepEqual(
    why.decisions.map(({ kind, reason, count }) => [kind, reason, count]),
    [["throttled", "MemoryPressure", 2]],
  );
  assert.deepEqual(why.room, { kind: "short" });
  assert.deepEqual(why.verdict, { state: "cold" });
  await world.close();
});

test("a warm invocation does not wait, however short memory is", async () => {
  const world = await open();
  world.worker.behaviour.handlerMs = () => 1000;
  await world.put(configurationOf("f"));
  const first = world.invoke("f");
  await settle();
  world.worker.tell({ availableMiB: 700 });
  world.clock.advance(1000);
  await executed(await first).report;

  world.worker.tell(plenty);
  const next = world.invoke("f");
  world.worker.tell(short);
  await settle();
  world.clock.advance(1000);

  assert.equal(executed(await next).start.cold, false);
  await world.close();
});

test("starts that are not in what was measured yet count: a burst does not run into what is left", async () => {
  const world = await open();
  world.worker.behaviour.startMs = () => 1_000;
  await world.put(configurationOf("f"));
  world.worker.tell({ availableMiB: 600 + 32 * 5 });

  const burst = Array.from({ length: 20 }, () => world.invoke("f"));
  await settle();
  assert.equal(world.worker.starts.length, 6);
  world.worker.tell(plenty);
  await settle();

  assert.equal(world.worker.starts.length, 20);
  world.clock.advance(1000);
  for (const outcome of burst) executed(await outcome);
  await world.close();
});

test("another worker with memory takes what a short one cannot", async () => {
  const world = await open();
  const other = await world.attach({}, memoryMiB);
  await world.put(configurationOf("f"));
  world.worker.tell(short);

  executed(await world.invoke("f"));

  assert.equal(world.worker.starts.length, 0);
  assert.equal(other.starts.length, 1);
  await world.close();
});

test("of workers with room the one gets it that says it has the function's code", async () => {
  const world = await open();
  const fuller = world.worker;
  await warm(world, "other");
  const holder = await world.attach({}, memoryMiB);
  holder.tell({ packages: ["code", "tree-layers"] });
  await world.put(configurationOf("f"));

  executed(await world.invoke("f"));

  assert.equal(fuller.starts.length, 1);
  assert.equal(holder.starts.length, 1);
  await world.close();
});

test("a worker that says it drains gets nothing new, and its idle environments end", async () => {
  const world = await open();
  await warm(world, "f");
  const staying = await world.attach({}, memoryMiB);

  world.worker.tell({ isDraining: true });
  await settle();

  assert.deepEqual(idle(world), []);
  executed(await world.invoke("f"));
  assert.equal(staying.starts.length, 1);
  await world.close();
});
