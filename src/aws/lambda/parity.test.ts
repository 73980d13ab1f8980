/**
 * What AWS answered, recorded, against what Hearth answers: every recorded case that needs nothing but the operations
 * on functions is played again, and each recorded answer must be among ours, member for member. Placeholders such as
 * `<uuid:2>` must stand for one value each, and for different ones.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";

interface RecordedCase {
  readonly id: string;
  readonly calls: readonly { readonly service: string; readonly op: string; readonly params: object }[];
  readonly expected: Readonly<Record<string, unknown>>;
  readonly complete_trace: boolean;
}

const scope = { account: "123456789012", region: "us-east-1" };
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

const directory =
  process.env["HEARTH_PARITY_DATA"] ?? fileURLToPath(new URL("../../../../shared/parity", import.meta.url));
const file = join(directory, "lambda.json.gz");
const skip = existsSync(file) ? false : `no recorded answers at ${directory}`;
const cases = (skip === false ? (JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedCase[]) : []).filter(
  ({ calls, complete_trace }) => {
    const ours = calls.filter(({ service }) => service === "lambda");
    // Code from S3 is refused here.
    if (JSON.stringify(calls).includes('"S3Bucket"')) return false;
    return complete_trace && ours.length > 0 && ours.every(({ op }) => operations.has(op));
  },
);

test("there are recorded answers", { skip }, () => {
  assert(cases.length > 20, `only ${cases.length}`);
});

for (const each of cases) {
  test(`answers as AWS did: ${each.id.replace(/^.*::/, "")}`, async () => {
    const answers = await play(each);

    const placeholders = new Map<string, unknown>();
    let position = 0;
    for (const [name, recorded] of Object.entries(each.expected)) {
      const found = answers.findIndex(
        (answer, index) => index >= position && agrees(shapeOf(recorded), answer, placeholders),
      );
      assert(
        found >= 0,
        `${name} ${JSON.stringify(shapeOf(recorded))}\nis not among\n${answers.map((answer) => JSON.stringify(answer)).join("\n")}`,
      );
      position = found + 1;
    }
    const values = [...placeholders.values()];
    assert.equal(new Set(values).size, values.length, "two placeholders stand for one value");
  });
}

/** Our answers, in order; an error as its code and text. */
async function play({ calls }: RecordedCase): Promise<unknown[]> {
  const model = lambdaModel();
  await using lambda = await LambdaBench.open(["python3.12", "nodejs20.x"]);
  for (const [arn, answer] of sourcesOf(calls)) lambda.sources.set(arn, answer);
  const mappings = new RecordedMappings();
  const answers: unknown[] = [];
  for (const { service, op, params } of calls) {
    if (service !== "lambda") continue;
    const input = decoded(mappings.translated(params)) as Record<string, unknown>;
    try {
      model.operations.get(op)?.validate(input);
      const answer = withoutUndefined(await lambda.call(op, input, context({ scope })));
      answers.push(answer);
      if (op.endsWith("EventSourceMapping")) {
        if (op.startsWith("Create")) mappings.add((answer as { UUID: string }).UUID);
        await lambda.untilMappingsSettled();
      } else if (/^(Create|Update)/.test(op)) await lambda.untilSettled(String(input["FunctionName"]), scope);
    } catch (error) {
      assert(error instanceof ApiError, String(error));
      answers.push({ code: error.code, texts: textsOf(error.message) });
    }
  }
  return answers;
}

/** Whether the sources of a case's mappings are there: those that it makes are, and no others. */
function sourcesOf(calls: RecordedCase["calls"]): Map<string, "yes" | "no"> {
  const setUp = calls.filter(({ service }) => service !== "lambda");
  const made = new Set(setUp.flatMap(({ params }) => Object.values(params) as unknown[]));
  const arns = calls.map(({ params }) => (params as { EventSourceArn?: string }).EventSourceArn ?? "");
  return new Map(arns.map((arn) => [arn, made.has(sourceNameOf(arn)) ? "yes" : "no"]));
}

function sourceNameOf(arn: string): string | undefined {
  return arn.split(":table/")[1]?.split("/")[0] ?? arn.split(/[:/]/).at(-1);
}

/** The ids of mappings that the recording knew, each for the next of ours that none stands for yet. */
class RecordedMappings {
  readonly #ours: string[] = [];
  readonly #known = new Map<string, string>();

  add(uuid: string): void {
    this.#ours.push(uuid);
  }

  translated(params: object): object {
    const text = JSON.stringify(params).replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (recorded) => {
      const ours = this.#known.get(recorded) ?? this.#ours.shift() ?? recorded;
      this.#known.set(recorded, ours);
      return ours;
    });
    return JSON.parse(text) as object;
  }
}

/** A recorded answer without what surrounds it. */
function shapeOf(recorded: unknown): unknown {
  const { ResponseMetadata: _metadata, CreateFunctionResponse, ...rest } = recorded as Record<string, unknown>;
  if (CreateFunctionResponse !== undefined) return shapeOf(CreateFunctionResponse);
  const {
    Error: error,
    Code,
    Message,
    Errors,
  } = rest as {
    Error?: { Code: string; Message: string };
    Code?: unknown;
    Message?: string;
    Errors?: string[];
  };
  if (error !== undefined) return { code: error.Code, texts: textsOf(error.Message) };
  if (Errors !== undefined) return { code: Code, texts: Errors.toSorted() };
  if (typeof Code === "string" && Message !== undefined) return { code: Code, texts: textsOf(Message) };
  return rest;
}

function textsOf(message: string): string[] {
  return message
    .replace(/^\d+ validation errors? detected: /, "")
    .split("; ")
    .toSorted();
}

/** Binds placeholders that stand for one value each, when all agrees. */
function agrees(recorded: unknown, answer: unknown, placeholders: Map<string, unknown>): boolean {
  const bound = new Map(placeholders);
  if (!matches(recorded, answer, bound)) return false;
  for (const [placeholder, value] of bound) placeholders.set(placeholder, value);
  return true;
}

function matches(recorded: unknown, answer: unknown, bound: Map<string, unknown>): boolean {
  if (typeof recorded === "string") return matchesText(recorded, answer, bound);
  if (Array.isArray(recorded)) {
    const items = answer as unknown[];
    return (
      Array.isArray(answer) &&
      recorded.length === items.length &&
      recorded.every((item, index) => matches(item, items[index], bound))
    );
  }
  if (typeof recorded !== "object" || recorded === null) return recorded === answer;
  // The recorder reads JSON in texts, such as policies.
  if (typeof answer === "string" && answer.startsWith("{")) return matches(recorded, JSON.parse(answer), bound);
  if (typeof answer !== "object" || answer === null) return false;
  const [expected, actual] = [recorded as Record<string, unknown>, answer as Record<string, unknown>];
  const names = Object.keys(expected).toSorted();
  return (
    names.join() === Object.keys(actual).toSorted().join() &&
    names.every((name) => matches(expected[name], actual[name], bound))
  );
}

function matchesText(recorded: string, answer: unknown, bound: Map<string, unknown>): boolean {
  if (/^<(uuid|code-sha256):\d+>$/.test(recorded)) {
    const value = bound.get(recorded) ?? answer;
    bound.set(recorded, value);
    return value === answer;
  }
  if (recorded === "<code-size>") return typeof answer === "number";
  if (["date", "datetime", "code-sha256"].includes(recorded)) return typeof answer === "string" && answer !== "";
  const parts = recorded
    .split(/<[^<>]*>a*|111111111111/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return typeof answer === "string" && new RegExp(`^${parts.join(".*")}$`, "s").test(answer);
}

/** `{"$b64": …}` stands for bytes. */
function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value !== "object" || value === null) return value;
  const { $b64 } = value as { $b64?: string };
  if ($b64 !== undefined) return Buffer.from($b64, "base64");
  // Clients leave out what is null.
  const members = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(members.map(([name, item]) => [name, decoded(item)]));
}

function withoutUndefined(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
