import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNearShortage, lowMarkMiB, memoryPressure } from "./memory-pressure.ts";

const memoryMiB = 9600;

test("memory is short below a sixteenth of it, and until a twelfth is available again", () => {
  assert.deepEqual(memoryPressure(memoryMiB, { availableMiB: 600 }, false), { isShort: false, missingMiB: 0 });
  assert.deepEqual(memoryPressure(memoryMiB, { availableMiB: 599 }, false), { isShort: true, missingMiB: 201 });

  assert.deepEqual(memoryPressure(memoryMiB, { availableMiB: 799 }, true), { isShort: true, missingMiB: 1 });
  assert.deepEqual(memoryPressure(memoryMiB, { availableMiB: 800 }, true), { isShort: false, missingMiB: 0 });
});

test("the reserve of a large machine does not grow without end", () => {
  assert.equal(lowMarkMiB(1_000_000), 2048);
});

test("stalls make memory short earlier, but not where there is plenty: a function at its own limit stalls too", () => {
  const stalling = { stalledShare: 0.2 };

  assert.equal(memoryPressure(memoryMiB, { availableMiB: 1199, ...stalling }, false).isShort, true);
  assert.equal(memoryPressure(memoryMiB, { availableMiB: 1199, stalledShare: 0.01 }, false).isShort, false);
  assert.equal(memoryPressure(memoryMiB, { availableMiB: 1200, ...stalling }, false).isShort, false);
});

test("before memory is short it is near to it", () => {
  assert.equal(isNearShortage(memoryMiB, { availableMiB: 2399 }), true);
  assert.equal(isNearShortage(memoryMiB, { availableMiB: 2400 }), false);
});

test("whatever is measured, what is missing is enough to end the shortage, and nothing is missing without one", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 4_000_000 }),
      fc.nat(4_000_000),
      fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      fc.boolean(),
      (memory, availableMiB, stalledShare, wasShort) => {
        const stalls = stalledShare === undefined ? {} : { stalledShare };
        const { isShort, missingMiB } = memoryPressure(memory, { availableMiB, ...stalls }, wasShort);
        assert.equal(isShort, missingMiB > 0);
        const after = memoryPressure(memory, { availableMiB: availableMiB + missingMiB }, isShort);
        assert.equal(after.isShort && after.missingMiB > 1e-6, false);
      },
    ),
  );
});
