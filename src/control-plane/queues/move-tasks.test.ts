import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { openQueuesBench, type QueuesBench } from "../../../test/support/queues-bench.ts";
import type { MoveTaskRecord } from "./move-task-record.ts";
import { prepareMessage } from "./outgoing-message.ts";
import { queueArn, type QueueRef } from "./queue-record.ts";

const scope = { account: "111122223333", region: "eu-west-1" };
const source: QueueRef = { scope, name: "work" };
const dead: QueueRef = { scope, name: "dead" };
const other: QueueRef = { scope, name: "other" };
const sourceArn = queueArn(dead);

/** A dead-letter queue with messages that came from `work`. */
async function fill(bench: QueuesBench, count: number): Promise<void> {
  const { queues } = bench;
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: sourceArn, maxReceiveCount: 1 });
  await queues.create(dead, {}, {});
  await queues.create(source, { RedrivePolicy, VisibilityTimeout: "0" }, {});
  await queues.create(other, {}, {});
  const messages = await queues.messages(source);
  const texts = Array.from({ length: count }, (_, index) => `m${index}`);
  await messages.send(texts.map((body) => prepareMessage(messages.record.settings, { body }, "sender")));
  while ((await visible(bench, dead)) < count) await messages.receive({ max: 10 });
}

async function visible({ queues }: QueuesBench, queue: QueueRef): Promise<number> {
  return (await (await queues.messages(queue)).stats()).visible;
}

/** Lets what is due happen, and what follows from it at once. */
async function pass({ clock }: QueuesBench, durationMs: number): Promise<void> {
  clock.advance(durationMs);
  for (let turn = 0; turn < 50; turn++) {
    await setImmediate();
    clock.advance(0);
  }
}

async function latest({ queues }: QueuesBench): Promise<MoveTaskRecord | undefined> {
  return (await queues.moveTasks.list(scope, sourceArn, 1))[0]?.record;
}

test("messages go back to where they came from, as new ones", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 3);

  const handle = await bench.queues.moveTasks.begin(scope, { sourceArn });
  await pass(bench, 0);

  const { taskId } = JSON.parse(Buffer.from(handle, "base64").toString()) as { readonly taskId: string };
  const task = await latest(bench);
  assert.deepEqual([task?.id, task?.status, task?.moved, task?.toMove], [taskId, "COMPLETED", 3, 3]);
  assert.equal(await visible(bench, dead), 0);
  const received = await (await bench.queues.messages(source)).receive({ max: 10, visibilitySeconds: 60 });
  assert.deepEqual(received.map(({ body }) => body).toSorted(), ["m0", "m1", "m2"]);
  assert(
    received.every(({ receiveCount, deadLetterSourceArn }) => receiveCount === 1 && deadLetterSourceArn === undefined),
  );
});

test("a task keeps to its rate, tells how far it is, and stops when it is cancelled", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 10);
  const request = { sourceArn, destinationArn: queueArn(other), perSecondMax: 2 };
  const handle = await bench.queues.moveTasks.begin(scope, request);
  await pass(bench, 0);
  assert.equal(await visible(bench, other), 2);
  await pass(bench, 999);
  assert.equal(await visible(bench, other), 2);
  await pass(bench, 1);
  assert.equal(await visible(bench, other), 4);
  await assert.rejects(bench.queues.moveTasks.begin(scope, request), { message: /There is already a task running\./ });

  assert.equal(await bench.queues.moveTasks.cancel(scope, handle), 4);
  await pass(bench, 1000);

  assert.deepEqual([(await latest(bench))?.status, (await latest(bench))?.moved], ["CANCELLED", 4]);
  assert.equal(await visible(bench, other), 4);
  assert.equal(await visible(bench, dead), 6);
  await assert.rejects(bench.queues.moveTasks.cancel(scope, handle), { message: "Task does not exist." });
});

test("a task fails when its destination goes away, and loses nothing", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 4);
  await bench.queues.moveTasks.begin(scope, { sourceArn, destinationArn: queueArn(other), perSecondMax: 1 });
  await pass(bench, 0);
  await bench.queues.delete(other);
  await pass(bench, 1000);

  const task = await latest(bench);
  assert.deepEqual(
    [task?.status, task?.moved, task?.failureReason],
    ["FAILED", 1, "AWS.SimpleQueueService.NonExistentQueue"],
  );
  assert.equal(await visible(bench, dead), 3);
});

test("a task without destination fails at a message of which nobody knows where it came from", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 0);
  const messages = await bench.queues.messages(dead);
  await messages.send([prepareMessage(messages.record.settings, { body: "direct" }, "sender")]);

  await bench.queues.moveTasks.begin(scope, { sourceArn });
  await pass(bench, 0);

  assert.deepEqual((await latest(bench))?.failureReason, "CouldNotDetermineMessageSource");
  assert.equal(await visible(bench, dead), 1);
});

test("a task goes on after a restart", async () => {
  const first = await openQueuesBench();
  await fill(first, 3);
  await first.queues.moveTasks.begin(scope, { sourceArn, perSecondMax: 1 });
  await pass(first, 0);
  await first.queues.close();

  await using second = await openQueuesBench(first);
  for (let seconds = 0; seconds < 4; seconds++) await pass(second, 1000);

  assert.equal((await latest(second))?.status, "COMPLETED");
  assert.equal(await visible(second, source), 3);
  await first[Symbol.asyncDispose]();
});

function invalid(message: string): object {
  return { code: "InvalidParameterValueException", message };
}

test("what cannot be a task is refused in AWS's words", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 0);
  await bench.queues.create({ scope, name: "dead.fifo" }, { FifoQueue: "true" }, {});
  const refusal = async (request: object, expected: object): Promise<void> => {
    await assert.rejects(bench.queues.moveTasks.begin(scope, { sourceArn, ...request }), expected);
  };
  await refusal({ sourceArn: "x" }, { message: /You must use this format to specify the SourceArn/ });
  await refusal({ sourceArn: queueArn({ scope, name: "none" }) }, { code: "ResourceNotFoundException" });
  await refusal({ sourceArn: queueArn(other) }, invalid("Source queue must be configured as a Dead Letter Queue."));
  await refusal(
    { destinationArn: sourceArn },
    invalid("Source queue arn and destination queue arn cannot be the same."),
  );
  await refusal(
    { destinationArn: queueArn({ scope, name: "dead.fifo" }) },
    invalid("The source queue and destination queue must be of the same queue type."),
  );
  for (const perSecondMax of [0, 501]) await refusal({ perSecondMax }, { code: "InvalidParameterValueException" });
  const elsewhere = { ...scope, account: "999999999999" };
  await assert.rejects(bench.queues.moveTasks.begin(elsewhere, { sourceArn }), { code: "ResourceNotFoundException" });
  await assert.rejects(bench.queues.moveTasks.cancel(scope, "nonsense"), { code: "InvalidParameterValueException" });
});

test("of one queue the last ten tasks are remembered", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 0);
  for (let index = 0; index < 12; index++) {
    await bench.queues.moveTasks.begin(scope, { sourceArn });
    await pass(bench, 1);
  }

  assert.equal((await bench.queues.moveTasks.list(scope, sourceArn, 100)).length, 10);
});

test("a queue that is deleted takes its tasks with it, those that run too", async () => {
  await using bench = await openQueuesBench();
  await fill(bench, 4);
  await bench.queues.moveTasks.begin(scope, { sourceArn, perSecondMax: 1 });
  await pass(bench, 0);

  await bench.queues.delete(dead);
  await pass(bench, 1000);

  assert.deepEqual(await bench.engine.records.list(["sqs-move-task"]), []);
});
