/** What SQS's two protocols make of requests that no SDK of its own checks first. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  openQueuesBench,
  serveQueues,
  type QueuesBench,
  type SqsEndpoint,
} from "../../../test/support/queues-bench.ts";

const authorization =
  "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00";

let bench: QueuesBench;
let endpoint: SqsEndpoint;

before(async () => {
  bench = await openQueuesBench();
  endpoint = await serveQueues(bench);
  await ask("CreateQueue", { QueueName: "q" });
});

after(async () => {
  await endpoint[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

interface Told {
  readonly status: number;
  /** `x-amzn-query-error` of JSON. */
  readonly queryError: string | null;
  readonly body: string;
}

async function ask(operation: string, input: object): Promise<Told> {
  const headers = {
    authorization,
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `AmazonSQS.${operation}`,
  };
  return told(await fetch(endpoint.url, { method: "POST", headers, body: JSON.stringify(input) }));
}

async function askInQuery(operation: string, fields: Readonly<Record<string, string>> = {}): Promise<Told> {
  const body = new URLSearchParams({ Action: operation, Version: "2012-11-05", QueueUrl: "q", ...fields });
  return told(await fetch(endpoint.url, { method: "POST", headers: { authorization }, body }));
}

async function told(answer: Response): Promise<Told> {
  const { status, headers } = answer;
  return { status, queryError: headers.get("x-amzn-query-error"), body: await answer.text() };
}

test("a batch without entries is refused as one, also where AWS Query has no way to write it", async () => {
  for (const operation of ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]) {
    const text = `There should be at least one ${operation}RequestEntry in the request.`;
    const inJson = await ask(operation, { QueueUrl: "q", Entries: [] });
    assert.equal(inJson.queryError, "AWS.SimpleQueueService.EmptyBatchRequest;Sender");
    assert(inJson.body.includes(text), inJson.body);

    // As botocore writes an empty list, and as others do.
    for (const fields of [{ Entries: "" }, {}]) {
      const { status, body } = await askInQuery(operation, fields);
      assert.equal(status, 400);
      assert(body.includes("<Code>AWS.SimpleQueueService.EmptyBatchRequest</Code>") && body.includes(text), body);
    }
  }
});

test("permissions and tags without any are refused in AWS's words", async () => {
  const permission = { QueueUrl: "q", Label: "l", AWSAccountIds: ["111122223333"], Actions: ["SendMessage"] };
  assert.match(
    (await ask("AddPermission", { ...permission, Actions: [] })).body,
    /must contain the parameter Actions\./,
  );
  assert.match(
    (await ask("AddPermission", { ...permission, AWSAccountIds: [] })).body,
    /Value \[\] for parameter PrincipalId/,
  );
  assert.match(
    (await ask("UntagQueue", { QueueUrl: "q", TagKeys: [] })).body,
    /between 1 and 128 characters in length/,
  );
});

test("what is no whole number is refused, wherever one is asked for", async () => {
  const requests: readonly (readonly [string, object])[] = [
    ["ReceiveMessage", { MaxNumberOfMessages: 1.5 }],
    ["ReceiveMessage", { VisibilityTimeout: 1.5 }],
    ["ReceiveMessage", { WaitTimeSeconds: 0.5 }],
    ["SendMessage", { MessageBody: "x", DelaySeconds: 0.5 }],
    ["SendMessageBatch", { Entries: [{ Id: "1", MessageBody: "x", DelaySeconds: 0.5 }] }],
    ["ChangeMessageVisibility", { ReceiptHandle: "x", VisibilityTimeout: 0.5 }],
    ["ChangeMessageVisibilityBatch", { Entries: [{ Id: "1", ReceiptHandle: "x", VisibilityTimeout: 0.5 }] }],
    ["ListQueues", { MaxResults: 1.5 }],
    ["ListDeadLetterSourceQueues", { MaxResults: 1.5 }],
    ["ListMessageMoveTasks", { SourceArn: "x", MaxResults: 1.5 }],
    ["StartMessageMoveTask", { SourceArn: "x", MaxNumberOfMessagesPerSecond: 1.5 }],
  ];
  for (const [operation, input] of requests) {
    const { status, queryError, body } = await ask(operation, { QueueUrl: "q", ...input });
    assert.deepEqual([status, queryError], [400, "SerializationException;Sender"], `${operation}: ${body}`);
  }
});
