/**
 * AWS's own runtime interface client for Node, unmodified from npm, speaks with the worker's Runtime API.
 *
 * It is built from source once (minutes), into `.cache/` by version; without the tools to build it the tests are skipped
 * and say which are missing.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { RuntimeUnderTest, testFunctionArn } from "../support/runtime-api-server.ts";

const clientVersion = "4.0.2";
const buildTimeoutMs = 900_000;
const tools = ["autoconf", "automake", "libtoolize", "cmake", "make", "g++", "python3", "npm"];

const project = fileURLToPath(new URL("../..", import.meta.url));
const nodeDirectory = join(project, `node_modules/node24-linux-${process.arch}`);
const directory = join(project, `.cache/aws-lambda-ric/${clientVersion}-node24-${process.arch}`);
const client = join(directory, "node_modules/aws-lambda-ric");
const functions = join(project, "test/fixtures/functions/nodejs");

const missingTools = tools.filter((tool) => {
  try {
    execFileSync("/bin/sh", ["-c", `command -v ${tool}`], { stdio: "ignore" });
    return false;
  } catch {
    return true;
  }
});
const isBuilt = (): boolean => existsSync(join(client, "rapid-client.node"));
const skip =
  isBuilt() || missingTools.length === 0
    ? false
    : `aws-lambda-ric cannot be built: ${missingTools.join(", ")} missing (apt-get install autoconf automake libtool cmake make g++)`;

/** Installs and compiles the client unless an earlier run did. */
async function build(): Promise<void> {
  if (isBuilt()) return;
  mkdirSync(directory, { recursive: true });
  const manifest = {
    private: true,
    dependencies: { "aws-lambda-ric": clientVersion },
    // Newer versions of npm run a dependency's own build only when told to.
    allowScripts: { "aws-lambda-ric": true },
  };
  writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
  await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--foreground-scripts"], {
    cwd: directory,
    timeout: buildTimeoutMs,
    maxBuffer: 268_435_456,
    // The headers come with the Node that the project depends on.
    env: { ...process.env, PATH: `${nodeDirectory}/bin:${process.env["PATH"]}`, npm_config_nodedir: nodeDirectory },
  });
  assert(isBuilt(), "npm left no rapid-client.node");
}

function start(handler: string, environment: Record<string, string> = {}): RuntimeUnderTest {
  return new RuntimeUnderTest({
    argv: [join(nodeDirectory, "bin/node"), join(client, "index.mjs")],
    workingDirectory: functions,
    environment: { _HANDLER: handler, LAMBDA_TASK_ROOT: functions, ...environment },
  });
}

const options = { skip, timeout: buildTimeoutMs };

test("the official client is built", options, build);

const whenBuilt = (title: string, body: (context: TestContext) => Promise<void>): void => {
  test(title, options, async (context) => {
    if (isBuilt()) await body(context);
    else context.skip("the client was not built");
  });
};

whenBuilt("the official client runs invocations one after the other", async () => {
  await using runtime = start("index.echo");
  for (const event of [{ text: "grüße" }, [1, 2], { text: "x".repeat(1_000_000) }]) {
    assert.deepEqual((await runtime.answer({ event })).value, event);
  }
});

whenBuilt("the official client reads every header of an invocation", async () => {
  await using runtime = start("index.context");
  const answer = await runtime.answer({
    requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    clientContext: JSON.stringify({ custom: { name: "Zoë" } }),
    cognitoIdentity: JSON.stringify({ cognitoIdentityId: "id", cognitoIdentityPoolId: "pool" }),
    deadlineMs: Date.now() + 60_000,
  });
  const context = answer.value as Record<string, unknown>;
  assert.equal(context["awsRequestId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
  assert.equal(context["invokedFunctionArn"], testFunctionArn);
  assert.deepEqual(context["clientContext"], { custom: { name: "Zoë" } });
  assert.deepEqual(context["identity"], { cognitoIdentityId: "id", cognitoIdentityPoolId: "pool" });
  assert.equal(context["trace"], "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
  assert(Number(context["remaining"]) > 50_000);
});

whenBuilt("the official client's errors and log frames are understood", async () => {
  await using runtime = start("index.throws");
  const answer = await runtime.answer({ requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd" });
  const { errorType, errorMessage } = answer.value as Record<string, unknown>;
  assert.deepEqual([answer.kind, errorType, errorMessage], ["error", "TeapotError", "I am a teapot"]);
  const [line] = await runtime.logged(1);
  assert.match(line ?? "", /\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\tERROR\tInvoke Error \t\{"errorType":"TeapotError"/);
  assert.equal((await runtime.answer()).kind, "error");
});

whenBuilt("the official client's init errors are understood", async () => {
  await using runtime = start("index.absent");
  assert.equal((await runtime.initError).errorType, "Runtime.HandlerNotFound");
});

whenBuilt("the official client streams", async () => {
  await using runtime = start("index.streams");
  assert.equal((await runtime.answer()).payload.toString(), 'one,two,{"three":3}');
  await using failing = start("index.streamFails");
  assert.equal((await failing.answer()).errorType, "TeapotError");
});
