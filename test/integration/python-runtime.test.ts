/**
 * The Python runtime, without a sandbox: what a function's caller gets and what its log says, as AWS's own runtime behaves (public
 * runtime interface client 3.x).
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { RuntimeUnderTest, testFunctionArn, testVariables } from "../support/runtime-api-server.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const functions = join(project, "test/fixtures/functions/python");
const requestId = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

const interpreters = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
  .map((version) => `/usr/bin/python${version}`)
  .filter((path) => existsSync(path));

const argvOf = (python: string): [string, ...string[]] => [
  python,
  "-u",
  // Compiled files of the checkout would be left behind.
  "-B",
  join(project, "runtimes/python/bootstrap/main.py"),
];

function start(python: string, handler: string, environment: Record<string, string> = {}): RuntimeUnderTest {
  return new RuntimeUnderTest({
    argv: argvOf(python),
    workingDirectory: functions,
    environment: { _HANDLER: handler, LAMBDA_TASK_ROOT: functions, ...environment },
  });
}

interface Failure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly requestId: string;
  readonly stackTrace: readonly string[];
}

function forEach(title: string, body: (python: string) => Promise<void>): void {
  for (const python of interpreters) test(`${python}: ${title}`, { timeout: 20_000 }, () => body(python));
}

test("the host has a Python to test with", () => assert(interpreters.length > 0));

forEach("finds handlers in modules and packages", async (python) => {
  const results = [
    ["app.echo", { text: "grüße" }, { text: "grüße" }],
    ["app.nothing", {}, null],
    ["package.module.handler", {}, "packaged"],
    ["package/module.handler", {}, "packaged"],
  ] as const;
  for (const [handler, event, value] of results) {
    await using runtime = start(python, handler);
    const answer = await runtime.answer({ event });
    assert.deepEqual([handler, answer.kind, answer.value], [handler, "success", value]);
    assert.equal(answer.contentType, "application/json");
  }
});

const loadFailures: readonly (readonly [handler: string, errorType: string, errorMessage: RegExp])[] = [
  ["missing.handler", "Runtime.ImportModuleError", /^Unable to import module 'missing': No module named 'not_there'$/],
  ["absent.handler", "Runtime.ImportModuleError", /^Unable to import module 'absent': No module named 'absent'$/],
  ["app.absent", "Runtime.HandlerNotFound", /^Handler 'absent' missing on module 'app'$/],
  ["broken.handler", "Runtime.UserCodeSyntaxError", /^Syntax error in module 'broken': .*\(broken\.py, line 1\)$/],
  ["app", "Runtime.MalformedHandlerName", /^Bad handler 'app': not enough values to unpack \(expected 2, got 1\)$/],
  ["sys.exit", "Runtime.BuiltInModuleConflict", /^Cannot use built-in module sys as a handler module$/],
  ["throwing.handler", "ValueError", /^at the top$/],
];
forEach("reports an init error in Lambda's words, logs it as one event, and ends", async (python) => {
  for (const [handler, errorType, errorMessage] of loadFailures) {
    await using runtime = start(python, handler);
    const failure = await runtime.initError;
    const body = JSON.parse(failure.payload.toString()) as Failure;
    assert.deepEqual([failure.errorType, body.errorType, body.requestId], [errorType, errorType, ""]);
    assert.match(body.errorMessage, errorMessage);
    assert.equal((await runtime.ended).code, 1);
    const [event] = await runtime.logged(1);
    assert(event?.startsWith(`[ERROR] ${errorType}: ${body.errorMessage}\nTraceback (most recent call last):`), event);
  }
});

forEach("gives the handler a complete context", async (python) => {
  await using runtime = start(python, "app.describe");
  const answer = await runtime.answer({
    requestId,
    clientContext: JSON.stringify({ client: { app_title: "till" }, custom: { name: "Zoë" } }),
    cognitoIdentity: JSON.stringify({ cognitoIdentityId: "id", cognitoIdentityPoolId: "pool" }),
    deadlineMs: Date.now() + 60_000,
  });
  const { remaining, ...context } = answer.value as Record<string, unknown>;
  assert(typeof remaining === "number" && remaining > 50_000 && remaining <= 60_000);
  assert.deepEqual(context, {
    aws_request_id: requestId,
    function_name: testVariables.AWS_LAMBDA_FUNCTION_NAME,
    function_version: testVariables.AWS_LAMBDA_FUNCTION_VERSION,
    invoked_function_arn: testFunctionArn,
    memory_limit_in_mb: testVariables.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    log_group_name: testVariables.AWS_LAMBDA_LOG_GROUP_NAME,
    log_stream_name: testVariables.AWS_LAMBDA_LOG_STREAM_NAME,
    tenant_id: null,
    identity: ["id", "pool"],
    client: "till",
    custom: { name: "Zoë" },
    trace: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    cwd: functions,
  });
  const plain = (await runtime.answer({ deadlineMs: Date.now() - 5 })).value as Record<string, unknown>;
  assert.deepEqual(
    [plain["identity"], plain["client"], plain["custom"], plain["remaining"]],
    [[null, null], null, null, 0],
  );
});

forEach(
  "answers a raised error with its type, message and trace, logs it as one event, and goes on",
  async (python) => {
    await using runtime = start(python, "app.raises");
    const answer = await runtime.answer({ requestId });
    const body = answer.value as Failure;
    assert.deepEqual([answer.kind, answer.errorType], ["error", "TeapotError"]);
    assert.deepEqual([body.errorMessage, body.errorType, body.requestId], ["I am a teapot", "TeapotError", requestId]);
    assert.deepEqual(body.stackTrace, [
      `  File "${functions}/app.py", line 44, in raises\n    raise TeapotError("I am a teapot")\n`,
    ]);
    const [event] = await runtime.logged(1);
    assert.equal(
      event,
      "[ERROR] TeapotError: I am a teapot\nTraceback (most recent call last):\n" +
        `\u00a0\u00a0File "${functions}/app.py", line 44, in raises\n` +
        '\u00a0\u00a0\u00a0\u00a0raise TeapotError("I am a teapot")',
    );
    assert.equal((await runtime.answer()).kind, "error");
  },
);

forEach("ends with the code that the function exits with", async (python) => {
  await using runtime = start(python, "app.exits");
  assert.deepEqual(await runtime.invoke(), { code: 3, signal: null });
});

forEach("writes decimals as numbers, bytes as they are, and refuses what has no JSON form", async (python) => {
  await using decimals = start(python, "app.decimals");
  const text = (await decimals.answer()).payload.toString();
  assert.equal(text, '{"price": 12.340, "big": 1.000000000000000000000000000E+30, "text": "decimal:12"}');

  await using raw = start(python, "app.raw");
  const bytes = await raw.answer();
  assert.deepEqual([bytes.payload.toString(), bytes.contentType], ["\0bytes", "application/unknown"]);

  await using moment = start(python, "app.moment");
  const failure = (await moment.answer()).value as Failure;
  assert.deepEqual(
    [failure.errorType, failure.errorMessage],
    ["Runtime.MarshalError", "Unable to marshal response: Object of type datetime is not JSON serializable"],
  );
  await using unicode = start(python, "app.unicode");
  const minor = Number(python.slice(python.lastIndexOf(".") + 1));
  assert.equal((await unicode.answer()).payload.toString(), minor < 12 ? '"gr\\u00fc\\u00dfe"' : '"grüße"');
});

forEach("refuses an event that is no JSON", async (python) => {
  await using runtime = start(python, "app.echo");
  assert.equal((await runtime.answer({ event: "{" })).errorType, "Runtime.UnmarshalError");
});

forEach("logs with level, time and request id; what is printed goes to standard output", async (python) => {
  await using runtime = start(python, "app.logs");
  await runtime.answer({ requestId });
  const prefix = /\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\t/;
  const events = await runtime.logged(4);
  assert.deepEqual(
    events.slice(0, 3).map((event) => event.replace(prefix, " ")),
    ["[INFO] informed\nover two lines", "[WARNING] warned twice", "told"],
  );
  assert.match(events[3] ?? "", /^\[ERROR\]\t.*with trace\nTraceback \(most recent call last\):\n/);
  await runtime.ready;
  assert.equal(await runtime.output(), "printed while loading\nprinted\n");
});

forEach("logs warnings and above unless told otherwise", async (python) => {
  await using runtime = start(python, "app.quiet");
  await runtime.answer();
  assert.match((await runtime.logged(1))[0] ?? "", /^\[WARNING\].*\tshown$/);
});

forEach("logs JSON from the configured level on", async (python) => {
  const environment = { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "INFO" };
  await using runtime = start(python, "app.logs", environment);
  await runtime.answer({ requestId });
  const [informed, warned, , trace] = (await runtime.logged(4)).map((event) =>
    event.startsWith("{") ? JSON.parse(event) : event,
  );
  const { timestamp, ...rest } = warned as Record<string, unknown>;
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, { level: "WARNING", message: "warned twice", logger: "root", requestId, order: 7 });
  assert.equal((informed as Record<string, unknown>)["message"], "informed\nover two lines");
  const { errorType, errorMessage, stackTrace, location } = trace as Record<string, unknown>;
  assert.deepEqual([errorType, errorMessage], ["TeapotError", "caught"]);
  assert(Array.isArray(stackTrace));
  assert.match(String(location), /app\.py:logs:\d+$/);

  await using failing = start(python, "app.raises", environment);
  await failing.answer({ requestId });
  const record = JSON.parse((await failing.logged(1))[0] ?? "") as Record<string, unknown>;
  assert.deepEqual([record["level"], record["errorType"], record["requestId"]], ["ERROR", "TeapotError", requestId]);
});

forEach("searches the function, its layers, then what the interpreter brought", async (python) => {
  await using runtime = start(python, "app.path");
  const path = (await runtime.answer()).value as string[];
  const library = python.slice(python.lastIndexOf("/") + 1);
  assert.deepEqual(path.slice(0, 4), [
    functions,
    `/opt/python/lib/${library}/site-packages`,
    "/opt/python",
    "/var/runtime",
  ]);
  assert(!path.some((entry) => entry.includes("runtimes/python")), path.join(":"));
});

forEach("keeps the state of the module, and takes and sends megabytes", async (python) => {
  await using runtime = start(python, "app.counts");
  assert.deepEqual([(await runtime.answer()).value, (await runtime.answer()).value], [1, 2]);
  await using echo = start(python, "app.echo");
  const event = { text: "y".repeat(5_000_000) };
  assert.deepEqual((await echo.answer({ event })).value, event);
  await using large = start(python, "app.large");
  assert.equal((await large.answer({ event: { size: 6_291_000 } })).payload.length, 6_291_002);
  assert.equal((await large.answer({ event: { size: 7_000_000 } })).errorType, "Function.ResponseSizeTooLarge");
  assert.equal((await large.answer({ event: { size: 3 } })).value, "xxx");
});

forEach("boots before its function is known and takes its environment later", async (python) => {
  await using runtime = new RuntimeUnderTest({ argv: argvOf(python), pooled: true });
  await runtime.specialise("app.zone", functions, { TZ: "Asia/Tokyo" });
  assert.equal((await runtime.answer()).value, "JST");
  await using logging = new RuntimeUnderTest({ argv: argvOf(python), pooled: true });
  await logging.specialise("app.quiet", functions, { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "INFO" });
  await logging.answer();
  const record = JSON.parse((await logging.logged(1))[0] ?? "") as Record<string, unknown>;
  assert.equal(record["message"], "not shown");
});
