/**
 * What the owner maps for functions that were written for an AWS account: keys for environment variables, directories
 * for file systems; and that what is mapped no more fails in words, not silently.
 */
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

const key = "arn:aws:kms:us-east-1:000000000000:key/6d6a1f8e-0000-4000-8000-000000000000";
const accessPoint = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0";
const otherAccessPoint = accessPoint.replace("abcdef0", "abcdef1");
const directory = mkdtempSync(join(tmpdir(), "hearth-mapped-"));
const shared = join(directory, "shared");
const keyFile = join(directory, "key");
chmodSync(directory, 0o755);
mkdirSync(shared);
chownSync(shared, 4321, 4321);
writeFileSync(keyFile, randomBytes(32).toString("hex"), { mode: 0o600 });
after(() => rmSync(directory, { recursive: true }));

const files = {
  "index.mjs": `
    import { appendFileSync, readFileSync } from "node:fs";
    export const handler = async ({ line }) => {
      if (line) appendFileSync("/mnt/data/log", line + "\\n");
      return { secret: process.env.SECRET, log: line ? readFileSync("/mnt/data/log", "utf8") : "" };
    };`,
};

/** Whether any file below the directory holds the text. */
function isOnDisk(below: string, text: string): boolean {
  return readdirSync(below, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(text));
}

test("variables lie sealed on disk, and a function whose key is gone says so until it has another", async () => {
  const secret = randomBytes(12).toString("hex");
  const dataDirectory = join(directory, "data");
  mkdirSync(dataDirectory);
  let name: string;
  {
    await using hearth = await startHearth({ dataDirectory, settings: { kmsKeys: `${key}=${keyFile}` } });
    const lambda = hearth.lambda();
    name = await createFunction(lambda, files, {
      KMSKeyArn: key,
      Environment: { Variables: { SECRET: secret } },
    });
    assert.deepEqual((await invoke(lambda, name, {})).payload, { secret, log: "" });
    const shown = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    assert.deepEqual([shown.KMSKeyArn, shown.Environment?.Variables], [key, { SECRET: secret }]);
  }
  assert(!isOnDisk(join(dataDirectory, "state"), secret), "not as plain text");

  await using hearth = await startHearth({ dataDirectory });
  const lambda = hearth.lambda();
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName: name })), {
    name: "KMSNotFoundException",
    message: /the AWS KMS key was not found\. .*kmsKeys/,
  });
  const shown = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.equal(shown.Environment?.Error?.ErrorCode, "KMSNotFoundException");
  await lambda.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: name,
      KMSKeyArn: "",
      Environment: { Variables: { SECRET: "new" } },
    }),
  );
  await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30, minDelay: 1 }, { FunctionName: name });
  assert.deepEqual((await invoke(lambda, name, {})).payload, { secret: "new", log: "" });
});

test("functions share a mapped directory, as its owner; one that cannot be mounted fails in words", async () => {
  await using hearth = await startHearth({
    settings: {
      fileSystems: `${accessPoint}=${shared},${otherAccessPoint}=${join(directory, "missing")}`,
      ignoreUnmapped: "VpcConfig",
    },
  });
  const lambda = hearth.lambda();
  const using = (Arn: string) =>
    createFunction(lambda, files, {
      FileSystemConfigs: [{ Arn, LocalMountPath: "/mnt/data" }],
      VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: ["sg-1"] },
    });
  const [one, two] = [await using(accessPoint), await using(accessPoint)];

  assert.deepEqual((await invoke(lambda, one, { line: "one" })).payload, { log: "one\n" });
  assert.deepEqual((await invoke(lambda, two, { line: "two" })).payload, { log: "one\ntwo\n" });
  const broken = await using(otherAccessPoint);
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName: broken })), {
    name: "EFSMountFailureException",
    message: /couldn't mount .* at \/mnt\/data: ENOENT/,
  });
  assert.equal(statSync(join(shared, "log")).uid, 4321);
  assert.equal(readFileSync(join(shared, "log"), "utf8"), "one\ntwo\n");
});
