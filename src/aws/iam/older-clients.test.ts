/** IAM and STS through Debian's boto3 and AWS CLI, as tools drive them. Skipped where they are not installed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { stsModel } from "../models.ts";
import { iamModel } from "./iam-model.ts";
import { openIdentityBench, type IdentityBench } from "../self-check/identity.ts";
import { startLoopback, type Loopback } from "../self-check/loopback.ts";
import { createStsHandlers } from "../sts/handlers.ts";
import { iamHandlers } from "./iam-service.ts";

const run = promisify(execFile);
const python = "/usr/bin/python3";
const cli = "/usr/bin/aws";

/** Starting an interpreter and loading service models takes seconds on a busy machine. */
const clientTimeoutMs = 120_000;

async function serve(identity: IdentityBench): Promise<Loopback> {
  const { iam, sessions } = identity;
  return startLoopback({
    services: [
      { model: stsModel(), handlers: createStsHandlers({ iam, sessions, roleOf: () => undefined }) },
      { model: await iamModel(), handlers: iamHandlers({ iam }) },
    ],
    sessions,
  });
}

const ofStatement = (members: object): object => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", ...members }],
});

test(
  "boto3 1.26 makes a role with its policies, assumes it, and takes it apart",
  { timeout: clientTimeoutMs },
  async (context) => {
    const hasBoto3 = await run(python, ["-c", "import boto3"]).then(
      () => true,
      () => false,
    );
    if (!hasBoto3) {
      context.skip("boto3 is not installed");
      return;
    }
    await using identity = await openIdentityBench();
    await using loopback = await serve(identity);
    const script = fileURLToPath(new URL("../self-check/iam-clients.py", import.meta.url));

    const { stdout } = await run(python, [script, loopback.url], { timeout: clientTimeoutMs });

    assert.deepEqual(JSON.parse(stdout), {
      trust: ofStatement({
        Action: ["sts:AssumeRole"],
        Principal: { AWS: "123456789012", Service: "lambda.amazonaws.com" },
      }),
      role: {
        Arn: "arn:aws:iam::123456789012:role/app/worker",
        MaxSessionDuration: 7200,
        Tags: [{ Key: "team", Value: "a" }],
      },
      inline: ofStatement({ Action: "s3:*", Resource: "arn:aws:s3:::bucket/é*" }),
      names: ["inline"],
      attached: [
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::123456789012:policy/extra",
      ],
      profiles: [],
      identity: "arn:aws:sts::123456789012:assumed-role/worker/session",
      held: "DeleteConflict",
      gone: "NoSuchEntity",
      left: 0,
    });
  },
);

test(
  "the AWS CLI makes a role, and works with what assume-role gives it",
  { timeout: clientTimeoutMs },
  async (context) => {
    if (!existsSync(cli)) {
      context.skip("the AWS CLI is not installed");
      return;
    }
    await using identity = await openIdentityBench();
    await using loopback = await serve(identity);
    const aws = async (keys: object, ...args: string[]): Promise<Record<string, Record<string, string>>> => {
      const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", AWS_DEFAULT_REGION: "us-east-1", ...keys };
      const all = ["--endpoint-url", loopback.url, "--output", "json", "--no-cli-pager", ...args];
      const { stdout } = await run(cli, all, { env, timeout: clientTimeoutMs });
      return stdout === "" ? {} : (JSON.parse(stdout) as Record<string, Record<string, string>>);
    };
    const owner = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
    const trust = '{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"000000000000"}}}';

    const { Role } = await aws(owner, "iam", "create-role", "--role-name", "r", "--assume-role-policy-document", trust);
    const { Credentials = {} } = await aws(
      owner,
      "sts",
      "assume-role",
      "--role-arn",
      Role?.["Arn"] ?? "",
      "--role-session-name",
      "me",
    );
    const session = {
      AWS_ACCESS_KEY_ID: Credentials["AccessKeyId"],
      AWS_SECRET_ACCESS_KEY: Credentials["SecretAccessKey"],
      AWS_SESSION_TOKEN: Credentials["SessionToken"],
    };
    const caller = await aws(session, "sts", "get-caller-identity");

    assert.deepEqual(caller["Arn"], "arn:aws:sts::000000000000:assumed-role/r/me");
  },
);
