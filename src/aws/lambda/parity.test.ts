/**
 * What AWS answered, recorded, against what Hearth answers: every recorded case that needs nothing but the operations
 * on functions is played again, and each recorded answer must be among ours, member for member. Placeholders such as
 * `<uuid:2>` must stand for one value each, and for different ones.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";
import { answeredError, compareAnswers, plainRecorded, Placeholders } from "../../../test/support/recorded-answers.ts";
import {
  decodedParams,
  eventSourcesOf,
  openRecordings,
  RecordedIds,
  recordedScope,
  type RecordedCase,
} from "../../../test/support/recordings.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";

const scope = recordedScope;
const operations = new Set([
  "CreateEventSourceMapping",
  "CreateFunctionUrlConfig",
  "DeleteEventSourceMapping",
  "DeleteFunctionEventInvokeConfig",
  "DeleteFunctionUrlConfig",
  "GetEventSourceMapping",
  "GetFunctionEventInvokeConfig",
  "GetFunctionRecursionConfig",
  "GetFunctionUrlConfig",
  "GetRuntimeManagementConfig",
  "ListEventSourceMappings",
  "ListFunctionEventInvokeConfigs",
  "ListFunctionUrlConfigs",
  "PutFunctionEventInvokeConfig",
  "PutFunctionRecursionConfig",
  "PutRuntimeManagementConfig",
  "UpdateEventSourceMapping",
  "UpdateFunctionEventInvokeConfig",
  "UpdateFunctionUrlConfig",
  "AddLayerVersionPermission",
  "DeleteLayerVersion",
  "GetLayerVersion",
  "GetLayerVersionByArn",
  "GetLayerVersionPolicy",
  "ListLayers",
  "ListLayerVersions",
  "PublishLayerVersion",
  "RemoveLayerVersionPermission",
  "AddPermission",
  "CreateAlias",
  "CreateCodeSigningConfig",
  "CreateFunction",
  "DeleteAlias",
  "DeleteCodeSigningConfig",
  "DeleteFunction",
  "DeleteFunctionCodeSigningConfig",
  "DeleteFunctionConcurrency",
  "DeleteProvisionedConcurrencyConfig",
  "GetAccountSettings",
  "GetAlias",
  "GetCodeSigningConfig",
  "GetFunction",
  "GetFunctionCodeSigningConfig",
  "GetFunctionConcurrency",
  "GetFunctionConfiguration",
  "GetProvisionedConcurrencyConfig",
  "GetPolicy",
  "ListAliases",
  "ListFunctions",
  "ListVersionsByFunction",
  "ListCodeSigningConfigs",
  "ListFunctionsByCodeSigningConfig",
  "ListTags",
  "PublishVersion",
  "ListProvisionedConcurrencyConfigs",
  "PutFunctionCodeSigningConfig",
  "PutFunctionConcurrency",
  "PutProvisionedConcurrencyConfig",
  "RemovePermission",
  "TagResource",
  "UntagResource",
  "UpdateAlias",
  "UpdateCodeSigningConfig",
  "UpdateFunctionCode",
  "UpdateFunctionConfiguration",
]);

const { skip, cases: recorded } = openRecordings("lambda");
const cases = recorded.filter(({ calls, complete_trace }) => {
  const ours = calls.filter(({ service }) => service === "lambda");
  // Code from S3 is refused here.
  if (JSON.stringify(calls).includes('"S3Bucket"')) return false;
  return complete_trace && ours.length > 0 && ours.every(({ op }) => operations.has(op));
});

test("there are recorded answers", { skip }, () => {
  assert(cases.length > 20, `only ${cases.length}`);
});

for (const each of cases) {
  test(`answers as AWS did: ${each.id.replace(/^.*::/, "")}`, async () => {
    const outcomes = await play(each);

    const placeholders = new Placeholders();
    let position = 0;
    for (const [name, answer] of Object.entries(each.expected)) {
      const expected = withoutEnvelope(answer);
      const answers = outcomes.map((outcome) => (outcome instanceof ApiError ? refusal(outcome, answer) : outcome));
      const found = answers.findIndex((given, index) => index >= position && isSame(expected, given, placeholders));
      assert(
        found >= 0,
        `${name} ${JSON.stringify(expected)}\nis not among\n${answers.map((given) => JSON.stringify(given)).join("\n")}`,
      );
      position = found + 1;
    }
  });
}

/** Our answers, in order. */
async function play({ calls }: RecordedCase): Promise<unknown[]> {
  const model = lambdaModel();
  await using lambda = await LambdaBench.open(["python3.12", "nodejs20.x"]);
  for (const [arn, answer] of eventSourcesOf(calls)) lambda.sources.set(arn, answer);
  const ids = new RecordedIds();
  const answers: unknown[] = [];
  for (const { service, op, params } of calls) {
    if (service !== "lambda") continue;
    const input = decodedParams(ids.translated(params));
    try {
      model.operations.get(op)?.validate(input);
      const answer = withoutUndefined(await lambda.call(op, input, context({ scope })));
      answers.push(answer);
      ids.learn(op, answer);
      if (op.endsWith("EventSourceMapping")) await lambda.untilMappingsSettled();
      else if (/^(Create|Update)/.test(op)) await lambda.untilSettled(String(input["FunctionName"]), scope);
    } catch (error) {
      assert(error instanceof ApiError, String(error));
      answers.push(error);
    }
  }
  return answers;
}

/** What is in an answer's envelope comes from the wire, which is not here. */
function withoutEnvelope(answer: unknown): unknown {
  const plain = plainRecorded(answer) as Record<string, unknown>;
  const { ResponseMetadata: _, ...own } = plain;
  const { Error: error } = own;
  return error === undefined ? own : { Error: error };
}

function refusal({ code, message }: ApiError, form: unknown): unknown {
  return withoutEnvelope(answeredError({ code, message }, form));
}

/** Binds placeholders only when all agrees. */
function isSame(expected: unknown, answer: unknown, placeholders: Placeholders): boolean {
  const isWhole = compareAnswers(expected, answer, placeholders.copy()).differences.length === 0;
  return isWhole && compareAnswers(expected, answer, placeholders).differences.length === 0;
}

function withoutUndefined(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
