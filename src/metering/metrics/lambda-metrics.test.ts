import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "../../core/identity.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import type { Distribution } from "./distribution.ts";
import { LambdaMetrics, type InvokedFunction, type MeteredInvocation } from "./lambda-metrics.ts";
import { unitOf } from "./metric-names.ts";
import { minuteMs, type Dimension } from "./metric-set.ts";
import { MetricStore } from "./metric-store.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const lambda = "AWS/Lambda";

function fn(name: string, qualifier?: string): InvokedFunction {
  return { scope, functionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`, qualifier };
}

function open(): { clock: ManualClock; store: MetricStore; metrics: LambdaMetrics } {
  const clock = new ManualClock();
  const store = new MetricStore({
    engine: createMemoryEngine({ clock, random: () => 0.5 }),
    clock,
    metricsBytesMax: 1_048_576,
  });
  return { clock, store, metrics: new LambdaMetrics({ store, clock }) };
}

function run(invocation: MeteredInvocation, version = "$LATEST", status: "success" | "error" = "success"): void {
  invocation.reported(version, { cold: false, queueMs: 1 }, { durationMs: 5, status });
}

/** Everything that was counted under these dimensions. */
function countedUnder(
  store: MetricStore,
  namespace: string,
  dimensions: Readonly<Record<string, string>>,
): ReadonlyMap<string, Distribution> {
  const wanted: Dimension[] = Object.entries(dimensions).map(([name, value]) => ({ name, value }));
  return store.setOf({ scope, namespace, dimensions: wanted }).totals();
}

/** What can be read of it, in all minutes. */
async function readSums(
  store: MetricStore,
  namespace: string,
  dimensions: readonly Dimension[],
  metric: string,
): Promise<number[]> {
  const minutes = await store.read({ scope, namespace, dimensions }, metric, { fromMs: 0, toMs: Infinity });
  return Array.from(minutes.values(), ({ sum }) => sum);
}

function sums(counted: ReadonlyMap<string, Distribution>, ...metrics: string[]): (number | undefined)[] {
  return metrics.map((metric) => counted.get(metric)?.sum);
}

test("an invocation counts for its function, what was invoked, and all functions; an error is one of them", () => {
  const { store, metrics } = open();
  for (const status of ["success", "error"] as const) {
    using invocation = metrics.begin(fn("f"));
    run(invocation, "$LATEST", status);
  }
  using other = metrics.begin(fn("g"));
  run(other);

  const names = ["Invocations", "Errors", "Duration"];
  assert.deepEqual(sums(countedUnder(store, lambda, {}), ...names), [3, 1, 15]);
  assert.deepEqual(sums(countedUnder(store, lambda, { FunctionName: "f" }), ...names), [2, 1, 10]);
  assert.deepEqual(sums(countedUnder(store, lambda, { FunctionName: "f", Resource: "f" }), ...names), [2, 1, 10]);
  const { count, average } = countedUnder(store, lambda, { FunctionName: "f" }).get("Errors") ?? assert.fail();
  assert.deepEqual([count, average], [2, 0.5], "the average of Errors is their rate");
});

test("concurrency is noted as each invocation begins: of what was invoked, the function, and the region", () => {
  const { store, metrics } = open();
  metrics.setReserved(fn("reserved"), 10);
  {
    using _first = metrics.begin(fn("f", "1"));
    using _second = metrics.begin(fn("f", "2"));
    using _third = metrics.begin(fn("reserved"));
  }
  using _fourth = metrics.begin(fn("f", "1"));

  const peak = (dimensions: Record<string, string>, metric = "ConcurrentExecutions"): number | undefined =>
    countedUnder(store, lambda, dimensions).get(metric)?.max;
  assert.equal(peak({ FunctionName: "f", Resource: "f:1" }), 1);
  assert.equal(peak({ FunctionName: "f" }), 2);
  assert.equal(peak({}), 3);
  assert.equal(peak({}, "UnreservedConcurrentExecutions"), 2);
  assert.equal(peak({}, "ClaimedAccountConcurrency"), 12);
  assert.deepEqual(
    metrics.inFlight().map(({ functionName, count }) => [functionName, count]),
    [
      ["reserved", 0],
      ["f", 1],
    ],
  );
});

test("a reserve that comes or goes while invocations run leaves no trace in what is unreserved", () => {
  const { store, metrics } = open();
  const running = metrics.begin(fn("f"));
  metrics.setReserved(fn("f"), 5);
  running[Symbol.dispose]();
  running[Symbol.dispose]();
  const next = metrics.begin(fn("f"));
  metrics.forget(fn("f"));
  next[Symbol.dispose]();

  using _last = metrics.begin(fn("g"));

  const region = countedUnder(store, lambda, {});
  assert.deepEqual(
    [...(region.get("UnreservedConcurrentExecutions")?.encode() ?? [])].slice(0, 3),
    [2, 0, 1],
    "one, none while it was reserved, one",
  );
  assert.equal(region.get("ConcurrentExecutions")?.max, 1);
});

test("what comes late of a deleted function is counted, and does not bring it back", async () => {
  const { store, metrics } = open();
  const environment = { ...fn("f"), memoryMiB: 128 };
  metrics.setReserved(fn("f"), 1);
  metrics.forget(fn("f"));

  metrics.setProvisioned(fn("f"), new Map());
  metrics.idled(environment, 1000);
  metrics.count(fn("f"), "AsyncEventsDropped");
  metrics.throttled(fn("f"), "ConcurrentInvocationLimitExceeded");

  assert.deepEqual(metrics.inFlight(), []);
  const f = [{ name: "FunctionName", value: "f" }];
  assert.deepEqual(await readSums(store, "Hearth", f, "IdleMemoryTime"), [128]);
  assert.deepEqual(await readSums(store, lambda, f, "AsyncEventsDropped"), [1]);
  assert.deepEqual(await readSums(store, lambda, f, "Throttles"), [1]);
});

test("totals of a deleted function are let go, while its values are kept; one made anew begins at nothing", async () => {
  const { clock, store, metrics } = open();
  const inUse = metrics.begin(fn("f", "live"));
  run(inUse, "1");
  metrics.throttled(fn("f"), "ConcurrentInvocationLimitExceeded");
  await store.flush();

  metrics.forget(fn("f"));
  run(inUse, "1");
  inUse[Symbol.dispose]();
  await store.flush();
  clock.advance(minuteMs);

  const ofFunction = [...store.sets()].filter(({ subject }) => subject.dimensions.some(({ value }) => value === "f"));
  assert(ofFunction.length >= 5);
  for (const set of ofFunction) assert.equal(set.totals().size, 0, set.shard);
  const resource = { FunctionName: "f", Resource: "f:live" };
  const dimensions = Object.entries(resource).map(([name, value]) => ({ name, value }));
  assert.deepEqual(await readSums(store, lambda, dimensions, "Invocations"), [2]);

  using again = metrics.begin(fn("f", "live"));
  run(again, "1");
  await store.flush();
  assert.deepEqual(sums(countedUnder(store, lambda, resource), "Invocations"), [1]);
});

test("what runs on provisioned concurrency, what spills over, and how much of it is used", () => {
  const { store, metrics } = open();
  metrics.setProvisioned(fn("f"), new Map([["1", 2]]));
  const invocations = [true, true, false].map((isProvisioned) => {
    const invocation = metrics.begin(fn("f", "live"));
    invocation.assigned({ isProvisioned, functionVersion: "1" }, 2);
    return invocation;
  });
  for (const invocation of invocations) {
    run(invocation, "1");
    invocation[Symbol.dispose]();
  }

  const alias = { FunctionName: "f", Resource: "f:live" };
  assert.deepEqual(
    sums(
      countedUnder(store, lambda, alias),
      "ProvisionedConcurrencyInvocations",
      "ProvisionedConcurrencySpilloverInvocations",
    ),
    [2, 1],
  );
  assert.equal(countedUnder(store, lambda, alias).get("ProvisionedConcurrentExecutions")?.max, 2);
  assert.deepEqual(
    [...(countedUnder(store, lambda, alias).get("ProvisionedConcurrencyUtilization")?.encode() ?? [])].slice(0, 3),
    [2.5, 0.5, 1],
  );
  assert.deepEqual(
    sums(countedUnder(store, lambda, { ...alias, ExecutedVersion: "1" }), "ProvisionedConcurrencyInvocations"),
    [2],
  );
});

test("throttles are counted, and by reason", () => {
  const { store, metrics } = open();
  metrics.throttled(fn("f", "live"), "ConcurrentInvocationLimitExceeded");
  metrics.throttled(fn("f"), "FunctionInvocationRateLimitExceeded");

  assert.deepEqual(sums(countedUnder(store, lambda, { FunctionName: "f" }), "Throttles"), [2]);
  assert.deepEqual(sums(countedUnder(store, lambda, { FunctionName: "f", Resource: "f:live" }), "Throttles"), [1]);
  const reason = { Reason: "FunctionInvocationRateLimitExceeded" };
  assert.deepEqual(sums(countedUnder(store, "Hearth", { FunctionName: "f", ...reason }), "Throttles"), [1]);
  assert.deepEqual(sums(countedUnder(store, "Hearth", reason), "Throttles"), [1]);
});

test("starts by phase, what the pool gave, what idleness cost and how it ended", () => {
  const { store, metrics } = open();
  const environment = { ...fn("f"), memoryMiB: 512 };
  const phases = { sandboxMs: 1, codeMs: 2, runtimeMs: 0, initMs: 30 };
  metrics.environmentStarted(environment, { ...phases, pooled: true });
  metrics.environmentStarted(environment, { ...phases, initMs: 10, pooled: false });
  metrics.idled(environment, 1500);
  metrics.evicted(environment, "MemoryPressure");

  assert.deepEqual(
    sums(
      countedUnder(store, "Hearth", { FunctionName: "f" }),
      "EnvironmentStarts",
      "PoolHits",
      "IdleMemoryTime",
      "Evictions",
      "Expirations",
    ),
    [2, 1, 768, 1, undefined],
  );
  const reason = { Reason: "MemoryPressure" };
  assert.deepEqual(sums(countedUnder(store, "Hearth", { FunctionName: "f", ...reason }), "Evictions"), [1]);
  assert.deepEqual(sums(countedUnder(store, "Hearth", reason), "Evictions"), [1]);
  const init = countedUnder(store, "Hearth", { FunctionName: "f", Phase: "Init" });
  assert.deepEqual(sums(init, "StartPhaseDuration"), [40]);
});

test("a value belongs to the minute in which the invocation was taken", async () => {
  const { clock, store, metrics } = open();
  const atMs = clock.now();
  using invocation = metrics.begin(fn("f"));
  clock.advance(600_000);
  run(invocation);

  const subject = { scope, namespace: lambda, dimensions: [{ name: "FunctionName", value: "f" }] };
  const minutes = await store.read(subject, "Invocations", { fromMs: 0, toMs: clock.now() });

  assert.deepEqual([...minutes.keys()], [atMs - (atMs % 60_000)]);
  await store.close();
});

test("every metric has a unit, and nothing else has", () => {
  assert.equal(unitOf("AWS/Lambda", "Duration"), "Milliseconds");
  assert.equal(unitOf("Hearth", "Evictions"), "Count");
  assert.equal(unitOf("AWS/Lambda", "Evictions"), undefined);
  assert.equal(unitOf("AWS/Lambda", "toString"), undefined);
  assert.equal(unitOf("constructor", "name"), undefined);
});
