import assert from "node:assert/strict";
import { test } from "node:test";
import { openQueuesBench, type QueuesBench } from "../../../test/support/queues-bench.ts";
import { prepareMessage } from "./outgoing-message.ts";
import { printSettings } from "./queue-attributes.ts";
import { isGranted } from "./queue-policy.ts";
import { messagesPrefix, queueArn, type QueueRef } from "./queue-record.ts";

const scope = { account: "111122223333", region: "eu-west-1" };
const named = (name: string): QueueRef => ({ scope, name });
const q = named("q");

async function sendText({ queues }: QueuesBench, queue: QueueRef, body: string): Promise<void> {
  const messages = await queues.messages(queue);
  await messages.send([prepareMessage(messages.record.settings, { body }, "sender")]);
}

test("creating a queue again with equal attributes finds it; with another value it is refused", async () => {
  await using bench = await openQueuesBench();
  const { queues } = bench;

  const made = await queues.create(q, { VisibilityTimeout: "45" }, { team: "a" });
  assert.equal((await queues.create(q, { VisibilityTimeout: "45" }, {})).uid, made.uid);
  assert.equal((await queues.create(q, {}, {})).uid, made.uid);

  await assert.rejects(queues.create(q, { VisibilityTimeout: "46" }, {}), {
    code: "QueueNameExists",
    message: "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
  });
});

test("two who create a queue at the same moment get the same one", async () => {
  await using bench = await openQueuesBench();

  const made = await Promise.all([1, 2, 3].map(() => bench.queues.create(q, {}, {})));

  assert.equal(new Set(made.map(({ uid }) => uid)).size, 1);
});

test("a name is free a minute after its queue was deleted, and the new queue is empty", async () => {
  await using bench = await openQueuesBench();
  const { queues, clock } = bench;
  await queues.create(q, {}, {});
  await sendText(bench, q, "old");
  await queues.delete(q);

  assert.equal(queues.find(q), undefined);
  await assert.rejects(queues.messages(q), { code: "QueueDoesNotExist" });
  clock.advance(59_999);
  await assert.rejects(queues.create(q, {}, {}), { code: "QueueDeletedRecently" });
  clock.advance(1);
  await queues.create(q, {}, {});

  assert.equal((await (await queues.messages(q)).stats()).visible, 0);
  assert.equal((await bench.engine.queues.list(messagesPrefix)).length, 1);
});

test("who holds a queue that is deleted is told so", async () => {
  await using bench = await openQueuesBench();
  await bench.queues.create(q, {}, {});
  const messages = await bench.queues.messages(q);
  const waiting = messages.receive({ max: 1, waitSeconds: 20 });
  waiting.catch(() => undefined);

  await bench.queues.delete(q);

  const isGone = { code: "QueueDoesNotExist" };
  await assert.rejects(waiting, isGone);
  await assert.rejects(messages.stats(), isGone);
  await assert.rejects(messages.purge(), isGone);
});

test("names obey SQS's rules, and FIFO queues end in .fifo", async () => {
  await using bench = await openQueuesBench();
  const create = (name: string, attributes = {}): Promise<unknown> => bench.queues.create(named(name), attributes, {});
  const isInvalid = { code: "InvalidParameterValueException" };

  for (const name of ["", "a b", "a.b", "ä", "a".repeat(81), "a.fifo"]) await assert.rejects(create(name), isInvalid);
  await assert.rejects(create("a", { FifoQueue: "true" }), isInvalid);
  await assert.rejects(create(`${"a".repeat(76)}.fifo`, { FifoQueue: "true" }), isInvalid);
  await assert.rejects(create("a", { FifoQueue: "false" }), { code: "InvalidAttributeName" });

  await create("a".repeat(80));
  await create(`${"a".repeat(75)}.fifo`, { FifoQueue: "true" });
});

test("a new queue has AWS's defaults", async () => {
  await using bench = await openQueuesBench();

  const { settings } = await bench.queues.create(named("f.fifo"), { FifoQueue: "true" }, {});

  assert.deepEqual(printSettings(settings), {
    VisibilityTimeout: "30",
    MaximumMessageSize: "1048576",
    MessageRetentionPeriod: "345600",
    DelaySeconds: "0",
    ReceiveMessageWaitTimeSeconds: "0",
    FifoQueue: "true",
    ContentBasedDeduplication: "false",
    DeduplicationScope: "queue",
    FifoThroughputLimit: "perQueue",
    SqsManagedSseEnabled: "true",
  });
});

test("attributes out of their ranges are refused, those at the bounds are taken", async () => {
  await using bench = await openQueuesBench();
  await bench.queues.create(q, {}, {});
  const ranges: readonly (readonly [string, number, number])[] = [
    ["DelaySeconds", 0, 900],
    ["MaximumMessageSize", 1024, 1_048_576],
    ["MessageRetentionPeriod", 60, 1_209_600],
    ["ReceiveMessageWaitTimeSeconds", 0, 20],
    ["VisibilityTimeout", 0, 43_200],
    ["KmsDataKeyReusePeriodSeconds", 60, 86_400],
  ];

  for (const [name, min, max] of ranges) {
    for (const value of [min, max]) await bench.queues.setAttributes(q, { [name]: String(value) });
    for (const value of [String(min - 1), String(max + 1), "", " 61", "61.5", "x"]) {
      await assert.rejects(bench.queues.setAttributes(q, { [name]: value }), {
        code: "InvalidAttributeValue",
        message: `Invalid value for the parameter ${name}.`,
      });
    }
  }
  await assert.rejects(bench.queues.setAttributes(q, { QueueArn: "x" }), { code: "InvalidAttributeName" });
  await assert.rejects(bench.queues.setAttributes(q, { constructor: "x" }), { code: "InvalidAttributeName" });
});

test("high throughput needs the deduplication scope of message groups", async () => {
  await using bench = await openQueuesBench();
  const fifo = named("f.fifo");
  await bench.queues.create(fifo, { FifoQueue: "true" }, {});

  await assert.rejects(bench.queues.setAttributes(fifo, { FifoThroughputLimit: "perMessageGroupId" }), {
    code: "InvalidParameterValueException",
  });
  await bench.queues.setAttributes(fifo, {
    FifoThroughputLimit: "perMessageGroupId",
    DeduplicationScope: "messageGroup",
  });
  await assert.rejects(bench.queues.setAttributes(fifo, { DeduplicationScope: "topic" }), {
    code: "InvalidAttributeValue",
  });
});

test("a queue is purged at most once a minute", async () => {
  await using bench = await openQueuesBench();
  const { queues, clock } = bench;
  await queues.create(q, {}, {});
  await sendText(bench, q, "a");

  await queues.purge(q);
  assert.equal((await (await queues.messages(q)).stats()).visible, 0);
  await assert.rejects(queues.purge(q), {
    code: "PurgeQueueInProgress",
    message: "Only one PurgeQueue operation on q is allowed every 60 seconds.",
  });
  clock.advance(60_000);
  await queues.purge(q);
});

function because(reason: RegExp): object {
  return { code: "InvalidParameterValueException", message: reason };
}

test("a dead-letter queue is there, of the same type, account and region, and permits its sources", async () => {
  await using bench = await openQueuesBench();
  const { queues } = bench;
  const dead = named("dead");
  await queues.create(q, {}, {});
  await queues.create(dead, {}, {});
  await queues.create(named("dead.fifo"), { FifoQueue: "true" }, {});
  const redriveTo = (deadLetterTargetArn: string, maxReceiveCount: unknown = 3): Promise<void> =>
    queues.setAttributes(q, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) });

  await assert.rejects(redriveTo(queueArn(named("none"))), because(/Dead letter target does not exist\.$/));
  await assert.rejects(redriveTo(queueArn(named("dead.fifo"))), because(/same type of queue as the source/));
  await assert.rejects(redriveTo("arn:aws:sqs:eu-west-1:999999999999:dead"), because(/owner should be same/));
  await assert.rejects(redriveTo("arn:aws:sns:eu-west-1:111122223333:dead"), because(/Only SQS queues/));
  await assert.rejects(redriveTo("dead"), because(/fully qualified ARN/));
  for (const count of [0, 1001, 1.5, "x"]) {
    await assert.rejects(redriveTo(queueArn(dead), count), because(/valid values are from 1 to 1000/));
  }
  await assert.rejects(queues.setAttributes(q, { RedrivePolicy: "[]" }), { code: "InvalidAttributeValue" });

  await redriveTo(queueArn(dead), "5");
  assert.deepEqual(queues.find(q)?.settings.redrivePolicy, { deadLetterTargetArn: queueArn(dead), maxReceiveCount: 5 });
  assert.deepEqual(
    queues.deadLetterSources(dead).map(({ name }) => name),
    ["q"],
  );

  await queues.setAttributes(dead, { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' });
  await assert.rejects(redriveTo(queueArn(dead)), because(/does not permit/));
  const byQueue = { redrivePermission: "byQueue", sourceQueueArns: [queueArn(q)] };
  await queues.setAttributes(dead, { RedriveAllowPolicy: JSON.stringify(byQueue) });
  await redriveTo(queueArn(dead));
  await queues.setAttributes(q, { RedrivePolicy: "" });
  assert.equal(queues.find(q)?.settings.redrivePolicy, undefined);
});

test("permissions are statements of the policy, which decides about other accounts", async () => {
  await using bench = await openQueuesBench();
  const { queues } = bench;
  await queues.create(q, {}, {});
  const other = "444455556666";
  const policy = (): string | undefined => queues.get(q).settings.policy;
  const may = (action: string, account = other): boolean =>
    isGranted(policy(), q, { action, account, principalArn: `arn:aws:iam::${account}:root` });

  assert.equal(may("sqs:SendMessage"), false);
  await queues.addPermission(q, { label: "send", accounts: [other], actions: ["SendMessage"] });
  assert.deepEqual(JSON.parse(policy() ?? ""), {
    Version: "2008-10-17",
    Id: `${queueArn(q)}/SQSDefaultPolicy`,
    Statement: [
      {
        Sid: "send",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${other}:root` },
        Action: "SQS:SendMessage",
        Resource: queueArn(q),
      },
    ],
  });
  assert.equal(may("sqs:SendMessage"), true);
  assert.equal(may("sqs:ReceiveMessage"), false);
  assert.equal(may("sqs:SendMessage", "777788889999"), false);
  const invalid = { code: "InvalidParameterValueException" };
  await assert.rejects(queues.addPermission(q, { label: "send", accounts: [other], actions: ["*"] }), invalid);
  await assert.rejects(queues.addPermission(q, { label: "x", accounts: [other], actions: ["DeleteQueue"] }), invalid);
  await assert.rejects(queues.addPermission(q, { label: "x", accounts: ["me"], actions: ["*"] }), invalid);
  await assert.rejects(queues.removePermission(q, "none"), invalid);

  await queues.removePermission(q, "send");
  assert.equal(policy(), undefined);
});

test("a statement that denies wins, even when what it asks for cannot be judged", async () => {
  await using bench = await openQueuesBench();
  const { queues } = bench;
  await queues.create(q, {}, {});
  const allow = { Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: queueArn(q) };
  const request = {
    action: "sqs:SendMessage",
    account: "444455556666",
    principalArn: "arn:aws:iam::444455556666:root",
  };
  const judged = async (...Statement: readonly object[]): Promise<boolean> => {
    await queues.setAttributes(q, { Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
    return isGranted(queues.get(q).settings.policy, q, request);
  };

  assert.equal(await judged(allow), true);
  assert.equal(await judged(allow, { ...allow, Effect: "Deny", Action: "sqs:SendMessage" }), false);
  assert.equal(await judged(allow, { ...allow, Effect: "Deny", Action: "sqs:DeleteMessage" }), true);
  const unknown = { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } };
  assert.equal(await judged({ ...allow, Condition: unknown }), false);
  assert.equal(await judged(allow, { ...allow, Effect: "Deny", Condition: unknown }), false);
  await assert.rejects(queues.setAttributes(q, { Policy: "{" }), { code: "InvalidAttributeValue" });
  await assert.rejects(judged({ ...allow, NotAction: "x" }), { code: "InvalidAttributeValue" });
});

test("queues and what they hold are there after a restart; what was left of deleted ones is not", async () => {
  await using first = await openQueuesBench();
  const { engine, clock } = first;
  await first.queues.create(q, { DelaySeconds: "1" }, { team: "a" });
  await sendText(first, q, "kept");
  await engine.queues.open([...messagesPrefix, scope.account, scope.region, "gone", "some-id"]);

  await using second = await openQueuesBench({ engine, clock });

  assert.deepEqual(second.queues.get(q).tags, { team: "a" });
  assert.equal((await (await second.queues.messages(q)).stats()).delayed, 1);
  assert.equal((await engine.queues.list(messagesPrefix)).length, 1);
});

test("tags obey their bounds", async () => {
  await using bench = await openQueuesBench();
  const { queues } = bench;
  await queues.create(q, {}, { a: "1" });

  await queues.changeTags(q, { set: { b: "2" } });
  await queues.changeTags(q, { remove: ["a", "x"] });
  assert.deepEqual(queues.get(q).tags, { b: "2" });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, ""]));
  await assert.rejects(queues.changeTags(q, { set: many }), { message: "Too many tags added for queue q." });
  for (const set of [{ "": "x" }, { [`k${"k".repeat(128)}`]: "" }, { k: "v".repeat(257) }, { "aws:x": "" }]) {
    await assert.rejects(queues.changeTags(q, { set }), { code: "InvalidParameterValueException" });
  }
});
