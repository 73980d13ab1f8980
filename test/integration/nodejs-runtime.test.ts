/**
 * The Node runtime of every version, without a sandbox: what a function's caller gets and what its log says, as AWS's own runtime
 * behaves (public runtime interface client 3.x for Node 20 and 22, 4.x for Node 24).
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { RuntimeUnderTest, testFunctionArn, testVariables } from "../support/runtime-api-server.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const functions = join(project, "test/fixtures/functions/nodejs");
const modules = join(project, "test/fixtures/functions/nodejs-module");
const versions = [20, 22, 24] as const;
const withCallbacks = [20, 22] as const;
type Version = (typeof versions)[number];

const nodeOf = (version: Version): string =>
  join(project, `node_modules/node${version}-linux-${process.arch}/bin/node`);

const argvOf = (version: Version): [string, ...string[]] => [
  nodeOf(version),
  join(project, "runtimes/nodejs/bootstrap/main.js"),
];

function start(
  version: Version,
  handler: string,
  options: { taskRoot?: string; environment?: Record<string, string> } = {},
): RuntimeUnderTest {
  const taskRoot = options.taskRoot ?? functions;
  return new RuntimeUnderTest({
    argv: argvOf(version),
    workingDirectory: taskRoot,
    environment: { _HANDLER: handler, LAMBDA_TASK_ROOT: taskRoot, ...options.environment },
  });
}

interface Failure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

function forEach(chosen: readonly Version[], title: string, body: (version: Version) => Promise<void>): void {
  for (const version of chosen) test(`Node ${version}: ${title}`, { timeout: 20_000 }, () => body(version));
}

const results: readonly (readonly [handler: string, event: unknown, value: unknown])[] = [
  ["index.echo", { text: "grüße", list: [1, null] }, { text: "grüße", list: [1, null] }],
  ["index.nothing", {}, null],
  ["index.a.b.handler", {}, "nested"],
  ["src/app.handler", {}, "src/app.js"],
  ["nested.handler", {}, "index of a directory"],
  ["module.handler", {}, "module.mjs"],
];
forEach(versions, "finds handlers in files, directories, nested exports and ES modules", async (version) => {
  for (const [handler, event, value] of results) {
    await using runtime = start(version, handler);
    const answer = await runtime.answer({ event });
    assert.deepEqual([handler, answer.kind, answer.value], [handler, "success", value]);
    assert.equal(answer.contentType, "application/json");
  }
});

forEach(versions, "loads .js as ES modules in a package of type module, with top-level await", async (version) => {
  await using runtime = start(version, "index.handler", { taskRoot: modules });
  assert.equal((await runtime.answer()).value, "awaited at the top");
  await using common = start(version, "common.handler", { taskRoot: modules });
  assert.equal((await common.answer()).value, "function");
});

const loadFailures: readonly (readonly [handler: string, errorType: string, errorMessage: RegExp])[] = [
  [
    "missing.handler",
    "Runtime.ImportModuleError",
    /^Error: Cannot find module 'not-there'\nRequire stack:\n- .*\/missing\.js\n- \/var\/runtime\/index\.mjs$/,
  ],
  [
    "absent.handler",
    "Runtime.ImportModuleError",
    /^Error: Cannot find module 'absent'\nRequire stack:\n- \/var\/runtime\/index\.mjs$/,
  ],
  ["index.absent", "Runtime.HandlerNotFound", /^index\.absent is undefined or not exported$/],
  ["index.notAFunction", "Runtime.HandlerNotFound", /^index\.notAFunction is not a function$/],
  ["broken.handler", "Runtime.UserCodeSyntaxError", /^SyntaxError: Unexpected end of input$/],
  ["index", "Runtime.MalformedHandlerName", /^Bad handler$/],
  [
    "../index.echo",
    "Runtime.MalformedHandlerName",
    /^'\.\.\/index\.echo' is not a valid handler name\. Use absolute paths when specifying root directories in handler names\.$/,
  ],
  ["throwing.handler", "TypeError", /^at the top$/],
];
forEach(versions, "reports an init error in Lambda's words, logs it, and ends", async (version) => {
  for (const [handler, errorType, errorMessage] of loadFailures) {
    await using runtime = start(version, handler);
    const failure = await runtime.initError;
    const body = JSON.parse(failure.payload.toString()) as Failure;
    assert.deepEqual([failure.errorType, body.errorType], [errorType, errorType]);
    assert.match(body.errorMessage, errorMessage);
    assert(Array.isArray(body.trace) && body.trace.length > 0);
    assert.equal((await runtime.ended).code, version === 24 ? 1 : 129);
    const [line] = await runtime.logged(1);
    assert.match(
      line ?? "",
      version === 24
        ? /Z\t-\tERROR\tInit Error \t\{"errorType"/
        : /Z\tundefined\tERROR\tUncaught Exception \t\{"errorType"/,
    );
  }
});

forEach(versions, "gives the handler a complete context", async (version) => {
  await using runtime = start(version, "index.context");
  const answer = await runtime.answer({
    requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    clientContext: JSON.stringify({ custom: { name: "Zoë" } }),
    cognitoIdentity: JSON.stringify({ cognitoIdentityId: "id", cognitoIdentityPoolId: "pool" }),
    deadlineMs: Date.now() + 60_000,
  });
  const { remaining, ...context } = answer.value as Record<string, unknown>;
  assert(typeof remaining === "number" && remaining > 50_000 && remaining <= 60_000);
  assert.deepEqual(context, {
    ...(version === 24 ? {} : { callbackWaitsForEmptyEventLoop: true }),
    functionName: testVariables.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: testVariables.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: testVariables.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: testVariables.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: testVariables.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: { custom: { name: "Zoë" } },
    identity: { cognitoIdentityId: "id", cognitoIdentityPoolId: "pool" },
    invokedFunctionArn: testFunctionArn,
    awsRequestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    trace: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    cwd: functions,
  });
  await using members = start(version, "index.members");
  const legacy = ["callbackWaitsForEmptyEventLoop", "done", "fail", "succeed"];
  const names = (await members.answer()).value as string[];
  assert.deepEqual(
    legacy.filter((name) => names.includes(name)),
    version === 24 ? [] : legacy,
  );
  assert(names.includes("tenantId"));
});

const failures: readonly (readonly [handler: string, errorType: string, errorMessage: string])[] = [
  ["index.throws", "TeapotError", "I am a teapot"],
  ["index.throwsSync", "TeapotError", "I am a teapot"],
  ["index.throwsString", "string", "only words"],
];
forEach(versions, "answers a thrown error with its type, message and trace, logs it, and goes on", async (version) => {
  for (const [handler, errorType, errorMessage] of failures) {
    await using runtime = start(version, handler);
    const answer = await runtime.answer({ requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd" });
    const body = answer.value as Failure;
    assert.deepEqual([answer.kind, answer.errorType], ["error", errorType]);
    assert.deepEqual([body.errorType, body.errorMessage], [errorType, errorMessage]);
    assert.equal(body.trace[0], errorType === "string" ? undefined : "TeapotError: I am a teapot");
    assert.match(
      (await runtime.logged(1))[0] ?? "",
      /Z\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\tERROR\tInvoke Error \t\{"errorType":/,
    );
    assert.equal((await runtime.answer()).kind, "error");
  }
});

forEach(versions, "reports a result that has no JSON form", async (version) => {
  for (const handler of ["index.bigint", "index.circular"]) {
    await using runtime = start(version, handler);
    const body = (await runtime.answer()).value as Failure;
    assert.equal(body.errorType, version === 24 ? "Runtime.JSONStringifyError" : "Error");
    assert.equal(body.errorMessage, "Unable to stringify response body");
  }
});

forEach(versions, "reports an uncaught exception for the running invocation and ends", async (version) => {
  await using runtime = start(version, "index.uncaught");
  const answer = await runtime.answer();
  assert.equal(answer.errorType, "TeapotError");
  assert.equal((await runtime.ended).code, 129);
  assert.match((await runtime.logged(1))[0] ?? "", /\tERROR\tUncaught Exception \t\{"errorType":"TeapotError"/);
});

forEach(versions, "reports an unhandled rejection for the running invocation and ends", async (version) => {
  await using runtime = start(version, "index.unhandled");
  const answer = await runtime.answer();
  const body = answer.value as Failure;
  assert.equal(answer.errorType, "Runtime.UnhandledPromiseRejection");
  assert.equal(body.errorMessage, "TeapotError: I am a teapot");
  assert.equal(body.trace[0], "Runtime.UnhandledPromiseRejection: TeapotError: I am a teapot");
  assert.equal((await runtime.ended).code, 128);
  assert.match(
    (await runtime.logged(1))[0] ?? "",
    /\tERROR\tUnhandled Promise Rejection \t\{"errorType":"Runtime\.Unhandled/,
  );
});

forEach(versions, "ends after an error that comes when its invocation is answered", async (version) => {
  await using runtime = start(version, "index.unhandledAfterwards");
  assert.equal((await runtime.answer()).value, "answered");
  assert.equal((await runtime.ended).code, 128);
  await using streaming = start(version, "index.streamCrashes");
  assert.deepEqual(await streaming.invoke(), { code: 129, signal: null });
});

forEach([24], "leaves an uncaught exception to a listener of the function's own", async (version) => {
  await using runtime = start(version, "index.survives");
  assert.equal((await runtime.answer()).value, "caught I am a teapot");
});

forEach(versions, "ends with the function's exit code", async (version) => {
  await using runtime = start(version, "index.exits");
  assert.deepEqual(await runtime.invoke(), { code: 7, signal: null });
});

forEach(versions, "says that a promise was never settled when nothing is left to do", async (version) => {
  await using runtime = start(version, "index.neverAsync");
  assert.equal((await runtime.answer()).errorType, "Runtime.NodeJsExit");
  assert.equal((await runtime.answer()).errorType, "Runtime.NodeJsExit");
});

forEach(versions, "does not take a promise that a later invocation settles for that one's result", async (version) => {
  await using runtime = start(version, "index.settledLate");
  assert.equal((await runtime.answer({ event: { first: true } })).errorType, "Runtime.NodeJsExit");
  for (let round = 0; round < 3; round++) assert.equal((await runtime.answer()).value, "in time");
});

const callbackResults: readonly (readonly [handler: string, kind: string, value: unknown])[] = [
  ["index.callback", "success", { called: {} }],
  ["index.callbackTwice", "success", "first"],
  ["index.callbackDoesNotWait", "success", "at once"],
  ["index.done", "success", "done"],
  ["index.succeeds", "success", "later"],
  ["index.noAnswer", "success", null],
  ["index.never", "success", null],
  ["index.rejectsUndefined", "error", { errorType: "string", errorMessage: "handled", trace: [] }],
];
forEach(withCallbacks, "takes callbacks and the context's methods", async (version) => {
  for (const [handler, kind, value] of callbackResults) {
    await using runtime = start(version, handler);
    for (let round = 0; round < 2; round++) {
      const answer = await runtime.answer();
      assert.deepEqual([handler, answer.kind, answer.value], [handler, kind, value]);
    }
  }
  for (const handler of ["index.callbackError", "index.fails"]) {
    await using runtime = start(version, handler);
    assert.equal((await runtime.answer()).errorType, "TeapotError");
  }
});

forEach(withCallbacks, "answers a callback only when the event loop is empty, by default", async (version) => {
  const directory = mkdtempSync(join(tmpdir(), "hearth-callback-"));
  const marker = join(directory, "marker");
  try {
    await using runtime = start(version, "index.callbackWaits", { environment: { MARKER: marker } });
    assert.equal((await runtime.answer()).value, "after the timer");
    assert(Number(readFileSync(marker, "utf8")) >= 20);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

forEach([24], "refuses a handler that declares a callback", async (version) => {
  await using runtime = start(version, "index.callback");
  const failure = await runtime.initError;
  const body = JSON.parse(failure.payload.toString()) as Failure;
  assert.equal(failure.errorType, "Runtime.CallbackHandlerDeprecated");
  assert.match(body.errorMessage, /^ERROR: AWS Lambda has removed support for callback-based function handlers/);
});

forEach([24], "takes a returned value as the result", async (version) => {
  await using runtime = start(version, "index.sync");
  assert.deepEqual((await runtime.answer({ event: 1 })).value, { sync: 1 });
  await using module = start(version, "index.named", { taskRoot: modules });
  assert.equal((await module.answer()).value, "in default");
});

forEach(versions, "logs each console call as one event with time, request id and level", async (version) => {
  await using runtime = start(version, "index.logs");
  await runtime.answer({ requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd" });
  await runtime.ready;
  const prefix = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\t/;
  assert.deepEqual(
    (await runtime.logged(7)).map((line) => {
      assert.match(line, prefix);
      return line.replace(prefix, "").split("    at ")[0]?.trimEnd();
    }),
    [
      "INFO\tone\nevent of 2 lines",
      "DEBUG\tdebugged",
      "INFO\t{ a: 1 }",
      "WARN\twarned",
      "ERROR\tfailed TeapotError: I am a teapot",
      "TRACE\ttraced",
      "FATAL\tfatal",
    ],
  );
  assert.equal(await runtime.output(), "plain\n");
});

forEach(versions, "logs JSON from the configured level on", async (version) => {
  const environment = { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "WARN" };
  await using runtime = start(version, "index.logs", { environment });
  await runtime.answer({ requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd" });
  await runtime.ready;
  const records = (await runtime.logged(3)).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    records.map(({ level, message }) => [level, String(message).split("\n")[0]]),
    [
      ["WARN", "warned"],
      ["ERROR", "failed TeapotError: I am a teapot"],
      ["FATAL", "fatal"],
    ],
  );
  assert.equal(records[1]?.["errorType"], "TeapotError");
  assert.equal(records[1]?.["errorMessage"], "I am a teapot");
  assert(Array.isArray(records[1]?.["stackTrace"]));
  assert(records.every((record) => record["requestId"] === "8476a536-e9f4-11e8-9739-2dfe598c3fcd"));
});

forEach(versions, "writes to standard output where there is no descriptor for frames", async (version) => {
  await using runtime = start(version, "index.logs", { environment: { _LAMBDA_TELEMETRY_LOG_FD: "" } });
  await runtime.answer();
  await runtime.ready;
  assert.match(await runtime.output(), /\tINFO\tone\revent of 2 lines\n/);
});

forEach(versions, "keeps the state of the module between invocations", async (version) => {
  await using runtime = start(version, "index.counts");
  assert.deepEqual([(await runtime.answer()).value, (await runtime.answer()).value], [1, 2]);
});

forEach(versions, "sends and takes megabytes, and reports a response over the limit", async (version) => {
  await using echo = start(version, "index.echo");
  const event = { text: "ü".repeat(2_500_000) };
  assert.deepEqual((await echo.answer({ event })).value, event);
  await using runtime = start(version, "index.large");
  assert.equal((await runtime.answer({ event: { size: 6_291_000 } })).payload.length, 6_291_002);
  assert.equal((await runtime.answer({ event: { size: 7_000_000 } })).errorType, "Function.ResponseSizeTooLarge");
  assert.equal((await runtime.answer({ event: { size: 3 } })).value, "xxx");
});

forEach(versions, "streams responses", async (version) => {
  await using runtime = start(version, "index.streams");
  for (let round = 0; round < 2; round++) {
    const answer = await runtime.answer();
    assert.equal(answer.payload.toString(), 'one,two,{"three":3}');
    assert.equal(answer.contentType, "text/plain");
  }
  await using http = start(version, "index.streamsHttp");
  const response = await http.answer();
  assert.equal(response.contentType, "application/vnd.awslambda.http-integration-response");
  assert.equal(response.payload.toString(), '{"statusCode":201,"headers":{"x-test":"1"}}\0\0\0\0\0\0\0\0body');
  await using piped = start(version, "index.streamsPipeline");
  assert.equal((await piped.answer({ event: { pieces: 1000 } })).payload.length, 1_000_000);
});

forEach(versions, "reports an error in the midst of a stream", async (version) => {
  for (const handler of ["index.streamFails", "index.streamFailsFirst"]) {
    await using runtime = start(version, handler);
    for (let round = 0; round < 2; round++) {
      const answer = await runtime.answer();
      assert.deepEqual([answer.kind, answer.errorType], ["error", "TeapotError"]);
    }
  }
});

forEach(versions, "shortens an error that is too long to end a stream with", async (version) => {
  await using runtime = start(version, "index.streamFailsLong");
  const { errorType, errorMessage, trace } = (await runtime.answer()).value as Failure;
  assert.deepEqual([errorType, errorMessage.length, trace], ["Error", 2048, []]);
  assert.equal((await runtime.answer()).kind, "error");
});

forEach(versions, "boots before its function is known and takes its environment later", async (version) => {
  for (const [handler, taskRoot, value] of [
    ["index.echo", functions, {}],
    ["index.handler", modules, "awaited at the top"],
  ] as const) {
    await using runtime = new RuntimeUnderTest({ argv: argvOf(version), pooled: true });
    await runtime.specialise(handler, taskRoot, { GREETING: "hello" });
    assert.deepEqual((await runtime.answer()).value, value);
  }
  await using runtime = new RuntimeUnderTest({ argv: argvOf(version), pooled: true });
  await runtime.specialise("index.environment", functions, { GREETING: "hello" });
  const environment = (await runtime.answer()).value as Record<string, string>;
  assert.equal(environment["GREETING"], "hello");
  assert.equal(environment["HEARTH_POOLED"], undefined);
  assert.equal(environment["_LAMBDA_TELEMETRY_LOG_FD"], undefined);
  await using logging = new RuntimeUnderTest({ argv: argvOf(version), pooled: true });
  await logging.specialise("index.logsError", functions, { AWS_LAMBDA_LOG_FORMAT: "JSON" });
  await logging.answer();
  const record = JSON.parse((await logging.logged(1))[0] ?? "") as { message: { errorType: string } };
  assert.equal(record.message.errorType, "TeapotError");
});
