import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ManualClock } from "../core/manual-clock.ts";
import { RetryLine } from "./retry-line.ts";

let clock: ManualClock;
let line: RetryLine;
let turns: string[];

beforeEach(() => {
  clock = new ManualClock();
  line = new RetryLine(clock);
  turns = [];
});

/** Tries again whenever it is their turn, and is refused each time. */
async function refuse(name: string): Promise<void> {
  for (;;) {
    await line.turn();
    turns.push(name);
  }
}

async function advance(durationMs: number): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= 50) {
    clock.advance(50);
    await setImmediate();
  }
}

test("one at a time tries again, in the order of the refusals, after 50 ms and then less and less often", async () => {
  for (const name of ["a", "b", "c"]) void refuse(name);

  await advance(750);
  assert.deepEqual(turns, ["a", "b", "c", "a"], "after 50, 150, 350 and 750 ms");
  await advance(60_000);
  assert(turns.length < 4 + 80, `${turns.length} tries in a minute, however many wait`);
});

test("when somebody was admitted, as many as may go on at once, and the rest soon", async () => {
  const names = ["a", "b", "c", "d"];
  for (const name of names) void line.turn().then(() => turns.push(name));
  await advance(50);
  assert.deepEqual(turns, ["a"]);

  line.admit(2);
  await setImmediate();
  assert.deepEqual(turns, ["a", "b", "c"]);
  line.admit(-1);
  await advance(100);
  assert.deepEqual(turns, names);
});

test("a line that is released leaves nobody waiting, and no timer", async () => {
  for (const name of ["a", "b"]) void line.turn().then(() => turns.push(name));

  line.release();
  await setImmediate();

  assert.deepEqual(turns, ["a", "b"]);
  assert.equal(clock.pendingTimers, 0);
});
