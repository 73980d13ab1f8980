/**
 * What AWS answered about provisioned concurrency, against what Hearth answers. The recordings have the answers but not
 * all calls, so that `parity.test.ts` cannot play them: here each answer's call is written down.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { functionPartKey, type AliasRecord, type FunctionConfiguration } from "../../core/function-record.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";
import { openRecordings } from "../../../test/support/recordings.ts";

const { scope } = context();
const { skip, cases: recorded } = openRecordings("lambda");

type Answers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function expectedOf(name: string): Answers {
  const found = recorded.find(({ id }) => id.endsWith(`::${name}`));
  assert(found !== undefined, `no recording of ${name}`);
  return found.expected as Answers;
}

/** A function with versions 1 and 2, and an alias of the first. */
async function open(): Promise<LambdaBench> {
  const lambda = await LambdaBench.open();
  await lambda.create("hello");
  const { latest } = await lambda.functions.get(scope, "hello");
  for (const version of ["1", "2"]) {
    const configuration: FunctionConfiguration = { ...latest, version };
    await lambda.engine.records.put(functionPartKey("function-version", scope, "hello", version), configuration);
  }
  const alias: AliasRecord = {
    name: "live",
    functionVersion: "1",
    description: "",
    additionalVersionWeights: {},
    revisionId: "1",
  };
  await lambda.engine.records.put(functionPartKey("function-alias", scope, "hello", "live"), alias);
  return lambda;
}

type Call = readonly [operation: string, input: Readonly<Record<string, unknown>>];

const put = (FunctionName: string, Qualifier: string, ProvisionedConcurrentExecutions = 1): Call => [
  "PutProvisionedConcurrencyConfig",
  { FunctionName, Qualifier, ProvisionedConcurrentExecutions },
];
const get = (FunctionName: string, Qualifier: string): Call => [
  "GetProvisionedConcurrencyConfig",
  { FunctionName, Qualifier },
];
const remove = (FunctionName: string, Qualifier: string): Call => [
  "DeleteProvisionedConcurrencyConfig",
  { FunctionName, Qualifier },
];
const list = (FunctionName: string): Call => ["ListProvisionedConcurrencyConfigs", { FunctionName }];
const reserve = (ReservedConcurrentExecutions: number): Call => [
  "PutFunctionConcurrency",
  { FunctionName: "hello", ReservedConcurrentExecutions },
];

/** Makes the call as a client would, through the model's checks; an error as its code and text. */
async function answer(lambda: LambdaBench, [operation, input]: Call): Promise<unknown> {
  try {
    lambdaModel().operations.get(operation)?.validate(input);
    const given = await lambda.call(operation, input);
    return "LastModified" in given ? { ...given, LastModified: "date" } : given;
  } catch (error) {
    assert(error instanceof ApiError, String(error));
    return { Code: error.code, Message: error.message };
  }
}

/** A recorded answer, with our names for what varies. */
function shapeOf(answered: Readonly<Record<string, unknown>> | undefined): unknown {
  assert(answered !== undefined, "there is such an answer");
  const { ResponseMetadata: _metadata, Error: error, ...rest } = answered;
  const text = JSON.stringify(error ?? rest)
    .replaceAll("<partition>", "aws")
    .replaceAll("<region>", scope.region)
    .replaceAll("111111111111", scope.account)
    .replaceAll("<function-name:1>", "hello");
  return JSON.parse(text);
}

async function compare(name: string, calls: Readonly<Record<string, Call>>): Promise<void> {
  const expected = expectedOf(name);
  await using lambda = await open();
  for (const [answered, call] of Object.entries(calls)) {
    assert.deepEqual(await answer(lambda, call), shapeOf(expected[answered]), answered);
  }
}

test("refuses what is not there, as AWS does", { skip }, async () => {
  await compare("test_provisioned_concurrency_exceptions", {
    get_provisioned_config_doesnotexist: get("hello", "1"),
    get_provisioned_functionname_doesnotexist: get("doesnotexist", "noalias"),
    get_provisioned_qualifier_doesnotexist: get("hello", "noalias"),
    get_provisioned_version_doesnotexist: get("hello", "10"),
    get_provisioned_latest: get("hello", "$LATEST"),
    list_provisioned_noconfigs: list("hello"),
    list_provisioned_functionname_doesnotexist: list("doesnotexist"),
    delete_provisioned_functionname_doesnotexist: remove("doesnotexist", "1"),
    delete_provisioned_qualifier_doesnotexist: remove("hello", "noalias"),
    delete_provisioned_version_doesnotexist: remove("hello", "10"),
    delete_provisioned_latest: remove("hello", "$LATEST"),
    delete_provisioned_config_doesnotexist: remove("hello", "1"),
    put_provisioned_invalid_param_0: put("hello", "1", 0),
    put_provisioned_functionname_doesnotexist_alias: put("doesnotexist", "noalias"),
    put_provisioned_functionname_doesnotexist_version: put("doesnotexist", "1"),
    put_provisioned_qualifier_doesnotexist: put("hello", "doesnotexist"),
    put_provisioned_version_doesnotexist: put("hello", "10"),
    put_provisioned_latest: put("hello", "$LATEST"),
  });
});

test("goes through its life as on AWS", { skip }, async () => {
  await compare("test_lambda_provisioned_lifecycle", {
    put_provisioned_on_version: put("hello", "1"),
    put_provisioned_on_alias_versionconflict: put("hello", "live"),
    delete_provisioned_version: remove("hello", "1"),
    get_provisioned_version_postdelete: get("hello", "1"),
    put_provisioned_on_alias: put("hello", "live"),
    put_provisioned_on_version_conflict: put("hello", "1"),
  });
});

test("is in progress until it is allocated, as on AWS", { skip }, async () => {
  await compare("test_reserved_provisioned_overlap", {
    put_provisioned_5: put("hello", "1", 2),
    get_provisioned_prewait: get("hello", "1"),
  });
});

test("refuses a reserve below what is provisioned, and more than the reserve, as AWS does", { skip }, async () => {
  const expected = expectedOf("test_reserved_provisioned_overlap");
  await using lambda = await open();
  await answer(lambda, put("hello", "1", 2));

  const below = await answer(lambda, reserve(1));
  const equal = await answer(lambda, reserve(2));
  const another = await answer(lambda, put("hello", "2", 1));
  const increased = await answer(lambda, put("hello", "1", 3));

  assert.deepEqual(below, shapeOf(expected["reserved_lower_than_provisioned_exc"]));
  assert.deepEqual(equal, shapeOf(expected["get_concurrency"]));
  assert.deepEqual(another, shapeOf(expected["reserved_equals_provisioned_another_provisioned_exc"]));
  assert.deepEqual(increased, shapeOf(expected["reserved_equals_provisioned_increase_provisioned_exc"]));
});
