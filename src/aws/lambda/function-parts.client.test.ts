/** The operations on what belongs to a function, as the newest JavaScript SDK and a plain HTTP client see them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as Lambda from "@aws-sdk/client-lambda";
import { LambdaBench, validRequest } from "../../../test/support/lambda-bench.ts";
import { lambdaModel } from "../models.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { sendRaw } from "../self-check/raw-client.ts";
import type { CallContext, Handlers } from "../service.ts";

const model = lambdaModel();
const FunctionName = "f";

function handlersOf(lambda: LambdaBench): Handlers {
  const names = [...model.operations.keys()];
  return Object.fromEntries(
    names.map((name) => [name, async (input: never, call: CallContext) => lambda.call(name, input, call)]),
  );
}

test("the newest SDK finds every operation with its members and errors", async () => {
  await using lambda = await LambdaBench.open();
  await using loopback = await startLoopback({ services: [{ model, handlers: handlersOf(lambda) }] });
  const client = new Lambda.Lambda({
    endpoint: loopback.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  await client.createFunction(validRequest(FunctionName) as unknown as Lambda.CreateFunctionRequest);
  await lambda.untilSettled(FunctionName);

  const invoke = await client.putFunctionEventInvokeConfig({ FunctionName, MaximumRetryAttempts: 1 });
  assert.deepEqual(invoke.LastModified, new Date(lambda.clock.now()));
  await client.deleteFunctionEventInvokeConfig({ FunctionName });
  await assert.rejects(client.getFunctionEventInvokeConfig({ FunctionName }), Lambda.ResourceNotFoundException);

  const url = await client.createFunctionUrlConfig({ FunctionName, AuthType: "NONE", Cors: { AllowOrigins: ["*"] } });
  assert.match(String(url.FunctionUrl), /^http:\/\/[a-z0-9]{32}\.lambda-url\.us-east-1\.localhost:\d+\/$/);
  await assert.rejects(
    client.createFunctionUrlConfig({ FunctionName, AuthType: "NONE" }),
    Lambda.ResourceConflictException,
  );
  assert.equal((await client.listFunctionUrlConfigs({ FunctionName })).FunctionUrlConfigs?.length, 1);

  const mapping = await client.createEventSourceMapping({
    FunctionName,
    EventSourceArn: "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    StartingPosition: "AT_TIMESTAMP",
    StartingPositionTimestamp: new Date(lambda.clock.now()),
  });
  assert.equal(mapping.$metadata.httpStatusCode, 202);
  assert.deepEqual(mapping.StartingPositionTimestamp, new Date(lambda.clock.now()));
  const { UUID } = mapping;
  await assert.rejects(client.deleteEventSourceMapping({ UUID }), Lambda.ResourceInUseException);
  await lambda.untilMappingsSettled();
  assert.equal((await client.getEventSourceMapping({ UUID })).State, "Enabled");
  assert.equal((await client.deleteEventSourceMapping({ UUID })).State, "Deleting");

  await client.putFunctionRecursionConfig({ FunctionName, RecursiveLoop: "Allow" });
  assert.equal((await client.getFunctionRecursionConfig({ FunctionName })).RecursiveLoop, "Allow");
  const { Configuration } = await client.getFunction({ FunctionName });
  const pinned = await client.putRuntimeManagementConfig({
    FunctionName,
    UpdateRuntimeOn: "Manual",
    RuntimeVersionArn: Configuration?.RuntimeVersionConfig?.RuntimeVersionArn,
  });
  assert.equal(pinned.RuntimeVersionArn, Configuration?.RuntimeVersionConfig?.RuntimeVersionArn);
});

test("times are seconds since the epoch, and what is wrong with several members is said at once", async () => {
  await using lambda = await LambdaBench.open();
  await using loopback = await startLoopback({ services: [{ model, handlers: handlersOf(lambda) }] });
  await lambda.create(FunctionName);
  const put = async (path: string, body: object): Promise<{ readonly status: number; readonly body: string }> => {
    const text = JSON.stringify(body);
    const head = [`PUT ${path} HTTP/1.1`, "host: x", `content-length: ${Buffer.byteLength(text)}`];
    const answer = await sendRaw(loopback.port, [...head, "", text].join("\r\n"));
    assert(answer !== undefined);
    return answer;
  };

  const written = await put("/2019-09-25/functions/f/event-invoke-config", { MaximumRetryAttempts: 0 });
  assert.equal((JSON.parse(written.body) as { LastModified: unknown }).LastModified, lambda.clock.now() / 1000);
  const refused = await put("/2019-09-25/functions/f/event-invoke-config", {
    MaximumRetryAttempts: 3,
    MaximumEventAgeInSeconds: 59,
  });
  assert.equal(refused.status, 400);
  const { message = "" } = JSON.parse(refused.body) as { message?: string };
  assert.match(message, /^2 validation errors detected: .*'maximumRetryAttempts'.*less than or equal to 2/);
  assert.match(message, /'maximumEventAgeInSeconds'.*greater than or equal to 60/);
});
