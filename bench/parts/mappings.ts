/**
 * Event source mappings of a queue: how long a message takes until its function has it, and how long a backlog takes until
 * all of it is done and deleted.
 */
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  UpdateEventSourceMappingCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { setTimeout } from "node:timers/promises";

import { randomName } from "../../test/support/functions.ts";
import type { RunningHearth } from "../../test/support/hearth.ts";
import { figuresOf } from "../lib/measure.ts";
import { ms, type Report } from "../lib/report.ts";
import { createHello, untilPooled, withHearth, type FunctionKind } from "../targets/hearth.ts";

const kind: FunctionKind = { runtime: "nodejs24.x", memoryMiB: 1769 };
const samples = 300;
const warmups = 50;
/** So that each message arrives at a mapping that waits. */
const betweenMs = 10;
const backlog = 1000;
const backlogRuns = 5;
const pollMs = 5;

/** Says how long ago each of its messages was sent, by the sender's clock: the clock of the same machine. */
const telling = {
  "index.mjs": `export const handler = async ({ Records }) => {
  const now = performance.timeOrigin + performance.now();
  for (const { body } of Records) console.log(\`took \${now - Number(body)}\`);
};`,
};
const slow = {
  "index.mjs": "export const handler = () => new Promise((resolve) => setTimeout(resolve, 50));",
};

export async function mappings(report: Report): Promise<void> {
  await withHearth({ poolMin: 8 }, async (hearth) => {
    const sqs = new SQSClient({
      endpoint: hearth.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
    });
    await measureArrival(report, hearth, sqs);
    await measureBacklog(report, hearth, sqs);
    sqs.destroy();
  });
}

async function measureArrival(report: Report, hearth: RunningHearth, sqs: SQSClient): Promise<void> {
  const name = await createHello(hearth, kind, telling);
  const { url } = await mappedQueue(hearth.lambda(), sqs, name);
  for (let sent = 0; sent < warmups + samples; sent += 1) {
    const now = performance.timeOrigin + performance.now();
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: String(now) }));
    await setTimeout(betweenMs);
  }
  const figures = figuresOf((await toldBy(hearth, name, warmups + samples)).slice(warmups));
  report.series("message to function", figures);
  report.row({
    what: "message to function",
    conditions: "from the SDK's SendMessage to the handler, idle mapping, warm, nodejs24.x",
    value: `p50 ${ms(figures.p50)}, p99 ${ms(figures.p99)}`,
    promise: "p50 ≤ 10 ms",
  });
}

async function measureBacklog(report: Report, hearth: RunningHearth, sqs: SQSClient): Promise<void> {
  const name = await createHello(hearth, kind, slow);
  await untilPooled(hearth, kind, 8);
  const lambda = hearth.lambda();
  const { url, uuid } = await mappedQueue(lambda, sqs, name);
  const tookMs: number[] = [];
  for (let run = 0; run < backlogRuns; run += 1) {
    await enable(lambda, uuid, false);
    await fill(sqs, url);
    const startedAtMs = performance.now();
    await enable(lambda, uuid, true);
    await untilEmpty(sqs, url);
    tookMs.push(performance.now() - startedAtMs);
  }
  const figures = figuresOf(tookMs);
  report.series("mapped backlog", tookMs);
  report.row({
    what: `${backlog} messages through a mapping`,
    conditions: `batch size 10, handler 50 ms, from enabling the mapping to an empty queue, ${backlogRuns} runs, the first cold`,
    value: `p50 ${ms(figures.p50)}, slowest ${ms(figures.max)}`,
    promise: "≤ 1.5 s",
  });
}

/** A queue and its mapping, which reads. */
async function mappedQueue(
  lambda: LambdaClient,
  sqs: SQSClient,
  name: string,
): Promise<{ readonly url: string; readonly uuid: string }> {
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: randomName("bench") }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  const { UUID: uuid = "" } = await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: name,
      EventSourceArn: Attributes?.["QueueArn"] ?? "",
      BatchSize: 10,
    }),
  );
  await untilState(lambda, uuid, "Enabled");
  return { url, uuid };
}

async function enable(lambda: LambdaClient, uuid: string, isEnabled: boolean): Promise<void> {
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: uuid, Enabled: isEnabled }));
  await untilState(lambda, uuid, isEnabled ? "Enabled" : "Disabled");
}

async function untilState(lambda: LambdaClient, uuid: string, state: string): Promise<void> {
  for (;;) {
    const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID: uuid }));
    if (State === state) return;
    await setTimeout(pollMs);
  }
}

async function fill(sqs: SQSClient, url: string): Promise<void> {
  for (let sent = 0; sent < backlog; sent += 10) {
    const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: String(index), MessageBody: `m${sent + index}` }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
}

/** Neither waiting nor in flight: every message has been processed and deleted. */
async function untilEmpty(sqs: SQSClient, url: string): Promise<void> {
  for (;;) {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: url,
        AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
      }),
    );
    if (Object.values(Attributes).every((count) => count === "0")) return;
    await setTimeout(pollMs);
  }
}

/** What the function wrote to its log, as soon as it is all there, in ms. */
async function toldBy(hearth: RunningHearth, name: string, count: number): Promise<number[]> {
  for (;;) {
    const told: number[] = [];
    let nextToken: string | undefined;
    do {
      const page = await hearth
        .logs()
        .send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}`, filterPattern: "took", nextToken }));
      for (const { message = "" } of page.events ?? []) told.push(Number(/took ([\d.]+)/.exec(message)?.[1]));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    if (told.length >= count) return told;
    await setTimeout(100);
  }
}
