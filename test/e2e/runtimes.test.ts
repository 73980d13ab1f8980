/** What runtimes promise beyond running a handler, in real sandboxes: SDKs, start-up variables, wrappers, own interpreters. */
import { InvalidParameterValueException } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { createFunction, invoke } from "../support/functions.ts";
import { launcher, startHearth, type RunningHearth } from "../support/hearth.ts";

let hearth: RunningHearth;
const scratch = mkdtempSync(join(tmpdir(), "hearth-runtimes-"));

before(async () => {
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

const node24 = fileURLToPath(new URL(`../../node_modules/node24-linux-${process.arch}/bin/node`, import.meta.url));
const pythonPath = `/usr/bin/python3.11`;

for (const runtime of ["nodejs20.x", "nodejs22.x", "nodejs24.x"] as const) {
  test(`${runtime}: the AWS SDK is there without bundling it, by import and by require`, async () => {
    const lambda = hearth.lambda();
    const files = {
      "index.mjs": `
        import { createRequire } from "node:module";
        import { SQSClient } from "@aws-sdk/client-sqs";
        export const handler = async () =>
          [typeof SQSClient, typeof createRequire(import.meta.url)("@aws-sdk/client-sts").STSClient];`,
    };
    const name = await createFunction(lambda, files, { Runtime: runtime, MemorySize: 512, Timeout: 20 });

    assert.deepEqual((await invoke(lambda, name)).payload, ["function", "function"]);
  });
}

test("Node runs with Lambda's flags, which NODE_OPTIONS overrides", async () => {
  const lambda = hearth.lambda();
  const files = { "index.js": "exports.handler = async () => process.execArgv;" };
  const plain = await createFunction(lambda, files, { Runtime: "nodejs22.x", MemorySize: 256 });
  const own = await createFunction(lambda, files, {
    Runtime: "nodejs22.x",
    MemorySize: 256,
    Environment: { Variables: { NODE_OPTIONS: "--experimental-require-module --max-old-space-size=100" } },
  });

  const plainFlags = (await invoke(lambda, plain)).payload as string[];
  const ownFlags = (await invoke(lambda, own)).payload as string[];

  assert(plainFlags.includes("--no-experimental-require-module"));
  assert(plainFlags.includes("--no-experimental-detect-module"));
  assert(plainFlags.includes("--max-old-space-size=230"));
  assert(!ownFlags.includes("--no-experimental-require-module"));
  assert(ownFlags.includes("--no-experimental-detect-module"));
  assert(!ownFlags.some((flag) => flag.startsWith("--max-old-space-size")));
});

test("Node 24 runs with flags that leave its own modules compiled, and shows functions no collector", async () => {
  const lambda = hearth.lambda();
  const tag = "require('node:v8').cachedDataVersionTag()";
  const files = { "index.js": `exports.handler = async () => [${tag}, typeof gc];` };
  const name = await createFunction(lambda, files, { Runtime: "nodejs24.x" });

  const plainTag = Number(execFileSync(node24, ["--print", tag], { encoding: "utf8" }));

  assert.deepEqual((await invoke(lambda, name)).payload, [plainTag, "undefined"]);
});

for (const [runtime, handler, files] of [
  ["nodejs24.x", "index.handler", { "index.js": "exports.handler = async () => process.env.WRAPPED;" }],
  ["python3.11", "app.handler", { "app.py": "import os\ndef handler(event, context): return os.environ['WRAPPED']" }],
] as const) {
  test(`${runtime}: starts through the exec wrapper`, async () => {
    const lambda = hearth.lambda();
    const wrapper = { content: '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n', mode: 0o755 };
    const name = await createFunction(
      lambda,
      { ...files, wrapper },
      {
        Runtime: runtime,
        Handler: handler,
        Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/var/task/wrapper" } },
      },
    );

    assert.equal((await invoke(lambda, name)).payload, "yes");
  });
}

test("python3.11: boto3 of the host is importable", async () => {
  const lambda = hearth.lambda();
  const files = { "app.py": "import boto3\ndef handler(event, context): return boto3.__name__" };
  const name = await createFunction(lambda, files, {
    Runtime: "python3.11",
    Handler: "app.handler",
    MemorySize: 512,
    Timeout: 20,
  });

  assert.equal((await invoke(lambda, name)).payload, "boto3");
});

test("an interpreter that the owner registers runs functions, from a directory and from a tarball", async () => {
  const lambda = hearth.lambda();
  const files = { "app.py": "import sys\ndef handler(event, context): return sys.executable" };
  await assert.rejects(
    createFunction(lambda, files, { Runtime: "python3.13", Handler: "app.handler" }),
    (error: Error) => {
      assert(error instanceof InvalidParameterValueException);
      assert.match(
        error.message,
        /python3\.13 is known to AWS Lambda but is not installed .*hearth runtimes add python3\.13/,
      );
      return true;
    },
  );
  // The host's interpreter under another name, in a path of its own.
  const directory = join(scratch, "python");
  mkdirSync(join(directory, "bin"), { recursive: true });
  copyFileSync(pythonPath, join(directory, "bin/python3.13"));
  chmodSync(join(directory, "bin/python3.13"), 0o755);
  copyFileSync(pythonPath, join(directory, "bin/python3.14"));
  chmodSync(join(directory, "bin/python3.14"), 0o755);
  const tarball = join(scratch, "python.tar.gz");
  execFileSync("tar", ["-C", scratch, "-czf", tarball, "python"]);

  for (const [runtime, source] of [
    ["python3.13", directory],
    ["python3.14", tarball],
  ] as const) {
    await promisify(execFile)(launcher, ["runtimes", "add", runtime, source], {
      env: { ...process.env, HEARTH_DATA_DIR: hearth.dataDirectory },
    });
    const name = await createFunction(lambda, files, { Runtime: runtime, Handler: "app.handler" });
    assert.equal((await invoke(lambda, name)).payload, `/var/lang/bin/${runtime}`);
  }
});

test("says what is wrong with a bootstrap that is missing", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, { other: "" }, { Runtime: "provided.al2023", Handler: "none" });

  const { payload, functionError } = await invoke(lambda, name);

  assert.equal(functionError, "Unhandled");
  const { errorType, errorMessage } = payload as Record<string, string>;
  assert.equal(errorType, "Runtime.InvalidEntrypoint");
  assert.match(errorMessage ?? "", /Couldn't find valid bootstrap\(s\): \[\/var\/task\/bootstrap \/opt\/bootstrap\]$/);
});
