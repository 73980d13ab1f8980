import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/manual-clock.ts";
import type { WorkerStatus } from "./contract.ts";
import { nearStatusIntervalMs, statusIntervalMs, StatusWatch } from "./status-watch.ts";
import { harness } from "./testing/harness.ts";
import { echoRuntime } from "./testing/runtime-client.ts";

function world() {
  const clock = new ManualClock();
  const machine = { availableMiB: 8000, stalledShare: 0, packages: ["a"], isDraining: false, haveChanged: false };
  const told: WorkerStatus[] = [];
  const shortages: boolean[] = [];
  const watch = new StatusWatch({
    clock,
    memoryMiB: 10_000,
    read: () => ({ availableMiB: machine.availableMiB, stalledShare: machine.stalledShare }),
    packages: (all) => (all || machine.haveChanged ? machine.packages : undefined),
    isDraining: () => machine.isDraining,
    onShortage: (isShort) => shortages.push(isShort),
  });
  return { clock, machine, told, shortages, watch };
}

test("whoever listens is told everything at once, then twice a second what there is, and packages when they change", () => {
  const { clock, machine, told, watch } = world();

  watch.setListener((status) => told.push(status));
  assert.deepEqual(told, [{ availableMiB: 8000, stalledShare: 0, isDraining: false, packages: ["a"] }]);

  clock.advance(statusIntervalMs);
  assert.deepEqual(told.at(-1), { availableMiB: 8000, stalledShare: 0, isDraining: false });
  machine.haveChanged = true;
  clock.advance(statusIntervalMs);
  assert.deepEqual(told.at(-1)?.packages, ["a"]);
  watch.close();
  assert.equal(clock.pendingTimers, 0);
});

test("where memory is about to become short it is measured more often", () => {
  const { clock, machine, told, watch } = world();
  watch.setListener((status) => told.push(status));
  machine.availableMiB = 2499;
  clock.advance(statusIntervalMs);

  clock.advance(10 * nearStatusIntervalMs);

  assert.equal(told.length, 2 + 10);
  watch.close();
});

test("that memory is short is said as long as it is, and once when it is so no longer, whether a front listens or not", () => {
  const { clock, machine, shortages, watch } = world();

  machine.availableMiB = 600;
  clock.advance(statusIntervalMs);
  clock.advance(statusIntervalMs);
  machine.availableMiB = 700;
  clock.advance(statusIntervalMs);
  assert(shortages.length > 1 && shortages.every(Boolean));
  machine.availableMiB = 900;
  clock.advance(statusIntervalMs);

  clock.advance(statusIntervalMs);
  assert.deepEqual(shortages.slice(-2), [true, false]);
  watch.close();
});

test("that a worker drains is told without delay", () => {
  const { machine, told, watch } = world();
  watch.setListener((status) => told.push(status));

  machine.isDraining = true;
  watch.changed();

  assert.equal(told.at(-1)?.isDraining, true);
  watch.close();
});

test("a worker tells its front which packages it has, and that it drains", async () => {
  await using h = harness(echoRuntime, { packages: { all: () => ["code"], changes: () => undefined } });

  assert.deepEqual(h.statuses.at(-1)?.packages, ["code"]);
  await h.worker.drain();

  assert.equal(h.statuses.at(-1)?.isDraining, true);
});
