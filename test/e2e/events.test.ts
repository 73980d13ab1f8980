/** Asynchronous invocations through the official SDK: retries, destinations, dead letters and loops of real functions. */
import {
  InvokeAsyncCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
  type Message,
} from "@aws-sdk/client-sqs";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createFunction, randomName } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

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
    maxAttempts: 1,
  });
});

after(async () => {
  sqs.destroy();
  await hearth[Symbol.asyncDispose]();
});

interface TestQueue {
  readonly url: string;
  readonly arn: string;
}

async function createQueue(): Promise<TestQueue> {
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: randomName("q") }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  return { url, arn: Attributes?.["QueueArn"] ?? "" };
}

/** The next message; waits as long as SQS lets one wait. */
async function nextIn({ url }: TestQueue): Promise<Message> {
  for (;;) {
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: url,
        WaitTimeSeconds: 20,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["All"],
      }),
    );
    const [message] = Messages ?? [];
    if (message !== undefined) return message;
  }
}

/** So that a busy machine makes no function fail. */
const patient = { Timeout: 60 };

const handler = (body: string): Readonly<Record<string, string>> => ({
  "index.mjs": `export const handler = async (event) => { ${body} };`,
});

async function sendEvent(name: string, event: unknown, qualifier?: string): Promise<string> {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: name,
      InvocationType: "Event",
      Payload: JSON.stringify(event),
      ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
    }),
  );
  assert.equal(answer.StatusCode, 202);
  return answer.$metadata.requestId ?? "";
}

/** A failure, which none of these functions should have, comes there as well: a test fails of it, and says why. */
async function sendOutcomes(name: string, arn: string, qualifier = "$LATEST"): Promise<void> {
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: name,
      Qualifier: qualifier,
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnSuccess: { Destination: arn }, OnFailure: { Destination: arn } },
    }),
  );
}

function payloadsOfSuccess({ Body = "" }: Message): {
  readonly requestPayload: unknown;
  readonly responsePayload: unknown;
} {
  const record = JSON.parse(Body) as {
    readonly requestContext: { readonly condition: string };
    readonly requestPayload: unknown;
    readonly responsePayload: unknown;
  };
  assert.equal(record.requestContext.condition, "Success", Body);
  return record;
}

test("the record of an event that succeeded reaches its destination, version and trace included", async () => {
  const queue = await createQueue();
  const name = await createFunction(lambda, handler("return { got: event };"), patient);
  const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  await sendOutcomes(name, queue.arn, Version);

  const requestId = await sendEvent(name, { n: 1 }, Version);
  const message = await nextIn(queue);

  const { timestamp, ...record } = JSON.parse(message.Body ?? "") as Record<string, unknown>;
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(record, {
    version: "1.0",
    requestContext: {
      requestId,
      functionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}:${Version}`,
      condition: "Success",
      approximateInvokeCount: 1,
    },
    requestPayload: { n: 1 },
    responseContext: { statusCode: 200, executedVersion: Version },
    responsePayload: { got: { n: 1 } },
  });
  assert.match(message.Attributes?.AWSTraceHeader ?? "", /^Root=1-.*Lineage=1:[0-9a-f]{8}:0$/);
});

test("an event that failed lies in the dead-letter queue as it came, with what went wrong", async () => {
  const [failures, dead] = [await createQueue(), await createQueue()];
  const name = await createFunction(lambda, handler('throw new Error("intentional");'), {
    ...patient,
    DeadLetterConfig: { TargetArn: dead.arn },
  });
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: name,
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: { Destination: failures.arn } },
    }),
  );

  const requestId = await sendEvent(name, { raise: 1 });
  const message = await nextIn(dead);

  assert.equal(message.Body, '{"raise":1}');
  assert.deepEqual(message.MessageAttributes, {
    RequestID: { DataType: "String", StringValue: requestId },
    ErrorCode: { DataType: "Number", StringValue: "200" },
    ErrorMessage: { DataType: "String", StringValue: "intentional" },
  });
  const record = JSON.parse((await nextIn(failures)).Body ?? "") as Record<string, Record<string, unknown>>;
  assert.equal(record["requestContext"]?.["condition"], "RetriesExhausted");
  assert.equal(record["responsePayload"]?.["errorMessage"], "intentional");
});

test("without any reserved concurrency an event goes straight to the failure destination", async () => {
  const failures = await createQueue();
  const name = await createFunction(lambda, handler("return 1;"));
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 0 }));
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: name,
      DestinationConfig: { OnFailure: { Destination: failures.arn } },
    }),
  );

  await sendEvent(name, {});

  const record = JSON.parse((await nextIn(failures)).Body ?? "") as Record<string, Record<string, unknown>>;
  assert.equal(record["requestContext"]?.["condition"], "ZeroReservedConcurrency");
});

test("with one reserved environment every event is processed, one after the other", async () => {
  const done = await createQueue();
  const name = await createFunction(
    lambda,
    handler("await new Promise((r) => setTimeout(r, 20)); return event;"),
    patient,
  );
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 1 }));
  await sendOutcomes(name, done.arn);

  await Promise.all(Array.from({ length: 10 }, (_, n) => sendEvent(name, n)));

  const seen = new Set<unknown>();
  while (seen.size < 10) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: done.url, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }),
    );
    for (const message of Messages) seen.add(payloadsOfSuccess(message).requestPayload);
  }
});

test("a destination may be a function; InvokeAsync sends events too", async () => {
  const done = await createQueue();
  const second = await createFunction(lambda, handler("return event.responsePayload + 1;"), patient);
  const first = await createFunction(lambda, handler("return event + 1;"), patient);
  await sendOutcomes(second, done.arn);
  await sendOutcomes(first, `arn:aws:lambda:us-east-1:000000000000:function:${second}`);

  const { Status } = await lambda.send(new InvokeAsyncCommand({ FunctionName: first, InvokeArgs: Buffer.from("1") }));

  assert.equal(Status, 202);
  const message = await nextIn(done);
  assert.equal(payloadsOfSuccess(message).responsePayload, 3);
  assert.match(message.Attributes?.AWSTraceHeader ?? "", /Lineage=2:[0-9a-f]{8}:0\|[0-9a-f]{8}:0$/);
});

/** Invokes itself with the next number, until it is refused or has reached `stop`. */
const circle = handler(
  'const { LambdaClient, InvokeCommand } = await import("@aws-sdk/client-lambda");' +
    "if (event.n >= event.stop) return event.n;" +
    "await new LambdaClient().send(new InvokeCommand({ FunctionName: process.env.AWS_LAMBDA_FUNCTION_NAME," +
    ' InvocationType: "Event", Payload: JSON.stringify({ ...event, n: event.n + 1 }) }));',
);

test("a function that goes on sending itself events is stopped at its 17th turn, unless it may", async () => {
  const [failures, done] = [await createQueue(), await createQueue()];
  const name = await createFunction(lambda, circle, { ...patient, MemorySize: 512 });
  const config = {
    FunctionName: name,
    MaximumRetryAttempts: 0,
    DestinationConfig: { OnFailure: { Destination: failures.arn } },
  };
  await lambda.send(new PutFunctionEventInvokeConfigCommand(config));

  await sendEvent(name, { n: 1, stop: 20 });

  const { Body = "" } = await nextIn(failures);
  const record = JSON.parse(Body) as Record<string, Record<string, unknown>>;
  assert.equal(record["requestContext"]?.["condition"], "RecursiveInvocation", Body);
  assert.deepEqual(record["requestPayload"], { n: 17, stop: 20 });

  await lambda.send(new PutFunctionRecursionConfigCommand({ FunctionName: name, RecursiveLoop: "Allow" }));
  await sendOutcomes(name, done.arn);
  await sendEvent(name, { n: 1, stop: 20 });
  for (;;) {
    const { n } = payloadsOfSuccess(await nextIn(done)).requestPayload as { readonly n: number };
    if (n === 20) break;
  }
});
