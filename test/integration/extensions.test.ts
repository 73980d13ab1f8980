/** Extensions and runtime wrappers with real sandboxes: programs in `/opt/extensions`, and code inside the runtime. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { systemClock } from "../../src/core/clock.ts";
import { RuntimeRegistry } from "../../src/runtimes/registry.ts";
import type { EnvironmentSpec, InvocationReport } from "../../src/worker/contract.ts";
import { testInvocation, testSpec, until } from "../../src/worker/testing/harness.ts";
import { createWorker } from "../../src/worker/worker-service.ts";
import { SandboxHost } from "../support/sandbox-host.ts";

const host = new SandboxHost();
const driver = host.open();
const logs = new Map<string, string[]>();
const worker = createWorker({
  driver,
  clock: systemClock,
  policy: { cpuMode: "share", egress: "none", diskBytesPerSecond: 0, networkBytesPerSecond: 0 },
  frontSocket: join(host.directory, "front.sock"),
  logBytesPerSecond: 1_048_576,
  runId: "extensions",
  version: "0.0.0",
  memoryMiB: 4096,
  isMemoryLimited: false,
  cpus: 2,
  packages: { all: () => [], changes: () => undefined },
  report: (text) => assert.fail(text),
});
worker.setListener({
  onLogs: ({ stream, events }) => linesOf(stream).push(...events.map(({ message }) => message)),
  onEnvironmentGone: (id, reason) => assert.fail(`environment ${id} ended: ${reason}`),
  onStatus: () => undefined,
  onDisconnected: () => undefined,
});
after(async () => {
  await worker.close();
  await host.close();
});

const fixtures = join(import.meta.dirname, "../fixtures/extensions");
const nodePack = packOf("nodejs24.x");
let functionsMade = 0;

function packOf(identifier: string): EnvironmentSpec["runtime"] {
  const pack = new RuntimeRegistry(join(host.directory, "data")).find(identifier);
  assert(pack, `${identifier} is not here`);
  return pack;
}

function linesOf(stream: string): string[] {
  const lines = logs.get(stream) ?? [];
  logs.set(stream, lines);
  return lines;
}

/** What an extension of ours said, in order. */
function saidBy(spec: EnvironmentSpec, kind: string): Record<string, unknown>[] {
  return linesOf(spec.logging.stream)
    .filter((line) => line.startsWith(`{"kind"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((said) => said["kind"] === kind);
}

function directoryOf(name: string, files: Readonly<Record<string, string>>): string {
  const directory = join(host.directory, name);
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(directory, file), text);
    chmodSync(join(directory, file), 0o755);
  }
  return directory;
}

/** `fixture` names extensions of ours; `extensions` and `layer` are written out. */
function functionOf(
  handler: string,
  given: {
    readonly fixtures?: readonly string[];
    readonly extensions?: Readonly<Record<string, string>>;
    readonly layer?: Readonly<Record<string, string>>;
    readonly changes?: Partial<EnvironmentSpec>;
  } = {},
): EnvironmentSpec {
  const number = functionsMade++;
  const layersDirectory = directoryOf(`layers-${number}`, given.layer ?? {});
  const extensionsDirectory = directoryOf(`layers-${number}/extensions`, given.extensions ?? {});
  for (const name of given.fixtures ?? []) copyFileSync(join(fixtures, name), join(extensionsDirectory, name));
  const isPython = given.changes?.runtime?.family === "python";
  const codeDirectory = directoryOf(`function-${number}`, { [isPython ? "index.py" : "index.js"]: handler });
  const spec = testSpec({ runtime: nodePack, codeDirectory, layersDirectory, ...given.changes });
  return { ...spec, logging: { ...spec.logging, stream: `stream-${number}` } };
}

interface Outcome {
  readonly answer: unknown;
  readonly kind: string;
  readonly answeredMs: number;
  readonly report: InvocationReport;
}

async function invoke(spec: EnvironmentSpec, payload: unknown = {}): Promise<Outcome> {
  const startedAtMs = performance.now();
  const { response, report } = worker.invoke(
    testInvocation(spec.id, { payload: Buffer.from(JSON.stringify(payload)), timeoutMs: spec.timeoutMs }),
  );
  const { kind, payload: answer } = await response;
  const answeredMs = performance.now() - startedAtMs;
  return { answer: JSON.parse(Buffer.from(answer).toString("utf8")), kind, answeredMs, report: await report };
}

const echo = "exports.handler = async (event) => { console.log('handled'); return event; };";

test("an external extension lives with its function, and is told of everything", async () => {
  const status = `require("node:fs").readFileSync("/proc/self/status", "utf8")`;
  const spec = functionOf(`exports.handler = async () => { console.log("handled"); return ${status}; };`, {
    fixtures: ["telemetry.js"],
  });

  const { initialized } = await worker.createEnvironment(spec);
  const { answer, report } = await invoke(spec);
  await worker.destroyEnvironment(spec.id);

  assert(initialized);
  assert.equal(report.status, "success");
  const [registered] = saidBy(spec, "registered");
  assert.deepEqual(registered?.["function"], {
    functionName: "resize",
    functionVersion: "$LATEST",
    handler: "index.handler",
    accountId: "000000000000",
  });
  const variables = registered?.["variables"] as string[];
  assert(variables.includes("AWS_LAMBDA_FUNCTION_NAME"));
  assert(variables.includes("AWS_SESSION_TOKEN"));
  for (const hidden of ["_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "_LAMBDA_TELEMETRY_LOG_FD", "HOME"]) {
    assert(!variables.includes(hidden), hidden);
  }
  // It is held by what holds the function.
  const [own] = saidBy(spec, "status");
  for (const field of ["Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Groups"]) {
    const valueOf = (text: unknown): string | undefined =>
      new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(String(text))?.[1];
    assert.equal(valueOf(own?.["status"]), valueOf(answer), field);
  }
  assert.deepEqual(saidBy(spec, "subscribed"), [{ kind: "subscribed", status: 200, text: '"OK"' }]);
  const [invoked, ended] = saidBy(spec, "event").map(({ event }) => event as Record<string, unknown>);
  assert.equal(invoked?.["eventType"], "INVOKE");
  assert.equal(invoked?.["requestId"], report.requestId);
  assert.equal(invoked?.["invokedFunctionArn"], spec.functionArn);
  assert.deepEqual(invoked?.["tracing"], {
    type: "X-Amzn-Trace-Id",
    value: "Root=1-00000000-000000000000000000000001",
  });
  assert.equal(ended?.["eventType"], "SHUTDOWN");
  assert.equal(ended?.["shutdownReason"], "spindown");
  const seen = saidBy(spec, "telemetry").map(({ event }) => (event as { type: string }).type);
  for (const type of [
    "platform.initStart",
    "platform.telemetrySubscription",
    "platform.initRuntimeDone",
    "platform.extension",
    "platform.initReport",
    "platform.start",
    "function",
    "platform.runtimeDone",
    "platform.report",
  ]) {
    assert(seen.includes(type), `${type} in ${seen.join(" ")}`);
  }
  const lines = linesOf(spec.logging.stream);
  assert(lines.includes("EXTENSION\tName: telemetry.js\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"), lines.join(""));
  assert(lines.includes("TELEMETRY\tName: telemetry.js\tState: Subscribed\tTypes: [Platform, Function]\n"));
  assert.equal(saidBy(spec, "bye").length, 1);
});

test("the caller has its answer while the extension goes on, whose time counts", async () => {
  const slowMs = 400;
  const spec = functionOf(echo, { fixtures: ["telemetry.js"], changes: { environment: { SLOW_MS: String(slowMs) } } });
  await worker.createEnvironment(spec);

  const { answer, answeredMs, report } = await invoke(spec, { n: 1 });

  assert.deepEqual(answer, { n: 1 });
  assert(answeredMs < slowMs, `${answeredMs} ms`);
  assert(report.durationMs >= slowMs - 1, `${report.durationMs} ms`);
  await worker.destroyEnvironment(spec.id);
});

test("after a timeout the extension is told, and everything starts again", async () => {
  const handler =
    "exports.handler = async (event) => (event.hang ? new Promise(() => setInterval(() => 0, 1000)) : event);";
  const spec = functionOf(handler, { fixtures: ["telemetry.js"], changes: { timeoutMs: 2000 } });
  await worker.createEnvironment(spec);

  const timedOut = await invoke(spec, { hang: true });
  const again = await invoke(spec, { n: 2 });

  assert.equal(timedOut.report.status, "timeout");
  assert.deepEqual(again.answer, { n: 2 });
  const reasons = saidBy(spec, "event").map(({ event }) => (event as { shutdownReason?: string }).shutdownReason);
  assert.deepEqual(
    reasons.filter((reason) => reason !== undefined),
    ["timeout"],
  );
  assert.equal(saidBy(spec, "registered").length, 2);
  await worker.destroyEnvironment(spec.id);
});

test("when the runtime crashes, extensions are told of the failure", async () => {
  const spec = functionOf("exports.handler = async () => process.exit(7);", { fixtures: ["telemetry.js"] });
  await worker.createEnvironment(spec);

  const { answer, report } = await invoke(spec);
  await worker.destroyEnvironment(spec.id);

  assert.equal(report.errorType, "Runtime.ExitError");
  assert.match((answer as { errorMessage: string }).errorMessage, /exit status 7/);
  const [, ended] = saidBy(spec, "event").map(({ event }) => event as { shutdownReason?: string });
  assert.equal(ended?.shutdownReason, "failure");
});

test("an extension that crashes fails the init phase, and then the invocation", async () => {
  const spec = functionOf(echo, { extensions: { "crashing one": "#!/bin/sh\necho going down\nexit 3\n" } });

  const { initialized } = await worker.createEnvironment(spec);
  const { answer, report } = await invoke(spec);
  await worker.destroyEnvironment(spec.id);

  assert.equal(initialized, false);
  assert.equal(report.errorType, "Extension.Crash");
  assert.deepEqual(answer, {
    errorType: "Extension.Crash",
    errorMessage: `RequestId: ${report.requestId} Error: exit status 3`,
  });
  const lines = linesOf(spec.logging.stream);
  assert(lines.includes("going down\n"));
  assert(
    lines.includes("EXTENSION\tName: crashing one\tState: Exited\tEvents: []\tError Type: Extension.Crash\n"),
    lines.join(""),
  );
});

test("an extension that cannot be executed is named", async () => {
  const spec = functionOf(echo, { extensions: { plain: "no program" } });
  chmodSync(join(spec.layersDirectory ?? "", "extensions", "plain"), 0o644);

  const { initialized } = await worker.createEnvironment(spec);
  const { answer } = await invoke(spec);
  await worker.destroyEnvironment(spec.id);

  assert.equal(initialized, false);
  assert.equal((answer as { errorType: string }).errorType, "Extension.LaunchError");
  assert.match(
    (answer as { errorMessage: string }).errorMessage,
    /fork\/exec \/opt\/extensions\/plain: permission denied$/,
  );
});

test("the older Logs API delivers lines over TCP", async () => {
  const spec = functionOf(echo, { fixtures: ["logs.py"] });
  await worker.createEnvironment(spec);

  const { report } = await invoke(spec);
  await worker.destroyEnvironment(spec.id);

  const [bye] = saidBy(spec, "bye");
  assert.equal(bye?.["reason"], "spindown");
  const received = bye?.["lines"] as readonly { type: string; record: unknown }[];
  const recordOf = (type: string): unknown => received.find((line) => line.type === type)?.record;
  assert.match(String(recordOf("function")), /handled/);
  assert.deepEqual(recordOf("platform.end"), { requestId: report.requestId });
  assert.deepEqual(recordOf("platform.runtimeDone"), { requestId: report.requestId, status: "success" });
  assert.deepEqual(recordOf("platform.logsSubscription"), {
    name: "logs.py",
    state: "Subscribed",
    types: ["platform", "function"],
  });
});

test("an internal extension lives in the runtime, which then gets SIGTERM before its end", async () => {
  const handler = `
    const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2020-01-01/extension/";
    const events = [];
    const registered = fetch(api + "register", {
      method: "POST", headers: { "Lambda-Extension-Name": "inside" }, body: JSON.stringify({ events: ["INVOKE"] }),
    }).then(async (response) => {
      const headers = { "Lambda-Extension-Identifier": response.headers.get("lambda-extension-identifier") };
      (async () => { for (;;) events.push(await (await fetch(api + "event/next", { headers })).json()); })();
    });
    process.on("SIGTERM", () => { console.log("terminated"); process.exit(0); });
    exports.handler = async () => { await registered; return events.map(({ eventType }) => eventType); };
  `;
  const spec = functionOf(handler);
  await worker.createEnvironment(spec);

  await invoke(spec);
  const { answer, report } = await invoke(spec);
  await worker.destroyEnvironment(spec.id);

  assert.equal(report.status, "success");
  assert((answer as string[]).length >= 1, JSON.stringify(answer));
  const lines = linesOf(spec.logging.stream);
  assert(
    lines.some((line) => line.startsWith("EXTENSION\tName: inside\t")),
    lines.join(""),
  );
  assert(
    lines.some((line) => line.includes("terminated")),
    lines.join(""),
  );
});

for (const [identifier, handler, expected] of [
  ["nodejs24.x", "exports.handler = async () => process.env.WRAPPED;", /^1 \/var\/lang\/bin\/node .*main\.js$/],
  [
    "python3.11",
    "import os\ndef handler(event, context):\n    return os.environ['WRAPPED']\n",
    /^1 .*python3\S* -u .*main\.py$/,
  ],
] as const) {
  test(`${identifier} starts through AWS_LAMBDA_EXEC_WRAPPER, which gets the command`, async (t) => {
    const pack = new RuntimeRegistry(join(host.directory, "data")).find(identifier);
    if (pack === undefined) {
      t.skip(`${identifier} is not here`);
      return;
    }
    const spec = functionOf(handler, {
      layer: { wrapper: '#!/bin/sh\nexport WRAPPED="1 $*"\nexec "$@"\n' },
      changes: { runtime: pack, environment: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrapper" } },
    });

    await worker.createEnvironment(spec);
    const { answer } = await invoke(spec);

    assert.match(String(answer), expected);
    await worker.destroyEnvironment(spec.id);
  });
}

test("an extension that floods its API, forks and never ends harms nobody else", async () => {
  const flood = `#!/usr/bin/python3
import os, socket, threading, urllib.request
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
def call(path, headers, body=None, method=None):
    request = urllib.request.Request("http://" + api + path, headers=headers, data=body, method=method)
    try: return urllib.request.urlopen(request, timeout=5)
    except Exception as error: return None
registration = call("/2020-01-01/extension/register", {"Lambda-Extension-Name": "flood"}, b'{"events":["INVOKE","SHUTDOWN"]}')
own = {"Lambda-Extension-Identifier": registration.headers["Lambda-Extension-Identifier"]}
def flood():
    while True:
        call("/2022-07-01/telemetry", own, b"x" * 200000, "PUT")
        call("/2020-01-01/extension/register", {"Lambda-Extension-Name": "x"}, b"{}")
for _ in range(8): threading.Thread(target=flood, daemon=True).start()
os.fork()
while True: call("/2020-01-01/extension/event/next", own)
`;
  const hostile = functionOf(echo, { extensions: { flood }, changes: { timeoutMs: 3000 } });
  const neighbour = functionOf(echo);
  await worker.createEnvironment(neighbour);
  await invoke(neighbour, { n: 0 });
  const creation = worker.createEnvironment(hostile).catch(() => undefined);
  await until(() => linesOf(hostile.logging.stream).length > 0);

  const times: number[] = [];
  for (let n = 0; n < 30; n++) times.push((await invoke(neighbour, { n })).answeredMs);
  await worker.destroyEnvironment(hostile.id);
  await creation;

  const median = times.toSorted((a, b) => a - b)[15] ?? Number.NaN;
  assert(median < 50, `${median} ms`);
  await worker.destroyEnvironment(neighbour.id);
});
