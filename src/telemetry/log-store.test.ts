import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "../core/identity.ts";
import { ManualClock } from "../core/manual-clock.ts";
import { createMemoryEngine } from "../engine/memory/memory-engine.ts";
import type { LogEvent } from "./log-event.ts";
import { LogStore } from "./log-store.ts";
import { retentionEveryMs } from "./log-sweeper.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const dayMs = 86_400_000;

function open(logBytesMax = 1_073_741_824): { clock: ManualClock; logs: LogStore } {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: () => 0.5 });
  return { clock, logs: new LogStore({ engine, clock, logBytesMax, logRetentionDays: 30 }) };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

function write(logs: LogStore, group: string, stream: string, events: readonly LogEvent[], dropped = 0): void {
  logs.append({ scope, group, stream, events, dropped });
}

test("what an environment writes can be read at once, in the order in which it came", async () => {
  const { clock, logs } = open();
  write(logs, "g", "s1", [{ timestampMs: 5, message: "one" }]);
  write(logs, "g", "s2", [{ timestampMs: 6, message: "two ✓" }]);

  const events = await logs.read(scope, "g", { limit: 10 });

  assert.deepEqual(
    events.map(({ stream, timestampMs, message, ingestedAtMs }) => [stream, timestampMs, message, ingestedAtMs]),
    [
      ["s1", 5, "one", clock.now()],
      ["s2", 6, "two ✓", clock.now()],
    ],
  );
  await logs.close();
  assert.equal(clock.pendingTimers, 0);
});

test("the first event of a group makes the group", async () => {
  const { clock, logs } = open();
  assert.equal(await logs.group(scope, "g"), undefined);

  write(logs, "g", "s", [{ timestampMs: 5, message: "one" }]);

  assert.deepEqual(await logs.group(scope, "g"), { createdAtMs: clock.now(), tags: {} });
  await logs.close();
});

test("another account sees neither groups nor events", async () => {
  const { logs } = open();
  write(logs, "g", "s", [{ timestampMs: 5, message: "one" }]);
  const other = { account: "111111111111", region: "us-east-1" };

  assert.deepEqual(await logs.groups(other), []);
  assert.deepEqual(await logs.read(other, "g", { limit: 10 }), []);
  await logs.close();
});

test("lines that were lost before they came are mentioned where they are missing", async () => {
  const { logs } = open();
  write(logs, "g", "s", [{ timestampMs: 5, message: "after" }], 12);

  const messages = (await logs.read(scope, "g", { limit: 10 })).map((each) => each.message);

  assert.match(messages[0] ?? "", /^12 log events are missing here/);
  assert.equal(messages[1], "after");
  await logs.close();
});

test("a stream says when it was made, and its first and last event", async () => {
  const { clock, logs } = open();
  await logs.createGroup(scope, "g", {});
  assert.equal(await logs.createStream(scope, "g", "by-hand"), true);
  assert.equal(await logs.createStream(scope, "g", "by-hand"), false);
  write(logs, "g", "written", [
    { timestampMs: 5, message: "one" },
    { timestampMs: 9, message: "two" },
  ]);

  assert.deepEqual(await logs.streams(scope, "g"), [
    { name: "by-hand", createdAtMs: clock.now() },
    { name: "written", createdAtMs: 5, events: { firstTimestampMs: 5, lastTimestampMs: 9, bytes: 2 * (8 + 3 + 26) } },
  ]);
  await logs.close();
});

test("a deleted group is gone with everything in it, and made anew by the next event", async () => {
  const { logs } = open();
  write(logs, "g", "s", [{ timestampMs: 5, message: "old" }]);
  await logs.createStream(scope, "g", "by-hand");

  assert.equal(await logs.deleteGroup(scope, "g"), true);
  assert.equal(await logs.deleteGroup(scope, "g"), false);
  assert.deepEqual(await logs.streams(scope, "g"), []);
  write(logs, "g", "s", [{ timestampMs: 6, message: "new" }]);

  assert.deepEqual(
    (await logs.read(scope, "g", { limit: 10 })).map((each) => each.message),
    ["new"],
  );
  assert.notEqual(await logs.group(scope, "g"), undefined);
  await logs.close();
});

test("a deleted stream takes its events with it and leaves the others", async () => {
  const { logs } = open();
  write(logs, "g", "a", [{ timestampMs: 5, message: "a" }]);
  write(logs, "g", "b", [{ timestampMs: 5, message: "b" }]);

  assert.equal(await logs.deleteStream(scope, "g", "a"), true);
  assert.equal(await logs.deleteStream(scope, "g", "a"), false);

  assert.deepEqual(
    (await logs.read(scope, "g", { limit: 10 })).map((each) => each.message),
    ["b"],
  );
  await logs.close();
});

test("a stream made by hand is deleted with events that were not yet written to disk", async () => {
  const { logs } = open();
  await logs.createGroup(scope, "g", {});
  await logs.createStream(scope, "g", "s");
  write(logs, "g", "s", [{ timestampMs: 5, message: "x" }]);

  assert.equal(await logs.deleteStream(scope, "g", "s"), true);

  assert.equal(await logs.hasStream(scope, "g", "s"), false);
  assert.deepEqual(await logs.streams(scope, "g"), []);
  await logs.close();
});

test("events end with their group's retention, or with that of the installation", async () => {
  const { clock, logs } = open();
  const event = { timestampMs: clock.now(), message: "x" };
  write(logs, "short", "s", [event]);
  write(logs, "default", "s", [event]);
  await logs.updateGroup(scope, "short", (record) => ({ ...record, retentionDays: 1 }));
  await logs.read(scope, "default", { limit: 1 });

  const isEmpty = async (group: string): Promise<boolean> => (await logs.read(scope, group, { limit: 1 })).length === 0;
  clock.advance(dayMs + retentionEveryMs);
  await until(() => isEmpty("short"));
  assert(!(await isEmpty("default")));
  clock.advance(29 * dayMs);
  await until(() => isEmpty("default"));

  await logs.close();
});

test("ten times the budget leaves the disk bounded, and a quiet group its events", async () => {
  const budget = 1_048_576;
  const { logs } = open(budget);
  write(logs, "quiet", "s", [{ timestampMs: 1, message: "kept" }]);
  const line = "x".repeat(1000);
  for (let index = 0; index < (10 * budget) / 1000; index++) {
    write(logs, "flood", "s", [{ timestampMs: index, message: line }]);
    if (index % 100 === 0) await logs.read(scope, "flood", { limit: 1 });
  }
  const storedBytes = async (): Promise<number> =>
    (await logs.groups(scope)).reduce((sum, each) => sum + each.storedBytes, 0);

  await until(async () => (await storedBytes()) <= budget * 1.25);
  assert.equal((await logs.read(scope, "quiet", { limit: 1 })).length, 1);
  const [last] = await logs.read(scope, "flood", { limit: 1, backwards: true });
  assert.equal(last?.timestampMs, Math.ceil((10 * budget) / 1000) - 1);
  await logs.close();
});
