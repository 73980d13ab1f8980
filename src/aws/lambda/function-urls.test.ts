import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";
import { urlIdOfHost } from "../../http/function-url-address.ts";

const base = "arn:aws:lambda:us-east-1:000000000000:function";
const missing = { code: "ResourceNotFoundException", message: "Function does not exist" };
const notFound = { code: "ResourceNotFoundException", message: "The resource you requested does not exist." };

let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
  await lambda.create("f");
  await lambda.call("PublishVersion", { FunctionName: "f" });
  await lambda.call("CreateAlias", { FunctionName: "f", Name: "live", FunctionVersion: "1" });
});

afterEach(async () => lambda[Symbol.asyncDispose]());

const call = async (operation: string, input: object = {}, host = "127.0.0.1:4566"): Promise<Record<string, unknown>> =>
  lambda.call(`${operation}FunctionUrlConfig`, { FunctionName: "f", ...input }, context({ headers: { host } }));
const addressAt = async (host: string): Promise<string> => String((await call("Get", {}, host))["FunctionUrl"]);
const list = async (
  input: object = {},
): Promise<{ FunctionUrlConfigs: { FunctionArn: string }[]; NextMarker?: string }> =>
  lambda.call("ListFunctionUrlConfigs", { FunctionName: "f", ...input });
const create = async (input: object = {}, host?: string): Promise<Record<string, unknown>> =>
  call("Create", { AuthType: "NONE", ...input }, host);

test("a URL is created once, and keeps its id whatever changes", async () => {
  const created = await create();
  const time = new Date(lambda.clock.now()).toISOString();
  assert.deepEqual(created, {
    FunctionUrl: created["FunctionUrl"],
    FunctionArn: `${base}:f`,
    AuthType: "NONE",
    CreationTime: time,
  });
  await assert.rejects(create(), {
    code: "ResourceConflictException",
    message:
      `Failed to create function url config for [functionArn = ${base}:f]. ` +
      "Error message:  FunctionUrlConfig exists for this Lambda function",
  });

  lambda.clock.advance(1000);
  const updated = await call("Update", { AuthType: "AWS_IAM" });

  const changed = new Date(lambda.clock.now()).toISOString();
  assert.deepEqual(updated, { ...created, AuthType: "AWS_IAM", LastModifiedTime: changed, InvokeMode: "BUFFERED" });
  assert.deepEqual(await call("Get"), updated);
});

test("the address leads to the endpoint that was asked, under a name of its own", async () => {
  await create();
  const FunctionUrl = await addressAt("127.0.0.1:4566");
  const [id = ""] = new URL(FunctionUrl).hostname.split(".");
  assert.match(id, /^[a-z0-9]{32}$/);
  assert.equal(FunctionUrl, `http://${id}.lambda-url.us-east-1.localhost:4566/`);
  assert.equal(await addressAt("hearth.example:80"), `http://${id}.lambda-url.us-east-1.hearth.example/`);
  assert.equal(await addressAt("[::1]:4566"), FunctionUrl);
  assert.equal(urlIdOfHost(new URL(FunctionUrl).host), id);
  assert.equal(await addressAt("no host!"), `http://${id}.lambda-url.us-east-1.localhost/`);
  assert.equal(urlIdOfHost("lambda.us-east-1.localhost:4566"), undefined);
});

test("an alias has a URL of its own; versions have none", async () => {
  await create({ Qualifier: "live", InvokeMode: "RESPONSE_STREAM" });

  assert.equal((await call("Get", { FunctionName: "f:live" }))["InvokeMode"], "RESPONSE_STREAM");
  await assert.rejects(call("Get"), notFound);
  for (const version of ["1", "$LATEST"]) {
    await assert.rejects(create({ FunctionName: `f:${version}` }), {
      code: "ValidationException",
      message:
        `1 validation error detected: Value '${version}' at 'qualifier' failed to satisfy constraint: ` +
        String.raw`Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`,
    });
  }
});

test("CORS settings are shown as they were given, and an empty one takes them away", async () => {
  const cors = {
    AllowOrigins: ["*"],
    AllowMethods: ["GET"],
    MaxAge: 60,
    AllowCredentials: false,
    ExposeHeaders: ["date"],
  };
  assert.deepEqual((await create({ Cors: cors }))["Cors"], cors);

  assert.deepEqual((await call("Update", { InvokeMode: "RESPONSE_STREAM" }))["Cors"], cors);
  const replaced = { AllowHeaders: ["x-one"] };
  assert.deepEqual((await call("Update", { Cors: replaced }))["Cors"], replaced);
  assert.equal("Cors" in (await call("Update", { Cors: {} })), false);
});

test("the function's own URL is listed before those of its aliases, by pages", async () => {
  await create({ Qualifier: "live" });
  await create();

  const all = await list();
  assert.deepEqual(
    all.FunctionUrlConfigs.map(({ FunctionArn }) => FunctionArn),
    [`${base}:f`, `${base}:f:live`],
  );
  const { NextMarker } = await list({ MaxItems: 1 });
  assert.deepEqual((await list({ Marker: NextMarker })).FunctionUrlConfigs, all.FunctionUrlConfigs.slice(1));

  await call("Delete");
  assert.equal((await list()).FunctionUrlConfigs.length, 1);
});

test("what is not there is named as AWS names it", async () => {
  for (const input of [{ FunctionName: "nobody" }, { Qualifier: "nothing" }]) {
    await assert.rejects(create(input), missing);
    await assert.rejects(call("Update", input), missing);
    await assert.rejects(call("Get", input), notFound);
    await assert.rejects(call("Delete", input), notFound);
  }
  await assert.rejects(call("Update"), notFound);
  await assert.rejects(lambda.call("ListFunctionUrlConfigs", { FunctionName: "nobody" }), missing);
});
