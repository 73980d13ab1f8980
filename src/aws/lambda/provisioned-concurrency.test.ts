import assert from "node:assert/strict";
import { test } from "node:test";
import { functionPartKey, type AliasRecord, type FunctionConfiguration } from "../../core/function-record.ts";
import { ApiError } from "../../core/errors.ts";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";

const { scope } = context();
const arn = "arn:aws:lambda:us-east-1:000000000000:function:hello";

/** A function with the version 1, to which the alias `live` points. */
async function open(): Promise<LambdaBench> {
  const lambda = await LambdaBench.open();
  await lambda.create("hello");
  await publish(lambda, "1");
  await point(lambda, "live", "1");
  return lambda;
}

async function publish(lambda: LambdaBench, version: string): Promise<void> {
  const { latest } = await lambda.functions.get(scope, "hello");
  const configuration: FunctionConfiguration = { ...latest, version };
  await lambda.engine.records.put(functionPartKey("function-version", scope, "hello", version), configuration);
}

async function point(
  lambda: LambdaBench,
  name: string,
  functionVersion: string,
  additionalVersionWeights: Record<string, number> = {},
): Promise<void> {
  const alias: AliasRecord = { name, functionVersion, description: "", additionalVersionWeights, revisionId: "1" };
  await lambda.engine.records.put(functionPartKey("function-alias", scope, "hello", name), alias);
}

const put = (lambda: LambdaBench, Qualifier: string, count = 1, FunctionName = "hello") =>
  lambda.call("PutProvisionedConcurrencyConfig", { FunctionName, Qualifier, ProvisionedConcurrentExecutions: count });
const get = (lambda: LambdaBench, Qualifier: string, FunctionName = "hello") =>
  lambda.call("GetProvisionedConcurrencyConfig", { FunctionName, Qualifier });
const remove = (lambda: LambdaBench, Qualifier: string, FunctionName = "hello") =>
  lambda.call("DeleteProvisionedConcurrencyConfig", { FunctionName, Qualifier });
const reserve = (lambda: LambdaBench, count: number, FunctionName = "hello") =>
  lambda.call("PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: count });
const unreserved = async (lambda: LambdaBench) =>
  (await lambda.call<{ AccountLimit: { UnreservedConcurrentExecutions: number } }>("GetAccountSettings", {}))
    .AccountLimit.UnreservedConcurrentExecutions;

async function refused(action: Promise<unknown>): Promise<[string, string]> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof ApiError, String(error));
  return [error.code, error.message];
}

test("what was asked for is in progress, then ready, and says when it was asked for", async () => {
  await using lambda = await open();
  lambda.clock.advance(Date.UTC(2026, 0, 2, 3, 4, 5, 678) - lambda.clock.now());

  const asked = await put(lambda, "live", 3);
  lambda.provisioning = { status: "READY", allocated: 3, available: 3 };

  assert.deepEqual(asked, {
    RequestedProvisionedConcurrentExecutions: 3,
    AvailableProvisionedConcurrentExecutions: 0,
    AllocatedProvisionedConcurrentExecutions: 0,
    Status: "IN_PROGRESS",
    LastModified: "2026-01-02T03:04:05+0000",
  });
  assert.deepEqual(await get(lambda, "live"), {
    ...asked,
    AvailableProvisionedConcurrentExecutions: 3,
    AllocatedProvisionedConcurrentExecutions: 3,
    Status: "READY",
  });
});

test("a failed one says why", async () => {
  await using lambda = await open();
  await put(lambda, "1");
  lambda.provisioning = { status: "FAILED", reason: "FUNCTION_ERROR_INIT_FAILURE", allocated: 0, available: 0 };

  const { Status, StatusReason } = await get(lambda, "1");

  assert.deepEqual([Status, StatusReason], ["FAILED", "FUNCTION_ERROR_INIT_FAILURE"]);
});

test("only published versions and aliases have provisioned concurrency", async () => {
  await using lambda = await open();
  await point(lambda, "newest", "$LATEST");
  const unpublished = [
    "InvalidParameterValueException",
    "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
  ];
  const neither = [
    "InvalidParameterValueException",
    "The function resource provided must be an alias or a published version.",
  ];

  assert.deepEqual(await refused(put(lambda, "$LATEST")), unpublished);
  assert.deepEqual(await refused(put(lambda, "newest")), unpublished);
  assert.deepEqual(await refused(get(lambda, "$LATEST")), neither);
  assert.deepEqual(await refused(remove(lambda, "$LATEST")), neither);
});

test("what is not there is named as AWS names it", async () => {
  await using lambda = await open();

  for (const act of [put, get, remove]) {
    const call = (qualifier: string, name: string) =>
      act === put ? put(lambda, qualifier, 1, name) : act(lambda, qualifier, name as never);
    assert.deepEqual(await refused(call("10", "hello")), [
      "ResourceNotFoundException",
      `Function not found: ${arn}:10`,
    ]);
    assert.deepEqual(await refused(call("none", "hello")), [
      "ResourceNotFoundException",
      `Cannot find alias arn: ${arn}:none`,
    ]);
    assert.deepEqual(await refused(call("none", "nobody")), [
      "ResourceNotFoundException",
      `Cannot find alias arn: ${arn.replace("hello", "nobody")}:none`,
    ]);
  }
  assert.deepEqual(await refused(get(lambda, "1")), [
    "ProvisionedConcurrencyConfigNotFoundException",
    "No Provisioned Concurrency Config found for this function",
  ]);
  assert.deepEqual(await remove(lambda, "1"), {}, "there is nothing to delete, and nothing wrong");
});

test("a version is provisioned by itself or through aliases, not both", async () => {
  await using lambda = await open();
  await put(lambda, "1");
  assert.deepEqual(await refused(put(lambda, "live")), [
    "ResourceConflictException",
    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
  ]);

  await remove(lambda, "1");
  await put(lambda, "live");

  assert.deepEqual(await refused(put(lambda, "1")), [
    "ResourceConflictException",
    "Version is pointed by a Provisioned Concurrency alias",
  ]);
});

test("an alias that splits its traffic takes no new provisioned concurrency", async () => {
  await using lambda = await open();
  await publish(lambda, "2");
  await point(lambda, "live", "1", { "2": 0.1 });

  assert.deepEqual(await refused(put(lambda, "live")), [
    "InvalidParameterValueException",
    "Alias with weights can not be used with Provisioned Concurrency",
  ]);
});

test("provisioned concurrency is part of the function's reserve, and no more than it", async () => {
  await using lambda = await open();
  await publish(lambda, "2");
  await put(lambda, "1", 2);
  assert.equal(await unreserved(lambda), 998);

  assert.deepEqual(await refused(reserve(lambda, 1)), [
    "InvalidParameterValueException",
    " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
  ]);
  await reserve(lambda, 3);
  assert.equal(await unreserved(lambda), 997);

  await put(lambda, "2", 1);
  const tooMany = [
    "InvalidParameterValueException",
    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
  ];
  assert.deepEqual(await refused(put(lambda, "2", 2)), tooMany);
  assert.deepEqual(await refused(put(lambda, "1", 3)), tooMany);
  assert.equal(await unreserved(lambda), 997);

  await lambda.call("DeleteFunctionConcurrency", { FunctionName: "hello" });
  assert.equal(await unreserved(lambda), 997, "what is provisioned is now taken from the account");
});

test("of an account, 100 stay for functions that set nothing aside", async () => {
  await using lambda = await open();
  await lambda.create("other");
  await reserve(lambda, 500, "other");

  assert.deepEqual(await refused(put(lambda, "1", 501)), [
    "InvalidParameterValueException",
    "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [500].",
  ]);
  assert.deepEqual(await refused(put(lambda, "1", 401)), [
    "InvalidParameterValueException",
    "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum " +
      "value of [100].",
  ]);
  await put(lambda, "1", 400);
  await put(lambda, "1", 399);
  assert.deepEqual(await refused(reserve(lambda, 502, "other")), [
    "InvalidParameterValueException",
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its " +
      "minimum value of [100].",
  ]);
  await reserve(lambda, 501, "other");
  assert.equal(await unreserved(lambda), 100);
});

test("of many that ask at once, no more are granted than there is", async () => {
  await using lambda = await open();
  for (let version = 2; version <= 20; version++) await publish(lambda, String(version));

  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => put(lambda, String(index + 1), 100)),
  );

  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 9);
  assert.equal(await unreserved(lambda), 100);
});

test("lists the configurations of a function, page by page", async () => {
  await using lambda = await open();
  await publish(lambda, "2");
  await publish(lambda, "10");
  for (const qualifier of ["10", "2", "live"]) await put(lambda, qualifier);
  interface Page {
    readonly ProvisionedConcurrencyConfigs: readonly { readonly FunctionArn: string }[];
    readonly NextMarker?: string;
  }

  const first = await lambda.call<Page>("ListProvisionedConcurrencyConfigs", { FunctionName: "hello", MaxItems: 2 });
  const Marker = first.NextMarker;
  const second = await lambda.call<Page>("ListProvisionedConcurrencyConfigs", { FunctionName: "hello", Marker });

  assert.deepEqual(
    [first, second].map((page) => page.ProvisionedConcurrencyConfigs.map(({ FunctionArn }) => FunctionArn)),
    [[`${arn}:2`, `${arn}:10`], [`${arn}:live`]],
  );
  assert.equal(second.NextMarker, undefined);
  assert.deepEqual(await refused(lambda.call("ListProvisionedConcurrencyConfigs", { FunctionName: "nobody" })), [
    "ResourceNotFoundException",
    `Function not found: ${arn.replace("hello", "nobody")}`,
  ]);
});
