import assert from "node:assert/strict";
import { test } from "node:test";

import { ManualClock } from "../../core/manual-clock.ts";
import { PoolCost } from "./pool-cost.ts";

function runtimeOf(bytes: number): { bytes: number; readonly memoryBytes: () => number } {
  const runtime = { bytes, memoryBytes: () => runtime.bytes };
  return runtime;
}

test("memory counts for as long as a runtime waits, with what it used in each part of that time", () => {
  const clock = new ManualClock();
  const cost = new PoolCost(clock);
  const [first, second] = [runtimeOf(1000), runtimeOf(500)];

  clock.advance(5000);
  cost.holds(first);
  clock.advance(1000);
  first.bytes = 800;
  cost.holds(first);
  cost.holds(second);
  clock.advance(2000);
  cost.releases(first);
  clock.advance(4000);

  const { memoryBytes, memoryByteSeconds } = cost.info();
  assert.equal(memoryBytes, 500);
  assert.equal(memoryByteSeconds, 1000 + 2 * (800 + 500) + 4 * 500);
});

test("one that is released twice, or was never held, takes nothing off", () => {
  const cost = new PoolCost(new ManualClock());
  const [held, other] = [runtimeOf(1000), runtimeOf(500)];
  cost.holds(held);

  cost.releases(other);
  assert.equal(cost.info().memoryBytes, 1000);
  cost.releases(held);
  cost.releases(held);

  assert.equal(cost.info().memoryBytes, 0);
});

test("boots are counted with their time", () => {
  const clock = new ManualClock();
  const cost = new PoolCost(clock);
  const sinceMs = clock.monotonicMs();
  clock.advance(30);

  cost.booted(sinceMs, 20);
  clock.advance(10);
  cost.booted(sinceMs, 25);

  const { boots, bootMs, bootCpuMs } = cost.info();
  assert.deepEqual([boots, bootMs, bootCpuMs], [2, 70, 45]);
});
