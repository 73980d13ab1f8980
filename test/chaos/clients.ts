/** The clients of one start of Hearth. They go on whatever happens to it, until they are told to stop. */
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type Message,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { RunningHearth } from "../support/hearth.ts";
import { Loops } from "../support/loops.ts";
import type { Account } from "./account.ts";
import type { Working } from "./ledger.ts";
import { eventFunction, poisonous, queueUrl, sqsOf, visibilitySeconds, type QueueName } from "./world.ts";

/** Of what a client receives, so much it forgets: the message comes again. */
const forgotten = 0.05;
const groups = ["a", "b", "c"] as const;

interface Numbered {
  readonly n: number;
}
interface Turn extends Numbered {
  readonly group: string;
}
interface Worked extends Turn, Working {
  readonly from: "jobs" | "steps.fifo";
}
/** What lies in the queues that are read. */
interface Bodies {
  readonly done: { readonly requestPayload: Numbered };
  readonly dead: Numbered;
  readonly notes: Numbered;
  readonly "notes-dead": Numbered;
  readonly "jobs-dead": Numbered;
  readonly "turns.fifo": Turn;
  readonly "worked.fifo": Worked;
}

export class Clients {
  readonly #account: Account;
  readonly #random: () => number;
  readonly #sqs: SQSClient;
  readonly #lambda: LambdaClient;
  readonly #senders = new Loops();
  readonly #receivers = new Loops();

  constructor(hearth: RunningHearth, account: Account, random: () => number) {
    this.#account = account;
    this.#random = random;
    this.#sqs = sqsOf(hearth);
    this.#lambda = hearth.lambda();
  }

  startSending(): void {
    for (let sender = 0; sender < 4; sender++) this.#senders.repeat(() => this.#sendEvent());
    for (let sender = 0; sender < 2; sender++) {
      this.#senders.repeat(() => this.#sendTo("notes"));
      this.#senders.repeat(() => this.#sendTo("jobs"));
    }
    for (const group of groups) {
      this.#senders.repeat(() => this.#sendNext("turns", group));
      this.#senders.repeat(() => this.#sendNext("steps", group));
    }
  }

  startReceiving(): void {
    const account = this.#account;
    this.#read("done", ({ requestPayload: { n } }) => account.ended("events", String(n)));
    this.#read("dead", ({ n }, error) => account.died("events", n, error));
    this.#read("notes-dead", ({ n }, error) => account.died("notes", n, error));
    this.#read("jobs-dead", ({ n }, error) => account.died("jobs", n, error));
    this.#read("worked.fifo", ({ from, group, n, id, requestId, atMs }) => {
      account.worked({ id, requestId, atMs });
      if (from === "jobs") account.ended("jobs", String(n));
      else account.came("steps", group, n);
    });
    for (let reader = 0; reader < 2; reader++) {
      this.#read(
        "notes",
        ({ n }) => {
          if (n % poisonous === 0) return "refused";
          return account.ended("notes", String(n));
        },
        ({ n }) => account.forgot(n),
      );
      this.#read("turns.fifo", ({ group, n }) => account.came("turns", group, n));
    }
  }

  async stopSending(): Promise<void> {
    await this.#senders.stop();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#senders.stop(), this.#receivers.stop()]);
    this.#sqs.destroy();
    this.#lambda.destroy();
  }

  async #sendEvent(): Promise<void> {
    const n = this.#account.nextNumber();
    const Payload = JSON.stringify({ n } satisfies Numbered);
    await this.#lambda.send(new InvokeCommand({ FunctionName: eventFunction, InvocationType: "Event", Payload }));
    this.#account.accepted("events", String(n));
  }

  async #sendTo(queue: "notes" | "jobs"): Promise<void> {
    const n = this.#account.nextNumber();
    const MessageBody = JSON.stringify({ n } satisfies Numbered);
    await this.#sqs.send(new SendMessageCommand({ QueueUrl: queueUrl(queue), MessageBody }));
    this.#account.accepted(queue, String(n));
  }

  /** A group has one sender, who sends a message again until it is accepted: so its numbers have no gaps. */
  async #sendNext(source: "turns" | "steps", group: string): Promise<void> {
    const n = this.#account.nextOf(source, group);
    await this.#sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl(`${source}.fifo`),
        MessageBody: JSON.stringify({ group, n } satisfies Turn),
        MessageGroupId: group,
        MessageDeduplicationId: `${group}-${n}`,
      }),
    );
    this.#account.accepted(source, `${group}/${n}`);
  }

  /** Reads a queue on and on; what is taken is deleted, but for a little that is forgotten. */
  #read<Name extends keyof Bodies>(
    name: Name,
    take: (body: Bodies[Name], error: string | undefined) => void | "refused",
    forget: (body: Bodies[Name]) => void = () => undefined,
  ): void {
    const { deliveries } = this.#account;
    const QueueUrl = queueUrl(name);
    this.#receivers.repeat(async () => {
      const askedAtMs = Date.now();
      const { Messages = [] } = await this.#sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 1,
          VisibilityTimeout: visibilitySeconds,
          MessageAttributeNames: ["ErrorMessage"],
        }),
      );
      const answeredAtMs = Date.now();
      const done = Messages.filter((message) => {
        const id = idIn(name, message);
        deliveries.receive({ id, askedAtMs, answeredAtMs, visibilityMs: visibilitySeconds * 1000 });
        const body = JSON.parse(message.Body ?? "") as Bodies[Name];
        if (take(body, message.MessageAttributes?.["ErrorMessage"]?.StringValue) === "refused") return false;
        if (this.#random() >= forgotten) return true;
        forget(body);
        return false;
      });
      if (done.length === 0) return;
      const Entries = done.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      const { Successful = [] } = await this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      for (const { Id } of Successful) deliveries.remove(idIn(name, done[Number(Id)]));
    });
  }
}

function idIn(queue: QueueName, message: Message | undefined): string {
  return `${queue}/${message?.MessageId}`;
}
