import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Gate } from "./gate.ts";

test("no more tasks run at once than the gate lets through, in the order in which they came", async () => {
  const gate = new Gate(2);
  const started: number[] = [];
  let running = 0;
  let most = 0;

  const task = async (index: number): Promise<number> =>
    gate.run(async () => {
      started.push(index);
      most = Math.max(most, ++running);
      await setImmediate();
      running -= 1;
      return index;
    });
  const results = await Promise.all([0, 1, 2, 3, 4].map(task));

  assert.equal(most, 2);
  assert.deepEqual(started, [0, 1, 2, 3, 4]);
  assert.deepEqual(results, [0, 1, 2, 3, 4]);
});

test("a task that fails makes room for the next", async () => {
  const gate = new Gate(1);

  const failed = gate.run(async () => Promise.reject(new Error("no")));
  const next = gate.run(async () => "yes");

  await assert.rejects(failed, /no/);
  assert.equal(await next, "yes");
});

test("parties that wait take turns, each in its own order; no more than so many at once", async () => {
  const gate = new Gate(2);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const all = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map((name) =>
    gate.run(
      () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
      name.slice(0, 1),
    ),
  );
  assert.deepEqual(begun, ["a1", "a2"]);

  while (ends.length > 0) {
    ends.shift()?.();
    await setImmediate();
  }

  await Promise.all(all);
  assert.deepEqual(begun, ["a1", "a2", "a3", "b1", "c1", "a4", "b2"]);
});

test("a task that fails gives its place to the next party", async () => {
  const gate = new Gate(1);
  const failing = gate.run(() => Promise.reject(new Error("intentional")), "a");
  const next = gate.run(() => Promise.resolve("done"), "b");

  await assert.rejects(failing, { message: "intentional" });
  assert.equal(await next, "done");
  assert.equal(await gate.run(() => Promise.resolve("again"), "a"), "again");
});
