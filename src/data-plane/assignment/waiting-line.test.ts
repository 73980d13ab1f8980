import assert from "node:assert/strict";
import { test } from "node:test";
import { UnavailableError } from "../../core/errors.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Environment } from "./environment.ts";
import { environmentWaitMsMax, WaitingLine } from "./waiting-line.ts";

const environment = { id: "environment" } as Environment;
const noRoom = new UnavailableError("no-capacity", "no room");
const tooFast = { limit: "scaling rate", retryAfterMs: 5 } as const;

function open() {
  const clock = new ManualClock();
  const world = { clock, emptied: 0, line: new WaitingLine(clock, () => world.emptied++) };
  return world;
}

test("who has waited longest is served first, and nobody twice", async () => {
  const { clock, line } = open();
  const [first, second, third] = [line.join(), line.join(), line.join()];

  assert.equal(line.serve(environment), true);
  assert.equal(await first, environment);
  line.turnAwayLongest(noRoom);
  await assert.rejects(second, noRoom);
  line.turnAwayLongest(tooFast);
  assert.equal(await third, tooFast);

  assert.equal(line.serve(environment), false);
  assert.equal(clock.pendingTimers, 0);
});

test("those who came last are turned away first, with the time to wait", async () => {
  const { line } = open();
  const [first, second, third] = [line.join(), line.join(), line.join()];

  line.refuseLatest(0, tooFast);
  line.refuseLatest(2, tooFast);

  assert.deepEqual([await second, await third], [tooFast, tooFast]);
  assert.equal(line.size, 1);
  line.serve(environment);
  assert.equal(await first, environment);
});

test("nobody waits for longer than a minute, and the end of the line is told once it is empty", async () => {
  const world = open();
  const early = assert.rejects(world.line.join(), { name: "UnavailableError", reason: "no-capacity" });
  world.clock.advance(10);
  const late = world.line.join();

  world.clock.advance(environmentWaitMsMax - 10);
  await early;
  assert.deepEqual([world.line.size, world.emptied], [1, 0]);

  world.line.failAll(noRoom);
  await assert.rejects(late, noRoom);
  assert.deepEqual([world.line.size, world.emptied, world.clock.pendingTimers], [0, 1, 0]);
});

test("it is known how many have waited for so long, and when the next one will have", async () => {
  const { clock, line } = open();
  const waiting = [line.join()];
  clock.advance(4);
  waiting.push(line.join());
  clock.advance(6);

  assert.deepEqual(line.waitedFor(10), { count: 1, nextInMs: 4 });
  assert.deepEqual(line.waitedFor(5), { count: 2, nextInMs: undefined });

  line.failAll(noRoom);
  await Promise.allSettled(waiting);
});
