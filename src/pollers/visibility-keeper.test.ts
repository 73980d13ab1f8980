import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ApiError, UnavailableError } from "../core/errors.ts";
import { ManualClock } from "../core/manual-clock.ts";
import { VisibilityKeeper } from "./visibility-keeper.ts";

let clock: ManualClock;
let extended: string[];
let refusal: Error | undefined;
let keeper: VisibilityKeeper;

beforeEach(() => {
  clock = new ManualClock();
  extended = [];
  refusal = undefined;
  const beganMs = clock.monotonicMs();
  keeper = new VisibilityKeeper({
    clock,
    extend: async (handle, seconds) => {
      extended.push(`${handle} ${seconds} s at ${(clock.monotonicMs() - beganMs) / 1000} s`);
      if (refusal !== undefined) throw refusal;
    },
  });
});

async function advance(durationMs: number): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= 100) {
    clock.advance(100);
    await setImmediate();
  }
}

test("a message is extended five seconds before its time is over, again and again, until it is let go", async () => {
  keeper.hold(["a"], 30);

  await advance(60_000);
  assert.deepEqual(extended, ["a 30 s at 25 s", "a 30 s at 50 s"]);
  keeper.letGo(["a"]);
  await advance(60_000);
  assert.equal(extended.length, 2);
  assert.equal(clock.pendingTimers, 0);
});

test("a short time is extended at its half", async () => {
  keeper.hold(["a"], 2);

  await advance(2500);

  assert.deepEqual(extended, ["a 2 s at 1 s", "a 2 s at 2 s"]);
});

test("each message has a time of its own, and one that is let go leaves the others", async () => {
  keeper.hold(["a", "b"], 30);
  await advance(10_000);
  keeper.hold(["c"], 10);
  keeper.letGo(["a"]);

  await advance(16_000);

  assert.deepEqual(extended, ["c 10 s at 15 s", "c 10 s at 20 s", "b 30 s at 25 s", "c 10 s at 25 s"]);
});

test("an extension that the engine refuses is tried again within the margin", async () => {
  keeper.hold(["a"], 30);
  await advance(24_900);
  refusal = new UnavailableError("busy", "full");
  await advance(600);
  refusal = undefined;
  await advance(500);

  assert.deepEqual(extended, ["a 30 s at 25 s", "a 30 s at 25.5 s", "a 30 s at 26 s"]);
});

for (const [what, error] of [
  ["is gone", new ApiError("InvalidParameterValue", "gone")],
  ["lies in an engine that closes", new UnavailableError("closing", "closing")],
] as const) {
  test(`a message that ${what} is not held any longer`, async () => {
    keeper.hold(["a"], 10);
    refusal = error;

    await advance(60_000);

    assert.equal(extended.length, 1);
    assert.equal(clock.pendingTimers, 0);
  });
}
