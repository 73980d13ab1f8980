/** Roles and temporary credentials over a real Hearth that checks roles and signatures: from clients and from functions. */
import { GetFunctionConfigurationCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { IAM } from "@aws-sdk/client-iam";
import { STS, type Credentials } from "@aws-sdk/client-sts";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const account = "111122223333";
const owner = { accessKeyId: account, secretAccessKey: "secret" };
const settings = { accessKeys: `${account}:secret`, checkRoles: "on", poolMin: 1 };

let directory: string;
let hearth: RunningHearth;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "hearth-iam-"));
  hearth = await startHearth({ dataDirectory: directory, settings });
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const configOf = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = owner) => ({
  endpoint: hearth.endpoint,
  region: "us-east-1",
  credentials,
  maxAttempts: 1,
});

async function createRole(name: string, principal: object): Promise<string> {
  const trust = { Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" }] };
  const iam = new IAM(configOf());
  const { Role } = await iam.createRole({ RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) });
  iam.destroy();
  return Role?.Arn ?? "";
}

async function listWith(credentials: Credentials | undefined): Promise<(string | undefined)[]> {
  const lambda = new LambdaClient(
    configOf({
      accessKeyId: credentials?.AccessKeyId ?? "",
      secretAccessKey: credentials?.SecretAccessKey ?? "",
      sessionToken: credentials?.SessionToken ?? "",
    }),
  );
  try {
    return ((await lambda.send(new ListFunctionsCommand({}))).Functions ?? []).map(({ FunctionName }) => FunctionName);
  } finally {
    lambda.destroy();
  }
}

const assuming = {
  "index.mjs": `
    import { STS } from "@aws-sdk/client-sts";
    import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
    export const handler = async ({ role }) => {
      const sts = new STS({});
      const { Arn } = await sts.getCallerIdentity({});
      const { Credentials: own } = await sts.assumeRole({ RoleArn: role, RoleSessionName: "from-inside" });
      const credentials = { accessKeyId: own.AccessKeyId, secretAccessKey: own.SecretAccessKey, sessionToken: own.SessionToken };
      const { Arn: assumed } = await new STS({ credentials }).getCallerIdentity({});
      const { Functions } = await new LambdaClient({ credentials }).send(new ListFunctionsCommand({}));
      return { Arn, assumed, functions: Functions.map(({ FunctionName }) => FunctionName) };
    };`,
};

test("a function runs as a role that trusts Lambda only, and assumes another that trusts its own", async () => {
  const lambda = hearth.lambda(owner);
  const role = await createRole("runs", { Service: "lambda.amazonaws.com" });
  const other = await createRole("other", { AWS: role });
  const make = (Role: string) => createFunction(lambda, assuming, { FunctionName: "assumes", Role });

  await assert.rejects(make(other), { message: "The role defined for the function cannot be assumed by Lambda." });
  await assert.rejects(make(`${role}-not`), {
    message: "The role defined for the function cannot be assumed by Lambda.",
  });
  await make(role);
  const { payload } = await invoke(lambda, "assumes", { role: other });

  assert.deepEqual(payload, {
    Arn: `arn:aws:sts::${account}:assumed-role/runs/assumes`,
    assumed: `arn:aws:sts::${account}:assumed-role/other/from-inside`,
    functions: ["assumes"],
  });
  const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: "assumes" }));
  assert.equal(configuration.Role, role);
});

test("temporary credentials given before a restart are good after it, and so are the roles", async () => {
  const RoleArn = await createRole("kept", { AWS: account });
  const sts = new STS(configOf());
  const { Credentials: credentials } = await sts.assumeRole({ RoleArn, RoleSessionName: "session" });
  sts.destroy();
  assert.deepEqual(await listWith(credentials), ["assumes"]);

  await hearth.stop();
  hearth = await startHearth({ dataDirectory: directory, settings, sameUidsAs: hearth });

  assert.deepEqual(await listWith(credentials), ["assumes"]);
  await assert.rejects(listWith({ ...credentials, SecretAccessKey: "guess" } as Credentials), {
    name: "InvalidSignatureException",
  });
  const iam = new IAM(configOf());
  assert.equal((await iam.getRole({ RoleName: "kept" })).Role?.Arn, RoleArn);
  iam.destroy();
});
