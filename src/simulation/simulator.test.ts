import assert from "node:assert/strict";
import { test } from "node:test";

import { createPolicy } from "../data-plane/scaling/keep-alive/named-policies.ts";
import { generateTrace } from "./generated-trace.ts";
import { simulate, type SimulationOptions } from "./simulator.ts";
import type { Trace, TraceFunction } from "./trace.ts";

const minuteMs = 60_000;
const options: SimulationOptions = {
  seed: 1,
  arrivals: "spread",
  instant: false,
  memoryMiB: undefined,
  workerMemoryMiB: 1024,
  accountConcurrency: 1000,
};

function recorded(id: string, atMs: readonly number[], durationMs = 1000): TraceFunction {
  return {
    id,
    memoryMiB: 512,
    startMs: 200,
    invocations: {
      kind: "recorded",
      atMs: Float64Array.from(atMs),
      durationsMs: new Float64Array(atMs.length).fill(durationMs),
    },
  };
}

function traceOf(minutes: number, ...functions: TraceFunction[]): Trace {
  return { functions, minutes, startedAtMs: 0 };
}

test("an invocation within the window finds its environment warm; after it, it waits for a start", () => {
  const trace = traceOf(60, recorded("a", [0, 5 * minuteMs, 40 * minuteMs]));

  const report = simulate("fixed:10m", createPolicy("fixed", 10 * minuteMs), trace, options);

  assert.equal(report.invocations, 3);
  assert.equal(report.coldStarts, 2);
  assert.equal(report.startDelayMs.max, 200);
  assert.equal(report.startDelayMs.p50, 200);
});

test("idle memory is counted from the end of an invocation to the next one or the end of the window", () => {
  const trace = traceOf(60, recorded("a", [0, 5 * minuteMs], 1000));

  const report = simulate("fixed:10m", createPolicy("fixed", 10 * minuteMs), trace, options);

  // 1.2 s are spent on start and work before the second arrival; the last window is whole.
  const idleMs = 5 * minuteMs - 1200 + 10 * minuteMs;
  assert.equal(report.idleGiBHours.toFixed(9), ((512 / 1024) * (idleMs / 3_600_000)).toFixed(9));
  assert.equal(report.peakMemoryGiB, 0.5);
});

test("invocations at the same time take an environment each, on as many workers as are needed", () => {
  const trace = traceOf(2, recorded("a", [0, 10, 20], 30_000));

  const report = simulate("fixed:10m", createPolicy("fixed", 10 * minuteMs), trace, options);

  assert.equal(report.coldStarts, 3);
  assert.equal(report.workers, 2);
});

test("who waits for a start takes whatever frees first", () => {
  const trace = traceOf(2, recorded("a", [0, 210], 50));

  const report = simulate("fixed:10m", createPolicy("fixed", 10 * minuteMs), trace, options);

  // The start for the second would be over at 410; the first is over at 250.
  assert.equal(report.coldStarts, 2);
  assert.equal(report.startDelayMs.max, 200);
  assert.equal(report.startDelayMs.p50, 250 - 210);
});

test("beyond the account's concurrency invocations are throttled", () => {
  const trace = traceOf(2, recorded("a", [0, 10, 20], 30_000));

  const report = simulate("fixed", createPolicy("fixed", 0), trace, { ...options, accountConcurrency: 2 });

  assert.deepEqual([report.served, report.throttled], [2, 1]);
});

test("functions that need environments faster than the scaling rate gives them are throttled", () => {
  const burst = recorded(
    "a",
    Array.from({ length: 1200 }, () => 0),
  );
  const later = recorded("b", [1]);
  const throttledAt = (limits: Pick<SimulationOptions, "scalingRate" | "region">) => {
    const trace = traceOf(2, burst, later);
    const policy = createPolicy("fixed", 0);
    return simulate("fixed", policy, trace, { ...options, accountConcurrency: 10_000, ...limits }).throttled;
  };

  assert.deepEqual([throttledAt({}), throttledAt({ scalingRate: "current" })], [0, 200]);
  // The bursts are 3000, 1000 and 500; the function that comes later draws from what is left.
  assert.deepEqual(
    ["us-east-1", "eu-central-1", "sa-east-1"].map((region) => throttledAt({ scalingRate: "classic", region })),
    [0, 201, 701],
  );
  assert.equal(throttledAt({ scalingRate: "classic" }), 0);
});

test("within a memory budget idle environments make room, and what finds no room waits for it", () => {
  const trace = traceOf(3, recorded("a", [0], 1000), recorded("b", [2000], 1000), recorded("c", [2100], 1000));

  const report = simulate("fixed", createPolicy("fixed", 10 * minuteMs), trace, { ...options, memoryMiB: 512 });

  assert.equal(report.coldStarts, 3);
  assert.equal(report.evictions, 2);
  assert.equal(report.workers, 1);
  assert.equal(report.peakMemoryGiB, 0.5);
  // c waits until b (started at 2000, ready at 2200) has ended, and then for its own start.
  assert.equal(report.startDelayMs.max, 3200 - 2100 + 200);
});

test("what is larger than the whole memory is refused, and nothing waits behind it", () => {
  const large = { ...recorded("large", [0]), memoryMiB: 1024 };
  const trace = traceOf(3, large, recorded("a", [10], 1000), recorded("b", [20], 1000));

  const report = simulate("fixed", createPolicy("fixed", 10 * minuteMs), trace, { ...options, memoryMiB: 512 });

  assert.equal(report.throttled, 1);
  assert.equal(report.coldStarts, 2);
  // b waits until a has ended, and then for its own start.
  assert.equal(report.startDelayMs.max, 10 + 200 + 1000 - 20 + 200);
});

test("the same seed gives the same report, whatever the policy; another seed another one", () => {
  for (const policy of ["fixed", "hybrid", "greedy-dual", "forecast"] as const) {
    const run = (seed: number): string => {
      const trace = generateTrace({ functions: 5, days: 1, seed });
      return JSON.stringify(simulate(policy, createPolicy(policy, 10 * minuteMs), trace, { ...options, seed }));
    };
    assert.equal(run(1), run(1));
    assert.notEqual(run(1), run(2));
  }
});

test("whatever is drawn: every invocation is served or throttled, and memory stays within its budget", () => {
  for (let seed = 1; seed <= 3; seed++) {
    for (const policy of ["fixed", "hybrid", "greedy-dual", "forecast"] as const) {
      const trace = generateTrace({ functions: 5, days: 1, seed });
      const memoryMiB = 1024 + 512 * seed;
      const limits = { memoryMiB, accountConcurrency: seed === 2 ? 3 : 1000, seed };
      const report = simulate(policy, createPolicy(policy, 20 * minuteMs), trace, { ...options, ...limits });
      const largest = Math.max(...trace.functions.map((each) => each.memoryMiB));

      assert(report.peakMemoryGiB <= memoryMiB / 1024, `${policy}, seed ${seed}`);
      assert(report.idleGiBHours <= (memoryMiB / 1024) * 24, `${policy}, seed ${seed}`);
      assert.equal(report.served + report.throttled, report.invocations, `${policy}, seed ${seed}`);
      assert(report.coldStarts <= report.served, `${policy}, seed ${seed}`);
      assert(largest <= memoryMiB || report.coldStarts > 0, `${policy}, seed ${seed}`);
    }
  }
});
