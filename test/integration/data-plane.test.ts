/**
 * The data plane over the real worker, with the fake sandbox driver and a runtime that answers at once: everything
 * between a request and the runtime API is real.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { functionKey, type FunctionRecord } from "../../src/core/function-record.ts";
import { openDataPlane, type DataPlane } from "../../src/data-plane/data-plane.ts";
import type { InvokeOutcome } from "../../src/data-plane/frontend/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { LambdaMetrics } from "../../src/metering/metrics/lambda-metrics.ts";
import { MetricStore } from "../../src/metering/metrics/metric-store.ts";
import type { UsageRecord } from "../../src/metering/usage-record.ts";
import { FakeDriver } from "../../src/sandbox/fake/fake-driver.ts";
import type { FakeProcess } from "../../src/sandbox/fake/scripted-process.ts";
import { RuntimeClient } from "../../src/worker/testing/runtime-client.ts";
import { createWorker } from "../../src/worker/worker-service.ts";
import { configurationOf, nodePack, packagesAt, scope, seededRandom } from "../support/data-plane.ts";

/** Answers every event with itself. */
async function echo(process: FakeProcess): Promise<number> {
  const client = RuntimeClient.of(process);
  for (;;) {
    const event = await client.next();
    await client.respond(event.requestId, event.body);
  }
}

interface World extends AsyncDisposable {
  readonly dataPlane: DataPlane;
  readonly engine: Engine;
  readonly usage: UsageRecord[];
  invoke(name: string, payload: string): Promise<Extract<InvokeOutcome, { kind: "executed" }>>;
}

async function open(): Promise<World> {
  const clock = systemClock;
  const engine = createMemoryEngine({ clock, random: Math.random });
  const driver = new FakeDriver({ commands: { [nodePack.argv[0]]: echo } });
  const worker = createWorker({
    driver,
    clock,
    policy: { cpuMode: "share", egress: "none", diskBytesPerSecond: 0, networkBytesPerSecond: 0 },
    frontSocket: "/nonexistent/front.sock",
    logBytesPerSecond: 4_194_304,
    runId: "test",
    version: "0.0.0",
    memoryMiB: 1024,
    isMemoryLimited: false,
    cpus: 2,
    packages: { all: () => [], changes: () => undefined },
    report: () => undefined,
  });
  const usage: UsageRecord[] = [];
  const dataPlane = await openDataPlane({
    engine,
    clock,
    random: seededRandom(),
    resolveRuntime: () => nodePack,
    packages: packagesAt("/tmp"),
    surroundings: () => ({ environment: {} }),
    onLogs: () => undefined,
    onUsage: (record) => usage.push(record),
    metrics: new LambdaMetrics({ store: new MetricStore({ engine, clock, metricsBytesMax: 1_048_576 }), clock }),
    config: {
      accountConcurrency: 1000,
      requestsPerConcurrency: 10,
      scalingRate: "current",
      environmentsPerTenSeconds: 1000,
      keepAlivePolicy: "forecast",
      keepAliveMs: 600_000,
      keepAliveFor: "",
      environmentLifeMsMax: 50_400_000,
      memoryOvercommit: 8,
      cpuOvercommit: 128,
      poolMin: 0,
      poolMax: 4,
    },
  });
  await dataPlane.attachWorker((listener) => {
    worker.setListener(listener);
    return Promise.resolve(worker);
  });
  let requests = 0;
  return {
    dataPlane,
    engine,
    usage,
    async invoke(functionName, payload) {
      const outcome = await dataPlane.frontend.invoke({
        scope,
        requestId: `00000000-0000-4000-8000-${String(requests++).padStart(12, "0")}`,
        functionName,
        payload: Buffer.from(payload),
        wantsLogTail: false,
      });
      assert(outcome.kind === "executed", outcome.kind);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      await dataPlane.close();
      await worker.close();
      assert.deepEqual(driver.living, []);
      await driver.close();
      await engine.close();
    },
  };
}

async function put(engine: Engine, name: string, generation = 1): Promise<void> {
  const configuration = configurationOf(name, { generation });
  const record: FunctionRecord = {
    scope,
    name,
    active: configuration,
    latest: configuration,
    tags: {},
    createdAtMs: 0,
  };
  await engine.records.put(functionKey(scope, name), record);
}

test("a client that calls again and again keeps to one environment, and every call is accounted for", async () => {
  await using world = await open();
  await put(world.engine, "echo");

  const ids = new Set<string>();
  for (let call = 0; call < 50; call++) {
    const { response, start, report } = await world.invoke("echo", `{"call":${call}}`);
    assert.equal(Buffer.from(response.payload).toString(), `{"call":${call}}`);
    ids.add(start.environmentId);
    if (call === 49) await report;
  }

  assert.equal(ids.size, 1);
  assert.equal(world.usage.length, 50);
  assert.equal(world.usage[0]?.cold, true);
  assert.equal(world.usage.filter((each) => each.cold).length, 1);
});

test("many functions at once each get their own answers, and a changed function gets new environments", async () => {
  await using world = await open();
  const names = Array.from({ length: 10 }, (_, index) => `f${index}`);
  for (const name of names) await put(world.engine, name);

  const round = async (): Promise<string[]> => {
    const outcomes = await Promise.all(
      names.flatMap((name) => [world.invoke(name, `"${name}/a"`), world.invoke(name, `"${name}/b"`)]),
    );
    await Promise.all(outcomes.map((each) => each.report));
    const answers = outcomes.map((each) => Buffer.from(each.response.payload).toString());
    assert.deepEqual(
      answers,
      names.flatMap((name) => [`"${name}/a"`, `"${name}/b"`]),
    );
    return outcomes.map((each) => each.start.environmentId);
  };
  const before = await round();
  for (const name of names) await put(world.engine, name, 2);
  const after = await round();

  assert.equal(new Set([...before, ...after]).size, before.length + after.length);
});
