/** How a mapping of a queue begins, waits, changes and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scope } from "../../test/support/data-plane.ts";
import { numbered, PollersBench, throttled } from "../../test/support/pollers-bench.ts";

test("a message reaches the function as it arrives, in Lambda's shape, and is deleted when the function is done", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  const at = bench.clock.now();

  const [id] = await bench.send(queue, [
    { body: "hello", attributes: { a: { dataType: "String", stringValue: "b" } }, traceHeader: "Root=1-2-3" },
  ]);

  const { request, records } = bench.batches[0] ?? assert.fail("nothing was invoked");
  assert.deepEqual([request.functionName, request.qualifier, request.traceId], ["f", undefined, "Root=1-2-3"]);
  const [record] = records;
  assert.deepEqual(
    { ...record, receiptHandle: "" },
    {
      messageId: id,
      receiptHandle: "",
      body: "hello",
      attributes: {
        ApproximateReceiveCount: "1",
        AWSTraceHeader: "Root=1-2-3",
        SentTimestamp: String(at),
        SenderId: "sender",
        ApproximateFirstReceiveTimestamp: String(at),
      },
      messageAttributes: { a: { stringValue: "b", stringListValues: [], binaryListValues: [], dataType: "String" } },
      md5OfMessageAttributes: "bef8bf215374a0a228d67533b1a488be",
      md5OfBody: "5d41402abc4b2a76b9719d911017c592",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:q",
      awsRegion: "us-east-1",
    },
  );
  assert.equal(bench.clock.now(), at, "no time has passed");
  const { visible, inFlight } = await queue.stats();
  assert.deepEqual([visible, inFlight], [0, 0]);
});

test("an idle mapping, and one whose messages are done, leave no timers but the wait for the next message", async () => {
  await using bench = await PollersBench.open();
  const idle = bench.clock.pendingTimers;
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  const waiting = bench.clock.pendingTimers;
  await bench.send(queue, numbered(20));

  assert.equal(bench.batches.length > 0, true);
  assert(
    bench.clock.pendingTimers <= waiting,
    `${bench.clock.pendingTimers} timers, ${waiting} before, ${idle} without a mapping`,
  );
});

test("what a mapping is changed to counts for the next message, though the mapping waits for it already", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  const { uuid } = await bench.map(queue.record);
  const changed = { batchSize: 2, filterPatterns: ['{"body":[{"prefix":"a"}]}'] };

  await bench.mappings.update(scope, uuid, { settingsOf: () => changed });
  await bench.settled();
  await bench.send(queue, ["a1", "b1", "a2", "a3"]);

  assert.deepEqual(bench.bodies, [["a1", "a2"], ["a3"]]);
});

test("a mapping that is disabled gives back what waits for its function; what the function runs is done", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  const held = bench.holdAll();
  const { uuid } = await bench.map(queue.record, { batchSize: 1, maximumConcurrency: 2 });
  await bench.send(queue, ["running"]);
  bench.answer = () => throttled;
  await bench.send(queue, ["refused"]);
  assert.equal((await queue.stats()).inFlight, 2);

  await bench.mappings.update(scope, uuid, { enabled: false, settingsOf: ({ settings }) => settings });
  await bench.advance(100);

  assert.equal((await bench.mappings.get(scope, uuid)).state, "Disabled");
  const { visible, inFlight } = await queue.stats();
  assert.deepEqual([visible, inFlight], [1, 1]);
  held.end();
  await bench.settled();
  assert.equal((await queue.stats()).inFlight, 0);
  const count = bench.batches.length;
  await bench.send(queue, ["later"]);
  await bench.advance(60_000);
  assert.equal(bench.batches.length, count);
});

test("what is running when Hearth stops has a while to end, and is then visible to others at once", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  bench.holdAll();
  await bench.map(queue.record);
  await bench.send(queue, ["a"]);

  const closed = bench.fleet.close();
  await bench.settled();
  await bench.advance(1900);
  assert.equal((await queue.stats()).inFlight, 1);
  await bench.advance(100);
  await closed;

  const { visible, inFlight } = await queue.stats();
  assert.deepEqual([visible, inFlight], [1, 0]);
});

test("a queue that is made again under its name is read again", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  await bench.queues.delete(queue.record);
  await bench.advance(61_000);

  const again = await bench.queue("q");
  await bench.send(again, ["a"]);
  await bench.advance(61_000, 1000);

  assert.deepEqual(bench.bodies, [["a"]]);
});
