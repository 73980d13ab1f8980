/**
 * Hearth as somebody's SQS: the newest SDK in JSON, Debian's boto3 and AWS CLI in AWS Query, a function through its own
 * endpoint, and a `kill -9` after which everything that was accepted is there.
 */
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  SQSServiceException,
} from "@aws-sdk/client-sqs";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { pidOf } from "../support/role-pid.ts";

const run = promisify(execFile);
let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth();
});

after(() => hearth[Symbol.asyncDispose]());

function sqs(accessKeyId = "444455556666", region = "eu-west-1", maxAttempts = 3): SQSClient {
  return new SQSClient({
    endpoint: hearth.endpoint,
    region,
    maxAttempts,
    credentials: { accessKeyId, secretAccessKey: "x" },
  });
}

test("the newest SDK sends, waits, receives and deletes; a bad entry fails alone", async () => {
  const client = sqs();
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "sdk" }));
  const waiting = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }));

  // The client checks the digests of bodies and attributes itself.
  const { Successful, Failed } = await client.send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: [
        {
          Id: "good",
          MessageBody: "héllo",
          MessageAttributes: { a: { DataType: "Binary", BinaryValue: Uint8Array.of(0, 255) } },
        },
        { Id: "bad", MessageBody: "x", DelaySeconds: 901 },
      ],
    }),
  );
  const { Messages = [] } = await waiting;

  assert.deepEqual(
    [Successful?.map(({ Id }) => Id), Failed?.map(({ Code }) => Code)],
    [["good"], ["InvalidParameterValue"]],
  );
  assert.deepEqual(
    Messages.map(({ Body, MessageId }) => [Body, MessageId]),
    [["héllo", Successful?.[0]?.MessageId]],
  );
  const Entries = Messages.map(({ ReceiptHandle }) => ({ Id: "a", ReceiptHandle }));
  assert.equal((await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))).Failed, undefined);
  await assert.rejects(
    client.send(new SendMessageCommand({ QueueUrl: `${QueueUrl}-none`, MessageBody: "x" })),
    QueueDoesNotExist,
  );
  client.destroy();
});

test("queues of another account are closed until their policy opens them", async () => {
  const [owner, guest] = [sqs(), sqs("777788889999")];
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: "777788889999" }, Action: "sqs:SendMessage", Resource: "*" }],
  });
  const { QueueUrl } = await owner.send(new CreateQueueCommand({ QueueName: "shared" }));
  const send = new SendMessageCommand({ QueueUrl, MessageBody: "from a guest" });
  const denied = { name: "AccessDenied" };

  await assert.rejects(guest.send(send), denied);
  await owner.send(new CreateQueueCommand({ QueueName: "open", Attributes: { Policy } }));
  const openUrl = QueueUrl?.replace("shared", "open");
  await guest.send(new SendMessageCommand({ QueueUrl: openUrl, MessageBody: "from a guest" }));
  await assert.rejects(guest.send(new ReceiveMessageCommand({ QueueUrl: openUrl })), denied);
  const { Messages } = await owner.send(new ReceiveMessageCommand({ QueueUrl: openUrl, AttributeNames: ["All"] }));
  assert.equal(Messages?.[0]?.Attributes?.["SenderId"], "777788889999");
  owner.destroy();
  guest.destroy();
});

test("a receiver that hangs up takes no message with it", async () => {
  const client = sqs();
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "hung-up" }));
  const { hostname, port } = new URL(hearth.endpoint);
  const body = JSON.stringify({ QueueUrl, WaitTimeSeconds: 20 });
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const scope = "Credential=444455556666/20260101/eu-west-1/sqs/aws4_request";
  socket.write(
    `POST / HTTP/1.1\r\nhost: ${hostname}:${port}\r\nx-amz-target: AmazonSQS.ReceiveMessage\r\n` +
      `content-type: application/x-amz-json-1.0\r\nx-amz-date: 20260101T000000Z\r\ncontent-length: ${body.length}\r\n` +
      `authorization: AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host;x-amz-date, Signature=00\r\n\r\n${body}`,
  );
  // Whatever it asks next is answered after it has begun to wait.
  await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  socket.destroy();
  await once(socket, "close");
  await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));

  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "kept" }));
  const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));

  assert.equal(Messages?.[0]?.Body, "kept");
  client.destroy();
});

test("Debian's boto3 uses queues in AWS Query", async () => {
  const script = fileURLToPath(new URL("../fixtures/clients/queues.py", import.meta.url));

  const { stdout } = await run("/usr/bin/python3", [script, hearth.endpoint]);

  assert.equal(stdout, "ok\n");
});

test("Debian's AWS CLI uses queues in AWS Query", async () => {
  const aws = async (...words: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await run(
      "/usr/bin/aws",
      ["--endpoint-url", hearth.endpoint, "--no-cli-pager", "sqs", ...words],
      {
        env: {
          ...process.env,
          AWS_ACCESS_KEY_ID: "444455556666",
          AWS_SECRET_ACCESS_KEY: "x",
          AWS_DEFAULT_REGION: "eu-west-1",
          AWS_CONFIG_FILE: "/dev/null",
          PYTHONWARNINGS: "ignore",
        },
      },
    );
    return stdout === "" ? {} : (JSON.parse(stdout) as Record<string, unknown>);
  };
  const { QueueUrl } = await aws(
    "create-queue",
    "--queue-name",
    "cli.fifo",
    "--attributes",
    "FifoQueue=true,ContentBasedDeduplication=true",
  );
  assert.equal(QueueUrl, `${hearth.endpoint}/444455556666/cli.fifo`);
  const url = ["--queue-url", `${hearth.endpoint}/444455556666/cli.fifo`];

  const sent = await aws("send-message", ...url, "--message-body", "one", "--message-group-id", "g");
  const again = await aws("send-message", ...url, "--message-body", "one", "--message-group-id", "g");
  const { Messages } = await aws("receive-message", ...url, "--attribute-names", "All", "--wait-time-seconds", "2");

  assert.deepEqual([again["MessageId"], again["SequenceNumber"]], [sent["MessageId"], sent["SequenceNumber"]]);
  const [message] = Messages as readonly { readonly Body: string; readonly ReceiptHandle: string }[];
  assert.equal(message?.Body, "one");
  await aws("delete-message", ...url, "--receipt-handle", message?.ReceiptHandle ?? "");
  assert.deepEqual(await aws("receive-message", ...url), {});
});

test("a function sends to a queue through the endpoint that it is given", async () => {
  const client = sqs("test", "us-east-1");
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "from-functions" }));
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, { "index.mjs": senderFunction });

  const { payload } = await invoke(lambda, name, "from-functions");

  const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ["All"] }));
  assert.equal(Messages?.[0]?.MessageId, payload);
  assert.match(Messages?.[0]?.Attributes?.["SenderId"] ?? "", new RegExp(`^AROA\\w+:${name}$`));
  assert.match(Messages?.[0]?.Attributes?.["AWSTraceHeader"] ?? "", /^Root=1-/);
  client.destroy();
});

/** A queue's URL has the address by which its client reaches Hearth: inside a sandbox that is another one. */
const senderFunction = `
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
const sqs = new SQSClient({});
export async function handler(QueueName) {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  return (await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hi" }))).MessageId;
}`;

test("what was accepted is there after a kill -9, and comes once", async () => {
  // Who sends again what may have been taken doubles it.
  const client = sqs("444455556666", "eu-west-1", 1);
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "killed" }));
  const front = await pidOf(hearth, "front");
  const accepted: string[] = [];
  const failures: unknown[] = [];
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    for (let index = 0; failures.length === 0; index++) {
      const MessageBody = `${sender}.${index}`;
      try {
        await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
      } catch (error) {
        failures.push(error);
        return;
      }
      // Once: each answer is another number.
      if (accepted.push(MessageBody) === acceptedBeforeKill) process.kill(front, "SIGKILL");
    }
  });
  await Promise.all(senders);

  // The front is started again, at the same address.
  const received = new Map<string, number>();
  for (;;) {
    const { Messages = [] } = await untilAnswered(() =>
      client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 600 })),
    );
    if (Messages.length === 0) break;
    for (const { Body = "" } of Messages) received.set(Body, (received.get(Body) ?? 0) + 1);
  }

  assert(accepted.length >= acceptedBeforeKill && failures.length > 0);
  assert.deepEqual(
    accepted.filter((body) => !received.has(body)),
    [],
  );
  assert.deepEqual(
    [...received].filter(([, count]) => count > 1),
    [],
  );
  client.destroy();
});

const acceptedBeforeKill = 200;
const answerPatienceMs = 30_000;

/** Tries again while nobody answers. */
async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  const patience = AbortSignal.timeout(answerPatienceMs);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (patience.aborted || error instanceof SQSServiceException) throw error;
      await setTimeout(50);
    }
  }
}
