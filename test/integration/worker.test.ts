/** The worker with real sandboxes: what only a kernel, an interpreter and real pipes can show. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { systemClock } from "../../src/core/clock.ts";
import { RuntimeRegistry } from "../../src/runtimes/registry.ts";
import type { EnvironmentSpec, InvocationReport } from "../../src/worker/contract.ts";
import { testInvocation, testSpec } from "../../src/worker/testing/harness.ts";
import { createWorker } from "../../src/worker/worker-service.ts";
import { SandboxHost } from "../support/sandbox-host.ts";

const host = new SandboxHost();
const driver = host.open();
let droppedLines = 0;
const worker = createWorker({
  driver,
  clock: systemClock,
  policy: { cpuMode: "share", egress: "none", diskBytesPerSecond: 0, networkBytesPerSecond: 0 },
  frontSocket: join(host.directory, "front.sock"),
  logBytesPerSecond: 1_048_576,
  runId: "itest",
  version: "0.0.0",
  memoryMiB: 4096,
  isMemoryLimited: false,
  cpus: 2,
  packages: { all: () => [], changes: () => undefined },
  report: (text) => assert.fail(text),
});
worker.setListener({
  onLogs: ({ dropped }) => {
    droppedLines += dropped;
  },
  onEnvironmentGone: (id, reason) => assert.fail(`environment ${id} ended: ${reason}`),
  onStatus: () => undefined,
  onDisconnected: () => undefined,
});
after(async () => {
  await worker.close();
  assert.deepEqual(host.cgroupsOf("itest-1"), []);
  await host.close();
});

const nodePack = packOf("nodejs24.x");
let functionsMade = 0;

function packOf(identifier: string): EnvironmentSpec["runtime"] {
  const pack = new RuntimeRegistry(join(host.directory, "data")).find(identifier);
  assert(pack, `${identifier} is not here`);
  return pack;
}

function functionOf(files: Readonly<Record<string, string>>, changes: Partial<EnvironmentSpec> = {}): EnvironmentSpec {
  const codeDirectory = join(host.directory, `function-${functionsMade++}`);
  mkdirSync(codeDirectory);
  chmodSync(codeDirectory, 0o755);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(codeDirectory, name), text);
    chmodSync(join(codeDirectory, name), 0o755);
  }
  return testSpec({ runtime: nodePack, codeDirectory, ...changes });
}

interface Outcome {
  readonly answer: unknown;
  readonly kind: string;
  readonly report: InvocationReport;
  readonly log: string;
}

async function invoke(spec: EnvironmentSpec, payload: unknown = {}): Promise<Outcome> {
  const invocation = testInvocation(spec.id, {
    payload: Buffer.from(JSON.stringify(payload)),
    timeoutMs: spec.timeoutMs,
  });
  const { response, report } = worker.invoke(invocation);
  const { kind, payload: answer } = await response;
  const figures = await report;
  const log = Buffer.from(figures.logTail ?? []).toString("utf8");
  return { answer: JSON.parse(Buffer.from(answer).toString("utf8")), kind, report: figures, log };
}

async function poolReady(ready: number): Promise<void> {
  await worker.setPoolTargets([{ runtime: nodePack, memoryMiB: 128, target: ready }]);
  while ((await worker.pools()).every((pool) => pool.ready < ready)) await pause(20);
}

test("a function starts from the pool, keeps its state, and its output is in the invocation's own log", async () => {
  await poolReady(1);
  const spec = functionOf({
    "index.js": `
      let count = 0;
      console.log("loaded");
      exports.handler = async (event, context) => {
        process.stdout.write("line " + ++count + "\\n");
        console.log("two\\nlines");
        return { event, count, task: process.cwd(), name: process.env.AWS_LAMBDA_FUNCTION_NAME, id: context.awsRequestId };
      };`,
  });

  const { phases, initialized } = await worker.createEnvironment(spec);
  assert(initialized);
  assert(phases.pooled);
  for (const count of [1, 2, 3]) {
    const { answer, log, report } = await invoke(spec, { count });
    assert.deepEqual(answer, { event: { count }, count, task: "/var/task", name: "resize", id: report.requestId });
    // Two pipes have no order between them; START, END and REPORT hold them together.
    assert.match(log, new RegExp(`^START [^\\n]*\\n[^]*line ${count}\\n[^]*END [^\\n]*\\nREPORT [^\\n]*\\n$`));
    assert.match(log, /^START [^\n]*\n[^]*\tINFO\ttwo\nlines\n[^]*END /);
    assert(report.maxMemoryUsedMiB > 5);
  }
  await worker.destroyEnvironment(spec.id);
});

test("a timeout kills what ran, /tmp stays, and the next invocation is answered by a new runtime", async () => {
  const spec = functionOf(
    {
      "index.js": `
        const fs = require("fs");
        exports.handler = async ({ hang }) => {
          const before = fs.existsSync("/tmp/note");
          fs.writeFileSync("/tmp/note", "x");
          if (hang) for (;;);
          return { before, pid: process.pid };
        };`,
    },
    { timeoutMs: 1000 },
  );
  await worker.createEnvironment(spec);

  const timedOut = await invoke(spec, { hang: true });
  assert.equal(timedOut.report.status, "timeout");
  assert.match(JSON.stringify(timedOut.answer), /Task timed out after 1\.00 seconds/);
  const again = await invoke(spec, {});

  assert.equal((again.answer as { before: boolean }).before, true);
  await worker.destroyEnvironment(spec.id);
});

test("a function that eats its memory, exits or is killed fails alone, and tells why", async () => {
  const spec = functionOf({
    "index.js": `
      exports.handler = async ({ how }) => {
        if (how === "memory") { const held = []; for (;;) held.push(Buffer.alloc(1 << 22, 1)); }
        if (how === "exit") process.exit(9);
        if (how === "kill") process.kill(process.pid, "SIGKILL");
        return how;
      };`,
  });
  await worker.createEnvironment(spec);

  const seen: unknown[] = [];
  for (const how of ["memory", "exit", "kill", "nothing"]) {
    const { answer, report } = await invoke(spec, { how });
    const { errorType, errorMessage = answer } = answer as { errorType?: string; errorMessage?: string };
    seen.push([report.status, errorType, String(errorMessage).replace(report.requestId, "ID")]);
  }

  assert.deepEqual(seen, [
    ["error", "Runtime.OutOfMemory", "RequestId: ID Error: Runtime exited with error: signal: killed"],
    ["error", "Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 9"],
    ["error", "Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: signal: killed"],
    ["success", undefined, "nothing"],
  ]);
  await worker.destroyEnvironment(spec.id);
});

test("nothing runs between invocations", async () => {
  const spec = functionOf({
    "index.js": `
      let ticks = 0;
      setInterval(() => ticks++, 1);
      exports.handler = async () => { await new Promise((r) => setTimeout(r, 20)); return ticks; };`,
  });
  await worker.createEnvironment(spec);
  const first = (await invoke(spec)).answer as number;

  await pause(500);
  const second = (await invoke(spec)).answer as number;

  assert(second - first < 250, `${second - first} ticks in 500 ms of idleness`);
  await worker.destroyEnvironment(spec.id);
});

test("a custom runtime written in shell is served by the same API", async () => {
  const spec = functionOf(
    {
      bootstrap: `#!/bin/bash
set -eu
api=/dev/tcp/127.0.0.1/9001
while true; do
  exec 4<>$api
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&4
  id=""; length=0
  while IFS= read -r line <&4; do
    line=\${line%$'\\r'}
    [ -z "$line" ] && break
    case "$line" in
      Lambda-Runtime-Aws-Request-Id:*) id=\${line#*: } ;;
      Content-Length:*) length=\${line#*: } ;;
    esac
  done
  IFS= read -r -N "$length" event <&4 || true
  exec 4>&-
  echo "got $event"
  exec 5<>$api
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$id" "$length" "$event" >&5
  cat <&5 >/dev/null
  exec 5>&-
done
`,
    },
    { runtime: packOf("provided.al2023"), handler: "any" },
  );
  assert.equal((await worker.createEnvironment(spec)).initialized, true);

  for (const n of [1, 2]) {
    const { answer, log } = await invoke(spec, { n });
    assert.deepEqual(answer, { n });
    assert.match(log, new RegExp(`got {"n":${n}}\\n`));
  }
  await worker.destroyEnvironment(spec.id);
});

const floods = {
  "its API with connections and useless requests": `
    const net = require("net");
    exports.handler = async () => {
      const text = "GET /nothing HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".repeat(100);
      const flood = () => {
        const socket = net.connect(9001, "127.0.0.1", () => socket.write(text));
        socket.on("error", () => {}).on("close", () => setImmediate(flood)).resume();
      };
      for (let n = 0; n < 50; n++) flood();
      await new Promise(() => {});
    };`,
  "its log": `
    exports.handler = () => new Promise(() => {
      const line = "x".repeat(10000) + "\\n";
      const again = () => process.stdout.write(line, again);
      again();
    });`,
};

for (const [what, code] of Object.entries(floods)) {
  test(`a function that floods ${what} costs its neighbours little`, async () => {
    const neighbour = functionOf({ "index.js": "exports.handler = async (event) => event;" });
    await worker.createEnvironment(neighbour);
    await medianOf(neighbour);
    const quietMs = await medianOf(neighbour);
    const flooder = functionOf({ "index.js": code }, { timeoutMs: 2000 });
    await worker.createEnvironment(flooder);
    droppedLines = 0;

    const flooding = invoke(flooder);
    await pause(100);
    const floodedMs = await medianOf(neighbour);

    assert.equal((await flooding).report.status, "timeout");
    if (what === "its log") assert(droppedLines > 100, `${droppedLines} lines were dropped and counted`);
    // All share two cores with whatever else this machine does: the bound is for a worker that drowns, which takes a
    // hundred times as long.
    assert(floodedMs < 10 * quietMs + 5, `${floodedMs} ms beside ${quietMs} ms`);
    await Promise.all([worker.destroyEnvironment(flooder.id), worker.destroyEnvironment(neighbour.id)]);
  });
}

/** Of 200 invocations, in ms. */
async function medianOf(spec: EnvironmentSpec): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 200; n++) {
    const startedAtMs = performance.now();
    await invoke(spec, { n });
    times.push(performance.now() - startedAtMs);
  }
  return times.toSorted((a, b) => a - b)[100] ?? 0;
}
