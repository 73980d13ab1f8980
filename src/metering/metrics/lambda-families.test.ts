import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "../../core/identity.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { lambdaFamilies } from "./lambda-families.ts";
import { LambdaMetrics } from "./lambda-metrics.ts";
import { MetricStore } from "./metric-store.ts";
import { prometheusText } from "./prometheus-text.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };

function fn(name: string, qualifier?: string) {
  return { scope, functionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`, qualifier };
}

test("values are labelled by function and by what was invoked, each once, and survive a flush", async () => {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: () => 0.5 });
  const store = new MetricStore({ engine, clock, metricsBytesMax: 1_048_576 });
  const metrics = new LambdaMetrics({ store, clock });
  for (const [qualifier, version] of [
    [undefined, "$LATEST"],
    ["live", "1"],
    ["live", "2"],
  ] as const) {
    using invocation = metrics.begin(fn("f", qualifier));
    invocation.reported(version, { cold: true, queueMs: 40 }, { durationMs: 7, status: "success" });
    await store.flush();
  }
  metrics.throttled(fn("f"), "ConcurrentInvocationLimitExceeded");
  metrics.environmentStarted(
    { ...fn("f"), memoryMiB: 128 },
    { sandboxMs: 1, codeMs: 1, runtimeMs: 1, initMs: 250, pooled: true },
  );
  metrics.idled({ ...fn("f"), memoryMiB: 1 }, 2000);

  const lines = prometheusText(lambdaFamilies(store.sets(), metrics.inFlight())).split("\n");
  const shown = (name: string): string[] => lines.filter((line) => line.startsWith(name));

  const f = 'account="000000000000",region="us-east-1",function="f"';
  assert.deepEqual(shown("hearth_invocations_total"), [
    `hearth_invocations_total{${f},resource="f"} 1`,
    `hearth_invocations_total{${f},resource="f:live"} 2`,
  ]);
  assert.deepEqual(shown(`hearth_invocation_duration_seconds_bucket{${f},resource="f:live",le="0.005"`), [
    `hearth_invocation_duration_seconds_bucket{${f},resource="f:live",le="0.005"} 0`,
  ]);
  assert.deepEqual(shown(`hearth_invocation_duration_seconds_bucket{${f},resource="f:live",le="0.01"`), [
    `hearth_invocation_duration_seconds_bucket{${f},resource="f:live",le="0.01"} 2`,
  ]);
  assert.deepEqual(shown("hearth_invocation_duration_seconds_count"), [
    `hearth_invocation_duration_seconds_count{${f},resource="f"} 1`,
    `hearth_invocation_duration_seconds_count{${f},resource="f:live"} 2`,
  ]);
  assert.deepEqual(shown("hearth_throttles_total"), [
    `hearth_throttles_total{${f},reason="ConcurrentInvocationLimitExceeded"} 1`,
  ]);
  assert.deepEqual(shown("hearth_cold_starts_total"), [`hearth_cold_starts_total{${f}} 3`]);
  assert.deepEqual(shown(`hearth_environment_start_phase_seconds_sum{${f},phase="Init"`), [
    `hearth_environment_start_phase_seconds_sum{${f},phase="Init"} 0.25`,
  ]);
  assert.deepEqual(shown("hearth_idle_memory_byte_seconds_total"), [
    `hearth_idle_memory_byte_seconds_total{${f}} 2097152`,
  ]);
  assert.deepEqual(shown("hearth_concurrent_executions{"), [`hearth_concurrent_executions{${f}} 0`]);
  await store.close();
});

test("text that is no plain word is escaped, and a family without samples is not shown", () => {
  const text = prometheusText([
    {
      name: "a_total",
      help: "back\\slash\nand line",
      type: "counter",
      samples: [{ labels: { x: 'q"\\\n' }, value: 1 }],
    },
    { name: "b", help: "none", type: "gauge", samples: [] },
    { name: "c", help: "plain", type: "gauge", samples: [{ labels: {}, value: Infinity }] },
  ]);

  assert.equal(
    text,
    '# HELP a_total back\\\\slash\\nand line\n# TYPE a_total counter\na_total{x="q\\"\\\\\\n"} 1\n' +
      "# HELP c plain\n# TYPE c gauge\nc +Inf\n",
  );
});
