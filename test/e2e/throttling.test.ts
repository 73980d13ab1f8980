/**
 * Concurrency limits as a client meets them: status, code, reason and `Retry-After`.
 * https://docs.aws.amazon.com/lambda/latest/api/API_TooManyRequestsException.html
 */
import {
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  PutFunctionConcurrencyCommand,
  TooManyRequestsException,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

/** AWS keeps 100 of an account for functions without a reserve, so that reserving one takes at least 101. */
const accountConcurrency = 103;
const unreservedMin = 100;

const slow = {
  "index.mjs": `
    export const handler = async (event) => {
      if (event.wait) await new Promise((resolve) => setTimeout(resolve, event.wait));
      return "done";
    };`,
};

let hearth: RunningHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth({ settings: { accountConcurrency } });
  lambda = hearth.lambda();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

function reserve(name: string, count: number) {
  return lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: count }));
}

/** Calls it `count` times at once; what was answered and what was refused. */
async function callAtOnce(client: LambdaClient, name: string, count: number) {
  const calls = await Promise.allSettled(Array.from({ length: count }, () => invoke(client, name, { wait: 1000 })));
  return {
    answers: calls.filter((call) => call.status === "fulfilled").map(({ value }) => value.payload),
    refusals: calls.filter((call) => call.status === "rejected").map(({ reason }) => reason as unknown),
  };
}

function assertThrottled(error: unknown, reason: string): void {
  assert(error instanceof TooManyRequestsException, String(error));
  assert.equal(error.$metadata.httpStatusCode, 429);
  assert.equal(error.message, "Rate Exceeded.");
  assert.equal(error.Reason, reason);
  assert.match(error.retryAfterSeconds ?? "", /^[1-9]\d*$/);
}

test("a function with a reserve of one runs one call at a time and throttles the other, until the first is answered", async () => {
  const name = await createFunction(lambda, slow);
  await reserve(name, 1);

  const { answers, refusals } = await callAtOnce(lambda, name, 2);

  assert.deepEqual(answers, ["done"]);
  assert.equal(refusals.length, 1);
  assertThrottled(refusals[0], "ReservedFunctionConcurrentInvocationLimitExceeded");
  assert.equal((await invoke(lambda, name)).payload, "done");
});

test("a reserve of zero throttles every call, and taking it away lets them run", async () => {
  const name = await createFunction(lambda, slow);
  await reserve(name, 0);

  for (let call = 0; call < 3; call++) {
    const error: unknown = await invoke(lambda, name).catch((reason: unknown) => reason);
    assertThrottled(error, "ReservedFunctionConcurrentInvocationLimitExceeded");
  }

  await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: name }));
  assert.equal((await invoke(lambda, name)).payload, "done");
});

test("what is not reserved stays at a hundred at least, as on AWS", async () => {
  const name = await createFunction(lambda, slow);

  await assert.rejects(reserve(name, accountConcurrency - unreservedMin + 1), {
    name: "InvalidParameterValueException",
    message: /UnreservedConcurrentExecution below its minimum value of \[100\]/,
  });
});

test("an account that runs as much as it may throttles its next call, and no other account", async () => {
  await using small = await startHearth({ settings: { accountConcurrency: 2 } });
  const [client, stranger] = [small.lambda(), small.lambda({ accessKeyId: "343434343434" })];
  const [one, two, others] = await Promise.all([
    createFunction(client, slow),
    createFunction(client, slow),
    createFunction(stranger, slow),
  ]);

  const [{ answers, refusals }, second, other] = await Promise.all([
    callAtOnce(client, one, 2),
    callAtOnce(client, two, 1),
    callAtOnce(stranger, others, 2),
  ]);

  assert.deepEqual([...answers, ...second.answers], ["done", "done"]);
  const refused = [...refusals, ...second.refusals];
  assert.equal(refused.length, 1);
  assertThrottled(refused[0], "ConcurrentInvocationLimitExceeded");
  assert.deepEqual(other, { answers: ["done", "done"], refusals: [] });
  const { AccountLimit } = await client.send(new GetAccountSettingsCommand({}));
  assert.equal(AccountLimit?.ConcurrentExecutions, 2);
});
