/**
 * What Hearth has to carry while it is killed:
 *
 * - `chaos` takes events; those that succeed leave a record in `done`, those that fail lie in `dead`
 * - `notes`, a standard queue that clients read; what they never delete ends in `notes-dead`
 * - `turns.fifo`, which clients read
 * - `jobs` and `steps.fifo`, which mappings read; their function writes what it has worked to `worked.fifo`, and what it
 *   refuses ends in `jobs-dead`
 */
import {
  CreateEventSourceMappingCommand,
  PutFunctionEventInvokeConfigCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createFunction } from "../support/functions.ts";
import type { RunningHearth } from "../support/hearth.ts";

export const eventFunction = "chaos";
export const queueNames = [
  "done",
  "dead",
  "notes",
  "notes-dead",
  "turns.fifo",
  "jobs",
  "jobs-dead",
  "steps.fifo",
  "worked.fifo",
] as const;
export type QueueName = (typeof queueNames)[number];

/** Every event, note and job whose number can be divided by this fails. */
export const poisonous = 7;
/** Of the queues that clients read. */
export const visibilitySeconds = 2;
/** Of the queues that mappings read: not less than the function's timeout. */
export const mappedSeconds = 5;
export const receiveCountMax = 3;
const account = "000000000000";
const region = "us-east-1";

const eventHandler = {
  "index.mjs": `export const handler = async ({ n }) => {
    if (n % ${poisonous} === 0) throw new Error("intentional");
    await new Promise((resolve) => setTimeout(resolve, 10));
  };`,
};

const workHandler = {
  "index.mjs": `import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  const QueueUrl = process.env.AWS_ENDPOINT_URL_SQS + "/${account}/worked.fifo";
  export const handler = async ({ Records }, { awsRequestId: requestId }) => {
    const atMs = Date.now();
    const isRefused = ({ body, eventSourceARN }) => eventSourceARN.endsWith(":jobs") && JSON.parse(body).n % ${poisonous} === 0;
    const worked = Records.filter((record) => !isRefused(record));
    if (worked.length > 0) {
      const Entries = worked.map(({ body, messageId, eventSourceARN, attributes }) => ({
        Id: messageId,
        MessageBody: JSON.stringify({ from: eventSourceARN.split(":").at(-1), id: messageId, requestId, atMs, ...JSON.parse(body) }),
        MessageGroupId: attributes.MessageGroupId ?? messageId,
        MessageDeduplicationId: messageId + "/" + requestId,
      }));
      const { Failed = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      if (Failed.length > 0) throw new Error(JSON.stringify(Failed));
    }
    return { batchItemFailures: Records.filter(isRefused).map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };`,
};

export function sqsOf({ endpoint }: RunningHearth): SQSClient {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return new SQSClient({ endpoint, region, credentials, maxAttempts: 1, useQueueUrlAsEndpoint: false });
}

/** The host in a queue's address says nothing; Hearth has another one after each start. */
export function queueUrl(name: QueueName): string {
  return `http://localhost/${account}/${name}`;
}

function queueArn(name: QueueName): string {
  return `arn:aws:sqs:${region}:${account}:${name}`;
}

function redriveTo(name: QueueName): { readonly RedrivePolicy: string } {
  return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn(name), maxReceiveCount: receiveCountMax }) };
}

const attributes: Readonly<Partial<Record<QueueName, Readonly<Record<string, string>>>>> = {
  notes: redriveTo("notes-dead"),
  "turns.fifo": { FifoQueue: "true" },
  jobs: { VisibilityTimeout: String(mappedSeconds), ...redriveTo("jobs-dead") },
  "steps.fifo": { FifoQueue: "true", VisibilityTimeout: String(mappedSeconds) },
  "worked.fifo": { FifoQueue: "true" },
};

export async function createWorld(hearth: RunningHearth): Promise<void> {
  const sqs = sqsOf(hearth);
  // Dead-letter queues come first.
  for (const QueueName of queueNames.toSorted((a, b) => Number(b.endsWith("-dead")) - Number(a.endsWith("-dead")))) {
    await sqs.send(new CreateQueueCommand({ QueueName, Attributes: { ...attributes[QueueName] } }));
  }
  sqs.destroy();
  const lambda = hearth.lambda();
  await createEventFunction(lambda);
  const worker = await createFunction(lambda, workHandler, { Timeout: mappedSeconds, MemorySize: 512 });
  for (const name of ["jobs", "steps.fifo"] as const) {
    await lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName: worker,
        EventSourceArn: queueArn(name),
        FunctionResponseTypes: ["ReportBatchItemFailures"],
      }),
    );
  }
}

async function createEventFunction(lambda: LambdaClient): Promise<void> {
  await createFunction(lambda, eventHandler, {
    FunctionName: eventFunction,
    DeadLetterConfig: { TargetArn: queueArn("dead") },
    Timeout: 30,
  });
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: eventFunction,
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnSuccess: { Destination: queueArn("done") } },
    }),
  );
}
