import assert from "node:assert/strict";
import { test } from "node:test";

import { UnavailableError } from "../../core/errors.ts";
import type { FakeProcess } from "../../sandbox/fake/scripted-process.ts";
import { harness, testInvocation, testSpec, until, type Harness } from "../testing/harness.ts";
import { echoRuntime, forever, RuntimeClient } from "../testing/runtime-client.ts";
import { responseLingerMsMax } from "./environment.ts";
import { initTimeoutMs } from "./init-phase.ts";
import { busyFreezeLingerMs, freezeLingerMs } from "./rest.ts";

function text(response: { readonly payload: Uint8Array }): string {
  return Buffer.from(response.payload).toString("utf8");
}

/** Behaves differently from one start to the next. */
function startsAs(...runtimes: readonly ((process: FakeProcess) => Promise<number | void>)[]) {
  let starts = 0;
  return (process: FakeProcess): Promise<number | void> => {
    const runtime = runtimes[Math.min(starts++, runtimes.length - 1)];
    assert(runtime);
    return runtime(process);
  };
}

/** Takes one event and does something with it. */
function onFirstEvent(act: (process: FakeProcess, client: RuntimeClient, requestId: string) => Promise<number | void>) {
  return async (process: FakeProcess): Promise<number | void> => {
    const client = RuntimeClient.of(process);
    const { requestId } = await client.next();
    return await act(process, client, requestId);
  };
}

async function sandboxOf({ worker }: Harness): Promise<string> {
  const [info] = await worker.environments();
  assert(info);
  return info.sandboxId;
}

test("runs an invocation and reports it as Lambda does", async () => {
  await using h = harness(async (process) => {
    const client = RuntimeClient.of(process);
    process.stdout("loading\n");
    for (;;) {
      const { requestId, body } = await client.next();
      process.stdout("hello\nworld");
      await client.respond(requestId, body);
    }
  }, {});
  const spec = testSpec();

  const { initialized, phases } = await h.worker.createEnvironment(spec);
  const invocation = testInvocation(spec.id);
  const { response, report } = h.worker.invoke(invocation);

  assert(initialized);
  assert.equal(phases.pooled, false);
  assert.deepEqual(await response, {
    kind: "success",
    payload: Buffer.from(`{"n":1}`),
    contentType: "application/json",
  });
  const { logTail, ...rest } = await report;
  assert.deepEqual(rest, {
    requestId: invocation.requestId,
    status: "success",
    durationMs: 0,
    billedMs: 1,
    memorySizeMiB: 128,
    maxMemoryUsedMiB: 0,
    initDurationMs: 0,
    environment: "idle",
  });
  const id = invocation.requestId;
  const lines = h.lines();
  assert.match(lines[0] ?? "", /^INIT_START Runtime Version: nodejs:24\.20\.0\tRuntime Version ARN: arn:aws:lambda:/);
  assert.deepEqual(lines.slice(1), [
    "loading\n",
    `START RequestId: ${id} Version: $LATEST\n`,
    "hello\n",
    "world",
    `END RequestId: ${id}\n`,
    `REPORT RequestId: ${id}\tDuration: 0.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\tInit Duration: 0.00 ms\t\n`,
  ]);
  assert.equal(Buffer.from(logTail ?? []).toString("utf8"), lines.slice(2).join(""));
});

test("takes one invocation after another in the same environment, and the init duration is reported once", async () => {
  await using h = harness(echoRuntime);
  const spec = testSpec();
  await h.worker.createEnvironment(spec);

  for (let n = 0; n < 3; n++) {
    const { response, report } = h.worker.invoke(testInvocation(spec.id, { payload: Buffer.from(String(n)) }));
    assert.equal(text(await response), String(n));
    assert.equal((await report).initDurationMs === undefined, n > 0);
  }

  const [info] = await h.worker.environments();
  assert.equal(info?.invocations, 3);
  assert.equal(info?.state, "idle");
});

test("refuses a second invocation while one runs, and nothing happens to the first", async () => {
  const release = Promise.withResolvers<void>();
  await using h = harness(
    onFirstEvent(async (_process, client, requestId) => {
      await release.promise;
      await client.respond(requestId, "first");
      await client.next();
    }),
  );
  const spec = testSpec();
  await h.worker.createEnvironment(spec);

  const first = h.worker.invoke(testInvocation(spec.id));
  const second = h.worker.invoke(testInvocation(spec.id));

  await assert.rejects(second.response, UnavailableError);
  await assert.rejects(second.report, UnavailableError);
  release.resolve();
  assert.equal(text(await first.response), "first");
});

test("an error that the function reports is the caller's answer, and the environment lives on", async () => {
  await using h = harness(
    onFirstEvent(async (_process, client, requestId) => {
      await client.fail(requestId, "TypeError", `{"errorType":"TypeError","errorMessage":"no"}`);
      await client.next();
    }),
  );
  const spec = testSpec();
  await h.worker.createEnvironment(spec);

  const { response, report } = h.worker.invoke(testInvocation(spec.id));

  assert.deepEqual(await response, {
    kind: "function-error",
    functionError: "Unhandled",
    payload: Buffer.from(`{"errorType":"TypeError","errorMessage":"no"}`),
  });
  const { status, errorType, environment } = await report;
  assert.deepEqual(
    { status, errorType, environment },
    { status: "error", errorType: "TypeError", environment: "idle" },
  );
});

test("a timeout kills the runtime, and the next invocation starts it again with /tmp kept", async () => {
  await using h = harness(startsAs(onFirstEvent(forever), echoRuntime));
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  const firstSandbox = await sandboxOf(h);
  const { tmp } = h.driver.inspect(firstSandbox);

  const invocation = testInvocation(spec.id);
  const timedOut = h.worker.invoke(invocation);
  h.clock.advance(3000);

  assert.equal(
    text(await timedOut.response),
    `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ${invocation.requestId} Error: Task timed out after 3.00 seconds"}`,
  );
  const report = await timedOut.report;
  assert.deepEqual(
    [report.status, report.durationMs, report.billedMs, report.environment],
    ["timeout", 3000, 3000, "idle"],
  );
  const again = h.worker.invoke(testInvocation(spec.id, { payload: Buffer.from("again") }));
  assert.equal(text(await again.response), "again");
  assert.equal((await again.report).initDurationMs, undefined);
  const secondSandbox = await sandboxOf(h);
  assert.notEqual(secondSandbox, firstSandbox);
  assert.equal(h.driver.inspect(secondSandbox).tmp.id, tmp.id);
  const lines = h.lines();
  assert(lines.some((line) => line.endsWith(`Z ${invocation.requestId} Task timed out after 3.00 seconds\n\n`)));
  assert(lines.some((line) => line.startsWith("REPORT") && line.endsWith("\tStatus: timeout\n")));
});

for (const [how, end, errorType, reason] of [
  ["exits with an error", async () => 3, "Runtime.ExitError", "Runtime exited with error: exit status 3"],
  ["exits without one", async () => 0, "Runtime.ExitError", "Runtime exited without providing a reason"],
  [
    "runs out of memory",
    async (process: FakeProcess) => process.outOfMemory(),
    "Runtime.OutOfMemory",
    "Runtime exited with error: signal: killed",
  ],
] as const) {
  test(`a runtime that ${how} fails the invocation, and the next one gets a new runtime`, async () => {
    await using h = harness(startsAs(onFirstEvent(end), echoRuntime));
    const spec = testSpec();
    await h.worker.createEnvironment(spec);

    const invocation = testInvocation(spec.id);
    const { response, report } = h.worker.invoke(invocation);

    const errorMessage = `RequestId: ${invocation.requestId} Error: ${reason}`;
    assert.deepEqual(JSON.parse(text(await response)), { errorType, errorMessage });
    const { status, environment } = await report;
    assert.deepEqual({ status, environment }, { status: "error", environment: "idle" });
    assert.equal(text(await h.worker.invoke(testInvocation(spec.id)).response), `{"n":1}`);
    const lines = h.lines();
    assert(lines.includes(`${errorMessage}\n${errorType}\n`));
    assert(lines.some((line) => line.endsWith(`\tStatus: error\tError Type: ${errorType}\n`)));
    assert.deepEqual(h.gone, []);
  });
}

test("an init that takes too long is killed, and repeated within the first invocation", async () => {
  await using h = harness(startsAs(forever, echoRuntime));
  const spec = testSpec();

  const creation = h.worker.createEnvironment(spec);
  await until(() => h.driver.living.length === 1);
  h.clock.advance(initTimeoutMs);

  assert.equal((await creation).initialized, false);
  const { response, report } = h.worker.invoke(testInvocation(spec.id));
  assert.equal(text(await response), `{"n":1}`);
  assert.equal((await report).initDurationMs, undefined);
  assert(h.lines().includes("INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"));
});

test("the init phase with provisioned concurrency may take longer than ten seconds", async () => {
  const goOn = Promise.withResolvers<void>();
  await using h = harness(async (process) => {
    await goOn.promise;
    await echoRuntime(process);
  });

  const creation = h.worker.createEnvironment(testSpec({ initializationType: "provisioned-concurrency" }));
  await until(() => h.driver.living.length === 1);
  h.clock.advance(initTimeoutMs * 3);
  goOn.resolve();

  assert.equal((await creation).initialized, true);
});

test("an init error is answered to the first invocation, which repeated the init", async () => {
  const body = `{"errorType":"Runtime.ImportModuleError","errorMessage":"Cannot find module 'x'"}`;
  let starts = 0;
  await using h = harness(async (process) => {
    starts += 1;
    process.stderr(`start ${starts}\n`);
    await RuntimeClient.of(process).failInit("Runtime.ImportModuleError", body);
    return 1;
  });
  const spec = testSpec();

  assert.equal((await h.worker.createEnvironment(spec)).initialized, false);
  for (const attempt of [2, 3]) {
    const { response, report } = h.worker.invoke(testInvocation(spec.id));
    assert.deepEqual(await response, {
      kind: "function-error",
      functionError: "Unhandled",
      payload: Buffer.from(body),
    });
    const { status, errorType, environment } = await report;
    assert.deepEqual([status, errorType, environment], ["error", "Runtime.ImportModuleError", "idle"]);
    assert.equal(starts, attempt);
  }

  const lines = h.lines();
  assert.equal(lines[1], "start 1\n");
  assert.match(lines[2] ?? "", /^INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n$/);
  assert.equal(lines[3], "start 2\n");
  assert.match(
    lines[4] ?? "",
    /^INIT_REPORT .*\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n$/,
  );
  assert.match(lines[5] ?? "", /^START /);
  assert.match(lines[6] ?? "", /^END /);
});

test("a repeated init counts against the invocation's own timeout", async () => {
  await using h = harness(startsAs(async () => 1, forever));
  const spec = testSpec();
  assert.equal((await h.worker.createEnvironment(spec)).initialized, false);

  const { response, report } = h.worker.invoke(testInvocation(spec.id));
  h.clock.advance(3000);

  assert.match(text(await response), /Task timed out after 3\.00 seconds/);
  assert.equal((await report).status, "timeout");
});

test("a caller does not wait long for a runtime that has answered but is not ready again", async () => {
  await using h = harness(
    onFirstEvent(async (process, client, requestId) => {
      await client.respond(requestId, "done");
      process.stdout("answered\n");
      await forever();
    }),
  );
  const spec = testSpec();
  await h.worker.createEnvironment(spec);

  const { response, report } = h.worker.invoke(testInvocation(spec.id));
  await until(() => h.lines().includes("answered\n"));
  h.clock.advance(responseLingerMsMax);

  assert.equal(text(await response), "done");
  assert.equal((await h.worker.environments())[0]?.state, "busy");
  h.clock.advance(3000);
  assert.equal((await report).status, "timeout");
});

test("an idle environment whose runtime ends is gone, and its listener hears of it", async () => {
  const end = Promise.withResolvers<void>();
  await using h = harness(async (process) => {
    RuntimeClient.of(process)
      .next()
      .catch(() => undefined);
    await end.promise;
    return 1;
  });
  const spec = testSpec();
  await h.worker.createEnvironment(spec);

  end.resolve();
  await until(() => h.gone.length > 0);

  assert.deepEqual(h.gone, [{ id: spec.id, reason: "Runtime.ExitError" }]);
  await until(() => h.driver.living.length === 0);
  assert.deepEqual(await h.worker.environments(), []);
  await assert.rejects(h.worker.invoke(testInvocation(spec.id)).response, UnavailableError);
});

test("an environment is frozen soon after its invocation, and thawed for the next one", async () => {
  await using h = harness(echoRuntime);
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  const sandbox = await sandboxOf(h);

  await h.worker.invoke(testInvocation(spec.id)).report;
  assert.equal(h.driver.inspect(sandbox).isFrozen, false);
  h.clock.advance(freezeLingerMs);
  assert.equal(h.driver.inspect(sandbox).isFrozen, true);

  const { response, report } = h.worker.invoke(testInvocation(spec.id));
  assert.equal(h.driver.inspect(sandbox).isFrozen, false);
  assert.equal(text(await response), `{"n":1}`);
  await report;
});

test("a busy function is not frozen between its invocations", async () => {
  await using h = harness(echoRuntime);
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  const sandbox = await sandboxOf(h);

  for (let n = 0; n < 10; n++) {
    await h.worker.invoke(testInvocation(spec.id)).report;
    h.clock.advance(freezeLingerMs - 1);
  }

  assert.equal(h.driver.inspect(sandbox).freezes, 0);
});

test("an environment whose invocations follow each other closely is frozen only when they cease", async () => {
  await using h = harness(echoRuntime);
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  const sandbox = await sandboxOf(h);
  await h.worker.invoke(testInvocation(spec.id)).report;
  await h.worker.invoke(testInvocation(spec.id)).report;

  for (let n = 0; n < 10; n++) {
    h.clock.advance(busyFreezeLingerMs - 1);
    await h.worker.invoke(testInvocation(spec.id)).report;
  }
  assert.equal(h.driver.inspect(sandbox).freezes, 0);

  h.clock.advance(busyFreezeLingerMs);
  assert.equal(h.driver.inspect(sandbox).isFrozen, true);
});

test("CPU is unlimited while the init phase runs, and held to the memory's share afterwards", async () => {
  const goOn = Promise.withResolvers<void>();
  await using h = harness(async (process) => {
    await goOn.promise;
    await echoRuntime(process);
  });
  const creation = h.worker.createEnvironment(testSpec({ memoryMiB: 1769 }));
  await until(() => h.driver.living.length === 1);
  const [sandbox = ""] = h.driver.living;

  assert.equal(h.driver.inspect(sandbox).limits.cpuMode, "unlimited");
  goOn.resolve();
  await creation;
  h.clock.advance(5);

  assert.deepEqual(h.driver.inspect(sandbox).limits, { memoryMiB: 1769, cpuMilli: 1000, cpuMode: "share" });
});

test("destroying an environment ends its invocation and leaves nothing", async () => {
  await using h = harness(onFirstEvent(forever));
  const spec = testSpec();
  await h.worker.createEnvironment(spec);

  const { response, report } = h.worker.invoke(testInvocation(spec.id));
  await h.worker.destroyEnvironment(spec.id);

  const mayHaveRun = { name: "UnavailableError", reason: "worker-gone" };
  await assert.rejects(response, mayHaveRun);
  await assert.rejects(report, mayHaveRun);
  assert.deepEqual(h.driver.living, []);
  await h.worker.destroyEnvironment(spec.id);
  assert.deepEqual(h.gone, []);
});

test("an environment that is destroyed while it starts is not created, and leaves nothing", async () => {
  await using h = harness(forever);
  const spec = testSpec();

  const creation = h.worker.createEnvironment(spec);
  const destroyed = h.worker.destroyEnvironment(spec.id);

  await assert.rejects(creation, UnavailableError);
  await destroyed;
  assert.deepEqual(h.driver.living, []);
});

test("a sandbox that cannot be made is told as missing capacity", async () => {
  await using h = harness(echoRuntime, {
    driver: {
      beforeCreate: () => {
        throw new Error("no space left");
      },
    },
  });

  const spec = testSpec();

  await assert.rejects(h.worker.createEnvironment(spec), (error) => {
    assert(error instanceof UnavailableError);
    assert.equal(error.reason, "no-capacity");
    return true;
  });
  await h.worker.destroyEnvironment(spec.id);
  assert.deepEqual(await h.worker.environments(), []);
});

test("with the JSON format the platform's records are JSON, filtered by the system level", async () => {
  await using h = harness(echoRuntime);
  const spec = testSpec();
  const logging = { ...spec.logging, format: "JSON", systemLevel: "INFO" } as const;
  await h.worker.createEnvironment({ ...spec, logging });

  await h.worker.invoke(testInvocation(spec.id)).report;

  const types = h.lines().map((line) => (JSON.parse(line) as { type: string }).type);
  assert.deepEqual(types, ["platform.initStart", "platform.start", "platform.report"]);
});

test("drains: running invocations end, nothing new is taken", async () => {
  const release = Promise.withResolvers<void>();
  await using h = harness(
    onFirstEvent(async (_process, client, requestId) => {
      await release.promise;
      await client.respond(requestId, "done");
      await client.next();
    }),
  );
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  const running = h.worker.invoke(testInvocation(spec.id));

  const drained = h.worker.drain();

  await assert.rejects(h.worker.createEnvironment(testSpec()), UnavailableError);
  release.resolve();
  assert.equal(text(await running.response), "done");
  await drained;
  assert.deepEqual(h.driver.living, []);
});
