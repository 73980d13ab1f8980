/** Bad input gets AWS's own error and changes nothing. */
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  ListFunctionsCommand,
  type CreateFunctionCommandInput,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { anyRole, createFunction, randomName } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { hostileZips } from "../support/hostile-zips.ts";
import { zipOf } from "../support/zip.ts";

let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

const goodZip = await zipOf({ "index.js": "exports.handler = async () => 1;" });

interface Refusal {
  readonly name: string;
  readonly status: number;
  readonly message: RegExp;
}

async function refused(overrides: Partial<CreateFunctionCommandInput>, refusal: Refusal): Promise<void> {
  const lambda = hearth.lambda();
  const contentsBefore = await contents(hearth.dataDirectory);
  const name = overrides.FunctionName ?? randomName("bad");
  const command = new CreateFunctionCommand({
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: anyRole,
    Code: { ZipFile: goodZip },
    ...overrides,
    FunctionName: name,
  });

  await assert.rejects(lambda.send(command), (error: Error & { $metadata: { httpStatusCode: number } }) => {
    assert.match(error.message, refusal.message);
    assert.deepEqual([error.name, error.$metadata.httpStatusCode], [refusal.name, refusal.status]);
    return true;
  });

  assert.deepEqual(
    (await lambda.send(new ListFunctionsCommand({}))).Functions?.map((each) => each.FunctionName) ?? [],
    [],
  );
  assert.deepEqual(await contents(hearth.dataDirectory), contentsBefore);
}

/** Every directory that code could be left in. */
async function contents(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => /^(packages|blobs)\//.test(name)).toSorted();
}

for (const { what, zip, message } of hostileZips) {
  test(`refuses a zip ${what}`, async () => {
    await refused({ Code: { ZipFile: await zip() } }, { name: "InvalidParameterValueException", status: 400, message });
  });
}

const fields: readonly (readonly [string, Partial<CreateFunctionCommandInput>, Refusal])[] = [
  [
    "memory below the least",
    { MemorySize: 127 },
    {
      name: "ValidationException",
      status: 400,
      message:
        /^1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128$/,
    },
  ],
  [
    "memory above the most",
    { MemorySize: 10_241 },
    {
      name: "ValidationException",
      status: 400,
      message:
        /Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240/,
    },
  ],
  [
    "a timeout above the most",
    { Timeout: 901 },
    {
      name: "ValidationException",
      status: 400,
      message:
        /Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900/,
    },
  ],
  [
    "several fields at once",
    { Timeout: 0, MemorySize: 1 },
    { name: "ValidationException", status: 400, message: /^2 validation errors detected: / },
  ],
  [
    "a runtime that nobody knows",
    { Runtime: "nodejs99.x" as never },
    {
      name: "InvalidParameterValueException",
      status: 400,
      message:
        /^Value nodejs99\.x at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[.*\] or be a valid ARN$/,
    },
  ],
  [
    "a runtime of former times",
    { Runtime: "nodejs14.x" },
    {
      name: "InvalidParameterValueException",
      status: 400,
      message:
        /^The runtime parameter of nodejs14\.x is no longer supported for creating or updating AWS Lambda functions\./,
    },
  ],
  [
    "a runtime that is not here",
    { Runtime: "java21" },
    {
      name: "InvalidParameterValueException",
      status: 400,
      message: /java21 is known to AWS Lambda but is not installed on this Hearth/,
    },
  ],
  [
    "a role that is no ARN",
    { Role: "r1" },
    { name: "ValidationException", status: 400, message: /Value 'r1' at 'role' failed to satisfy constraint/ },
  ],
  [
    "a reserved variable",
    { Environment: { Variables: { AWS_REGION: "x" } } },
    { name: "InvalidParameterValueException", status: 400, message: /reserved keys.*AWS_REGION/ },
  ],
  [
    "too many variables",
    { Environment: { Variables: { LARGE: "x".repeat(4100) } } },
    { name: "InvalidParameterValueException", status: 400, message: /exceeded the 4KB limit/ },
  ],
];

for (const [what, overrides, refusal] of fields) {
  test(`refuses ${what}`, () => refused(overrides, refusal));
}

test("refuses a name that is taken, and keeps the first function", async () => {
  const lambda = hearth.lambda({ accessKeyId: "101010101010" });
  const name = await createFunction(lambda, { "index.js": "exports.handler = async () => 1;" });
  const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: name }));

  await assert.rejects(
    createFunction(lambda, { "index.js": "exports.handler = async () => 2;" }, { FunctionName: name }),
    {
      name: "ResourceConflictException",
      message: `Function already exist: ${name}`,
    },
  );

  const again = await lambda.send(new GetFunctionCommand({ FunctionName: name }));
  assert.equal(again.Configuration?.RevisionId, Configuration?.RevisionId);
});

test("refuses an invocation with text that is no JSON, an unknown qualifier and an unknown function", async () => {
  const lambda = hearth.lambda({ accessKeyId: "101010101010" });
  const name = await createFunction(lambda, { "index.js": "exports.handler = async () => 1;" });
  const call = (input: { FunctionName: string; Qualifier?: string; Payload?: Buffer }) =>
    lambda.send(new InvokeCommand(input));

  await assert.rejects(call({ FunctionName: name, Payload: Buffer.from("{nope") }), {
    name: "InvalidRequestContentException",
    message: /^Could not parse request body into json: Could not parse payload into json: /,
  });
  await assert.rejects(call({ FunctionName: name, Qualifier: "99" }), {
    name: "ResourceNotFoundException",
    message: `Function not found: arn:aws:lambda:us-east-1:101010101010:function:${name}:99`,
  });
  await assert.rejects(call({ FunctionName: "nobody" }), {
    name: "ResourceNotFoundException",
    message: "Function not found: arn:aws:lambda:us-east-1:101010101010:function:nobody",
  });
});

test("refuses a zip that is too large before it is stored", async () => {
  const lambda = hearth.lambda();
  const noise = Buffer.alloc(52_428_801 - 22);
  const command = new CreateFunctionCommand({
    FunctionName: randomName("large"),
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: anyRole,
    Code: { ZipFile: noise },
  });

  await assert.rejects(lambda.send(command), (error: Error) => {
    assert.match(error.name, /^(RequestEntityTooLargeException|InvalidParameterValueException)$/);
    return true;
  });
});

test("refuses an operation of a service that is not here, clearly", async () => {
  const response = await fetch(hearth.endpoint, {
    method: "POST",
    headers: {
      "x-amz-target": "DynamoDB_20120810.ListTables",
      "content-type": "application/x-amz-json-1.0",
      authorization:
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    },
    body: "{}",
  });

  assert(response.status >= 400 && response.status < 500, String(response.status));
  assert.match(await response.text(), /compatibility/);
});
