import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsPage } from "./metrics-page.ts";

test("the pools of all workers are told together: what they have, what they gave and what they cost", () => {
  const pool = {
    runtime: "nodejs24.x",
    memoryMiB: 128,
    target: 3,
    ready: 2,
    booting: 1,
    hits: 4,
    misses: 1,
    memoryBytes: 20_000_000,
    memoryByteSeconds: 1.5e9,
    boots: 7,
    bootMs: 350,
    bootCpuMs: 175,
  };

  const page = metricsPage({ sets: [], inFlight: [], environments: [], pools: [pool, pool], version: "1.0.0" });

  const labels = 'runtime="nodejs24.x",memory_mib="128"';
  for (const line of [
    `hearth_pool_sandboxes{${labels},state="ready"} 4`,
    `hearth_pool_takes_total{${labels},result="hit"} 8`,
    `hearth_pool_memory_bytes{${labels}} 40000000`,
    `hearth_pool_memory_byte_seconds_total{${labels}} 3000000000`,
    `hearth_pool_boots_total{${labels}} 14`,
    `hearth_pool_boot_seconds_total{${labels}} 0.7`,
    `hearth_pool_boot_cpu_seconds_total{${labels}} 0.35`,
  ]) {
    assert(page.split("\n").includes(line), line);
  }
});
