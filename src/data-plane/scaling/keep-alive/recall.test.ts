import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../core/clock.ts";
import { ManualClock } from "../../../core/manual-clock.ts";
import type { UsageRecord } from "../../../metering/usage-record.ts";
import type { KeepAlivePolicy } from "./contract.ts";
import { FixedWindow } from "./fixed-window.ts";
import { createPolicy } from "./named-policies.ts";
import { functionMinutesMax, recall, type RecallOptions } from "./recall.ts";
import { heardMax, ReplaceablePolicy } from "./replaceable.ts";

const minuteMs = 60_000;
const kept = { id: "timer", memoryMiB: 128 };

function recordOf(startedAtMs: number, over: Partial<UsageRecord> = {}): UsageRecord {
  return {
    account: "000000000000",
    region: "us-east-1",
    functionName: "timer",
    functionVersion: "$LATEST",
    requestId: String(startedAtMs),
    environmentId: "e",
    startedAtMs,
    cold: false,
    queueMs: 0,
    handlerMs: 10,
    billedMs: 10,
    memorySizeMiB: 128,
    maxMemoryUsedMiB: 40,
    status: "success",
    ...over,
  };
}

/** Every half hour of two days until five minutes ago. */
function halfHours(clock: Clock): UsageRecord[] {
  return Array.from({ length: 96 }, (_, round) => recordOf(clock.now() - (5 + 30 * (95 - round)) * minuteMs));
}

// oxlint-disable-next-line require-await -- pages come from a disk elsewhere
async function* pagesOf(records: readonly UsageRecord[]): AsyncGenerator<readonly UsageRecord[]> {
  for (let from = 0; from < records.length; from += 10) yield records.slice(from, from + 10).toReversed();
}

function optionsOf(clock: Clock, policy: ReplaceablePolicy, over: Partial<RecallOptions> = {}): RecallOptions {
  return {
    clock,
    policy,
    create: () => createPolicy("forecast", 10 * minuteMs),
    usage: () => pagesOf(halfHours(clock)),
    keptAs: ({ functionName }) => ({ ...kept, id: functionName }),
    signal: new AbortController().signal,
    ...over,
  };
}

/** What a policy that had seen all of it says. */
function witness(clock: Clock): KeepAlivePolicy {
  const policy = createPolicy("forecast", 10 * minuteMs);
  for (const { startedAtMs, handlerMs } of halfHours(clock)) {
    policy.observe("arrival", kept, startedAtMs);
    policy.observe("end", kept, startedAtMs + handlerMs);
  }
  return policy;
}

test("what was recorded before a restart is expected after it as before", async () => {
  const clock = new ManualClock();
  const policy = new ReplaceablePolicy(createPolicy("forecast", 10 * minuteMs));
  assert.deepEqual(policy.outlook(kept, 0, clock.now()), { kind: "nothing" });

  const outcome = await recall(optionsOf(clock, policy));

  assert.deepEqual(outcome, { kind: "recalled", functions: new Set(["timer"]), invocations: 96 });
  const expected = witness(clock).expectation(kept, clock.now());
  assert.equal(expected?.periodMs, 30 * minuteMs);
  assert.equal(policy.expectation(kept, clock.now())?.periodMs, 30 * minuteMs);
  assert.equal(policy.expectation(kept, clock.now())?.next?.fromMs, expected.next?.fromMs);
  const outlook = policy.outlook(kept, 0, clock.now());
  assert(outlook.kind === "prewarm");
  assert(Math.abs(outlook.atMs - (clock.now() + 25 * minuteMs)) < minuteMs, new Date(outlook.atMs).toISOString());
});

test("what happens while the past is recalled is not forgotten, and neither is a function that is deleted then", async () => {
  const clock = new ManualClock();
  const policy = new ReplaceablePolicy(createPolicy("forecast", 10 * minuteMs));
  async function* usage(): AsyncGenerator<readonly UsageRecord[]> {
    yield* pagesOf(halfHours(clock));
    yield [recordOf(clock.now() - minuteMs, { functionName: "gone" })];
    policy.observe("arrival", kept, clock.now());
    policy.forget("gone");
    await Promise.resolve();
  }

  await recall(optionsOf(clock, policy, { usage }));

  // In use since then, so that it is wanted now, and gives nothing back before it ends.
  policy.observe("end", kept, clock.now());
  assert.equal(policy.expectation({ ...kept, id: "gone" }, clock.now()), undefined);
  assert(policy.keepUntilMs({ function: kept, rank: 0, idleSinceMs: clock.now() }, clock.now()) >= clock.now());
  assert.notEqual(policy.expectation(kept, clock.now()), undefined);
});

test("what is provisioned and what no longer exists teaches nothing; where there is nothing, nothing changes", async () => {
  const clock = new ManualClock();
  const policy = new ReplaceablePolicy(createPolicy("forecast", 10 * minuteMs));
  const provisioned = halfHours(clock).map(({ startedAtMs }) => recordOf(startedAtMs, { provisioned: true }));

  assert.deepEqual(await recall(optionsOf(clock, policy, { usage: () => pagesOf(provisioned) })), { kind: "nothing" });
  assert.deepEqual(await recall(optionsOf(clock, policy, { keptAs: () => undefined })), { kind: "nothing" });
  assert.equal(policy.expectsSuccessor, false);
  assert.equal(policy.expectation(kept, clock.now()), undefined);
});

test("it is given up when too much happens meanwhile, when it takes too long, and when Hearth stops", async () => {
  const clock = new ManualClock();
  const policy = new ReplaceablePolicy(new FixedWindow(0));
  const giveUp = async (meanwhile: () => void, signal?: AbortSignal): Promise<string> => {
    async function* usage(): AsyncGenerator<readonly UsageRecord[]> {
      yield* pagesOf(halfHours(clock));
      meanwhile();
      await Promise.resolve();
      yield [];
    }
    const outcome = await recall(optionsOf(clock, policy, { usage, ...(signal === undefined ? {} : { signal }) }));
    assert.equal(policy.expectsSuccessor, false);
    return outcome.kind === "given-up" ? outcome.reason : outcome.kind;
  };
  const stopping = new AbortController();

  const flooded = giveUp(() => {
    for (let count = 0; count <= heardMax; count++) policy.observe("used", kept, clock.now());
  });
  assert.match(await flooded, /too much happened/);
  assert.match(await giveUp(() => stopping.abort(), stopping.signal), /not wanted/);
  const slow = giveUp(() => clock.advance(200_000));
  // It rests after its first slice.
  await untilTimer(clock);
  clock.advance(20);
  assert.match(await slow, /took longer/);
});

async function untilTimer(clock: ManualClock): Promise<void> {
  while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
}

test("work is done in slices with rests between them, and of many functions less of the past is told", async () => {
  const clock = new ManualClock();
  const functions = 2000;
  const records = Array.from({ length: functions }, (_, index) =>
    recordOf(clock.now() - (index % 2 === 0 ? 10 : functionMinutesMax / functions + 10) * minuteMs, {
      functionName: `f${index}`,
    }),
  );
  let rests = 0;
  let elapsedMs = 0;
  // Time passes whenever somebody looks at it.
  const passing: Clock = {
    now: () => clock.now(),
    monotonicMs: () => (elapsedMs += 0.5),
    after(_delayMs, task) {
      rests++;
      setImmediate(task);
      return { cancel: () => undefined };
    },
  };
  const told = new Set<string>();
  class Listening extends FixedWindow {
    override recall(past: Parameters<KeepAlivePolicy["recall"]>[0]): void {
      if (past.kind === "arrival") told.add(past.kept.id);
    }
  }
  const policy = new ReplaceablePolicy(new FixedWindow(0));

  const outcome = await recall(
    optionsOf(passing, policy, { usage: () => pagesOf(records), create: () => new Listening(0) }),
  );

  assert.equal(outcome.kind, "recalled");
  assert(rests > 10, String(rests));
  assert.deepEqual(told, new Set(records.filter((_, index) => index % 2 === 0).map((each) => each.functionName)));
});
