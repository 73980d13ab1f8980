/**
 * SendMessage, and ReceiveMessage with DeleteMessage, through a raw HTTP client in the SDK's protocol: one message a
 * call, and ten. Beside a bare echo that is asked by the same client. Then a backlog is filled and drained, with what
 * memory the front takes meanwhile.
 */
import { pidOf } from "../../test/support/role-pid.ts";
import type { Call } from "../lib/measure.ts";
import { RawConnection } from "../lib/raw-connection.ts";
import { measureEcho, rawLoad, type RawLoad } from "../lib/raw-load.ts";
import { ms, perSecond, type Report } from "../lib/report.ts";
import { residentMiB } from "../lib/resident.ts";
import { withHearth } from "../targets/hearth.ts";

const clients = 32;
const smallBacklog = 20_000;
const largeBacklog = 200_000;
const body = "x".repeat(200);
const conditions = `JSON, ${body.length} bytes, durable, ${clients} clients`;
const batchSize = 10;

export async function queues(report: Report): Promise<void> {
  const echo = await measureEcho(report, clients, body);
  const tell = (what: string, load: RawLoad, promise?: string): void => {
    const share = `${(load.perSecond / echo).toFixed(2)} × the echo`;
    const value = `${perSecond(load.perSecond)} messages, p99 ${ms(load.latencyMs.p99)} a turn; ${share}`;
    report.series(what, load);
    report.row({ what, conditions, value, ...(promise === undefined ? {} : { promise }) });
  };
  await withHearth({}, async (hearth) => {
    const queue = await Queue.create(new URL(hearth.endpoint), "bench");
    const { url } = queue;
    tell("SendMessage", await rawLoad(url, clients, (connection) => queue.send(connection)), "≥ 3000/s");
    tell("SendMessageBatch of ten", await rawLoad(url, clients, (connection) => queue.sendBatch(connection)));
    const one = await rawLoad(url, clients, (connection) => queue.take(connection));
    tell("ReceiveMessage and DeleteMessage", one, "≥ 3000/s");
    const ten = await rawLoad(url, clients, (connection) => queue.takeBatch(connection));
    tell("ReceiveMessage and DeleteMessageBatch of ten", ten);
  });
  await withHearth({}, async (hearth) => {
    const queue = await Queue.create(new URL(hearth.endpoint), "backlog");
    const front = await pidOf(hearth, "front");
    const fillAndDrain = async (count: number): Promise<{ filling: Watched; draining: Watched }> => ({
      filling: await watched(front, () => everyClient(queue.url, count, (one) => queue.sendBatch(one))),
      draining: await watched(front, () => everyClient(queue.url, count, (one) => queue.takeBatch(one))),
    });
    // The first is what a front takes that has served many requests, whatever lies in the queue.
    const small = await fillAndDrain(smallBacklog);
    const large = await fillAndDrain(largeBacklog);
    report.series("backlog of a queue", { small, large });
    const most = ({ filling, draining }: typeof small): string => `${Math.max(filling.mostMiB, draining.mostMiB)} MiB`;
    report.row({
      what: `a backlog of ${largeBacklog} messages is filled, then drained`,
      conditions: `batches of ten, ${conditions}`,
      value:
        `${perSecond(largeBacklog / large.filling.seconds)} in, ${perSecond(largeBacklog / large.draining.seconds)} out; ` +
        `the front has at most ${most(large)}, with a backlog of ${smallBacklog} ${most(small)}`,
      promise: "memory does not grow with the backlog",
    });
  });
}

/** A queue under load, as the SDK asks for it. */
class Queue {
  readonly url: URL;
  readonly #queueUrl: string;
  readonly #send: Call;
  readonly #sendBatch: Call;
  readonly #receive: Call;
  readonly #receiveBatch: Call;

  private constructor(url: URL, queueUrl: string) {
    this.url = url;
    this.#queueUrl = queueUrl;
    this.#send = this.#call("SendMessage", { MessageBody: body });
    const Entries = Array.from({ length: batchSize }, (_, index) => ({ Id: String(index), MessageBody: body }));
    this.#sendBatch = this.#call("SendMessageBatch", { Entries });
    this.#receive = this.#call("ReceiveMessage", {});
    this.#receiveBatch = this.#call("ReceiveMessage", { MaxNumberOfMessages: batchSize });
  }

  static async create(url: URL, QueueName: string): Promise<Queue> {
    using connection = await RawConnection.open(url);
    const answer = await connection.send(sqsCall(url, "CreateQueue", { QueueName }));
    return new Queue(url, (JSON.parse(answer) as { readonly QueueUrl: string }).QueueUrl);
  }

  async send(connection: RawConnection): Promise<number> {
    await connection.send(this.#send);
    return 1;
  }

  async sendBatch(connection: RawConnection): Promise<number> {
    await connection.send(this.#sendBatch);
    return batchSize;
  }

  async take(connection: RawConnection): Promise<number> {
    const [ReceiptHandle] = handlesIn(await connection.send(this.#receive));
    if (ReceiptHandle === undefined) return 0;
    await connection.send(this.#call("DeleteMessage", { ReceiptHandle }));
    return 1;
  }

  async takeBatch(connection: RawConnection): Promise<number> {
    const handles = handlesIn(await connection.send(this.#receiveBatch));
    if (handles.length === 0) return 0;
    const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
    await connection.send(this.#call("DeleteMessageBatch", { Entries }));
    return handles.length;
  }

  #call(operation: string, input: object): Call {
    return sqsCall(this.url, operation, { QueueUrl: this.#queueUrl, ...input });
  }
}

/** What the SDK sends, signature and all (any is good on loopback). */
function sqsCall(url: URL, operation: string, input: object): Call {
  return {
    url,
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${operation}`,
      authorization:
        "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
      "x-amz-date": "20260101T000000Z",
    },
    body: JSON.stringify(input),
  };
}

function handlesIn(answer: string): string[] {
  const { Messages = [] } = JSON.parse(answer) as {
    readonly Messages?: readonly { readonly ReceiptHandle: string }[];
  };
  return Messages.map(({ ReceiptHandle }) => ReceiptHandle);
}

/** All clients together, until `count` is done. */
async function everyClient(
  url: URL,
  count: number,
  turn: (connection: RawConnection) => Promise<number>,
): Promise<void> {
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      using connection = await RawConnection.open(url);
      while (done < count) {
        const more = await turn(connection);
        done += more;
      }
    }),
  );
}

const lookIntervalMs = 100;

interface Watched {
  readonly mostMiB: number;
  readonly seconds: number;
}

async function watched(pid: number, work: () => Promise<void>): Promise<Watched> {
  const startedAtMs = performance.now();
  let mostMiB = await residentMiB(pid);
  const looks = setInterval(() => {
    void residentMiB(pid).then((now) => (mostMiB = Math.max(mostMiB, now)));
  }, lookIntervalMs);
  await work();
  clearInterval(looks);
  return { mostMiB, seconds: (performance.now() - startedAtMs) / 1000 };
}
