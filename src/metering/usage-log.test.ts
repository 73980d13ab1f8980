import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/manual-clock.ts";
import { createMemoryEngine } from "../engine/memory/memory-engine.ts";
import { UsageLog } from "./usage-log.ts";
import type { UsageRecord } from "./usage-record.ts";

const scope = { account: "000000000000", region: "us-east-1" };

function usageOf(functionName: string, startedAtMs: number, over: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ...scope,
    functionName,
    functionVersion: "$LATEST",
    requestId: `${functionName}-${startedAtMs}`,
    environmentId: "e",
    startedAtMs,
    cold: false,
    queueMs: 0.1,
    handlerMs: 2.5,
    billedMs: 3,
    memorySizeMiB: 128,
    maxMemoryUsedMiB: 40,
    status: "success",
    ...over,
  };
}

test("the newest records of a function, or of all, can be read back", async () => {
  const clock = new ManualClock();
  const usage = new UsageLog({ engine: createMemoryEngine({ clock, random: () => 0.5 }), clock });
  for (let at = 0; at < 5; at++) usage.record(usageOf(at % 2 === 0 ? "even" : "odd", at));
  usage.record(usageOf("even", 9, { account: "111111111111" }));

  assert.deepEqual(await usage.recent({ scope, functionName: "even", limit: 2 }), [
    usageOf("even", 4),
    usageOf("even", 2),
  ]);
  assert.equal((await usage.recent({ scope, limit: 100 })).length, 5);
  await usage.close();
  assert.equal(clock.pendingTimers, 0);
});

test("all records can be read as lines of JSON, the oldest of each account first", async () => {
  const clock = new ManualClock();
  const usage = new UsageLog({ engine: createMemoryEngine({ clock, random: () => 0.5 }), clock });
  for (let at = 0; at < 2500; at++) usage.record(usageOf("f", at));
  usage.record(usageOf("f", 9, { account: "111111111111" }));

  const chunks: Buffer[] = [];
  for await (const chunk of usage.lines()) chunks.push(chunk);

  const lines = Buffer.concat(chunks).toString().trimEnd().split("\n");
  const records = lines.map((line) => JSON.parse(line) as UsageRecord);
  assert.deepEqual(
    records.filter(({ account }) => account === scope.account).map(({ startedAtMs }) => startedAtMs),
    Array.from({ length: 2500 }, (_, at) => usageOf("f", at).startedAtMs),
  );
  assert.equal(records.length, 2501);
  await usage.close();
});

test("the newest records since a time are read page by page, an equal share of each account's", async () => {
  const clock = new ManualClock();
  const usage = new UsageLog({ engine: createMemoryEngine({ clock, random: () => 0.5 }), clock });
  for (let at = 0; at < 1000; at++) usage.record(usageOf("f", at));
  usage.record(usageOf("f", 9, { account: "111111111111" }));

  const newest = async (fromMs: number, recordsMax: number): Promise<UsageRecord[]> => {
    const records: UsageRecord[] = [];
    for await (const page of usage.newest({ fromMs, recordsMax })) records.push(...page);
    return records;
  };

  const shared = await newest(0, 800);
  assert.deepEqual(
    shared.filter(({ account }) => account === scope.account).map(({ startedAtMs }) => startedAtMs),
    Array.from({ length: 400 }, (_, age) => 999 - age),
  );
  assert.equal(shared.length, 401);
  assert.equal((await newest(990, 800)).length, 10);
  await usage.close();
});
