/**
 * A function that takes all it can get slows its neighbours' slowest calls by a factor of two at most, in share mode, on
 * however few cores there are.
 */
import type { LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { interference } from "../support/interference.ts";

/** From the call until the flood runs at full height: forking its processes. */
const floodRisesMs = 300;

const flooder = (body: string): Record<string, string> => ({
  "app.py": `
import os, signal, socket, sys, time
def children(count, work):
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(0)
        pids.append(pid)
    return pids

def flood():
${body.replaceAll(/^/gm, "    ")}

def handler(event, context):
    if not event.get("flood"):
        return "quiet"
    pids = []
    try:
        pids = flood()
        time.sleep(event["seconds"])
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
    return "flooded"
`,
});

const floods: Readonly<Record<string, string>> = {
  "burns CPU in 64 processes": `
def burn():
    while True:
        pass
return children(64, burn)`,
  "floods the Runtime API with connections and requests": `
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
request = b"POST /2018-06-01/runtime/invocation/none/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}" * 50
def knock():
    held = []
    while True:
        try:
            connection = socket.create_connection((host, int(port)), 1)
            connection.sendall(request)
            held.append(connection)
        except OSError:
            pass
        if len(held) > 64:
            held.clear()
return children(4, knock)`,
  "floods Hearth's endpoint": `
request = b"GET /2015-03-31/functions/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 50
def knock():
    held = []
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", 4566), 1)
            connection.sendall(request)
            held.append(connection)
        except OSError:
            pass
        if len(held) > 64:
            held.clear()
return children(4, knock)`,
  "writes logs as fast as it can": `
lines = (b"x" * 200 + b"\\n") * 300
def write():
    while True:
        os.write(1, lines)
return children(4, write)`,
  "forks as fast as it can": `
def fork():
    while True:
        try:
            if os.fork() == 0:
                os._exit(0)
            os.waitpid(-1, 0)
        except OSError:
            pass
return children(16, fork)`,
};

let hearth: RunningHearth;
let lambda: LambdaClient;
let neighbour: string;

before(async () => {
  hearth = await startHearth({ settings: { cpuMode: "share" } });
  lambda = hearth.lambda();
  neighbour = await createFunction(lambda, { "index.js": "exports.handler = async (event) => event;" });
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

/** The flood is at its height when it resolves. */
async function flood(name: string, durationMs: number): Promise<{ readonly over: Promise<void> }> {
  const flooding = invoke(lambda, name, { flood: true, seconds: (floodRisesMs + durationMs) / 1000 });
  await setTimeout(floodRisesMs);
  return { over: flooding.then(({ payload }) => assert.equal(payload, "flooded")) };
}

for (const [what, body] of Object.entries(floods)) {
  test(`a function that ${what} does not slow its neighbour beyond 2 ×`, async (context) => {
    const name = await createFunction(lambda, flooder(body), {
      Runtime: "python3.11",
      Handler: "app.handler",
      MemorySize: 256,
      Timeout: 60,
    });
    await invoke(lambda, name);

    const { holds, said } = await interference(
      () => invoke(lambda, neighbour),
      (durationMs) => flood(name, durationMs),
    );

    context.diagnostic(`p99 ${said}`);
    assert(holds, `p99 rose: ${said}`);
  });
}
