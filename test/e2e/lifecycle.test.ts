/** What happens to an execution environment: reuse, errors, timeouts, crashes, memory. */
import { InvokeCommand, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createFunction, invoke, untilActive } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

test("keeps globals and /tmp between invocations, and reports the init only once", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, {
    "index.mjs": `
      import { appendFileSync, readFileSync } from "node:fs";
      let calls = 0;
      export const handler = async () => {
        appendFileSync("/tmp/calls", "x");
        return [++calls, readFileSync("/tmp/calls", "utf8")];
      };`,
  });

  const first = await invoke(lambda, name);
  const second = await invoke(lambda, name);

  assert.deepEqual(
    [first.payload, second.payload],
    [
      [1, "x"],
      [2, "xx"],
    ],
  );
  assert.match(first.log, /Init Duration/);
  assert.doesNotMatch(second.log, /Init Duration/);
});

test("runs one invocation at a time in an environment: concurrent ones get environments of their own", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "index.mjs": `
      let running = 0;
      const id = Math.random();
      export const handler = async () => {
        const overlapped = ++running > 1;
        await new Promise((resolve) => setTimeout(resolve, 1500));
        running -= 1;
        return { id, overlapped };
      };`,
    },
    { Timeout: 10 },
  );

  const answers = await Promise.all(Array.from({ length: 4 }, () => invoke(lambda, name)));

  const payloads = answers.map(({ payload }) => payload as { id: number; overlapped: boolean });
  assert(payloads.every(({ overlapped }) => !overlapped));
  assert.equal(new Set(payloads.map(({ id }) => id)).size, 4);
});

test("freezes an environment between invocations", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, {
    "index.mjs": `
      let ticks = 0;
      setInterval(() => { ticks += 1; }, 5);
      export const handler = async (event) => {
        if (event.wait) await new Promise((resolve) => setTimeout(resolve, event.wait));
        return { ticks, now: Date.now() };
      };`,
  });
  const first = (await invoke(lambda, name)).payload as { ticks: number; now: number };
  // Meanwhile another function of the same code is busy for half a second.
  const other = await createFunction(lambda, {
    "index.mjs": "export const handler = async () => new Promise((resolve) => setTimeout(resolve, 500));",
  });
  await invoke(lambda, other);

  const second = (await invoke(lambda, name)).payload as { ticks: number; now: number };

  assert(second.now - first.now >= 500);
  assert(second.ticks - first.ticks < 20, `${second.ticks - first.ticks} ticks in ${second.now - first.now} ms`);
});

test("reports what a handler throws", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, {
    "index.js": `exports.handler = async () => { class MyError extends Error { constructor(m) { super(m); this.name = "MyError"; } } throw new MyError("bad day"); };`,
  });

  const { payload, functionError, log } = await invoke(lambda, name);

  assert.equal(functionError, "Unhandled");
  const error = payload as { errorType: string; errorMessage: string; trace: string[] };
  assert.deepEqual([error.errorType, error.errorMessage], ["MyError", "bad day"]);
  assert.equal(error.trace[0], "MyError: bad day");
  assert.match(log, /\tERROR\tInvoke Error \t\{"errorType":"MyError","errorMessage":"bad day"/);
});

test("kills a function at its timeout, and keeps /tmp for the runtime that follows", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "index.mjs": `
        import { existsSync, writeFileSync } from "node:fs";
        let calls = 0;
        export const handler = async (event) => {
          calls += 1;
          if (event.hang) { writeFileSync("/tmp/seen", ""); for (;;); }
          return { calls, seen: existsSync("/tmp/seen") };
        };`,
    },
    { Timeout: 1 },
  );
  await invoke(lambda, name);

  const { payload, functionError, log } = await invoke(lambda, name, { hang: true });

  assert.equal(functionError, "Unhandled");
  const { errorType, errorMessage } = payload as { errorType: string; errorMessage: string };
  assert.equal(errorType, "Sandbox.Timedout");
  assert.match(errorMessage, /^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/);
  assert.match(log, /Task timed out after 1\.00 seconds/);
  assert.match(log, /Duration: 1000\.00 ms\tBilled Duration: 1000 ms/);
  assert.deepEqual((await invoke(lambda, name)).payload, { calls: 1, seen: true });
});

for (const [what, code, message] of [
  ["exits", "process.exit(3)", "Runtime exited with error: exit status 3"],
  ["exits with 0", "process.exit(0)", "Runtime exited without providing a reason"],
  [
    "is killed",
    "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})",
    "Runtime exited with error: signal: killed",
  ],
] as const) {
  test(`reports a runtime that ${what} during an invocation, and serves the next one`, async () => {
    const lambda = hearth.lambda();
    const name = await createFunction(lambda, {
      "index.mjs": `export const handler = async (event) => { if (event.die) { ${code}; } return "alive"; };`,
    });

    const { payload, functionError } = await invoke(lambda, name, { die: true });

    assert.equal(functionError, "Unhandled");
    const { errorType, errorMessage } = payload as { errorType: string; errorMessage: string };
    assert.equal(errorType, "Runtime.ExitError");
    assert.match(errorMessage, new RegExp(`^RequestId: [0-9a-f-]{36} Error: ${message}$`));
    assert.equal((await invoke(lambda, name)).payload, "alive");
  });
}

test("ends a function that takes more memory than it has, and serves the next one", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "app.py": `
def handler(event, context):
    if event.get("eat"):
        hog = []
        while True:
            hog.append(bytearray(16 * 1024 * 1024))
    return "alive"
`,
    },
    { Runtime: "python3.11", Handler: "app.handler", Timeout: 30 },
  );

  const { payload, functionError, log } = await invoke(lambda, name, { eat: true });

  assert.equal(functionError, "Unhandled");
  assert.match((payload as { errorType: string }).errorType, /^Runtime\.(ExitError|OutOfMemory)$/);
  assert.match(log, /Memory Size: 128 MB\tMax Memory Used: 12[5-9] MB/);
  assert.equal((await invoke(lambda, name)).payload, "alive");
});

test("repeats an init that failed within the invocation, and reports its error", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, { "index.mjs": `throw new Error("cannot start");` });

  const { payload, functionError } = await invoke(lambda, name);

  assert.equal(functionError, "Unhandled");
  const { errorType, errorMessage } = payload as { errorType: string; errorMessage: string };
  assert.deepEqual([errorType, errorMessage], ["Error", "cannot start"]);
});

for (const [what, handler, errorType, errorMessage] of [
  ["a module that is not there", "nowhere.handler", "Runtime.ImportModuleError", /Cannot find module 'nowhere'/],
  [
    "a handler that is not there",
    "index.nothing",
    "Runtime.HandlerNotFound",
    /index\.nothing is undefined or not exported/,
  ],
  ["a file that does not parse", "broken.handler", "Runtime.UserCodeSyntaxError", /SyntaxError/],
  ["a handler without a dot", "index", "Runtime.MalformedHandlerName", /Bad handler/],
] as const) {
  test(`says so when the handler names ${what}`, async () => {
    const lambda = hearth.lambda();
    const name = await createFunction(
      lambda,
      { "index.js": "exports.handler = async () => 1;", "broken.js": "exports.handler = (;" },
      { Handler: handler },
    );

    const { payload, functionError } = await invoke(lambda, name);

    assert.equal(functionError, "Unhandled");
    const error = payload as { errorType: string; errorMessage: string };
    assert.equal(error.errorType, errorType);
    assert.match(error.errorMessage, errorMessage);
  });
}

test("answers a response over 6 MB with an error, and takes a request of 6 MB", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "index.js": `exports.handler = async (event) => event.size ? "x".repeat(event.size) : JSON.stringify(event).length;`,
    },
    { MemorySize: 512, Timeout: 30 },
  );

  const tooLarge = await invoke(lambda, name, { size: 6_291_600 });
  const fits = await invoke(lambda, name, { size: 6_291_000 });
  const padding = 6_291_456 - Buffer.byteLength(JSON.stringify({ padding: "" }));
  const large = await invoke(lambda, name, { padding: "y".repeat(padding) });

  assert.equal(tooLarge.functionError, "Unhandled");
  assert.equal((tooLarge.payload as { errorType: string }).errorType, "Function.ResponseSizeTooLarge");
  assert.equal((fits.payload as string).length, 6_291_000);
  assert.equal(large.payload, 6_291_456);
  await assert.rejects(invoke(lambda, name, { padding: "y".repeat(padding + 1) }), {
    name: "RequestTooLargeException",
    message: "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
  });
});

test("never breaks an invocation in flight when the function changes", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "index.mjs": `
        export const handler = async (event) => {
          if (event.wait) await new Promise((resolve) => setTimeout(resolve, event.wait));
          return process.env.MARK;
        };`,
    },
    { Environment: { Variables: { MARK: "old" } }, Timeout: 30 },
  );
  await invoke(lambda, name);

  const inFlight = invoke(lambda, name, { wait: 1500 });
  await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: name, Environment: { Variables: { MARK: "new" } } }),
  );
  await untilActive(lambda, name);

  assert.equal((await invoke(lambda, name)).payload, "new");
  assert.equal((await inFlight).payload, "old");
});

test("a function is called with what Lambda defines in its environment, and nothing of the host", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, { "index.mjs": "export const handler = async () => process.env;" });

  const variables = (await invoke(lambda, name)).payload as Record<string, string>;

  assert.equal(variables["AWS_LAMBDA_FUNCTION_NAME"], name);
  assert.equal(variables["_HANDLER"], "index.handler");
  assert.equal(variables["AWS_EXECUTION_ENV"], "AWS_Lambda_nodejs24.x");
  assert.equal(variables["TZ"], ":UTC");
  assert.equal(variables["LAMBDA_TASK_ROOT"], "/var/task");
  const foreign = Object.keys(variables).filter(
    (key) =>
      !/^(AWS_|_?LAMBDA_|_HANDLER$|_X_AMZN_TRACE_ID$|TZ$|LANG$|PATH$|LD_LIBRARY_PATH$|NODE_PATH$|NODE_EXTRA_CA_CERTS$|PWD$|SHLVL$)/.test(
        key,
      ),
  );
  assert.deepEqual(foreign, []);
  assert(!("NODE_EXTRA_CA_CERTS" in variables));
});

test("a function invokes another one through Hearth with its own credentials", async () => {
  const lambda = hearth.lambda({ accessKeyId: "121212121212" });
  const callee = await createFunction(lambda, { "index.js": "exports.handler = async (event) => ({ got: event });" });
  const caller = await createFunction(
    lambda,
    {
      "index.mjs": `
        import { LambdaClient, InvokeCommand } from "@aws-sdk/client-lambda";
        const client = new LambdaClient({});
        export const handler = async (event) => {
          const answer = await client.send(new InvokeCommand({ FunctionName: event.callee, Payload: JSON.stringify({ n: 7 }) }));
          return JSON.parse(Buffer.from(answer.Payload).toString());
        };`,
    },
    { Timeout: 30, MemorySize: 512 },
  );

  const { payload } = await invoke(lambda, caller, { callee });

  assert.deepEqual(payload, { got: { n: 7 } });
});

test("an empty payload reaches the function as an empty event", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, {
    "index.js": "exports.handler = async (event) => ({ type: typeof event, event });",
  });

  const answer = await lambda.send(new InvokeCommand({ FunctionName: name }));

  assert.deepEqual(JSON.parse(Buffer.from(answer.Payload ?? []).toString()), { type: "object", event: {} });
});
