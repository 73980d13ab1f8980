import assert from "node:assert/strict";
import { test } from "node:test";
import { context, LambdaBench, validRequest } from "../../../test/support/lambda-bench.ts";
import { ApiError } from "../../core/errors.ts";

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";

async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert(error instanceof ApiError, String(error));
  return `${error.code}: ${error.message}`;
}

async function newConfig(lambda: LambdaBench, Tags?: object): Promise<string> {
  const { CodeSigningConfig } = await lambda.call<{ CodeSigningConfig: { CodeSigningConfigArn: string } }>(
    "CreateCodeSigningConfig",
    { AllowedPublishers: { SigningProfileVersionArns: [arn] }, Tags },
  );
  return CodeSigningConfig.CodeSigningConfigArn;
}

test("tags of a code signing configuration are set at its creation, added, replaced and removed", async () => {
  await using lambda = await LambdaBench.open();
  const Resource = await newConfig(lambda, { a: "1" });

  await lambda.call("TagResource", { Resource, Tags: { a: "2", b: "3" } });
  assert.deepEqual(await lambda.call("ListTags", { Resource }), { Tags: { a: "2", b: "3" } });
  await lambda.call("UntagResource", { Resource, TagKeys: ["a", "none"] });
  assert.deepEqual(await lambda.call("ListTags", { Resource }), { Tags: { b: "3" } });
});

test("what is no tag is refused for every kind of resource, at creation and later, and nothing changes", async () => {
  await using lambda = await LambdaBench.open();
  await lambda.create("f", { Tags: { kept: "1" } });
  const config = await newConfig(lambda, { kept: "1" });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key-${index}`, ""]));

  for (const [Tags, text] of [
    [{ "aws:x": "1" }, /^InvalidParameterValueException: aws: prefixed tag key names are not allowed/],
    [{ "AWS:x": "1" }, /^InvalidParameterValueException: aws: prefixed tag key names are not allowed/],
    [{ ["k".repeat(129)]: "1" }, /^ValidationException: .*Map keys .*less than or equal to 128/],
    [{ "": "1" }, /^ValidationException: .*Map keys .*greater than or equal to 1/],
    [{ k: "v".repeat(257) }, /^ValidationException: .*Map value .*less than or equal to 256/],
    [{ ...many, more: "1" }, /^InvalidParameterValueException: Number of tags exceeds resource tag limit\.$/],
  ] as const) {
    for (const Resource of [arn, config]) {
      assert.match(await refusalOf(lambda.call("TagResource", { Resource, Tags })), text);
      assert.deepEqual(await lambda.call("ListTags", { Resource }), { Tags: { kept: "1" } });
    }
    assert.match(await refusalOf(lambda.call("CreateFunction", { ...validRequest("g"), Tags })), text);
    assert.match(await refusalOf(newConfig(lambda, Tags)), text);
  }
  for (const Resource of [arn, config]) {
    assert.match(await refusalOf(lambda.call("TagResource", { Resource, Tags: many })), /Number of tags exceeds/);
  }
});

test("what is not there is refused with the words of its kind", async () => {
  await using lambda = await LambdaBench.open();
  const prefix = "arn:aws:lambda:us-east-1:000000000000";
  const other = await newConfig(lambda);

  for (const [Resource, text, call] of [
    [`${prefix}:function:f`, `ResourceNotFoundException: Function not found: ${prefix}:function:f`, context()],
    [
      `${prefix}:code-signing-config:csc-00000000000000000`,
      "ResourceNotFoundException: The code signing configuration cannot be found. Check that the provided configuration is " +
        `not deleted: ${prefix}:code-signing-config:csc-00000000000000000.`,
      context(),
    ],
    [
      `${prefix}:capacity-provider:c`,
      `ResourceNotFoundException: Capacity provider not found: ${prefix}:capacity-provider:c`,
      context(),
    ],
    [
      other,
      `ResourceNotFoundException: The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${other}.`,
      context({ scope: { account: "111111111111", region: "us-east-1" } }),
    ],
  ] as const) {
    assert.equal(await refusalOf(lambda.call("ListTags", { Resource }, call)), text);
    assert.equal(await refusalOf(lambda.call("TagResource", { Resource, Tags: { a: "1" } }, call)), text);
    assert.equal(await refusalOf(lambda.call("UntagResource", { Resource, TagKeys: ["a"] }, call)), text);
  }
});
