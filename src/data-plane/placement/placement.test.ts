import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { place, type WorkerLoad } from "./placement.ts";

interface NamedLoad extends WorkerLoad {
  readonly name: string;
}

function load(name: string, over: Partial<WorkerLoad> = {}): NamedLoad {
  return { name, memoryMiB: 1024, committedMiB: 0, idleMiB: 0, draining: false, ...over };
}

test("the worker with the least room that still suffices is chosen", () => {
  const workers = [load("empty"), load("fuller", { committedMiB: 800 }), load("full", { committedMiB: 1000 })];

  const placement = place(workers, 128, 1);

  assert(placement.kind === "place");
  assert.equal(placement.worker.name, "fuller");
});

test("over-commitment multiplies what a worker offers", () => {
  const workers = [load("only", { committedMiB: 1024 })];

  assert.equal(place(workers, 128, 1).kind, "full");
  assert.equal(place(workers, 128, 2).kind, "place");
});

test("a draining worker takes nothing new", () => {
  assert.equal(place([load("leaving", { draining: true, idleMiB: 1024 })], 128, 1).kind, "full");
});

test("where every worker is full, idle environments make room on the one that has to give up least", () => {
  const workers = [
    load("busy", { committedMiB: 1024, idleMiB: 100 }),
    load("idle", { committedMiB: 1024, idleMiB: 512 }),
    load("nearly", { committedMiB: 960, idleMiB: 512 }),
  ];

  const placement = place(workers, 128, 1);

  assert(placement.kind === "evict");
  assert.equal(placement.worker.name, "nearly");
  assert.equal(placement.evictMiB, 64);
});

test("over any fleet, a placement never exceeds what the worker offers", () => {
  const loads = fc.array(
    fc.record({
      memoryMiB: fc.nat(4096),
      committedMiB: fc.nat(8192),
      idleMiB: fc.nat(4096),
      draining: fc.boolean(),
    }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(
      loads,
      fc.integer({ min: 128, max: 10_240 }),
      fc.constantFrom(1, 2, 8),
      (workers, memoryMiB, factor) => {
        const placement = place(workers, memoryMiB, factor);
        const fits = (each: WorkerLoad): boolean =>
          !each.draining && each.committedMiB + memoryMiB <= each.memoryMiB * factor;
        if (placement.kind === "place") assert(fits(placement.worker));
        else assert(!workers.some(fits));
        if (placement.kind === "evict") assert(placement.evictMiB <= placement.worker.idleMiB);
      },
    ),
  );
});
