/** Versions and aliases with the clients that people have, over restarts, and while invocations run. */
import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilPublishedVersionActive,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { createFunction, invoke, untilActive } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { zipOf } from "../support/zip.ts";

const run = promisify(execFile);
const environmentsPollMs = 10;

let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

/** A function that tells which code it is, and what it was called as; after as many ms as the event says. */
const codeOf = (text: string) => ({
  "index.mjs": `
    export const handler = async ({ waitMs = 0 }, { functionVersion, invokedFunctionArn, logStreamName }) => {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      return { code: "${text}", functionVersion, as: invokedFunctionArn.split(":function:")[1], logStreamName };
    };`,
});

async function update(lambda: LambdaClient, name: string, text: string, Publish = false): Promise<string | undefined> {
  const ZipFile = await zipOf(codeOf(text));
  const { Version } = await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile, Publish }));
  await untilActive(lambda, name);
  return Version;
}

/** Resolves when so many environments of the function are running invocations. */
async function untilBusy(name: string, count: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`${hearth.endpoint}/_hearth/environments`);
    const { environments } = (await answer.json()) as { environments: { functionArn: string; state: string }[] };
    const busy = environments.filter((each) => each.functionArn.endsWith(`:${name}`) && each.state === "busy");
    if (busy.length >= count) return;
    await setTimeout(environmentsPollMs);
  }
}

test("a version goes on running its own code, through updates of the function and a restart", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, codeOf("one"));
  await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  assert.equal(await update(lambda, name, "two", true), "2");
  await waitUntilPublishedVersionActive({ client: lambda, maxWaitTime: 30 }, { FunctionName: name, Qualifier: "2" });
  await lambda.send(new CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: "1" }));
  await update(lambda, name, "three");

  const answers = async (): Promise<unknown[]> =>
    Promise.all(
      [name, `${name}:1`, `${name}:2`, `${name}:live`].map(async (each) => {
        const { payload, executedVersion } = await invoke(hearth.lambda(), each);
        const { code, functionVersion, as, logStreamName } = payload as Record<string, string>;
        assert.equal(executedVersion, functionVersion);
        assert(logStreamName?.includes(`[${functionVersion}]`), logStreamName);
        return [code, functionVersion, as];
      }),
    );
  const expected = [
    ["three", "$LATEST", name],
    ["one", "1", `${name}:1`],
    ["two", "2", `${name}:2`],
    ["one", "1", `${name}:live`],
  ];
  assert.deepEqual(await answers(), expected);

  const { dataDirectory } = hearth;
  await hearth.stop();
  hearth = await startHearth({ dataDirectory });
  assert.deepEqual(await answers(), expected);

  const { Code, Configuration } = await hearth
    .lambda()
    .send(new GetFunctionCommand({ FunctionName: name, Qualifier: "1" }));
  const archive = await (await fetch(Code?.Location ?? "")).bytes();
  assert.equal(createHash("sha256").update(archive).digest("base64"), Configuration?.CodeSha256);
});

test("invocations in flight end as what they began, while their function is updated, published, moved and deleted", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, codeOf("one"));
  await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  await lambda.send(new CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: "1" }));
  const begin = (qualifier: string): Promise<unknown> =>
    lambda
      .send(new InvokeCommand({ FunctionName: name, Qualifier: qualifier, Payload: Buffer.from('{"waitMs":1500}') }))
      .then(({ Payload }) => (JSON.parse(Buffer.from(Payload ?? []).toString()) as { code: unknown }).code);
  // One each, so that environments are there and the next ones have begun when the changes come.
  await Promise.all(["$LATEST", "1", "live"].map(async (qualifier) => invoke(lambda, `${name}:${qualifier}`)));
  const running = ["$LATEST", "1", "live"].map(begin);
  await untilBusy(name, running.length);

  await update(lambda, name, "two");
  await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  await lambda.send(new UpdateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: "2" }));
  assert.equal(((await invoke(lambda, `${name}:live`)).payload as { code: string }).code, "two");
  await lambda.send(new DeleteFunctionCommand({ FunctionName: name, Qualifier: "1" }));
  await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));

  assert.deepEqual(await Promise.all(running), ["one", "one", "one"]);
  await assert.rejects(invoke(lambda, `${name}:live`), { name: "ResourceNotFoundException" });
});

test("a function made anew under an old name has none of the old versions", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, codeOf("old"));
  await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));

  await createFunction(lambda, codeOf("new"), { FunctionName: name });
  const { Versions = [] } = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName: name }));
  const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName: name }));

  assert.deepEqual([Versions.length, Version], [1, "1"]);
  assert.equal(((await invoke(lambda, `${name}:1`)).payload as { code: string }).code, "new");
});

test("Debian's boto3 publishes, shifts traffic by weight, rolls back and deletes", async () => {
  const script = fileURLToPath(new URL("../fixtures/clients/versions.py", import.meta.url));

  const { stdout } = await run("/usr/bin/python3", [script, hearth.endpoint]);

  assert.equal(stdout, "ok\n");
});

test("Debian's AWS CLI publishes, points an alias and invokes it", async () => {
  const name = await createFunction(hearth.lambda(), codeOf("cli"));
  const aws = async (...words: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await run(
      "/usr/bin/aws",
      ["--endpoint-url", hearth.endpoint, "--no-cli-pager", "lambda", ...words, "--function-name", name],
      {
        env: {
          ...process.env,
          AWS_ACCESS_KEY_ID: "test",
          AWS_SECRET_ACCESS_KEY: "test",
          AWS_DEFAULT_REGION: "us-east-1",
          AWS_CONFIG_FILE: "/dev/null",
          PYTHONWARNINGS: "ignore",
        },
      },
    );
    return stdout === "" ? {} : (JSON.parse(stdout) as Record<string, unknown>);
  };

  const version = await aws("publish-version");
  await aws("wait", "published-version-active", "--qualifier", "1");
  await aws("create-alias", "--name", "live", "--function-version", "1");
  const invoked = await aws("invoke", "--qualifier", "live", "/dev/null");
  const aliases = await aws("list-aliases");
  await aws("delete-alias", "--name", "live");
  await aws("delete-function", "--qualifier", "1");

  assert.deepEqual([version["Version"], invoked["ExecutedVersion"]], ["1", "1"]);
  assert.equal((aliases["Aliases"] as unknown[]).length, 1);
});
