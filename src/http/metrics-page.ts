/** The page that Prometheus scrapes: what was counted of functions, what there is just now, and this process. */
import { parseFunctionArn } from "../core/arn.ts";
import { lambdaFamilies } from "../metering/metrics/lambda-families.ts";
import type { InFlight } from "../metering/metrics/lambda-metrics.ts";
import type { MetricSet } from "../metering/metrics/metric-set.ts";
import { prometheusText, type Family, type Labels, type Sample } from "../metering/metrics/prometheus-text.ts";
import type { EnvironmentInfo, PoolInfo } from "../worker/contract.ts";

const microsecondsPerSecond = 1_000_000;
const millisecondsPerSecond = 1000;

export interface MetricsPageInput {
  readonly sets: Iterable<MetricSet>;
  readonly inFlight: readonly InFlight[];
  readonly environments: readonly EnvironmentInfo[];
  readonly pools: readonly PoolInfo[];
  readonly version: string;
}

export function metricsPage({ sets, inFlight, environments, pools, version }: MetricsPageInput): string {
  return prometheusText([
    {
      name: "hearth_build_info",
      help: "The version of Hearth.",
      type: "gauge",
      samples: [{ labels: { version }, value: 1 }],
    },
    ...lambdaFamilies(sets, inFlight),
    ...environmentFamilies(environments),
    ...poolFamilies(pools),
    ...processFamilies(),
  ]);
}

function environmentFamilies(environments: readonly EnvironmentInfo[]): Family[] {
  const counts = new Sums();
  const bytes = new Sums();
  for (const { functionArn, functionVersion: version, state, memoryBytes } of environments) {
    const parsed = parseFunctionArn(functionArn);
    if (parsed === undefined) continue;
    const { account, region } = parsed.scope;
    const labels = { account, region, function: parsed.name, version, state };
    counts.add(labels, 1);
    bytes.add(labels, memoryBytes);
  }
  return [
    { name: "hearth_environments", help: "Execution environments.", type: "gauge", samples: counts.samples() },
    {
      name: "hearth_environment_memory_bytes",
      help: "Memory that execution environments use.",
      type: "gauge",
      samples: bytes.samples(),
    },
  ];
}

function poolFamilies(pools: readonly PoolInfo[]): Family[] {
  const sandboxes = new Sums();
  const wanted = new Sums();
  const takes = new Sums();
  const memory = new Sums();
  const memoryTime = new Sums();
  const boots = new Sums();
  const bootTime = new Sums();
  const bootCpuTime = new Sums();
  for (const pool of pools) {
    const { runtime, memoryMiB, target, ready, booting, hits, misses } = pool;
    const labels = { runtime, memory_mib: String(memoryMiB) };
    sandboxes.add({ ...labels, state: "ready" }, ready);
    sandboxes.add({ ...labels, state: "booting" }, booting);
    wanted.add(labels, target);
    takes.add({ ...labels, result: "hit" }, hits);
    takes.add({ ...labels, result: "miss" }, misses);
    memory.add(labels, pool.memoryBytes);
    memoryTime.add(labels, pool.memoryByteSeconds);
    boots.add(labels, pool.boots);
    bootTime.add(labels, pool.bootMs / millisecondsPerSecond);
    bootCpuTime.add(labels, pool.bootCpuMs / millisecondsPerSecond);
  }
  return [
    { name: "hearth_pool_sandboxes", help: "Sandboxes of the pools.", type: "gauge", samples: sandboxes.samples() },
    {
      name: "hearth_pool_target_sandboxes",
      help: "Booted sandboxes that the pools are to have.",
      type: "gauge",
      samples: wanted.samples(),
    },
    {
      name: "hearth_pool_takes_total",
      help: "Starts of environments that found a sandbox in their pool, or did not; since the worker's start.",
      type: "counter",
      samples: takes.samples(),
    },
    {
      name: "hearth_pool_memory_bytes",
      help: "Memory that the ready sandboxes of the pools use.",
      type: "gauge",
      samples: memory.samples(),
    },
    {
      name: "hearth_pool_memory_byte_seconds_total",
      help: "Memory that sandboxes of the pools used times how long they waited: the price of the pools; since the worker's start.",
      type: "counter",
      samples: memoryTime.samples(),
    },
    {
      name: "hearth_pool_boots_total",
      help: "Boots of sandboxes for the pools, failed ones included; since the worker's start.",
      type: "counter",
      samples: boots.samples(),
    },
    {
      name: "hearth_pool_boot_seconds_total",
      help: "Time that these boots took; since the worker's start.",
      type: "counter",
      samples: bootTime.samples(),
    },
    {
      name: "hearth_pool_boot_cpu_seconds_total",
      help: "CPU time that these boots took in their sandboxes; since the worker's start.",
      type: "counter",
      samples: bootCpuTime.samples(),
    },
  ];
}

function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  return [
    {
      name: "process_cpu_seconds_total",
      help: "Processor time of the front.",
      type: "counter",
      samples: one((user + system) / microsecondsPerSecond),
    },
    {
      name: "process_resident_memory_bytes",
      help: "Resident memory of the front.",
      type: "gauge",
      samples: one(process.memoryUsage.rss()),
    },
  ];
}

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** Values that may come several times, such as from several workers. */
class Sums {
  readonly #sums = new Map<string, { readonly labels: Labels; value: number }>();

  add(labels: Labels, value: number): void {
    const key = JSON.stringify(labels);
    const sum = this.#sums.get(key);
    if (sum === undefined) this.#sums.set(key, { labels, value });
    else sum.value += value;
  }

  samples(): Sample[] {
    return [...this.#sums.values()];
  }
}
