import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { FairGate } from "./fair-gate.ts";

test("parties that wait take turns, each in its own order; no more than so many at once", async () => {
  const gate = new FairGate(2);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const all = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map((name) =>
    gate.run(name.slice(0, 1), () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  assert.deepEqual(begun, ["a1", "a2"]);

  while (ends.length > 0) {
    ends.shift()?.();
    await setImmediate();
  }

  await Promise.all(all);
  assert.deepEqual(begun, ["a1", "a2", "a3", "b1", "c1", "a4", "b2"]);
});

test("a task that fails gives its place to the next", async () => {
  const gate = new FairGate(1);
  const failing = gate.run("a", () => Promise.reject(new Error("intentional")));
  const next = gate.run("b", () => Promise.resolve("done"));

  await assert.rejects(failing, { message: "intentional" });
  assert.equal(await next, "done");
  assert.equal(await gate.run("a", () => Promise.resolve("again")), "again");
});
