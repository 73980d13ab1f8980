/**
 * Concurrency limits as a client meets them: status, code, reason and `Retry-After`.
 * https://docs.aws.amazon.com/lambda/latest/api/API_TooManyRequestsException.html
 */
import {
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  InvokeCommand,
  ListFunctionsCommand,
  PutFunctionConcurrencyCommand,
  TooManyRequestsException,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

/** AWS keeps 100 of an account for functions without a reserve, so that reserving one takes at least 101. */
const accountConcurrency = 103;
const unreservedMin = 100;
const environmentsPerTenSeconds = 2;

/** Of a second in which at most four are let through. */
const callsMax = 1000;

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
  hearth = await startHearth({ settings: { accountConcurrency, environmentsPerTenSeconds } });
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

function assertThrottled(error: unknown, reason: string, message = "Rate Exceeded."): void {
  assert(error instanceof TooManyRequestsException, String(error));
  assert.equal(error.$metadata.httpStatusCode, 429);
  assert.equal(error.message, message);
  assert.equal(error.Type, "User");
  assert.equal(error.Reason, reason);
  assert.match(error.retryAfterSeconds ?? "", /^[1-9]\d*$/);
}

/** Calls it one time after the other until that is refused. */
async function untilRefused(call: () => Promise<unknown>): Promise<unknown> {
  for (let calls = 0; calls < callsMax; calls++) {
    try {
      await call();
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

async function untilAdmitted<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof TooManyRequestsException)) throw error;
      await setTimeout(5);
    }
  }
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

test("a function that is called more often in a second than its reserve allows is throttled", async () => {
  await using small = await startHearth({ settings: { accountConcurrency, requestsPerConcurrency: 1 } });
  const client = small.lambda();
  const [reserved, other] = await Promise.all([createFunction(client, slow), createFunction(client, slow)]);
  for (const name of [reserved, other]) {
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 1 }));
  }

  const error = await untilRefused(() => invoke(client, reserved));

  assertThrottled(error, "ReservedFunctionInvocationRateLimitExceeded");
  assert.equal((await invoke(client, other)).payload, "done", "others are not affected");
});

test("functions without a reserve share a rate of requests, and events have one of their own", async () => {
  await using small = await startHearth({ settings: { accountConcurrency: 2, requestsPerConcurrency: 1 } });
  const client = small.lambda();
  const [one, two] = await Promise.all([createFunction(client, slow), createFunction(client, slow)]);
  const event = new InvokeCommand({ FunctionName: one, InvocationType: "Event" });

  const error = await untilRefused(async () => {
    await invoke(client, one);
    await invoke(client, two);
  });
  const sent = await Promise.allSettled(Array.from({ length: 20 }, () => client.send(event)));

  assertThrottled(error, "FunctionInvocationRateLimitExceeded");
  assert.equal(sent.find((each) => each.status === "fulfilled")?.value.StatusCode, 202);
  const refused = sent.filter((each) => each.status === "rejected");
  assert(refused.length > 0);
  for (const { reason } of refused) assertThrottled(reason, "CallerRateLimitExceeded", "Rate exceeded");
});

test("a function that would need new environments faster than it may get them is throttled", async () => {
  const name = await createFunction(lambda, slow);

  const { answers, refusals } = await callAtOnce(lambda, name, environmentsPerTenSeconds + 1);

  assert.deepEqual(answers, ["done", "done"]);
  assert.equal(refusals.length, 1);
  assertThrottled(refusals[0], "FunctionInvocationRateLimitExceeded");
});

test("operations other than invocations are limited as on AWS where the owner wants it", async () => {
  await using limited = await startHearth({ settings: { apiRates: "on" } });
  const [client, stranger] = [limited.lambda(), limited.lambda({ accessKeyId: "343434343434" })];
  const list = new ListFunctionsCommand({});

  const asked = await Promise.allSettled(Array.from({ length: 100 }, () => client.send(list)));

  const refused = asked.filter((each) => each.status === "rejected");
  assert(refused.length > 0 && refused.length <= 85);
  for (const { reason } of refused) assertThrottled(reason, "CallerRateLimitExceeded", "Rate exceeded");
  await stranger.send(list);
});

test("the place of a caller who is gone is free when the function has ended", async () => {
  const name = await createFunction(lambda, slow);
  await reserve(name, 1);
  await invoke(lambda, name);
  const gone = new AbortController();
  const Payload = Buffer.from(JSON.stringify({ wait: 500 }));
  const call = untilAdmitted(() =>
    lambda.send(new InvokeCommand({ FunctionName: name, Payload }), { abortSignal: gone.signal }),
  );
  // It runs as soon as another one finds no place.
  const refused = await untilRefused(() => invoke(lambda, name));
  assertThrottled(refused, "ReservedFunctionConcurrentInvocationLimitExceeded");

  gone.abort();

  await assert.rejects(call, { name: "AbortError" });
  assert.equal((await untilAdmitted(() => invoke(lambda, name))).payload, "done");
});
