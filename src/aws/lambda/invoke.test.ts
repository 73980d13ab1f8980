import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { InvokeOutcome } from "../../data-plane/frontend/contract.ts";
import type { InvocationReport } from "../../worker/contract.ts";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";

let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
  lambda.outcome = executed();
});

afterEach(async () => {
  await lambda[Symbol.asyncDispose]();
});

const report: InvocationReport = {
  requestId: "00000000-0000-4000-8000-000000000000",
  status: "success",
  durationMs: 1.5,
  billedMs: 2,
  memorySizeMiB: 128,
  maxMemoryUsedMiB: 40,
  logTail: Buffer.from("START\nEND\n"),
  environment: "idle",
};

function executed(overrides: Partial<Extract<InvokeOutcome, { kind: "executed" }>> = {}): InvokeOutcome {
  return {
    kind: "executed",
    executedVersion: "$LATEST",
    response: { kind: "success", payload: Buffer.from("1"), contentType: "application/json" },
    start: { cold: false, queueMs: 0.1, environmentId: "e1" },
    report: Promise.resolve(report),
    ...overrides,
  };
}

const jsonOf = (bytes: number): Buffer => Buffer.from(`"${"x".repeat(bytes - 2)}"`);
const encoded = (text: string): string => Buffer.from(text).toString("base64");

test("passes name, qualifier, payload, client context and trace on, and answers what the function said", async () => {
  const ClientContext = encoded('{"custom":{"a":"b"}}');
  const headers = { "x-amzn-trace-id": "Root=1-2-3" };

  const answer = await lambda.call(
    "Invoke",
    { FunctionName: "function:f:prod", Payload: Buffer.from('{"a":1}'), ClientContext },
    context({ headers }),
  );

  assert.deepEqual(answer, { StatusCode: 200, ExecutedVersion: "$LATEST", Payload: Buffer.from("1") });
  assert.deepEqual(lambda.invocations, [
    {
      scope: { account: "000000000000", region: "us-east-1" },
      functionName: "f",
      qualifier: "prod",
      requestId: "00000000-0000-4000-8000-000000000000",
      payload: Buffer.from('{"a":1}'),
      wantsLogTail: false,
      traceId: "Root=1-2-3",
      clientContext: '{"custom":{"a":"b"}}',
    },
  ]);
});

test("an absent or empty payload reaches the function as an empty object", async () => {
  await lambda.call("Invoke", { FunctionName: "f" });
  await lambda.call("Invoke", { FunctionName: "f", Payload: Buffer.alloc(0) });

  assert.deepEqual(
    lambda.invocations.map(({ payload }) => Buffer.from(payload).toString()),
    ["{}", "{}"],
  );
});

test("a payload that is not JSON is refused before anything runs", async () => {
  await assert.rejects(lambda.call("Invoke", { FunctionName: "f", Payload: Buffer.from([0x99, 0xeb]) }), {
    code: "InvalidRequestContentException",
    message:
      "Could not parse request body into json: Could not parse payload into json: Unexpected character " +
      "((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n" +
      " at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]",
  });

  assert.deepEqual(lambda.invocations, []);
});

test("a client context that is no JSON object in base64, or is too long, is refused", async () => {
  const refused = async (ClientContext: string): Promise<void> =>
    assert.rejects(lambda.call("Invoke", { FunctionName: "f", ClientContext }), {
      code: "InvalidRequestContentException",
      message: /^Client context must be /,
    });

  await refused("{}");
  await refused(encoded("no json"));
  await refused(encoded("[1]"));
  await refused(encoded(JSON.stringify({ a: "x".repeat(3000) })));
  assert.deepEqual(lambda.invocations, []);
});

test("the tail of the log comes with the answer when it is asked for", async () => {
  const answer = await lambda.call("Invoke", { FunctionName: "f", LogType: "Tail" });

  assert.equal(lambda.invocations[0]?.wantsLogTail, true);
  assert.equal(answer["LogResult"], encoded("START\nEND\n"));
});

test("a report that never comes because the worker was lost does not take the answer away", async () => {
  lambda.outcome = executed({ report: Promise.reject(new Error("lost")) });

  const answer = await lambda.call("Invoke", { FunctionName: "f", LogType: "Tail" });

  assert.deepEqual(answer, { StatusCode: 200, ExecutedVersion: "$LATEST", Payload: Buffer.from("1") });
});

test("whoever asks learns start and report of the invocation in a header", async () => {
  const call = context({ headers: { "x-hearth-report": "1" } });

  await lambda.call("Invoke", { FunctionName: "f" }, call);

  const { logTail: _logTail, ...facts } = report;
  assert.deepEqual(JSON.parse(call.responseHeaders.get("x-hearth-invocation") ?? ""), {
    start: { cold: false, queueMs: 0.1, environmentId: "e1" },
    report: facts,
  });
});

test("a failed function is an answer with FunctionError", async () => {
  const payload = Buffer.from('{"errorType":"Error"}');
  lambda.outcome = executed({ response: { kind: "function-error", functionError: "Unhandled", payload } });

  const answer = await lambda.call("Invoke", { FunctionName: "f" });

  assert.deepEqual(answer, {
    StatusCode: 200,
    ExecutedVersion: "$LATEST",
    Payload: payload,
    FunctionError: "Unhandled",
  });
});

test("throttled, unknown and unready functions are refused in AWS's words, by DryRun too", async () => {
  const outcomes: readonly (readonly [InvokeOutcome, object])[] = [
    [
      { kind: "throttled", reason: "ConcurrentInvocationLimitExceeded", retryAfterSeconds: 1 },
      {
        code: "TooManyRequestsException",
        message: "Rate Exceeded.",
        fields: { Reason: "ConcurrentInvocationLimitExceeded", retryAfterSeconds: "1" },
      },
    ],
    [
      { kind: "throttled", reason: "MemoryPressure", retryAfterSeconds: 1 },
      {
        code: "TooManyRequestsException",
        message: "Rate Exceeded: memory is short, and no idle execution environment is left that could give any.",
        fields: { retryAfterSeconds: "1" },
      },
    ],
    [
      { kind: "not-found", arn: "arn:aws:lambda:us-east-1:000000000000:function:f:9" },
      {
        code: "ResourceNotFoundException",
        message: "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:9",
      },
    ],
    [
      { kind: "not-ready", state: "Pending", reason: "" },
      {
        code: "ResourceConflictException",
        message:
          "The operation cannot be performed at this time. The function is currently in the following state: Pending",
      },
    ],
  ];
  for (const [outcome, refusal] of outcomes) {
    lambda.outcome = outcome;
    await assert.rejects(lambda.call("Invoke", { FunctionName: "f" }), refusal);
    await assert.rejects(lambda.call("Invoke", { FunctionName: "f", InvocationType: "DryRun" }), refusal);
  }
});

test("DryRun answers 204 and runs nothing", async () => {
  assert.deepEqual(await lambda.call("Invoke", { FunctionName: "f", InvocationType: "DryRun" }), { StatusCode: 204 });
  assert.deepEqual(lambda.invocations, []);
});

test("what is not there yet is refused by name", async () => {
  for (const [member, input] of Object.entries({
    DurableExecutionName: { DurableExecutionName: "d" },
    TenantId: { TenantId: "t" },
  })) {
    await assert.rejects(lambda.call("Invoke", { FunctionName: "f", ...input }), {
      code: "InvalidParameterValueException",
      message: new RegExp(`^${member} is not supported by Hearth: `),
    });
  }
});

test("an event is answered 202 with nothing, and invokes the function later under the same request id", async () => {
  const headers = { "x-amzn-trace-id": "Root=1-2-3" };
  const call = context({ headers });
  const ClientContext = encoded("{}");

  const answer = await lambda.call(
    "Invoke",
    { FunctionName: "f:prod", InvocationType: "Event", Payload: Buffer.from('{"a":1}'), ClientContext },
    call,
  );
  while (lambda.invocations.length === 0) await setImmediate();

  assert.deepEqual(answer, { StatusCode: 202, Payload: Buffer.alloc(0) });
  assert.deepEqual(
    lambda.invocations.map(({ payload, ...rest }) => ({ ...rest, payload: Buffer.from(payload).toString() })),
    [
      {
        scope: call.scope,
        functionName: "f",
        qualifier: "prod",
        requestId: call.requestId,
        payload: '{"a":1}',
        traceId: "Root=1-2-3",
        wantsLogTail: false,
        isEvent: true,
      },
    ],
  );
});

test("an event may have 1 MB, by InvokeAsync 256 KB", async () => {
  const event = { FunctionName: "f", InvocationType: "Event" };

  await lambda.call("Invoke", { ...event, Payload: jsonOf(1_048_576) });
  assert.deepEqual(await lambda.call("InvokeAsync", { FunctionName: "f", InvokeArgs: jsonOf(262_144) }), {
    Status: 202,
  });

  await assert.rejects(lambda.call("Invoke", { ...event, Payload: jsonOf(1_048_577) }), {
    code: "RequestEntityTooLargeException",
    message: "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
  });
  await assert.rejects(lambda.call("InvokeAsync", { FunctionName: "f", InvokeArgs: jsonOf(262_145) }), {
    code: "RequestEntityTooLargeException",
  });
});

test("an event for a function that is not there, or cannot run, is refused at once", async () => {
  lambda.outcome = { kind: "not-found", arn: "arn:aws:lambda:us-east-1:000000000000:function:f" };
  await assert.rejects(lambda.call("Invoke", { FunctionName: "f", InvocationType: "Event" }), {
    code: "ResourceNotFoundException",
    message: "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f",
  });
  lambda.outcome = { kind: "not-ready", state: "Pending", reason: "" };
  await assert.rejects(lambda.call("InvokeAsync", { FunctionName: "f", InvokeArgs: Buffer.from("1") }), {
    code: "ResourceConflictException",
  });
});

test("a function that calls itself in a circle is refused in AWS's words", async () => {
  lambda.outcome = { kind: "recursive", message: "in a circle" };

  await assert.rejects(lambda.call("Invoke", { FunctionName: "f" }), {
    code: "RecursiveInvocationException",
    message: "in a circle",
  });
});
