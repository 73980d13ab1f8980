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

const factorMax = 2;

/**
 * Below this a p99 says nothing of Hearth, in ms: two time slices of the kernel's scheduler and a young collection of the
 * front and of this process are in it, on a machine that runs nothing else.
 */
const p99MsFloor = 5;

/**
 * Rounds of a quiet and a flooded second each, of which the middle ones count: one pause of the machine spoils one round.
 * Where they do not agree with the promise, more are needed to tell a slow neighbour from a slow machine.
 */
const roundsMin = 3;
const roundsMax = 9;
const roundMs = 1000;

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
  await quietP99Ms(); // compiled by now, here and there
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

/** The p99 of one caller's calls, so that none waits for another, while `isOn`. */
async function p99Ms(isOn: () => boolean): Promise<number> {
  const durationsMs: number[] = [];
  while (isOn()) {
    const begin = performance.now();
    await invoke(lambda, neighbour);
    durationsMs.push(performance.now() - begin);
  }
  return durationsMs.toSorted((a, b) => a - b)[Math.floor(durationsMs.length * 0.99)] ?? 0;
}

function quietP99Ms(): Promise<number> {
  const end = performance.now() + roundMs;
  return p99Ms(() => performance.now() < end);
}

async function floodedP99Ms(name: string): Promise<number> {
  let isOver = false;
  const flooding = invoke(lambda, name, { flood: true, seconds: (floodRisesMs + roundMs) / 1000 }).finally(
    () => (isOver = true),
  );
  await setTimeout(floodRisesMs);
  const [value, { payload }] = await Promise.all([p99Ms(() => !isOver), flooding]);
  assert.equal(payload, "flooded");
  return value;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

for (const [what, body] of Object.entries(floods)) {
  test(`a function that ${what} does not slow its neighbour beyond ${factorMax} ×`, async (context) => {
    const name = await createFunction(lambda, flooder(body), {
      Runtime: "python3.11",
      Handler: "app.handler",
      MemorySize: 256,
      Timeout: 60,
    });
    await invoke(lambda, name);
    const quiet: number[] = [];
    const flooded: number[] = [];
    const holds = (): boolean => median(flooded) <= factorMax * Math.max(median(quiet), p99MsFloor);
    for (let round = 1; round <= roundsMax && (round <= roundsMin || !holds()); round++) {
      quiet.push(await quietP99Ms());
      flooded.push(await floodedP99Ms(name));
    }

    const said = `${median(quiet).toFixed(2)} ms alone, ${median(flooded).toFixed(2)} ms beside it`;
    context.diagnostic(`p99 ${said}, in ${quiet.length} rounds`);
    assert(holds(), `p99 rose: ${said}`);
  });
}
