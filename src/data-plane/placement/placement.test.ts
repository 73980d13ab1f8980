import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memoryMiBPerCpu, offeredMiB, place, type Overcommit, type WorkerLoad } from "./placement.ts";

interface NamedLoad extends WorkerLoad {
  readonly name: string;
  readonly packages: readonly string[];
}

function load(name: string, over: Partial<Omit<NamedLoad, "holds">> = {}): NamedLoad {
  return {
    name,
    memoryMiB: 1024,
    cpus: 2,
    committedMiB: 0,
    idleMiB: 0,
    draining: false,
    isShort: false,
    packages: [],
    holds(wanted) {
      return wanted.every((each) => this.packages.includes(each));
    },
    ...over,
  };
}

const small = { memoryMiB: 128, packages: ["code"] };
const once: Overcommit = { memory: 1, cpu: 1 };

function placed(workers: readonly NamedLoad[], overcommit = once): string {
  const placement = place(workers, small, overcommit);
  return placement.kind === "place" ? placement.worker.name : placement.kind;
}

test("the worker with the least room that still suffices is chosen", () => {
  const workers = [load("empty"), load("fuller", { committedMiB: 800 }), load("full", { committedMiB: 1000 })];

  assert.equal(placed(workers), "fuller");
});

test("a worker that has the packages on disk is preferred, and of several the fullest", () => {
  const workers = [
    load("fuller", { committedMiB: 800 }),
    load("holds", { packages: ["code", "layer"] }),
    load("holds too", { packages: ["code"], committedMiB: 400 }),
  ];

  assert.equal(placed(workers), "holds too");
});

test("packages do not bring anything to a worker without room, when another has some", () => {
  const workers = [load("holds", { packages: ["code"], committedMiB: 1024, idleMiB: 1024 }), load("empty")];

  assert.equal(placed(workers), "empty");
});

test("over-commitment multiplies what a worker offers", () => {
  const workers = [load("only", { committedMiB: 1024 })];

  assert.equal(placed(workers, { memory: 1, cpu: 2 }), "full");
  assert.equal(placed(workers, { memory: 2, cpu: 2 }), "only");
});

test("CPU is promised in proportion to memory, and where there is less of it than of memory, it is what binds", () => {
  const worker = load("only", { memoryMiB: 10_000, cpus: 1 });

  assert.equal(offeredMiB(worker, { memory: 10, cpu: 10 }), 10 * memoryMiBPerCpu);
  assert.equal(placed([{ ...worker, committedMiB: memoryMiBPerCpu - 128 }]), "only");
  assert.equal(placed([{ ...worker, committedMiB: memoryMiBPerCpu - 127 }]), "full");
  assert.equal(placed([{ ...worker, committedMiB: memoryMiBPerCpu - 127 }], { memory: 1, cpu: 1.1 }), "only");
});

test("a draining worker takes nothing new", () => {
  assert.equal(placed([load("leaving", { draining: true, idleMiB: 1024, packages: ["code"] })]), "full");
});

test("a worker that is really short of memory takes nothing new, however little it has promised", () => {
  assert.equal(placed([load("short", { isShort: true, packages: ["code"] }), load("other")]), "other");
  assert.equal(placed([load("short", { isShort: true })]), "short");
  assert.equal(placed([load("short", { isShort: true, committedMiB: 1024 })]), "full");
});

test("what no worker could hold whatever others give back is told from what has to wait, with the most that one offers", () => {
  const workers = [load("small", { memoryMiB: 50 }), load("larger", { memoryMiB: 100, committedMiB: 100 })];
  const leaving = load("leaving", { draining: true });

  assert.deepEqual(place(workers, small, once), { kind: "too-large", offeredMiBMax: 100 });
  assert.equal(placed(workers, { memory: 2, cpu: 2 }), "full");
  assert.equal(placed([...workers, leaving]), "full", "what replaces it may be as large");
  assert.equal(placed([]), "full", "nobody knows how large workers are");
});

test("where every worker is full, idle environments make room on the one that has to give up least", () => {
  const workers = [
    load("busy", { committedMiB: 1024, idleMiB: 100 }),
    load("idle", { committedMiB: 1024, idleMiB: 512 }),
    load("nearly", { committedMiB: 960, idleMiB: 512 }),
  ];

  const placement = place(workers, small, once);

  assert(placement.kind === "evict");
  assert.equal(placement.worker.name, "nearly");
  assert.equal(placement.evictMiB, 64);
});

const anyLoad = fc
  .record({
    memoryMiB: fc.nat(4096),
    cpus: fc.integer({ min: 1, max: 8 }),
    committedMiB: fc.nat(8192),
    idleMiB: fc.nat(4096),
    draining: fc.boolean(),
    isShort: fc.boolean(),
    packages: fc.subarray(["code", "layer", "other"]),
  })
  .map((fields) => load("any", fields));

const anyOvercommit = fc.record({ memory: fc.constantFrom(1, 2, 8, 20), cpu: fc.constantFrom(1, 2, 20, 128) });

test("over any fleet of hundreds, the choice is the best there is and never exceeds what the worker offers", () => {
  fc.assert(
    fc.property(
      fc.array(anyLoad, { maxLength: 500 }),
      fc.integer({ min: 128, max: 10_240 }),
      fc.subarray(["code", "layer"]),
      anyOvercommit,
      (workers, memoryMiB, packages, overcommit) => {
        const leftOn = (each: NamedLoad): number => offeredMiB(each, overcommit) - each.committedMiB - memoryMiB;
        const open = workers.filter((each) => !each.draining && !each.isShort);
        const fitting = open.filter((each) => leftOn(each) >= 0);

        const placement = place(workers, { memoryMiB, packages }, overcommit);

        if (placement.kind === "place") {
          const { worker } = placement;
          assert(fitting.includes(worker));
          const equals = fitting.filter((each) => each.holds(packages) === worker.holds(packages));
          assert(worker.holds(packages) || equals.length === fitting.length);
          assert(equals.every((each) => leftOn(each) >= leftOn(worker)));
          return;
        }
        assert.equal(fitting.length, 0);
        const canHold = (each: NamedLoad): boolean => offeredMiB(each, overcommit) >= memoryMiB;
        const giving = (each: NamedLoad): boolean => canHold(each) && each.idleMiB >= -leftOn(each);
        if (placement.kind === "evict") {
          assert(open.includes(placement.worker) && giving(placement.worker));
          assert.equal(placement.evictMiB, -leftOn(placement.worker));
        } else {
          assert(!open.some(giving));
          assert.equal(
            placement.kind === "short",
            workers.some((each) => !each.draining && each.isShort && giving(each)),
          );
          assert.equal(placement.kind === "too-large", workers.length > 0 && !workers.some(canHold));
        }
      },
    ),
  );
});

test("hundreds of workers that hold many small environments still have room for the largest", () => {
  const fleet = Array.from({ length: 300 }, (_, index) => ({
    ...load(`worker-${index}`),
    memoryMiB: 10_240,
    cpus: 64,
  }));
  const sizesMiB = [128, 256, 512, 1024];
  const offered = fleet.length * 10_240;

  for (let promised = 0, turn = 0; promised < offered * 0.8; turn++) {
    const memoryMiB = sizesMiB[turn % sizesMiB.length] ?? 128;
    const placement = place(fleet, { memoryMiB, packages: [] }, once);
    assert(placement.kind === "place");
    Object.assign(placement.worker, { committedMiB: placement.worker.committedMiB + memoryMiB });
    promised += memoryMiB;
  }

  const empty = fleet.filter(({ committedMiB }) => committedMiB === 0).length;
  assert(empty >= fleet.length * 0.2 - 1, `${empty} workers are empty`);
  assert.equal(place(fleet, { memoryMiB: 10_240, packages: [] }, once).kind, "place");
});
