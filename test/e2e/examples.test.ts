/** The examples, deployed by their own scripts with Debian's AWS CLI, do what their pages say. */
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { invoke } from "../support/functions.ts";
import { projectDirectory, startHearth, type RunningHearth } from "../support/hearth.ts";

const run = promisify(execFile);
const pollMs = 50;

let hearth: RunningHearth;
let lambda: LambdaClient;
let sqs: SQSClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
  sqs = new SQSClient({
    endpoint: hearth.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
});

after(async () => {
  sqs.destroy();
  await hearth[Symbol.asyncDispose]();
});

async function deploy(example: string): Promise<void> {
  const { stdout } = await run(join(projectDirectory, "examples", example, "deploy.sh"), [], {
    env: { PATH: "/usr/bin:/bin", HEARTH_ENDPOINT: hearth.endpoint },
  });
  assert.match(stdout, /^deployed: /);
}

/** Takes `count` messages, as JSON. */
async function take<Body>(queue: string, count: number): Promise<Body[]> {
  const QueueUrl = new URL(`/000000000000/${queue}`, hearth.endpoint).href;
  const bodies: Body[] = [];
  while (bodies.length < count) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }),
    );
    for (const { Body = "", ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(Body) as Body);
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
  return bodies;
}

async function untilLogged(name: string, text: string): Promise<void> {
  const logs = hearth.logs();
  for (;;) {
    const found = await logs
      .send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}`, filterPattern: `"${text}"` }))
      .catch(() => ({ events: [] })); // The group comes with the first line.
    if ((found.events ?? []).length > 0) return;
    await setTimeout(pollMs);
  }
}

test("form, queue, worker: good forms are answered, one that fails twice lies in the dead-letter queue", async () => {
  await deploy("form-queue-worker");

  const refused = await invoke(lambda, "form", { name: "Eve" });
  assert.deepEqual(refused.payload, { accepted: false, problems: ["an email address is needed"] });
  for (const [name, email] of [
    ["Ada", "ada@example.com"],
    ["Bob", "bob@example.invalid"],
    ["Cyd", "cyd@example.com"],
  ]) {
    const { payload } = await invoke(lambda, "form", { name, email });
    assert.equal((payload as { readonly accepted: boolean }).accepted, true);
  }

  await untilLogged("worker", "answered Ada <ada@example.com>");
  await untilLogged("worker", "answered Cyd <cyd@example.com>");
  assert.deepEqual(await take("forms-dead", 1), [{ name: "Bob", email: "bob@example.invalid" }]);
});

test("fan-out: each item's outcome reaches its destination, through a second function", async () => {
  await deploy("fan-out");

  const { payload } = await invoke(lambda, "split", { order: 7, items: ["apple", "plum", "dragon fruit"] });
  assert.deepEqual(payload, { order: 7, sent: 3 });

  const confirmed = await take<{ readonly responsePayload: unknown }>("confirmed", 2);
  assert.deepEqual(
    confirmed
      .map(({ responsePayload }) => responsePayload)
      .toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    [
      { text: "order 7: apple for 0.40", attempts: 1 },
      { text: "order 7: plum for 0.25", attempts: 1 },
    ],
  );
  const [rejected] = await take<Record<string, Record<string, unknown>>>("rejected", 1);
  assert.deepEqual(rejected?.["requestPayload"], { order: 7, item: "dragon fruit" });
  assert.equal(rejected["requestContext"]?.["condition"], "RetriesExhausted");
  assert.equal(rejected["responsePayload"]?.["errorMessage"], "nobody sells dragon fruit");
});
