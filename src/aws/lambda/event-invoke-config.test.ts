import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";

const base = "arn:aws:lambda:us-east-1:000000000000:function";

let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
  await lambda.create("f");
});

afterEach(async () => lambda[Symbol.asyncDispose]());

const call = async (operation: string, input: object = {}): Promise<Record<string, unknown>> =>
  lambda.call(`${operation}FunctionEventInvokeConfig`, { FunctionName: "f", ...input });
const destinations = (onSuccess?: string, onFailure?: string): object => ({
  DestinationConfig: {
    ...(onSuccess === undefined ? {} : { OnSuccess: { Destination: onSuccess } }),
    ...(onFailure === undefined ? {} : { OnFailure: { Destination: onFailure } }),
  },
});
const list = async (
  input: object = {},
): Promise<{ FunctionEventInvokeConfigs: Record<string, unknown>[]; NextMarker?: string }> =>
  lambda.call("ListFunctionEventInvokeConfigs", { FunctionName: "f", ...input });

test("Put replaces the whole configuration, Update changes what it names", async () => {
  await call("Put", { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60 });
  const updated = await call("Update", { MaximumRetryAttempts: 0 });
  assert.deepEqual(updated, {
    FunctionArn: `${base}:f:$LATEST`,
    LastModified: new Date(lambda.clock.now()),
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 60,
    DestinationConfig: { OnSuccess: {}, OnFailure: {} },
  });
  assert.deepEqual(await call("Get"), updated);

  lambda.clock.advance(1000);
  const replaced = await call("Put", { MaximumRetryAttempts: 1 });

  assert.equal(replaced["MaximumEventAgeInSeconds"], undefined);
  assert.deepEqual(replaced["LastModified"], new Date(lambda.clock.now()));
});

test("one destination is changed without the other, and an empty one takes it away", async () => {
  const queue = "arn:aws:sqs:us-east-1:000000000000:q";
  await call("Put", destinations(queue, `${queue}-failures`));

  assert.deepEqual((await call("Update", destinations(undefined, `${queue}-dead`)))["DestinationConfig"], {
    OnSuccess: { Destination: queue },
    OnFailure: { Destination: `${queue}-dead` },
  });
  assert.deepEqual((await call("Update", destinations("")))["DestinationConfig"], {
    OnSuccess: {},
    OnFailure: { Destination: `${queue}-dead` },
  });
});

test("destinations must be of a kind that can take the outcome, and functions must be there", async () => {
  await lambda.create("other");
  const refusals: readonly (readonly [object, RegExp])[] = [
    [destinations(`${base}:nobody`), /^The destination ARN .*:nobody is invalid\.$/],
    [destinations(`${base}:f`), /^You can't specify the function as a destination for itself\.$/],
    [destinations(`arn:aws:lambda:us-east-1:999999999999:function:other`), /^The destination ARN .* is invalid\.$/],
    [
      destinations("arn:aws:iam::000000000000:role/r"),
      /^The provided destination config DestinationConfig\(onSuccess=OnSuccess\(destination=arn:aws:iam::000000000000:role\/r\), onFailure=null\) is invalid\.$/,
    ],
    [destinations("arn:aws:s3:::bucket"), /onSuccess=OnSuccess\(destination=arn:aws:s3:::bucket\), onFailure=null/],
    [destinations(undefined, "arn:aws:sqs:us-east-1:000000000000:q.fifo"), /onFailure=OnFailure\(destination=/],
    [destinations(undefined, "kafka://topic"), /onFailure=OnFailure\(destination=kafka:\/\/topic\)/],
    [destinations("arn:aws:sns:us-east-1:000000000000:t"), /not supported by Hearth: there are no SNS topics here/],
    [destinations(undefined, "arn:aws:events:us-east-1:000000000000:event-bus/b"), /there are no event buses here/],
    [destinations(undefined, "arn:aws:s3:::bucket"), /there are no S3 buckets here/],
    [destinations("arn:aws:sqs:us-east-1:999999999999:q"), /the queue is of another account or region/],
    [{}, /^You must specify at least one of error handling or destination setting\.$/],
  ];

  for (const [settings, message] of refusals) {
    await assert.rejects(call("Put", settings), { code: "InvalidParameterValueException", message });
  }
  assert((await call("Put", destinations(`${base}:other`)))["FunctionArn"]);
});

test("a version and an alias have configurations of their own, listed after the function's", async () => {
  await lambda.call("PublishVersion", { FunctionName: "f" });
  await lambda.call("CreateAlias", { FunctionName: "f", Name: "live", FunctionVersion: "1" });
  for (const Qualifier of ["live", "1", undefined]) await call("Put", { Qualifier, MaximumRetryAttempts: 1 });

  const arns = async (input?: object): Promise<unknown[]> =>
    (await list(input)).FunctionEventInvokeConfigs.map(({ FunctionArn }) => FunctionArn);
  assert.deepEqual(await arns(), [`${base}:f:$LATEST`, `${base}:f:1`, `${base}:f:live`]);
  const first = await list({ MaxItems: 2 });
  assert.deepEqual(await arns({ Marker: first.NextMarker }), [`${base}:f:live`]);
  assert.equal((await list({ MaxItems: 3 })).NextMarker, undefined);

  await lambda.call("DeleteFunctionEventInvokeConfig", { FunctionName: "f:live" });
  await assert.rejects(call("Get", { Qualifier: "live" }), {
    code: "ResourceNotFoundException",
    message: `The function ${base}:f:live doesn't have an EventInvokeConfig`,
  });
});

test("what is not there is named as AWS names it", async () => {
  const missing = { code: "ResourceNotFoundException", message: "The function doesn't exist." };
  const none = {
    code: "ResourceNotFoundException",
    message: `The function ${base}:nobody:$LATEST doesn't have an EventInvokeConfig`,
  };

  const nobody = { FunctionName: "nobody" };
  for (const operation of ["Put", "Update"])
    await assert.rejects(call(operation, { ...nobody, MaximumRetryAttempts: 1 }), missing);
  for (const operation of ["Get", "Delete"]) await assert.rejects(call(operation, nobody), none);
  await assert.rejects(list(nobody), missing);
  await assert.rejects(call("Put", { Qualifier: "nothing", MaximumRetryAttempts: 1 }), missing);
  await assert.rejects(call("Update", { MaximumRetryAttempts: 1 }), { code: "ResourceNotFoundException" });
  await assert.rejects(list({ Marker: "%" }), { code: "InvalidParameterValueException" });
});

test("other accounts never see the configuration", async () => {
  await call("Put", { MaximumRetryAttempts: 1 });

  const other = context({ scope: { account: "111111111111", region: "us-east-1" } });
  await assert.rejects(lambda.call("GetFunctionEventInvokeConfig", { FunctionName: "f" }, other), {
    code: "ResourceNotFoundException",
  });
});
