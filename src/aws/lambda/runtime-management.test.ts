import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LambdaBench } from "../../../test/support/lambda-bench.ts";

const base = "arn:aws:lambda:us-east-1:000000000000:function";

let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
  await lambda.create("f");
});

afterEach(async () => lambda[Symbol.asyncDispose]());

const put = async (input: object): Promise<Record<string, unknown>> =>
  lambda.call("PutRuntimeManagementConfig", { FunctionName: "f", ...input });
const get = async (input: object = {}): Promise<Record<string, unknown>> =>
  lambda.call("GetRuntimeManagementConfig", { FunctionName: "f", ...input });
const installedVersion = async (): Promise<string> => {
  const { RuntimeVersionConfig } = await lambda.call<{ RuntimeVersionConfig: { RuntimeVersionArn: string } }>(
    "GetFunctionConfiguration",
    { FunctionName: "f" },
  );
  return RuntimeVersionConfig.RuntimeVersionArn;
};

test("runtimes are updated automatically unless the function says otherwise", async () => {
  assert.deepEqual(await get(), { FunctionArn: `${base}:f:$LATEST`, UpdateRuntimeOn: "Auto" });

  await put({ UpdateRuntimeOn: "FunctionUpdate" });

  assert.deepEqual(await get(), { FunctionArn: `${base}:f:$LATEST`, UpdateRuntimeOn: "FunctionUpdate" });
});

test("Manual names the runtime version that is installed, which the function shows, and no other", async () => {
  const RuntimeVersionArn = await installedVersion();
  const manual = await put({ UpdateRuntimeOn: "Manual", RuntimeVersionArn });
  assert.deepEqual(manual, { FunctionArn: `${base}:f:$LATEST`, UpdateRuntimeOn: "Manual", RuntimeVersionArn });

  const other = `arn:aws:lambda:us-east-1::runtime:${"0".repeat(64)}`;
  await assert.rejects(put({ UpdateRuntimeOn: "Manual", RuntimeVersionArn: other }), {
    code: "InvalidParameterValueException",
    message: `The runtime version ${other} is not available: the installed nodejs24.x is ${RuntimeVersionArn}.`,
  });
  assert.deepEqual(await get(), manual);
});

test("the mode and the version must fit each other", async () => {
  const RuntimeVersionArn = await installedVersion();

  await assert.rejects(put({ UpdateRuntimeOn: "Manual" }), { code: "InvalidParameterValueException" });
  await assert.rejects(put({ UpdateRuntimeOn: "Auto", RuntimeVersionArn }), { code: "InvalidParameterValueException" });
});

test("each version of a function has a configuration of its own; aliases have none", async () => {
  await lambda.call("PublishVersion", { FunctionName: "f" });
  await lambda.call("CreateAlias", { FunctionName: "f", Name: "live", FunctionVersion: "1" });
  await put({ Qualifier: "1", UpdateRuntimeOn: "FunctionUpdate" });

  assert.equal((await get({ Qualifier: "1" }))["UpdateRuntimeOn"], "FunctionUpdate");
  assert.equal((await get())["UpdateRuntimeOn"], "Auto");
  const refusal = {
    code: "InvalidParameterValueException",
    message: `The provided function name ${base}:f:live is invalid. Aliases are not allowed.`,
  };
  await assert.rejects(put({ Qualifier: "live", UpdateRuntimeOn: "Auto" }), refusal);
  await assert.rejects(get({ Qualifier: "live" }), refusal);
  await assert.rejects(get({ Qualifier: "7" }), {
    code: "ResourceNotFoundException",
    message: `Function not found: ${base}:f:7`,
  });
});

test("recursive loops are stopped unless they are allowed", async () => {
  const recursion = async (): Promise<Record<string, unknown>> =>
    lambda.call("GetFunctionRecursionConfig", { FunctionName: "f" });
  assert.deepEqual(await recursion(), { RecursiveLoop: "Terminate" });

  await lambda.call("PutFunctionRecursionConfig", { FunctionName: "f", RecursiveLoop: "Allow" });

  assert.deepEqual(await recursion(), { RecursiveLoop: "Allow" });
  await assert.rejects(lambda.call("GetFunctionRecursionConfig", { FunctionName: "nobody" }), {
    code: "ResourceNotFoundException",
    message: `Function not found: ${base}:nobody`,
  });
  await assert.rejects(lambda.call("PutFunctionRecursionConfig", { FunctionName: "f:live", RecursiveLoop: "Allow" }), {
    code: "InvalidParameterValueException",
  });
});
