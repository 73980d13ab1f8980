/**
 * A function at its limit, whose callers try again and again, slows another's slowest calls by a factor of two at most:
 * whether the limit is its own reserve or its account's concurrency.
 */
import { PutFunctionConcurrencyCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { invokeCall } from "../../bench/targets/hearth.ts";
import { startEagerCallers } from "../support/eager-callers.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { interference } from "../support/interference.ts";

const limit = 4;
const callers = 4 * limit;
/** AWS keeps 100 of an account for functions without a reserve. */
const unreservedMin = 100;
/** No limit: it is concurrency that the noisy one runs out of, at as many calls a second as that allows. */
const requestsPerConcurrency = 0;

const quiet = { "index.js": "exports.handler = async (event) => event;" };

/** Waits for something, as most functions do; what computes is measured among the neighbours. */
const noisy = {
  "index.mjs": `
    import { setTimeout } from "node:timers/promises";
    export const handler = () => setTimeout(20);`,
};

/** `neighbour` belongs to the client's account, the noisy function to the one that calls of benchmarks are made for. */
async function assertUnharmed(
  context: TestContext,
  hearth: RunningHearth,
  { client, neighbour, name }: { readonly client: LambdaClient; readonly neighbour: string; readonly name: string },
): Promise<void> {
  const call = invokeCall(hearth, name, "{}");
  const counts = { answered: 0, throttled: 0 };

  const { holds, said } = await interference(
    () => invoke(client, neighbour),
    async (durationMs) => {
      const eager = await startEagerCallers({ call: { ...call, url: call.url.href }, callers });
      const stop = async (): Promise<void> => {
        await setTimeout(durationMs);
        const { answered, throttled } = await eager.stop();
        counts.answered += answered;
        counts.throttled += throttled;
      };
      return { over: stop() };
    },
  );

  const noise = `${counts.answered} calls answered and ${counts.throttled} refused beside it`;
  context.diagnostic(`p99 ${said}; ${noise}`);
  assert(counts.answered > 0 && counts.throttled > 0, noise);
  assert(holds, `p99 rose: ${said}; ${noise}`);
}

test("a function at its reserved concurrency does not slow another beyond 2 ×", async (context) => {
  await using hearth = await startHearth({
    settings: { accountConcurrency: unreservedMin + limit, requestsPerConcurrency },
  });
  const client = hearth.lambda();
  const [neighbour, name] = await Promise.all([createFunction(client, quiet), createFunction(client, noisy)]);
  await client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: limit }));

  await assertUnharmed(context, hearth, { client, neighbour, name });
});

test("a function at its account's concurrency does not slow one of another account beyond 2 ×", async (context) => {
  await using hearth = await startHearth({ settings: { accountConcurrency: limit, requestsPerConcurrency } });
  const client = hearth.lambda({ accessKeyId: "343434343434" });
  const [neighbour, name] = await Promise.all([createFunction(client, quiet), createFunction(hearth.lambda(), noisy)]);

  await assertUnharmed(context, hearth, { client, neighbour, name });
});
