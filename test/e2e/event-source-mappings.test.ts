/**
 * Event source mappings through the official SDK: what is sent to a queue reaches a real function, as Lambda would have
 * it. The functions tell what they saw by sending it to another queue.
 */
import {
  CreateEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  PutFunctionConcurrencyCommand,
  UpdateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  type Message,
  type SendMessageBatchRequestEntry,
} from "@aws-sdk/client-sqs";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { createFunction, randomName } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const pollMs = 20;

let hearth: RunningHearth;
let lambda: LambdaClient;
let sqs: SQSClient;

before(async () => {
  hearth = await startHearth();
  connect();
});

after(async () => {
  sqs.destroy();
  await hearth[Symbol.asyncDispose]();
  // It has been started again on the directory of the first.
  await rm(hearth.dataDirectory, { recursive: true, force: true });
});

function connect(): void {
  lambda = hearth.lambda();
  sqs = new SQSClient({
    endpoint: hearth.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
}

interface TestQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
}

async function createQueue(attributes: Readonly<Record<string, string>> = {}): Promise<TestQueue> {
  const name = attributes["FifoQueue"] === "true" ? `${randomName("q")}.fifo` : randomName("q");
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  return { name, url, arn: Attributes?.["QueueArn"] ?? "" };
}

/** A function that sends each event to `seen`, and then does what `body` says with its `Records`. */
function createTelling(seen: TestQueue, body: string): Promise<string> {
  const files = {
    "index.mjs": `import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
const sqs = new SQSClient();
const QueueUrl = process.env.AWS_ENDPOINT_URL_SQS + "/000000000000/${seen.name}";
export const handler = async ({ Records }) => {
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(Records) }));
  ${body}
};`,
  };
  return createFunction(lambda, files);
}

/** The mapping's id, once it reads. */
async function map(
  queue: TestQueue,
  name: string,
  settings: Partial<CreateEventSourceMappingCommandInput> = {},
): Promise<string> {
  const { UUID = "" } = await lambda.send(
    new CreateEventSourceMappingCommand({ FunctionName: name, EventSourceArn: queue.arn, ...settings }),
  );
  await untilState(UUID, "Enabled");
  return UUID;
}

async function untilState(uuid: string, state: string): Promise<void> {
  while ((await lambda.send(new GetEventSourceMappingCommand({ UUID: uuid }))).State !== state) {
    await setTimeout(pollMs);
  }
}

async function send({ url }: TestQueue, messages: readonly Omit<SendMessageBatchRequestEntry, "Id">[]): Promise<void> {
  for (let sent = 0; sent < messages.length; sent += 10) {
    const Entries = messages
      .slice(sent, sent + 10)
      .map((message, index) => Object.assign({ Id: String(index) }, message));
    const { Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
    assert.equal(Failed, undefined);
  }
}

/** Takes messages out of the queue until it has as many, or more; waits for them as long as it takes. */
async function take({ url }: TestQueue, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  while (taken.length < count) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: url,
        WaitTimeSeconds: 20,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ["All"],
      }),
    );
    if (Messages.length === 0) continue;
    taken.push(...Messages);
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
  }
  return taken;
}

interface SeenRecord {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly [name: string]: unknown;
}

/** The batches that a function has told of, until it has told of so many records. */
async function seenBy(seen: TestQueue, records: number): Promise<SeenRecord[][]> {
  const batches: SeenRecord[][] = [];
  while (batches.flat().length < records) {
    for (const { Body = "" } of await take(seen, 1)) batches.push(JSON.parse(Body) as SeenRecord[]);
  }
  return batches;
}

async function untilEmpty({ url }: TestQueue): Promise<void> {
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

test("what passes the filter reaches the function in Lambda's shape, and everything is deleted", async () => {
  const [queue, seen] = [await createQueue(), await createQueue()];
  await map(queue, await createTelling(seen, ""), {
    FilterCriteria: { Filters: [{ Pattern: JSON.stringify({ body: { size: [{ numeric: [">", 1] }] } }) }] },
  });

  await send(queue, [
    { MessageBody: '{"size":1}' },
    { MessageBody: '{"size":2}', MessageAttributes: { a: { DataType: "Number", StringValue: "7" } } },
  ]);

  const [[record] = []] = await seenBy(seen, 1);
  assert.deepEqual(
    { ...record, messageId: "", receiptHandle: "", attributes: Object.keys(record?.attributes ?? {}) },
    {
      messageId: "",
      receiptHandle: "",
      body: '{"size":2}',
      attributes: ["ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"],
      messageAttributes: { a: { stringValue: "7", stringListValues: [], binaryListValues: [], dataType: "Number" } },
      md5OfMessageAttributes: record?.["md5OfMessageAttributes"],
      md5OfBody: createHash("md5").update('{"size":2}').digest("hex"),
      eventSource: "aws:sqs",
      eventSourceARN: queue.arn,
      awsRegion: "us-east-1",
    },
  );
  await untilEmpty(queue);
});

test("what a function reports as failed comes back, and ends in the dead-letter queue; the rest is done once", async () => {
  const [dead, seen] = [await createQueue(), await createQueue()];
  const queue = await createQueue({
    VisibilityTimeout: "3",
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 }),
  });
  const reporting = `const bad = Records.filter(({ body }) => body === "bad");
  return { batchItemFailures: bad.map(({ messageId }) => ({ itemIdentifier: messageId })) };`;
  const name = await createTelling(seen, reporting);
  await send(queue, [{ MessageBody: "a" }, { MessageBody: "bad" }, { MessageBody: "b" }]);

  await map(queue, name, { FunctionResponseTypes: ["ReportBatchItemFailures"] });
  const [letter] = await take(dead, 1);

  assert.equal(letter?.Body, "bad");
  assert.equal(letter?.Attributes?.DeadLetterQueueSourceArn, queue.arn);
  const received = (await seenBy(seen, 4))
    .flat()
    .map(({ body, attributes }) => `${body} ${attributes["ApproximateReceiveCount"]}`);
  assert.deepEqual(new Set(received), new Set(["a 1", "b 1", "bad 1", "bad 2"]));
  await untilEmpty(queue);
});

test("a function that fails gets its batch again", async () => {
  const [queue, seen] = [await createQueue({ VisibilityTimeout: "3" }), await createQueue()];
  const failingOnce = `if (Records[0].attributes.ApproximateReceiveCount === "1") throw new Error("not yet");`;
  await map(queue, await createTelling(seen, failingOnce));

  await send(queue, [{ MessageBody: "a" }]);

  assert.deepEqual(
    (await seenBy(seen, 2)).map(([record]) => [record?.body, record?.attributes["ApproximateReceiveCount"]]),
    [
      ["a", "1"],
      ["a", "2"],
    ],
  );
  await untilEmpty(queue);
});

test("groups of a FIFO queue keep their order", async () => {
  const queue = await createQueue({ FifoQueue: "true", ContentBasedDeduplication: "true" });
  const seen = await createQueue({ FifoQueue: "true", ContentBasedDeduplication: "true" });
  const files = {
    "index.mjs": `import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
const sqs = new SQSClient();
const QueueUrl = process.env.AWS_ENDPOINT_URL_SQS + "/000000000000/${seen.name}";
export const handler = async ({ Records }) => {
  for (const { body, attributes } of Records) {
    const MessageGroupId = attributes.MessageGroupId;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, MessageGroupId }));
  }
};`,
  };
  const groups = ["red", "green", "blue"];
  const messages = Array.from({ length: 60 }, (_, index) => ({
    MessageBody: String(index),
    MessageGroupId: groups[index % groups.length] ?? "",
  }));

  await map(queue, await createFunction(lambda, files), { BatchSize: 4 });
  await send(queue, messages);

  const told = await take(seen, messages.length);
  for (const group of groups) {
    assert.deepEqual(
      told.filter(({ Attributes }) => Attributes?.MessageGroupId === group).map(({ Body }) => Body),
      messages.filter(({ MessageGroupId }) => MessageGroupId === group).map(({ MessageBody }) => MessageBody),
    );
  }
  await untilEmpty(queue);
});

test("messages wait for a function that is throttled, and are received once", async () => {
  const [queue, seen] = [await createQueue({ VisibilityTimeout: "4" }), await createQueue()];
  const name = await createTelling(seen, "");
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 0 }));
  await map(queue, name, { ScalingConfig: { MaximumConcurrency: 2 } });

  await send(queue, [{ MessageBody: "a" }]);
  await untilInFlight(queue);
  // Longer than the queue's visibility timeout would keep it from others.
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue.url, WaitTimeSeconds: 5 }));
  assert.equal(Messages, undefined);
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 1 }));

  const [[record] = []] = await seenBy(seen, 1);
  assert.equal(record?.attributes["ApproximateReceiveCount"], "1");
  await untilEmpty(queue);
});

async function untilInFlight({ url }: TestQueue): Promise<void> {
  const name = "ApproximateNumberOfMessagesNotVisible";
  for (;;) {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [name] }));
    if (Attributes?.[name] !== "0") return;
    await setTimeout(pollMs);
  }
}

test("a mapping that is disabled reads nothing; enabled again, and over a restart of Hearth, it goes on", async () => {
  const [queue, seen] = [await createQueue(), await createQueue()];
  const uuid = await map(queue, await createTelling(seen, ""));
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: uuid, Enabled: false }));
  await untilState(uuid, "Disabled");

  await send(queue, [{ MessageBody: "a" }]);
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queue.url, WaitTimeSeconds: 1, VisibilityTimeout: 0 }),
  );
  assert.equal(Messages[0]?.Body, "a");
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: uuid, Enabled: true }));
  assert.equal((await seenBy(seen, 1))[0]?.[0]?.body, "a");

  const { dataDirectory } = hearth;
  sqs.destroy();
  await hearth.stop();
  hearth = await startHearth({ dataDirectory, sameUidsAs: hearth });
  connect();
  await send(queue, [{ MessageBody: "b" }]);
  assert.equal((await seenBy(seen, 1))[0]?.[0]?.body, "b");
});

test("sources that Hearth does not read from are refused in words, and so are queues that are not there", async () => {
  const name = await createFunction(lambda, { "index.mjs": "export const handler = async () => 1;" });
  const refusalOf = async (arn: string, more: object = {}): Promise<string> =>
    lambda.send(new CreateEventSourceMappingCommand({ FunctionName: name, EventSourceArn: arn, ...more })).then(
      () => "accepted",
      (error: unknown) => String(error),
    );

  assert.equal(
    await refusalOf("arn:aws:kinesis:us-east-1:000000000000:stream/s", { StartingPosition: "LATEST" }),
    "InvalidParameterValueException: Hearth does not read from Kinesis streams yet. Event source mappings take SQS queues only.",
  );
  assert.match(await refusalOf("arn:aws:sqs:us-east-1:000000000000:absent"), /The specified queue does not exist\.$/);
});
