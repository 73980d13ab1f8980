import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { ApiError } from "../../core/errors.ts";
import { lambdaConstraints } from "../generated/constraints-lambda.ts";
import { lambdaModel, logsModel } from "../models.ts";

const lambda = lambdaModel();
const logs = logsModel();

function messageOf(model: typeof lambda, operation: string, input: Record<string, unknown>): string {
  try {
    model.operations.get(operation)?.validate(input);
    return "";
  } catch (error) {
    assert(error instanceof ApiError);
    assert.equal(error.code, model.facts.codes.validation);
    return error.message;
  }
}

const valid = {
  FunctionName: "resize",
  Role: "arn:aws:iam::000000000000:role/r",
  Code: { ZipFile: Buffer.from("zip") },
  Runtime: "nodejs24.x",
  Handler: "index.handler",
};

test("a valid input passes", () => {
  assert.equal(messageOf(lambda, "CreateFunction", valid), "");
  assert.equal(messageOf(lambda, "Invoke", { FunctionName: "resize", Payload: Buffer.alloc(0) }), "");
});

test("every breach is told in AWS's words, all of them together", () => {
  assert.equal(
    messageOf(lambda, "CreateFunction", { ...valid, MemorySize: 127 }),
    "1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: " +
      "Member must have value greater than or equal to 128",
  );
  assert.equal(
    messageOf(lambda, "CreateFunction", { ...valid, Role: undefined, Timeout: 901 }),
    "2 validation errors detected: Value null at 'role' failed to satisfy constraint: Member must not be null; " +
      "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
  );
  assert.equal(
    messageOf(lambda, "UntagResource", { Resource: "arn:aws:lambda:us-east-1:000000000000:function:f" }),
    "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
  );
});

test("an empty string breaks pattern and length, and is told of both", () => {
  assert.equal(
    messageOf(logs, "CreateLogGroup", { logGroupName: "" }),
    "2 validation errors detected: Value '' at 'logGroupName' failed to satisfy constraint: " +
      "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+; " +
      "Value '' at 'logGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1",
  );
});

test("lists of simple values are shown whole, with every constraint of their items", () => {
  assert.equal(
    messageOf(lambda, "CreateFunction", { ...valid, VpcConfig: { SubnetIds: ["bad-subnet"] } }),
    "1 validation error detected: Value '[bad-subnet]' at 'vpcConfig.subnetIds' failed to satisfy constraint: " +
      "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length " +
      "greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]",
  );
  assert.match(
    messageOf(lambda, "CreateFunction", { ...valid, Layers: ["arn:aws:lambda:us-east-1:000000000000:layer:l"] }),
    /Value '\[arn:.*:layer:l\]' at 'layers' .*\[Member must have length less than or equal to 2048, .*, Member must not be null\]$/,
  );
});

test("enums list what they take", () => {
  assert.match(
    messageOf(lambda, "Invoke", { FunctionName: "f", InvocationType: "Later" }),
    /^1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: \[.*DryRun.*\]$/,
  );
});

test("members of structures in lists are found by their position", () => {
  const input = {
    logGroupName: "g",
    logStreamName: "s",
    logEvents: [{ timestamp: 1, message: "" }, { timestamp: -1 }],
  };

  assert.equal(
    messageOf(logs, "PutLogEvents", input),
    "3 validation errors detected: Value '' at 'logEvents.1.member.message' failed to satisfy constraint: " +
      "Member must have length greater than or equal to 1; Value '-1' at 'logEvents.2.member.timestamp' failed to " +
      "satisfy constraint: Member must have value greater than or equal to 0; Value null at " +
      "'logEvents.2.member.message' failed to satisfy constraint: Member must not be null",
  );
});

test("a fraction is no integer", () => {
  assert.throws(() => lambda.operations.get("CreateFunction")?.validate({ ...valid, MemorySize: 128.5 }), {
    name: "SerializationError",
  });
});

test("the number of breaches that one answer lists is bounded", () => {
  const logEvents = Array.from({ length: 10_000 }, () => ({ timestamp: 1, message: "" }));

  const message = messageOf(logs, "PutLogEvents", { logGroupName: "g", logStreamName: "s", logEvents });

  assert(message.startsWith("100 validation errors detected: "));
});

test("no pattern takes long on hostile input", () => {
  const hostile = ["a", "-", "0", "arn:aws:lambda:", ":", "a-", "A1_"].map((piece) => piece.repeat(3000));
  const startedAtMs = performance.now();

  for (const name of hostile) {
    messageOf(lambda, "Invoke", { FunctionName: name, Qualifier: name });
    messageOf(lambda, "CreateFunction", { ...valid, FunctionName: name, Role: name, Layers: [name], KMSKeyArn: name });
    messageOf(lambda, "CreateEventSourceMapping", { FunctionName: name, EventSourceArn: name, Topics: [name] });
    messageOf(logs, "CreateLogGroup", { logGroupName: name, kmsKeyId: name, tags: { [name]: name } });
  }

  assert(performance.now() - startedAtMs < 5000);
});

function recordedLambdaAnswers(): unknown {
  const folder =
    process.env["HEARTH_PARITY_DATA"] ?? fileURLToPath(new URL("../../../../shared/parity", import.meta.url));
  const file = `${folder}/lambda.json.gz`;
  return existsSync(file) ? (JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")) as unknown) : undefined;
}

interface RecordedCase {
  readonly id: string;
  readonly calls: readonly { readonly op: string; readonly params: Record<string, unknown> }[];
  readonly expected: Readonly<Record<string, { readonly Code?: string; readonly Errors?: readonly string[] }>>;
}

/** The breaches of a text without their values, which the recordings replace. */
function constraints(text: string): string[] {
  return text.split("; Value ").map((part) => part.slice(part.indexOf("' at '")));
}

test("function names and qualifiers are refused as AWS was recorded to refuse them", (context) => {
  const data = recordedLambdaAnswers();
  if (data === undefined) {
    context.skip("the recorded answers are not at hand");
    return;
  }
  const cases = (Array.isArray(data) ? data : (data as { readonly cases: unknown }).cases) as readonly RecordedCase[];
  const recorded = cases.filter(({ id }) => id.includes("test_function_name_and_qualifier_validation"));
  assert(recorded.length > 10);

  for (const { id, calls, expected } of recorded) {
    const call = calls.at(-1);
    const [answer] = Object.values(expected);
    if (call === undefined || answer === undefined) continue;
    const input = call.op === "CreateFunction" ? { ...valid, FunctionName: call.params["FunctionName"] } : call.params;
    const found = messageOf(lambda, call.op, input);
    if (answer.Code === "ValidationException") {
      assert.deepEqual(constraints(found).toSorted(), (answer.Errors ?? []).flatMap(constraints).toSorted(), id);
    } else assert.equal(found, "", id);
  }
});

test("every pattern that AWS was recorded to print is the one we print", (context) => {
  const data = recordedLambdaAnswers();
  if (data === undefined) {
    context.skip("the recorded answers are not at hand");
    return;
  }
  const printed = JSON.stringify(data).match(/Member must satisfy regular expression pattern: (?:[^"\\]|\\.)*/g) ?? [];
  const known = Object.values(lambdaConstraints.shapes).flatMap(({ pattern }) => pattern ?? []);
  assert(printed.length > 5);

  for (const text of printed) {
    const shown = String(JSON.parse(`"${text}"`)).replace("Member must satisfy regular expression pattern: ", "");
    // What follows a pattern is the next breach, or the end of a list's constraints.
    const isKnown = known.some(
      (pattern) => shown.startsWith(pattern) && /^($|; |, |\])/.test(shown.slice(pattern.length)),
    );
    assert(isKnown, shown);
  }
});
