/**
 * Provisioned concurrency as a client meets it: environments that are there before the first call, what spills over,
 * what fails, how it scales by itself, and what a restart brings back.
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import { ApplicationAutoScaling } from "@aws-sdk/client-application-auto-scaling";
import {
  CreateAliasCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  ListProvisionedConcurrencyConfigsCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
  type GetProvisionedConcurrencyConfigCommandOutput,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { EnvironmentsAnswer } from "../../src/cli/commands/ps.ts";
import type { StartInfo } from "../../src/data-plane/frontend/contract.ts";
import { hearthCommand, runCommand } from "../support/command.ts";
import { createFunction, untilActive } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const pollMs = 20;

/** Says how its environment was started, after waiting if it is told to; dies if that is impossible. */
const telling = {
  "index.mjs": `
    export const handler = async ({ waitMs = 0 }) => {
      if (waitMs < 0) process.exit(1);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      return process.env.AWS_LAMBDA_INITIALIZATION_TYPE;
    };`,
};
const failing = { "index.mjs": `throw new Error("out of order"); export const handler = async () => 1;` };

let hearth: RunningHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

async function publish(FunctionName: string): Promise<string> {
  const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName }));
  assert(Version !== undefined);
  return Version;
}

function provision(FunctionName: string, Qualifier: string, ProvisionedConcurrentExecutions: number) {
  return lambda.send(
    new PutProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier, ProvisionedConcurrentExecutions }),
  );
}

/** As its waiters would, which the SDK has none of. */
async function untilAllocated(
  client: LambdaClient,
  FunctionName: string,
  Qualifier: string,
): Promise<GetProvisionedConcurrencyConfigCommandOutput> {
  for (;;) {
    const config = await client.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }));
    if (config.Status !== "IN_PROGRESS") return config;
    await setTimeout(pollMs);
  }
}

/** What it answered, and how it got its environment. */
async function call(FunctionName: string, Qualifier: string, waitMs = 0) {
  const command = new InvokeCommand({ FunctionName, Qualifier, Payload: Buffer.from(JSON.stringify({ waitMs })) });
  let start: StartInfo | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      (args.request as { headers: Record<string, string> }).headers["x-hearth-report"] = "1";
      const result = await next(args);
      const { headers } = result.response as { headers: Record<string, string> };
      ({ start } = JSON.parse(headers["x-hearth-invocation"] ?? "{}") as { start?: StartInfo });
      return result;
    },
    { step: "build" },
  );
  const { Payload, ExecutedVersion } = await lambda.send(command);
  assert(start !== undefined);
  return { type: JSON.parse(Buffer.from(Payload ?? []).toString("utf8")) as unknown, version: ExecutedVersion, start };
}

async function environmentsOf(FunctionName: string) {
  const { stdout } = await hearthCommand(["ps", "--output", "json", "--endpoint", hearth.endpoint]);
  const { environments } = JSON.parse(stdout) as EnvironmentsAnswer;
  return environments.filter((each) => each.functionArn.endsWith(`:${FunctionName}`));
}

test("what is provisioned is ready before the first call, which is no cold start; the next beyond it spills over", async () => {
  const name = await createFunction(lambda, telling);
  const version = await publish(name);

  const asked = await provision(name, version, 2);
  assert.deepEqual([asked.Status, asked.RequestedProvisionedConcurrentExecutions], ["IN_PROGRESS", 2]);
  assert.match(asked.LastModified ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/);
  const ready = await untilAllocated(lambda, name, version);

  assert.deepEqual(
    [ready.Status, ready.AvailableProvisionedConcurrentExecutions, ready.AllocatedProvisionedConcurrentExecutions],
    ["READY", 2, 2],
  );
  assert.deepEqual(
    (await environmentsOf(name)).map((each) => [each.functionVersion, each.initializationType, each.invocations]),
    [
      [version, "provisioned-concurrency", 0],
      [version, "provisioned-concurrency", 0],
    ],
  );
  const calls = await Promise.all([1, 2, 3].map(() => call(name, version, 500)));
  assert.equal(calls.filter(({ type }) => type === "provisioned-concurrency").length, 2);
  for (const { type, start } of calls) {
    assert.equal(start.cold, type !== "provisioned-concurrency");
    assert(start.phases !== undefined, "its first invocation tells what its start took");
  }
});

test("the log has the init phase before any call, and each call after it", async () => {
  const name = await createFunction(lambda, telling);
  const version = await publish(name);
  await provision(name, version, 1);
  await untilAllocated(lambda, name, version);
  const logs = hearth.logs();
  const lines = async (): Promise<string[]> => {
    const { events } = await logs
      .send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` }))
      .catch(() => ({ events: [] }));
    return (events ?? []).map(({ message = "" }) => message.split(" ")[0] ?? "");
  };
  const until = async (last: string): Promise<string[]> => {
    for (;;) {
      const found = await lines();
      if (found.at(-1) === last) return found;
      await setTimeout(pollMs);
    }
  };

  assert.deepEqual(await until("INIT_REPORT"), ["INIT_START", "INIT_REPORT"]);
  await call(name, version);
  assert.deepEqual(await until("REPORT"), ["INIT_START", "INIT_REPORT", "START", "END", "REPORT"]);
});

test("a call that ends the runtime takes nothing away: the next one runs in the same environment, as on AWS", async () => {
  const name = await createFunction(lambda, telling);
  const version = await publish(name);
  await provision(name, version, 1);
  await untilAllocated(lambda, name, version);
  const [first] = await environmentsOf(name);
  const Payload = Buffer.from(JSON.stringify({ waitMs: -1 }));

  const { FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: name, Qualifier: version, Payload }));
  assert.equal(FunctionError, "Unhandled");

  const { type, start } = await call(name, version);
  assert.deepEqual([type, start.environmentId], ["provisioned-concurrency", first?.id]);
});

test("the AWS CLI asks, waits and lists", async () => {
  const name = await createFunction(lambda, telling);
  const version = await publish(name);
  const aws = async (...args: readonly string[]): Promise<unknown> => {
    const words = ["lambda", ...args, "--function-name", name, "--endpoint-url", hearth.endpoint];
    const { exitCode, stdout, stderr } = await runCommand("aws", words, {
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_DEFAULT_REGION: "us-east-1",
    });
    assert.equal(exitCode, 0, stderr);
    return stdout.trim() === "" ? undefined : JSON.parse(stdout);
  };

  await aws("put-provisioned-concurrency-config", "--qualifier", version, "--provisioned-concurrent-executions", "1");
  await untilAllocated(lambda, name, version);
  const listed = (await aws("list-provisioned-concurrency-configs")) as {
    ProvisionedConcurrencyConfigs: { FunctionArn: string; Status: string }[];
  };

  assert.deepEqual(
    listed.ProvisionedConcurrencyConfigs.map(({ FunctionArn, Status }) => [FunctionArn.split(":").slice(6), Status]),
    [[[name, version], "READY"]],
  );
  await aws("delete-provisioned-concurrency-config", "--qualifier", version);
  assert.deepEqual(await environmentsOf(name), []);
});

test("an alias takes its environments along to the version that it moves to", async () => {
  const name = await createFunction(lambda, telling);
  const first = await publish(name);
  await lambda.send(new CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: first }));
  await provision(name, "live", 1);
  await untilAllocated(lambda, name, "live");
  assert.equal((await call(name, first)).type, "provisioned-concurrency", "the version's own callers have them too");
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Description: "second" }));
  await untilActive(lambda, name);
  const second = await publish(name);

  await lambda.send(new UpdateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: second }));
  await untilAllocated(lambda, name, "live");

  const { type, version, start } = await call(name, "live");
  assert.deepEqual([type, version, start.cold], ["provisioned-concurrency", second, false]);
  assert.equal((await call(name, first)).type, "on-demand");
});

test("a version whose init fails has failed for AWS's reason", async () => {
  const name = await createFunction(lambda, failing);
  const version = await publish(name);
  await provision(name, version, 1);

  const { Status, StatusReason } = await untilAllocated(lambda, name, version);

  assert.deepEqual([Status, StatusReason], ["FAILED", "FUNCTION_ERROR_INIT_FAILURE"]);
  assert.deepEqual(await environmentsOf(name), []);
  await lambda.send(new DeleteProvisionedConcurrencyConfigCommand({ FunctionName: name, Qualifier: version }));
});

test("a scalable target's environments are as many as its bounds say, and the activity ends when they are there", async () => {
  const FunctionName = await createFunction(lambda, telling);
  const FunctionVersion = await publish(FunctionName);
  await lambda.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion }));
  const { region, credentials } = lambda.config;
  const scaling = new ApplicationAutoScaling({ endpoint: hearth.endpoint, region, credentials });
  const target = {
    ServiceNamespace: "lambda",
    ResourceId: `function:${FunctionName}:live`,
    ScalableDimension: "lambda:function:ProvisionedConcurrency",
  } as const;

  await scaling.registerScalableTarget({ ...target, MinCapacity: 2, MaxCapacity: 5 });
  const config = await untilAllocated(lambda, FunctionName, "live");

  assert.equal(config.AvailableProvisionedConcurrentExecutions, 2);
  assert.equal((await call(FunctionName, "live")).type, "provisioned-concurrency");
  for (;;) {
    const { ScalingActivities: [activity] = [] } = await scaling.describeScalingActivities(target);
    assert.match(activity?.StatusCode ?? "", /^(InProgress|Successful)$/);
    if (activity?.StatusCode === "Successful") break;
    await setTimeout(pollMs);
  }
  await scaling.registerScalableTarget({ ...target, MinCapacity: 0, MaxCapacity: 0 });
  const gone = new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: "live" });
  await assert.rejects(lambda.send(gone), { name: "ProvisionedConcurrencyConfigNotFoundException" });
  await scaling.deregisterScalableTarget(target);
  scaling.destroy();
});

test("after a restart what was provisioned is there again", async () => {
  const name = await createFunction(lambda, telling);
  const version = await publish(name);
  await provision(name, version, 2);
  await untilAllocated(lambda, name, version);
  const { dataDirectory } = hearth;
  await hearth.stop();

  const stopped = hearth;
  hearth = await startHearth({ dataDirectory });
  lambda = hearth.lambda();
  try {
    assert.equal((await untilAllocated(lambda, name, version)).Status, "READY");
    const { type, start } = await call(name, version);
    assert.deepEqual([type, start.cold], ["provisioned-concurrency", false]);
    const { ProvisionedConcurrencyConfigs } = await lambda.send(
      new ListProvisionedConcurrencyConfigsCommand({ FunctionName: name }),
    );
    assert.equal(ProvisionedConcurrencyConfigs?.length, 1);
  } finally {
    await hearth.stop();
    // Whose directory it is.
    hearth = stopped;
  }
});
