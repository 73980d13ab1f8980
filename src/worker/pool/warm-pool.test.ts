import assert from "node:assert/strict";
import { test } from "node:test";

import type { FakeProcess } from "../../sandbox/fake/scripted-process.ts";
import type { PoolInfo } from "../contract.ts";
import { nearStatusIntervalMs, statusIntervalMs } from "../status-watch.ts";
import { harness, testInvocation, testPack, testSpec, until, type Harness } from "../testing/harness.ts";
import { echoRuntime, forever, RuntimeClient } from "../testing/runtime-client.ts";
import { bootTimeoutMs, refillDelayMs, retryPauseMsMin, settleMs } from "./warm-pool.ts";

async function poolOf({ worker }: Harness, memoryMiB = 128): Promise<PoolInfo | undefined> {
  return (await worker.pools()).find((pool) => pool.memoryMiB === memoryMiB);
}

async function fill(h: Harness, target: number, memoryMiB = 128): Promise<void> {
  await h.worker.setPoolTargets([{ runtime: testPack, memoryMiB, target }]);
  await untilReady(h, target, memoryMiB);
}

async function untilReady(h: Harness, ready: number, memoryMiB = 128): Promise<void> {
  let pool = await poolOf(h, memoryMiB);
  await until(() => {
    void poolOf(h, memoryMiB).then((now) => (pool = now));
    return pool?.ready === ready && pool.booting === 0;
  });
}

test("keeps as many booted runtimes ready as it was told, and boots another for one that was taken", async () => {
  await using h = harness(echoRuntime);
  await fill(h, 3);
  const spec = testSpec();

  const { phases, initialized } = await h.worker.createEnvironment(spec);
  assert(initialized);
  assert(phases.pooled);
  assert.equal(phases.runtimeMs, 0);
  const { response } = h.worker.invoke(testInvocation(spec.id, { payload: Buffer.from("pooled") }));
  assert.equal(Buffer.from((await response).payload).toString(), "pooled");
  assert.equal((await poolOf(h))?.booting, 0);
  h.clock.advance(refillDelayMs);

  await untilReady(h, 3);
  assert.equal((await poolOf(h))?.hits, 1);
  assert.equal(h.driver.living.length, 4);
});

test("a pooled runtime gets its function's code, variables, handler and /tmp size", async () => {
  const told = Promise.withResolvers<Awaited<ReturnType<RuntimeClient["specialise"]>>>();
  let booted: Readonly<Record<string, string>> = {};
  await using h = harness(async (process) => {
    booted = process.spec.environment;
    const client = RuntimeClient.of(process);
    told.resolve(await client.specialise());
    await client.next();
  });
  await fill(h, 1);
  await h.worker.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 1 }]);

  const spec = testSpec({ codeDirectory: "/usr", ephemeralStorageMiB: 1024, environment: { MINE: "1", TZ: "CET" } });
  await h.worker.createEnvironment(spec);

  const { handler, taskRoot, environment } = await told.promise;
  assert.deepEqual([handler, taskRoot], ["index.handler", "/var/task"]);
  assert.deepEqual(booted, {
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    PATH: "/var/lang/bin:/usr/bin:/bin",
    AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001",
    _LAMBDA_TELEMETRY_LOG_FD: "3",
    HEARTH_POOLED: "1",
  });
  assert.deepEqual(environment, {
    LANG: "en_US.UTF-8",
    TZ: "CET",
    AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
    AWS_XRAY_DAEMON_ADDRESS: "169.254.79.129:2000",
    AWS_ENDPOINT_URL_LAMBDA: "http://127.0.0.1:4566",
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: "http://127.0.0.1:4566",
    AWS_ENDPOINT_URL_IAM: "http://127.0.0.1:4566",
    AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:4566",
    AWS_ENDPOINT_URL_STS: "http://127.0.0.1:4566",
    PATH: "/var/lang/bin:/usr/bin:/bin",
    MINE: "1",
    AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001",
    _LAMBDA_TELEMETRY_LOG_FD: "3",
    _HANDLER: "index.handler",
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: "resize",
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/resize",
    AWS_LAMBDA_LOG_STREAM_NAME: "2026/01/01/[$LATEST]0123456789abcdef",
    AWS_LAMBDA_LOG_FORMAT: "Text",
    AWS_ACCESS_KEY_ID: "ASIATEST",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "token",
    LAMBDA_TASK_ROOT: "/var/task",
    LAMBDA_RUNTIME_DIR: "/var/runtime",
  });
  const [info] = await h.worker.environments();
  const state = h.driver.inspect(info?.sandboxId ?? "");
  assert.deepEqual(state.mounts, [{ source: "/usr", target: "/var/task" }]);
  assert.equal(state.tmp.sizeMiB, 1024);
  assert.deepEqual(state.spec.argv, ["runtime", "--heap=115"]);
});

test("a function of another memory size, or one that sets a variable read at process start, starts on its own", async () => {
  await using h = harness(echoRuntime);
  await fill(h, 1);

  for (const changes of [{ memoryMiB: 256 }, { environment: { NODE_OPTIONS: "--no-warnings" } }]) {
    const spec = testSpec(changes);
    assert.equal((await h.worker.createEnvironment(spec)).phases.pooled, false);
    assert.equal((await h.worker.invoke(testInvocation(spec.id)).response).kind, "success");
  }

  assert.deepEqual([(await poolOf(h))?.hits, (await poolOf(h, 256))?.misses], [0, 1]);
});

test("a waiting runtime is frozen once it has settled, and thawed when it is taken", async () => {
  await using h = harness(echoRuntime);
  await fill(h, 1);
  const [waiting = ""] = h.driver.living;

  h.clock.advance(settleMs);
  assert(h.driver.inspect(waiting).isFrozen);

  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  assert.equal((await h.worker.environments())[0]?.sandboxId, waiting);
  assert.equal((await h.worker.invoke(testInvocation(spec.id)).response).kind, "success");
});

test("a specialised runtime never comes back to the pool", async () => {
  await using h = harness(echoRuntime);
  await fill(h, 1);
  const [first] = h.driver.living;
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  await h.worker.destroyEnvironment(spec.id);
  h.clock.advance(refillDelayMs);

  await untilReady(h, 1);

  assert(first !== undefined && !h.driver.living.includes(first));
});

test("a waiting runtime that dies is replaced", async () => {
  const kills: (() => void)[] = [];
  await using h = harness(async (process) => {
    const poll = RuntimeClient.of(process).specialise();
    poll.catch(() => undefined);
    await new Promise<void>((resolve) => kills.push(resolve));
    return 1;
  });
  await fill(h, 1);

  kills[0]?.();
  await until(() => h.reports.length === 1);
  h.clock.advance(retryPauseMsMin);

  await until(() => kills.length === 2);
  await untilReady(h, 1);
  assert.match(h.reports[0] ?? "", /nodejs24\.x with 128 MB/);
});

test("boots that keep failing are tried ever more seldom, and tell what the runtime wrote", async () => {
  let boots = 0;
  await using h = harness((process: FakeProcess) => {
    boots += 1;
    process.stderr("cannot find the interpreter\n");
    return 127;
  });
  await h.worker.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 4 }]);
  // Two at once, as the machine has two CPUs.
  await until(() => h.reports.length === 2);

  const spans: number[] = [];
  for (let n = 0; n < 5; n++) {
    const before = h.reports.length;
    const since = h.clock.now();
    await until(() => {
      h.clock.advance(100);
      return h.reports.length > before;
    });
    spans.push(h.clock.now() - since);
  }

  assert(boots < 20);
  assert((spans.at(-1) ?? 0) > 4 * (spans[0] ?? 0), spans.join(" "));
  assert.match(h.reports[0] ?? "", /127.*it wrote: cannot find the interpreter/);
  const spec = testSpec();
  assert.equal((await h.worker.createEnvironment(spec)).initialized, false);
});

test("a runtime that does not come to its poll in time is given up", async () => {
  await using h = harness(forever);
  await h.worker.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 1 }]);
  await until(() => h.driver.living.length === 1);

  h.clock.advance(bootTimeoutMs);

  await until(() => h.reports.length === 1);
  assert.match(h.reports[0] ?? "", /not ready after 20000 ms/);
  const pool = await poolOf(h);
  assert.deepEqual([pool?.boots, pool?.bootMs], [1, bootTimeoutMs], "what failed cost something too");
});

test("targets can fall: what is too much is removed", async () => {
  await using h = harness(echoRuntime);
  await fill(h, 3);

  await h.worker.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 1 }]);
  await until(() => h.driver.living.length === 1);
  await h.worker.setPoolTargets([]);

  await until(() => h.driver.living.length === 0);
});

test("what the pool costs is told: memory in use, how long it was held, how many boots there were and what they took", async () => {
  const bootMs = 40;
  const processes: FakeProcess[] = [];
  await using h = harness(async (process) => {
    processes.push(process);
    process.setUsage({ memoryBytes: 10_000_000, cpuMs: 25 });
    h.clock.advance(bootMs);
    await echoRuntime(process);
  });
  await fill(h, 1);
  const booted = await poolOf(h);
  processes[0]?.setUsage({ memoryBytes: 8_000_000 });
  h.clock.advance(settleMs);
  h.clock.advance(2000);
  const waiting = await poolOf(h);
  await h.worker.createEnvironment(testSpec());
  const taken = await poolOf(h);

  assert.equal(booted?.memoryBytes, 10_000_000);
  assert.deepEqual([booted.boots, booted.bootMs, booted.bootCpuMs], [1, bootMs, 25]);
  assert.equal(waiting?.memoryBytes, 8_000_000);
  assert.equal(waiting?.memoryByteSeconds, 10_000_000 + 2 * 8_000_000);
  assert.deepEqual([taken?.memoryBytes, taken?.memoryByteSeconds], [0, waiting?.memoryByteSeconds]);
});

test("no boot is begun while a function waits for a sandbox of its own", async () => {
  const made = Promise.withResolvers<void>();
  const order: string[] = [];
  await using h = harness(echoRuntime, {
    driver: {
      beforeCreate: async (spec) => {
        const isPooled = spec.environment["HEARTH_POOLED"] === "1";
        order.push(isPooled ? "pooled" : "own");
        if (!isPooled) await made.promise;
      },
    },
  });

  const creation = h.worker.createEnvironment(testSpec());
  await until(() => order.length === 1);
  await h.worker.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 1 }]);
  const other = h.worker.createEnvironment(testSpec());
  await until(() => order.length === 2);
  assert.deepEqual(order, ["own", "own"]);
  made.resolve();
  await Promise.all([creation, other]);

  await untilReady(h, 1);
});

test("where memory is short the pool gives way bit by bit, and is filled again when there is some", async () => {
  let availableMiB = 900;
  const hostMemory = () => ({ availableBytes: availableMiB * 2 ** 20, stalledShare: undefined });
  await using h = harness(echoRuntime, { driver: { hostMemory } });
  await fill(h, 6);

  availableMiB = 50;
  h.clock.advance(statusIntervalMs);
  await untilReady(h, 2);
  h.clock.advance(nearStatusIntervalMs);
  await untilReady(h, 0);
  await until(() => h.driver.living.length === 0);
  availableMiB = 900;
  h.clock.advance(nearStatusIntervalMs);

  await untilReady(h, 6);
});
