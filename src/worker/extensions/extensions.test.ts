import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import type { FakeCommand } from "../../sandbox/fake/scripted-process.ts";
import type { EnvironmentSpec } from "../contract.ts";
import { ExtensionClient, extension } from "../testing/extension-client.ts";
import { harness, testInvocation, testSpec, until, type Harness } from "../testing/harness.ts";
import { echoRuntime, forever, RuntimeClient } from "../testing/runtime-client.ts";
import { extensionFilesOf } from "./extension-files.ts";
import { externalShutdownMs, internalShutdownMs, runtimeShutdownMs } from "./extension-host.ts";

const root = mkdtempSync(join(tmpdir(), "hearth-extensions-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directoriesMade = 0;

function layerOf(names: readonly string[], mode = 0o755): string {
  const directory = join(root, String(directoriesMade++));
  mkdirSync(join(directory, "extensions"), { recursive: true });
  for (const name of names) writeFileSync(join(directory, "extensions", name), "", { mode });
  return directory;
}

/** A worker whose functions have these extensions. */
function withExtensions(
  runtime: FakeCommand,
  extensions: Readonly<Record<string, FakeCommand>>,
): { readonly h: Harness; readonly spec: EnvironmentSpec } {
  const commands = Object.fromEntries(
    Object.entries(extensions).map(([name, command]) => [`/opt/extensions/${name}`, command]),
  );
  const layersDirectory = layerOf(Object.keys(extensions));
  return { h: harness(runtime, { driver: { commands } }), spec: testSpec({ layersDirectory }) };
}

const typeOf = (event: Readonly<Record<string, unknown>>): unknown => event["eventType"];

test("the runtime starts when every extension has registered, and the environment is ready when all have asked for events", async () => {
  const order: string[] = [];
  const mayRegister = Promise.withResolvers<void>();
  const mayAsk = Promise.withResolvers<void>();
  const { h, spec } = withExtensions(
    async (process) => {
      order.push("runtime started");
      await echoRuntime(process);
    },
    {
      quick: extension("quick"),
      slow: async (process) => {
        const client = ExtensionClient.of(process, "slow");
        await mayRegister.promise;
        order.push("slow registers");
        await client.register([]);
        await mayAsk.promise;
        order.push("slow asks");
        await client.next();
      },
    },
  );
  await using _ = h;

  const creation = h.worker.createEnvironment(spec);
  void creation.then(() => order.push("ready"));
  await until(() => h.driver.living.length === 1);
  mayRegister.resolve();
  await until(() => order.includes("runtime started"));
  mayAsk.resolve();
  await creation;

  assert.deepEqual(order, ["slow registers", "runtime started", "slow asks", "ready"]);
  const lines = h.lines();
  assert(lines.includes("EXTENSION\tName: quick\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"));
  assert(lines.includes("EXTENSION\tName: slow\tState: Ready\tEvents: []\n"));
});

test("an invocation is over when its extensions are done; the caller has the answer before, and the time counts", async () => {
  const mayEnd = Promise.withResolvers<void>();
  const { h, spec } = withExtensions(echoRuntime, {
    late: extension("late", async (event) => (typeOf(event) === "INVOKE" ? mayEnd.promise : undefined)),
  });
  await using _ = h;
  await h.worker.createEnvironment(spec);
  const invocation = testInvocation(spec.id);

  const { response, report } = h.worker.invoke(invocation);
  assert.equal((await response).kind, "success");
  h.clock.advance(250);
  assert.equal((await h.worker.environments())[0]?.state, "busy");
  assert.equal(h.driver.inspect(h.driver.living[0] ?? "").isFrozen, false);
  mayEnd.resolve();
  const figures = await report;

  assert.equal(figures.durationMs, 250);
  assert.equal(figures.status, "success");
  assert.equal((await h.worker.environments())[0]?.state, "idle");
});

test("an extension that is late takes the invocation into its timeout, but not its answer", async () => {
  const { h, spec } = withExtensions(echoRuntime, {
    stuck: extension("stuck", (event) => (typeOf(event) === "INVOKE" ? forever() : undefined)),
  });
  await using _ = h;
  await h.worker.createEnvironment(spec);

  const { response, report } = h.worker.invoke(testInvocation(spec.id));
  assert.equal((await response).kind, "success");
  h.clock.advance(3000);

  const { status, durationMs } = await report;
  assert.deepEqual([status, durationMs], ["timeout", 3000]);
});

test("the shutdown phase: the runtime gets SIGTERM, then SIGKILL, then extensions hear of it; after 2 seconds all is over", async () => {
  const told: unknown[] = [];
  const signals: string[] = [];
  const { h, spec } = withExtensions(
    async (process) => {
      process.onTerminate(() => signals.push("SIGTERM"));
      await echoRuntime(process);
    },
    {
      stubborn: extension("stubborn", async (event) => {
        if (typeOf(event) !== "SHUTDOWN") return;
        told.push(event);
        await forever();
      }),
    },
  );
  await using _ = h;
  await h.worker.createEnvironment(spec);
  await h.worker.invoke(testInvocation(spec.id)).report;
  const startedAtMs = h.clock.now();

  const destroyed = h.worker.destroyEnvironment(spec.id);
  await until(() => signals.length === 1);
  assert.deepEqual(told, []);
  h.clock.advance(runtimeShutdownMs);
  await until(() => told.length === 1);
  assert.equal(h.driver.living.length, 1);
  h.clock.advance(externalShutdownMs - runtimeShutdownMs);
  await destroyed;

  assert.deepEqual(told, [
    { eventType: "SHUTDOWN", deadlineMs: startedAtMs + externalShutdownMs, shutdownReason: "spindown" },
  ]);
  assert.deepEqual(h.driver.living, []);
});

test("extensions that end when they are told to hold nobody up", async () => {
  const reasons: unknown[] = [];
  const { h, spec } = withExtensions(echoRuntime, {
    good: extension("good", (event) => {
      if (typeOf(event) === "SHUTDOWN") reasons.push(event["shutdownReason"]);
    }),
  });
  await using _ = h;
  await h.worker.createEnvironment(spec);
  await h.worker.invoke(testInvocation(spec.id)).report;

  await h.worker.destroyEnvironment(spec.id);

  assert.deepEqual(reasons, ["spindown"]);
});

for (const [what, runtime, reason, advanceMs] of [
  [
    "a timeout",
    async (process) => {
      await RuntimeClient.of(process).next();
      await forever();
    },
    "timeout",
    3000,
  ],
  [
    "a crash",
    async (process) => {
      await RuntimeClient.of(process).next();
      return 3;
    },
    "failure",
    0,
  ],
] as const satisfies readonly (readonly [string, FakeCommand, string, number])[]) {
  test(`after ${what} extensions hear the reason, and all start again`, async () => {
    const reasons: unknown[] = [];
    let starts = 0;
    const { h, spec } = withExtensions((process) => (starts++ === 0 ? runtime(process) : echoRuntime(process)), {
      witness: extension("witness", (event) => {
        if (typeOf(event) === "SHUTDOWN") reasons.push(event["shutdownReason"]);
      }),
    });
    await using _ = h;
    await h.worker.createEnvironment(spec);

    const first = h.worker.invoke(testInvocation(spec.id));
    h.clock.advance(advanceMs);
    assert.equal((await first.response).kind, "function-error");
    await first.report;
    const second = h.worker.invoke(testInvocation(spec.id));

    assert.equal((await second.response).kind, "success");
    assert.deepEqual(reasons, [reason]);
    await h.worker.destroyEnvironment(spec.id);
  });
}

for (const [what, act, errorType, reason] of [
  ["exits", () => Promise.resolve(4), "Extension.Crash", "exit status 4"],
  ["reports an init error", (client) => client.failInit("Custom.Reason"), "Extension.InitError", "Custom.Reason"],
  ["reports an exit error", (client) => client.failExit("Custom.Exit"), "Extension.ExitError", "Custom.Exit"],
] as const satisfies readonly (readonly [string, (client: ExtensionClient) => Promise<unknown>, string, string])[]) {
  test(`an extension that ${what} while it starts fails the init phase, and the invocation that repeats it`, async () => {
    const { h, spec } = withExtensions(echoRuntime, {
      bad: async (process) => {
        const client = ExtensionClient.of(process, "bad");
        await client.register(["INVOKE"]);
        const code = await act(client);
        if (typeof code === "number") return code;
        return await forever();
      },
    });
    await using _ = h;

    const { initialized } = await h.worker.createEnvironment(spec);
    const { response, report } = h.worker.invoke(testInvocation(spec.id));
    const { payload } = await response;
    const { requestId } = await report;

    assert.equal(initialized, false);
    assert.deepEqual(JSON.parse(Buffer.from(payload).toString("utf8")), {
      errorType,
      errorMessage: `RequestId: ${requestId} Error: ${reason}`,
    });
    assert(h.lines().some((line) => line.startsWith("EXTENSION\tName: bad\t") && line.includes("\tError Type: ")));
  });
}

test("an internal extension gets events, and its runtime half a second to end", async () => {
  const seen: unknown[] = [];
  let terminated = 0;
  await using h = harness(async (process) => {
    process.onTerminate(() => (terminated += 1));
    const client = ExtensionClient.of(process, "inside");
    assert.equal((await client.register(["SHUTDOWN"])).status, 403);
    assert.equal((await client.register(["INVOKE"])).status, 200);
    assert.equal((await ExtensionClient.of(process, "inside").register([])).status, 403);
    void (async () => {
      for (;;) seen.push(typeOf(await client.next()));
    })().catch(() => undefined);
    await echoRuntime(process);
  });
  const spec = testSpec();
  await h.worker.createEnvironment(spec);
  await h.worker.invoke(testInvocation(spec.id)).report;

  const destroyed = h.worker.destroyEnvironment(spec.id);
  await until(() => terminated === 1);
  h.clock.advance(internalShutdownMs);
  await destroyed;

  assert.deepEqual(seen, ["INVOKE"]);
});

test("nobody registers after the init phase", async () => {
  const goOn = Promise.withResolvers<void>();
  const late = Promise.withResolvers<number>();
  await using h = harness((process) => {
    void (async () => {
      await goOn.promise;
      late.resolve((await ExtensionClient.of(process, "late").register(["INVOKE"])).status);
    })();
    return echoRuntime(process);
  });
  await h.worker.createEnvironment(testSpec());

  goOn.resolve();

  assert.equal(await late.promise, 403);
});

test("files in /opt/extensions are programs, but for directories; what cannot run is said beforehand", () => {
  const directory = layerOf(["b", "a"]);
  mkdirSync(join(directory, "extensions", "data"));
  symlinkSync("/nonexistent", join(directory, "extensions", "link"));
  writeFileSync(join(directory, "extensions", "0-text"), "", { mode: 0o644 });

  assert.deepEqual(extensionFilesOf(directory), [
    { name: "a", path: "/opt/extensions/a", launchError: undefined },
    { name: "b", path: "/opt/extensions/b", launchError: undefined },
    { name: "link", path: "/opt/extensions/link", launchError: undefined },
    { name: "0-text", path: "/opt/extensions/0-text", launchError: "PermissionDenied" },
  ]);
  const many = layerOf(Array.from({ length: 30 }, (_, index) => `e${index}`));
  assert.deepEqual(
    extensionFilesOf(many).map(({ launchError }) => launchError),
    [...Array.from({ length: 10 }, () => undefined), "TooManyExtensions"],
  );
  assert.deepEqual(extensionFilesOf(join(root, "nothing")), []);
  assert.deepEqual(extensionFilesOf(undefined), []);
});
