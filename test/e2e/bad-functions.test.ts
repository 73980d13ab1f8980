/** Functions that misbehave hurt nobody else: neighbours stay fast, disks stay bounded, limits hold. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { waitingBytesMax } from "../../src/telemetry/stream-appender.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const logBudgetBytes = 8_388_608;

let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth({ settings: { logBytesMax: logBudgetBytes } });
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

const python = { Runtime: "python3.11", Handler: "app.handler", Timeout: 60 } as const;

test("a function that forks without end meets its own limit and goes on being served", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "app.py": `
import os, signal, time
def handler(event, context):
    children = []
    try:
        for _ in range(5000):
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
            children.append(child)
    except OSError as error:
        count = len(children)
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
        return {"error": error.strerror, "count": count}
`,
    },
    { ...python, MemorySize: 1024 },
  );

  const { payload } = await invoke(lambda, name);

  const { error, count } = payload as { error: string; count: number };
  assert.equal(error, "Resource temporarily unavailable");
  assert(count > 900 && count <= 1024, String(count));
});

test("a function that fills /tmp gets its size and no more", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "app.py": `
import os
def handler(event, context):
    written = 0
    block = os.urandom(1 << 20)
    try:
        with open("/tmp/fill", "wb") as file:
            while True:
                written += file.write(block)
                file.flush()
    except OSError as error:
        os.remove("/tmp/fill")
        return {"error": os.strerror(error.errno), "mib": written >> 20}
`,
    },
    { ...python, MemorySize: 256 },
  );

  const { payload } = await invoke(lambda, name);

  const { error, mib } = payload as { error: string; mib: number };
  assert.match(error, /No space left on device|Disk quota exceeded/);
  assert(mib > 460 && mib <= 512, `${mib} MiB`);
});

test("a function that ignores signals and leaves children behind ends at its timeout, with all it started", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "app.py": `
import os, signal, subprocess, time
def handler(event, context):
    if not event.get("hang"):
        return len([entry for entry in os.listdir("/proc") if entry.isdigit()])
    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; sleep 600"], start_new_session=True)
    while True:
        time.sleep(1)
`,
    },
    { ...python, Timeout: 1 },
  );
  const alone = (await invoke(lambda, name)).payload;

  const { payload } = await invoke(lambda, name, { hang: true });

  assert.equal((payload as { errorType: string }).errorType, "Sandbox.Timedout");
  assert.equal((await invoke(lambda, name)).payload, alone);
});

test("a runtime that answers garbage fails alone", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "app.py": `
import os, socket
def handler(event, context):
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    for garbage in [b"\\x00\\xff" * 5000, b"GET / HTTP/9.9\\r\\n\\r\\n", b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\\r\\nContent-Length: -5\\r\\n\\r\\n",
                    b"POST /2018-06-01/runtime/invocation/" + b"y" * 100000 + b"/response HTTP/1.1\\r\\n\\r\\n"]:
        connection = socket.create_connection((host, int(port)))
        connection.settimeout(5)
        try:
            connection.sendall(garbage)
            connection.recv(100)
        except OSError:
            pass
        connection.close()
    return "still here"
`,
    },
    python,
  );

  assert.equal((await invoke(lambda, name)).payload, "still here");
});

test("logs of ten times the budget leave the disk bounded", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "index.mjs": `
        const line = "x".repeat(1000);
        export const handler = async () => { for (let i = 0; i < 2000; i++) console.log(line, i); };`,
    },
    { Timeout: 30 },
  );
  const writeBudgets = async (budgets: number): Promise<number> => {
    for (let bytes = 0; bytes < budgets * logBudgetBytes; bytes += 2_000_000) await invoke(lambda, name);
    return sizeOf(join(hearth.dataDirectory, "state"), /^streams\.db/);
  };

  const afterTen = await writeBudgets(10);
  const afterTwenty = await writeBudgets(10);

  // The log itself, and what may wait in memory while a flood comes faster than it is cut.
  assert(afterTen < logBudgetBytes + waitingBytesMax, `${afterTen} bytes of logs on disk`);
  assert(afterTwenty <= afterTen * 1.25, `${afterTen} bytes grew to ${afterTwenty}`);
});

async function sizeOf(directory: string, pattern: RegExp): Promise<number> {
  const names = await readdir(directory, { recursive: true });
  return names
    .filter((name) => pattern.test(name))
    .reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
