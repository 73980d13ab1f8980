import assert from "node:assert/strict";
import { test } from "node:test";

import type { UsageRecord } from "../metering/usage-record.ts";
import { TraceError } from "./trace.ts";
import { parseUsageTrace, usageTrace } from "./usage-trace.ts";

const minuteMs = 60_000;

function usage(functionName: string, startedAtMs: number, more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    account: "000000000000",
    region: "us-east-1",
    functionName,
    functionVersion: "1",
    requestId: "r",
    environmentId: "e",
    startedAtMs,
    cold: false,
    queueMs: 0,
    handlerMs: 20,
    billedMs: 20,
    memorySizeMiB: 256,
    maxMemoryUsedMiB: 60,
    status: "success",
    ...more,
  };
}

const phases = { sandboxMs: 30, codeMs: 5, runtimeMs: 40, initMs: 125, pooled: false };

test("recorded usage keeps its times within the wall clock's minutes, and what starts really took", () => {
  const startedAtMs = 1_000 * minuteMs;

  const trace = usageTrace([
    usage("b", startedAtMs + 3 * minuteMs + 10),
    usage("a", startedAtMs + 700, { cold: true, queueMs: 200, phases }),
    usage("a", startedAtMs + 90_000, { handlerMs: 33 }),
  ]);

  assert.equal(trace.startedAtMs, startedAtMs);
  assert.equal(trace.minutes, 4);
  const a = trace.functions.find(({ id }) => id.includes(":a:"));
  assert.deepEqual(a, {
    id: "000000000000:us-east-1:a:1",
    memoryMiB: 256,
    startMs: 200,
    invocations: {
      kind: "recorded",
      atMs: Float64Array.of(500, 90_000),
      durationsMs: Float64Array.of(20, 33),
    },
  });
  // Of b no start was recorded: it is taken to start as the others do.
  assert.equal(trace.functions.find(({ id }) => id.includes(":b:"))?.startMs, 200);
});

test("lines of JSON are read in any order; what is no usage record is named with its line", () => {
  const lines = [usage("a", 5 * minuteMs), usage("a", 2 * minuteMs)].map((each) => JSON.stringify(each));

  assert.deepEqual(parseUsageTrace(`${lines.join("\n")}\n`, "usage.jsonl").functions[0]?.invocations, {
    kind: "recorded",
    atMs: Float64Array.of(0, 3 * minuteMs),
    durationsMs: Float64Array.of(20, 20),
  });
  assert.throws(() => parseUsageTrace(`${lines[0]}\n{"account":1}`, "usage.jsonl"), /usage\.jsonl, line 2: account is/);
  assert.throws(() => parseUsageTrace("nonsense", "usage.jsonl"), TraceError);
  assert.throws(() => parseUsageTrace("", "usage.jsonl"), /no invocation is recorded/);
});
