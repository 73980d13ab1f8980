/** Resource policies as two accounts see them, with the SDK and the AWS CLI. */
import {
  AddPermissionCommand,
  CreateAliasCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutResourcePolicyCommand,
  RemovePermissionCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { runCommand } from "../support/command.ts";
import { createFunction } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const ownAccount = "111111111111";
const otherAccount = "222222222222";

let hearth: RunningHearth;
let owner: LambdaClient;
let other: LambdaClient;
let arn: string;

before(async () => {
  hearth = await startHearth();
  // An access key of twelve digits is an account of its own.
  owner = hearth.lambda({ accessKeyId: ownAccount });
  other = hearth.lambda({ accessKeyId: otherAccount });
  const FunctionName = await createFunction(owner, {
    "index.js": "exports.handler = async (event, context) => context.invokedFunctionArn;",
  });
  arn = `arn:aws:lambda:us-east-1:${ownAccount}:function:${FunctionName}`;
  await owner.send(new PublishVersionCommand({ FunctionName }));
  await owner.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
});

after(() => hearth[Symbol.asyncDispose]());

async function invokedArn(client: LambdaClient, FunctionName: string): Promise<unknown> {
  const { Payload } = await client.send(new InvokeCommand({ FunctionName }));
  return JSON.parse(Buffer.from(Payload ?? []).toString());
}

function denied(action: string, resource: string): { name: string; message: string } {
  return {
    name: "AccessDeniedException",
    message:
      `User: arn:aws:iam::${otherAccount}:root is not authorized to perform: ${action} on resource: ${resource} ` +
      `because no resource-based policy allows the ${action} action`,
  };
}

test("another account invokes the alias that it may invoke, runs in the owner's account, and nothing else is open to it", async () => {
  const live = `${arn}:live`;
  await assert.rejects(invokedArn(other, live), denied("lambda:InvokeFunction", live));

  const grant = { FunctionName: arn, Qualifier: "live", StatementId: "other", Principal: otherAccount };
  await owner.send(new AddPermissionCommand({ ...grant, Action: "lambda:InvokeFunction" }));

  assert.equal(await invokedArn(other, live), live);
  await assert.rejects(invokedArn(other, arn), denied("lambda:InvokeFunction", arn));
  await assert.rejects(invokedArn(other, `${arn}:1`), denied("lambda:InvokeFunction", `${arn}:1`));
  await assert.rejects(other.send(new GetFunctionCommand({ FunctionName: live })), denied("lambda:GetFunction", live));
  await assert.rejects(other.send(new GetPolicyCommand({ FunctionName: live })), denied("lambda:GetPolicy", live));

  const { RevisionId } = await owner.send(new GetPolicyCommand({ FunctionName: live }));
  await owner.send(new RemovePermissionCommand({ FunctionName: live, StatementId: "other", RevisionId }));
  await assert.rejects(invokedArn(other, live), denied("lambda:InvokeFunction", live));
});

test("a policy for all versions and aliases opens them, and the function itself stays closed", async () => {
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: otherAccount },
        Action: ["lambda:InvokeFunction", "lambda:GetFunction"],
        Resource: `${arn}:*`,
      },
    ],
  });
  await owner.send(new PutResourcePolicyCommand({ ResourceArn: arn, Policy }));

  assert.equal(await invokedArn(other, `${arn}:1`), `${arn}:1`);
  const { Configuration } = await other.send(new GetFunctionCommand({ FunctionName: `${arn}:live` }));
  assert.equal(Configuration?.FunctionArn, `${arn}:live`);
  await assert.rejects(invokedArn(other, arn), denied("lambda:InvokeFunction", arn));
});

test("the AWS CLI adds a permission for a service and reads the policy", async (context) => {
  const environment = { AWS_ACCESS_KEY_ID: ownAccount, AWS_SECRET_ACCESS_KEY: "test", AWS_DEFAULT_REGION: "us-east-1" };
  const aws = (...words: string[]): ReturnType<typeof runCommand> =>
    runCommand(
      "aws",
      ["--endpoint-url", hearth.endpoint, "lambda", ...words, "--function-name", `${arn}:1`],
      environment,
    );
  const words =
    "add-permission --statement-id s3 --action lambda:InvokeFunction --principal s3.amazonaws.com " +
    `--source-arn arn:aws:s3:::bucket --source-account ${otherAccount}`;
  const added = await aws(...words.split(" "));
  if (added.exitCode === "ENOENT") {
    context.skip("no AWS CLI on this host");
    return;
  }
  assert.equal(added.exitCode, 0, added.stderr);

  const { stdout } = await aws("get-policy", "--query", "Policy", "--output", "text");
  assert.deepEqual(JSON.parse(stdout), {
    Version: "2012-10-17",
    Id: "default",
    Statement: [JSON.parse((JSON.parse(added.stdout) as { Statement: string }).Statement) as unknown],
  });
});
