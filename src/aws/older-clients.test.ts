/**
 * Clients as distributions ship them, years behind the newest: Debian's boto3 (which speaks AWS Query to SQS, and the
 * trailing slashes of old models) and its AWS CLI. Skipped where they are not installed.
 */
import type * as Lambda from "@aws-sdk/client-lambda";
import * as Sqs from "@aws-sdk/client-sqs";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ApiError } from "../core/errors.ts";
import { lambdaModel, logsModel, sqsFacts, stsModel } from "./models.ts";
import { openIdentityBench } from "./self-check/identity.ts";
import { startLoopback } from "./self-check/loopback.ts";
import type { Service } from "./service.ts";
import { createStsHandlers } from "./sts/handlers.ts";
import { compileService } from "./wire/service-model.ts";

const run = promisify(execFile);
const identity = await openIdentityBench();
const python = "/usr/bin/python3";
const cli = "/usr/bin/aws";

/** Starting an interpreter and loading service models takes seconds on a busy machine. */
const clientTimeoutMs = 120_000;

async function hasBoto3(): Promise<boolean> {
  return run(python, ["-c", "import boto3"]).then(
    () => true,
    () => false,
  );
}

function services(received: Map<string, unknown>): Service[] {
  return [
    {
      model: lambdaModel(),
      handlers: {
        Invoke(input: Lambda.InvokeCommandInput) {
          received.set("Invoke", input);
          return { StatusCode: 200, ExecutedVersion: "1", Payload: input.Payload };
        },
        CreateFunction(input: Lambda.CreateFunctionCommandInput) {
          received.set("CreateFunction", input);
          return { FunctionName: input.FunctionName, Environment: input.Environment };
        },
        ListFunctions: () => ({ Functions: [{ FunctionName: "f" }] }),
        DeleteFunction: () => ({}),
        GetFunction() {
          throw new ApiError("ResourceNotFoundException", "Function not found: nobody");
        },
      },
    },
    {
      model: logsModel(),
      handlers: { DescribeLogGroups: () => ({ logGroups: [{ logGroupName: "/aws/lambda/f", storedBytes: 0 }] }) },
    },
    { model: stsModel(), handlers: createStsHandlers({ ...identity, roleOf: () => undefined }) },
    {
      model: compileService(sqsFacts, Sqs),
      handlers: {
        ListQueues: () => ({ QueueUrls: ["http://x/q1", "http://x/q2"] }),
        GetQueueAttributes: () => ({ Attributes: { QueueArn: "arn:aws:sqs:x", Policy: '{"a":"<b>"}' } }),
        SendMessageBatch(input: Sqs.SendMessageBatchCommandInput) {
          received.set("SendMessageBatch", input);
          return { Successful: [{ Id: "one", MessageId: "m", MD5OfMessageBody: "x" }], Failed: [] };
        },
        GetQueueUrl() {
          throw new ApiError("QueueDoesNotExist", "The specified queue does not exist.");
        },
      },
    },
  ];
}

test(
  "boto3 1.26 creates, invokes, reads errors and speaks AWS Query",
  { timeout: clientTimeoutMs },
  async (context) => {
    if (!(await hasBoto3())) {
      context.skip("boto3 is not installed");
      return;
    }
    const received = new Map<string, unknown>();
    await using loopback = await startLoopback({ services: services(received) });
    const script = fileURLToPath(new URL("self-check/older-clients.py", import.meta.url));

    const { stdout } = await run(python, [script, loopback.url], { timeout: clientTimeoutMs });
    const got = JSON.parse(stdout) as Record<string, unknown>;

    assert.equal(got["payload"], '{"a": "é"}');
    assert.equal(got["status"], 200);
    assert.equal(got["version"], "1");
    assert.deepEqual(got["created"], { FunctionName: "f", Environment: { Variables: { KEY: "b=c" } } });
    assert.deepEqual(got["functions"], [{ FunctionName: "f" }]);
    assert.equal(got["deleted"], 204);
    assert.deepEqual(got["missing"], {
      code: "ResourceNotFoundException",
      message: "Function not found: nobody",
      status: 404,
    });
    const invalid = got["invalid"] as { readonly code: string; readonly message: string };
    assert.equal(invalid.code, "ValidationException");
    assert.match(invalid.message, /^2 validation errors detected: Value 'r' at 'role' .*; Value '1' at 'memorySize' /);
    assert.deepEqual((got["absent"] as { readonly code: string }).code, "NotImplementedException");
    assert.deepEqual(got["groups"], [{ logGroupName: "/aws/lambda/f", storedBytes: 0 }]);
    assert.equal(got["identity"], "arn:aws:iam::123456789012:root");
    assert.deepEqual(got["queueUrls"], ["http://x/q1", "http://x/q2"]);
    assert.deepEqual(got["attributes"], { QueueArn: "arn:aws:sqs:x", Policy: '{"a":"<b>"}' });
    assert.deepEqual(got["batch"], { Successful: [{ Id: "one", MessageId: "m", MD5OfMessageBody: "x" }], Failed: [] });
    assert.deepEqual(got["noQueue"], {
      code: "AWS.SimpleQueueService.NonExistentQueue",
      message: "The specified queue does not exist.",
      status: 400,
    });
    const { ClientContext, LogType, FunctionName } = received.get("Invoke") as Lambda.InvokeCommandInput;
    assert.deepEqual(
      { ClientContext, LogType, FunctionName },
      { ClientContext: "e30=", LogType: "Tail", FunctionName: "arn:aws:lambda:eu-west-1:123456789012:function:f:1" },
    );
    const { Code } = received.get("CreateFunction") as Lambda.CreateFunctionCommandInput;
    assert.deepEqual(Buffer.from(Code?.ZipFile ?? ""), Buffer.from([0, 255]));
    const { Entries } = received.get("SendMessageBatch") as Sqs.SendMessageBatchCommandInput;
    assert.deepEqual(Entries, [
      {
        Id: "one",
        MessageBody: "a&b",
        DelaySeconds: 5,
        MessageAttributes: {
          k: { DataType: "String", StringValue: "v" },
          l: { DataType: "Binary", BinaryValue: Buffer.from([0]) },
        },
      },
      { Id: "two", MessageBody: "<c>" },
    ]);
  },
);

test("the AWS CLI lists, invokes and says who calls", { timeout: clientTimeoutMs }, async (context) => {
  if (!existsSync(cli)) {
    context.skip("the AWS CLI is not installed");
    return;
  }
  await using loopback = await startLoopback({ services: services(new Map()) });
  const aws = async (...args: string[]): Promise<string> => {
    const env = {
      PATH: "/usr/bin:/bin",
      HOME: "/nonexistent",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_DEFAULT_REGION: "us-east-1",
    };
    const all = ["--endpoint-url", loopback.url, "--output", "json", "--no-cli-pager", ...args];
    return (await run(cli, all, { env, timeout: clientTimeoutMs })).stdout;
  };

  assert.deepEqual(JSON.parse(await aws("lambda", "list-functions")), { Functions: [{ FunctionName: "f" }] });
  assert.match(await aws("sts", "get-caller-identity"), /arn:aws:iam::000000000000:root/);
  const invocation = ["lambda", "invoke", "--function-name", "f", "--cli-binary-format", "raw-in-base64-out"];
  const directory = await mkdtemp(join(tmpdir(), "hearth-cli-"));
  try {
    const output = join(directory, "output");
    assert.equal(
      (JSON.parse(await aws(...invocation, "--payload", "[1]", output)) as { StatusCode: number }).StatusCode,
      200,
    );
    assert.equal(await readFile(output, "utf8"), "[1]");
  } finally {
    await rm(directory, { recursive: true });
  }
});
