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
