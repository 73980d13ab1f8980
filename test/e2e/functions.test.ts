/** Functions from creation to deletion, through the official SDK, in every runtime that is here. */
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListFunctionsCommand,
  ResourceNotFoundException,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { anyRole, createFunction, invoke, randomName, untilActive } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { zipOf } from "../support/zip.ts";

let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

const nodeFiles = {
  "index.mjs": `
    export const handler = async (event, context) => {
      console.log("got", event);
      return { event, name: context.functionName, version: context.functionVersion, memory: context.memoryLimitInMB,
        arn: context.invokedFunctionArn, node: process.version, left: context.getRemainingTimeInMillis() > 0,
        client: context.clientContext, greeting: process.env.GREETING };
    };`,
};

for (const [runtime, version] of [
  ["nodejs20.x", "v20."],
  ["nodejs22.x", "v22."],
  ["nodejs24.x", "v24."],
] as const) {
  test(`runs a ${runtime} function`, async () => {
    const lambda = hearth.lambda();
    const name = await createFunction(lambda, nodeFiles, {
      Runtime: runtime,
      Environment: { Variables: { GREETING: "hello" } },
    });

    const { payload, log, executedVersion, functionError } = await invoke(lambda, name, { a: [1, "ü"] });

    assert.equal(functionError, undefined);
    assert.equal(executedVersion, "$LATEST");
    const { node, ...rest } = payload as { node: string };
    assert(node.startsWith(version), node);
    assert.deepEqual(rest, {
      event: { a: [1, "ü"] },
      name,
      version: "$LATEST",
      memory: "128",
      arn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
      left: true,
      greeting: "hello",
    });
    assert.match(log, /^START RequestId: [0-9a-f-]{36} Version: \$LATEST\n/);
    assert.match(log, /\tINFO\tgot \{ a: \[ 1, 'ü' \] \}\n/);
    assert.match(
      log,
      /END RequestId: [0-9a-f-]{36}\nREPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n/,
    );
  });
}

test("runs a python3.11 function", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    {
      "pkg/app.py": `
import logging, sys
logging.getLogger().setLevel(logging.INFO)
def handler(event, context):
    print("printed")
    logging.info("logged %s", event["a"])
    return {"version": list(sys.version_info[:2]), "event": event, "name": context.function_name,
            "left": context.get_remaining_time_in_millis() > 0, "memory": context.memory_limit_in_mb}
`,
    },
    { Runtime: "python3.11", Handler: "pkg/app.handler" },
  );

  const { payload, log } = await invoke(lambda, name, { a: 1 });

  assert.deepEqual(payload, { version: [3, 11], event: { a: 1 }, name, left: true, memory: "128" });
  assert.match(log, /\nprinted\n/);
  assert.match(log, /\[INFO\]\t[\dT:.-]+Z\t[0-9a-f-]{36}\tlogged 1\n/);
});

// `sh` is bash on Amazon Linux: `pipefail` and `source` are its own.
const shellBootstrap = `#!/bin/sh
set -euo pipefail
source "$LAMBDA_TASK_ROOT/words.sh"
while true; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -i '^lambda-runtime-aws-request-id:' "$headers" | tr -d '[:space:]' | cut -d: -f2)
  echo "$VERB $id"
  curl -sS -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\\"handler\\":\\"$_HANDLER\\",\\"event\\":$event}" >/dev/null
done
`;

test("runs a shell script as provided.al2023", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(
    lambda,
    { bootstrap: { content: shellBootstrap, mode: 0o755 }, "words.sh": "VERB=handling" },
    { Runtime: "provided.al2023", Handler: "some.thing", Timeout: 30 },
  );

  const { payload, log } = await invoke(lambda, name, { from: "sh" });

  assert.deepEqual(payload, { handler: "some.thing", event: { from: "sh" } });
  assert.match(log, /handling [0-9a-f-]{36}\n/);
});

test("runs a program in C, linked to glibc, as provided.al2", async () => {
  const lambda = hearth.lambda();
  const directory = mkdtempSync(join(tmpdir(), "hearth-c-"));
  const source = readFileSync(new URL("../fixtures/bootstrap.c", import.meta.url), "utf8");
  writeFileSync(join(directory, "bootstrap.c"), source);
  execFileSync("gcc", ["-D_GNU_SOURCE", "-O2", "-o", join(directory, "bootstrap"), join(directory, "bootstrap.c")]);
  const program = readFileSync(join(directory, "bootstrap"));
  rmSync(directory, { recursive: true });

  const name = await createFunction(
    lambda,
    { bootstrap: { content: program, mode: 0o755 } },
    { Runtime: "provided.al2", Handler: "c" },
  );

  assert.deepEqual((await invoke(lambda, name, { n: 1 })).payload, { echo: { n: 1 } });
  assert.deepEqual((await invoke(lambda, name, { n: 2 })).payload, { echo: { n: 2 } });
});

test("answers DryRun with 204 and hands over the client context", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, nodeFiles);

  const dry = await lambda.send(new InvokeCommand({ FunctionName: name, InvocationType: "DryRun" }));
  assert.equal(dry.StatusCode, 204);

  const context = { client: { app_title: "t" }, custom: { key: "value" } };
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: name,
      Qualifier: "$LATEST",
      ClientContext: Buffer.from(JSON.stringify(context)).toString("base64"),
    }),
  );
  const payload = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as { client: unknown; arn: string };
  assert.equal(answer.StatusCode, 200);
  assert.deepEqual(payload.client, context);
  assert(payload.arn.endsWith(`:${name}:$LATEST`));
});

test("goes through the life of a function: create, get, list, update, delete, with the SDK's waiters", async () => {
  const lambda = hearth.lambda({ accessKeyId: "111122223333" });
  const name = randomName("life");
  const zip = await zipOf(nodeFiles);

  const created = await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: anyRole,
      Code: { ZipFile: zip },
    }),
  );
  assert.equal(created.State, "Pending");
  assert.equal(created.FunctionArn, `arn:aws:lambda:us-east-1:111122223333:function:${name}`);
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30 }, { FunctionName: name });

  const { Configuration, Code } = await lambda.send(new GetFunctionCommand({ FunctionName: name }));
  assert.equal(Configuration?.CodeSize, zip.length);
  assert.deepEqual(Buffer.from(await (await fetch(Code?.Location ?? "")).arrayBuffer()), zip);

  await lambda.send(
    new UpdateFunctionCodeCommand({
      FunctionName: name,
      ZipFile: await zipOf({ "index.js": "exports.handler = async () => 'second';" }),
    }),
  );
  await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30 }, { FunctionName: name });
  assert.equal((await invoke(lambda, name)).payload, "second");

  const updated = await lambda.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: name,
      MemorySize: 256,
      Timeout: 9,
      Description: "now bigger",
    }),
  );
  assert.equal(updated.LastUpdateStatus, "InProgress");
  await untilActive(lambda, name);
  const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.deepEqual(
    [configuration.MemorySize, configuration.Timeout, configuration.Description, configuration.Handler],
    [256, 9, "now bigger", "index.handler"],
  );
  assert.match((await invoke(lambda, name)).log, /Memory Size: 256 MB/);

  await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
  await assert.rejects(lambda.send(new GetFunctionCommand({ FunctionName: name })), (error: unknown) => {
    assert(error instanceof ResourceNotFoundException);
    assert.equal(error.message, `Function not found: arn:aws:lambda:us-east-1:111122223333:function:${name}`);
    return true;
  });
});

test("lists page by page, each account and region its own", async () => {
  const lambda = hearth.lambda({ accessKeyId: "222233334444", region: "eu-central-1" });
  const names = ["page-a", "page-b", "page-c"];
  for (const name of names) await createFunction(lambda, nodeFiles, { FunctionName: name });

  const first = await lambda.send(new ListFunctionsCommand({ MaxItems: 2 }));
  const second = await lambda.send(new ListFunctionsCommand({ MaxItems: 2, Marker: first.NextMarker }));

  assert.deepEqual(
    [...(first.Functions ?? []), ...(second.Functions ?? [])].map((each) => each.FunctionName),
    names,
  );
  assert.equal(second.NextMarker, undefined);
  const elsewhere = hearth.lambda({ accessKeyId: "222233334444", region: "us-east-1" });
  assert.deepEqual((await elsewhere.send(new ListFunctionsCommand({}))).Functions, []);
  const stranger = hearth.lambda({ accessKeyId: "555555555555", region: "eu-central-1" });
  assert.deepEqual((await stranger.send(new ListFunctionsCommand({}))).Functions, []);
  await assert.rejects(
    invoke(stranger, "page-a"),
    /Function not found: arn:aws:lambda:eu-central-1:555555555555:function:page-a/,
  );
});
