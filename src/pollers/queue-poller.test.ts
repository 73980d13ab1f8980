import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { InvokeOutcome } from "../data-plane/frontend/contract.ts";
import { lineageIdOf, lineageOf, turnsMax, withLineage } from "../data-plane/frontend/lineage.ts";
import { UnavailableError } from "../core/errors.ts";
import { functionArn } from "../core/function-record.ts";
import type { MessageQueue } from "../control-plane/queues/message-queue.ts";
import { scope } from "../../test/support/data-plane.ts";
import { failed, PollersBench, reporting, succeeded, throttled } from "../../test/support/pollers-bench.ts";

let bench: PollersBench;

beforeEach(async () => {
  bench = await PollersBench.open();
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);
const reports = { responseTypes: ["ReportBatchItemFailures"] } as const;

/** Every invocation waits until it is told to end. */
function holdAll(): { end(): void; readonly running: () => number } {
  const waiting = new Set<(outcome: InvokeOutcome) => void>();
  bench.answer = () => new Promise((resolve) => waiting.add(resolve));
  return {
    end() {
      for (const resolve of waiting) resolve(succeeded());
      waiting.clear();
    },
    running: () => waiting.size,
  };
}

test("a message reaches the function as it arrives, in Lambda's shape, and is deleted when the function is done", async () => {
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

test("batches are as large as the batch size, and five run at first", async () => {
  const queue = await bench.queue("q");
  await bench.send(queue, numbered(60));
  const held = holdAll();

  await bench.map(queue.record);

  assert.deepEqual(
    bench.bodies.map(({ length }) => length),
    [10, 10, 10, 10, 10],
  );
  held.end();
  await bench.settled();
  assert.equal(bench.batches.length, 6);
  held.end();
});

test("while messages wait, up to 300 more batches a minute are processed at once, and no more than the mapping allows", async () => {
  const queue = await bench.queue("q", { VisibilityTimeout: "600" });
  const limited = await bench.queue("limited", { VisibilityTimeout: "600" });
  await bench.send(queue, numbered(400));
  await bench.send(limited, numbered(400));
  const held = holdAll();

  await bench.map(queue.record, { batchSize: 1 });
  await bench.advance(10_000);

  const grown = held.running();
  assert(grown >= 45 && grown <= 56, `${grown} batches after 10 s`);
  await bench.map(limited.record, { batchSize: 1, maximumConcurrency: 7 });
  const before = held.running();
  await bench.advance(5000);
  assert(
    bench.batches.filter(
      ({ records }) => records[0]?.["eventSourceARN"] === `arn:aws:sqs:us-east-1:000000000000:limited`,
    ).length === 7,
    String(before),
  );
  bench.answer = () => succeeded();
  held.end();
  await bench.settled();
});

test("provisioned pollers process ten batches each, from the first message on, and never more than their maximum", async () => {
  const queue = await bench.queue("q", { VisibilityTimeout: "600" });
  await bench.send(queue, numbered(100));
  const held = holdAll();

  await bench.map(queue.record, { batchSize: 1, pollers: { minimum: 2, maximum: 3 } });

  assert.equal(held.running(), 20);
  await bench.advance(10_000);
  assert.equal(held.running(), 30);
  bench.answer = () => succeeded();
  held.end();
});

test("a batching window gathers messages until it is over or the batch is full", async () => {
  const queue = await bench.queue("q");
  await bench.map(queue.record, { batchSize: 25, batchingWindowSeconds: 3 });

  await bench.send(queue, numbered(3));
  await bench.advance(2000);
  await bench.send(queue, numbered(2));
  assert.equal(bench.batches.length, 0);
  await bench.advance(1000);
  assert.deepEqual(
    bench.bodies.map(({ length }) => length),
    [5],
  );
  assert.equal(bench.batches[0]?.records[0]?.["md5OfMessageAttributes"], null);

  await bench.send(queue, numbered(25));
  assert.deepEqual(
    bench.bodies.map(({ length }) => length),
    [5, 25],
  );
});

test("an event holds no more than 6 MB; what is beyond comes in the next", async () => {
  const queue = await bench.queue("q", { MaximumMessageSize: "1048576" });
  const body = "x".repeat(1_000_000);
  for (let sent = 0; sent < 8; sent++) await bench.send(queue, [body]);

  await bench.map(queue.record, { maximumConcurrency: 2 });

  assert.deepEqual(
    bench.bodies.map(({ length }) => length),
    [6, 2],
  );
  for (const { request } of bench.batches) assert(request.payload.byteLength <= 6_291_456);
});

test("a batch that fails comes back when the queue's visibility timeout is over, and ends in the dead-letter queue", async () => {
  const dead = await bench.queue("dead");
  const queue = await bench.queue("q", {
    VisibilityTimeout: "20",
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead",
      maxReceiveCount: 2,
    }),
  });
  await bench.map(queue.record);
  bench.answer = () => failed();

  await bench.send(queue, ["a", "b"]);
  await bench.advance(19_000);
  assert.equal(bench.batches.length, 1);
  await bench.advance(1000);
  assert.equal(bench.batches.length, 2);
  assert.deepEqual(
    bench.batches[1]?.records.map(({ attributes }) => attributes["ApproximateReceiveCount"]),
    ["2", "2"],
  );

  await bench.advance(20_000);
  assert.equal(bench.batches.length, 2);
  assert.equal((await dead.stats()).visible, 2);
});

test("of a batch with reported failures only these come back", async () => {
  const queue = await bench.queue("q");
  await bench.map(queue.record, reports);
  bench.answer = ({ records }) => (bench.batches.length === 1 ? reporting(records[1]?.messageId) : succeeded("{}"));

  await bench.send(queue, ["a", "b", "c"]);
  await bench.advance(30_000);

  assert.deepEqual(bench.bodies, [["a", "b", "c"], ["b"]]);
});

test("without ReportBatchItemFailures an answer reports nothing", async () => {
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  bench.answer = ({ records }) => reporting(records[0]?.messageId);

  await bench.send(queue, ["a"]);
  await bench.advance(31_000);

  assert.equal(bench.batches.length, 1);
});

test("a FIFO queue's groups keep their order, with one batch of each in flight", async () => {
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true" });
  const held = holdAll();
  await bench.map(queue.record, { batchSize: 2 });

  await bench.send(
    queue,
    ["a1", "a2", "a3"].map((body) => ({ body, groupId: "a" })),
  );
  await bench.send(queue, [{ body: "b1", groupId: "b" }]);
  assert.deepEqual(bench.bodies, [["a1", "a2"], ["b1"]]);

  held.end();
  await bench.settled();
  assert.deepEqual(bench.bodies, [["a1", "a2"], ["b1"], ["a3"]]);
  held.end();
});

/** The header of a message whose chain has invoked the function so often. */
function traced(turns: number): string {
  const id = lineageIdOf(functionArn(scope, "f"));
  let header = "Root=1-2-3";
  for (let turn = 0; turn < turns; turn++) header = withLineage(header, lineageOf(header, id));
  return header;
}

test("a message in a loop is refused alone; those beside it are processed, and go on the chain with the most turns", async () => {
  const queue = await bench.queue("q");
  bench.answer = ({ request: { traceId } }) =>
    traceId === traced(turnsMax) ? { kind: "recursive", message: "a loop" } : succeeded();
  await bench.send(queue, [
    { body: "new", traceHeader: "Root=4-5-6" },
    { body: "third turn", traceHeader: traced(2) },
    { body: "second turn", traceHeader: traced(1) },
    { body: "loop", traceHeader: traced(turnsMax) },
    "untraced",
  ]);

  await bench.map(queue.record);

  assert.deepEqual(bench.bodies, [["new", "third turn", "second turn"], ["loop"], ["untraced"]]);
  assert.deepEqual(
    bench.batches.map(({ request }) => request.traceId),
    [traced(2), traced(turnsMax), undefined],
  );
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [0, 1]);
});

/** More messages of one FIFO group than one event holds: six go into the first. */
async function sendLarge(queue: MessageQueue): Promise<void> {
  for (let n = 1; n <= 7; n++) await bench.send(queue, [{ body: `${n}`.padEnd(1_000_000, "x"), groupId: "g" }]);
}

/** The first characters of each message, with how often it has been received. */
function seen(): string[] {
  return bench.batches.map(({ records }) =>
    records.map(({ body, attributes }) => `${body.charAt(0)}:${attributes["ApproximateReceiveCount"]}`).join(" "),
  );
}

test("what one event of a FIFO group cannot hold comes after it, without another receive", async () => {
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true", VisibilityTimeout: "10" });
  await sendLarge(queue);
  const held = holdAll();
  await bench.map(queue.record);

  // Longer than the queue's visibility timeout would keep it from others.
  await bench.advance(30_000);
  assert.deepEqual(seen(), ["1:1 2:1 3:1 4:1 5:1 6:1"]);
  held.end();
  await bench.settled();
  assert.deepEqual(seen().slice(1), ["7:1"]);
  held.end();
  await bench.settled();
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [0, 0]);
});

test("what one event of a FIFO group cannot hold does not overtake what failed", async () => {
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true", VisibilityTimeout: "10" });
  await sendLarge(queue);
  bench.answer = () => (bench.batches.length === 1 ? failed() : succeeded());

  await bench.map(queue.record);
  await bench.advance(11_000);

  assert.deepEqual(seen(), ["1:1 2:1 3:1 4:1 5:1 6:1", "1:2 2:2 3:2 4:2 5:2 6:2", "7:2"]);
});

test("a mapping that is disabled gives back what waits behind a running batch", async () => {
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true" });
  await sendLarge(queue);
  const held = holdAll();
  const mapping = await bench.map(queue.record);

  await bench.mappings.update(scope, mapping.uuid, { enabled: false, settingsOf: ({ settings }) => settings });
  await bench.advance(1000);
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [1, 6]);
  held.end();
  await bench.settled();
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [1, 0]);
});

test("in a FIFO group a loop lets those before it pass and holds back those behind it", async () => {
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true" });
  bench.answer = ({ request: { traceId } }) =>
    traceId === traced(turnsMax) ? { kind: "recursive", message: "a loop" } : succeeded();
  await bench.send(queue, [
    { body: "a1", groupId: "a" },
    { body: "a2", groupId: "a", traceHeader: traced(turnsMax) },
    { body: "a3", groupId: "a" },
    { body: "b1", groupId: "b" },
  ]);

  await bench.map(queue.record);
  await bench.advance(1000);

  assert.deepEqual(bench.bodies, [["a1"], ["a2"], ["b1"]]);
});

test("what a function reports of a FIFO group comes again before what follows in the group", async () => {
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true" });
  await bench.send(
    queue,
    ["a1", "a2", "a3"].map((body) => ({ body, groupId: "a" })),
  );
  await bench.send(queue, [{ body: "b1", groupId: "b" }]);
  const failing = new Set(["a2", "a3"]);
  bench.answer = ({ records }) =>
    bench.batches.length === 1
      ? reporting(...records.filter(({ body }) => failing.has(body)).map(({ messageId }) => messageId))
      : succeeded("null");

  await bench.map(queue.record, reports);
  await bench.send(queue, [{ body: "a4", groupId: "a" }]);
  await bench.send(queue, [{ body: "b2", groupId: "b" }]);
  await bench.advance(30_000);

  assert.deepEqual(bench.bodies.flat(), ["a1", "a2", "a3", "b1", "b2", "a2", "a3", "a4"]);
});

test("messages that pass no filter are deleted, and the function never sees them", async () => {
  const queue = await bench.queue("q");
  await bench.map(queue.record, { filterPatterns: ['{"body":{"n":[{"numeric":[">",1]}]}}'] });

  await bench.send(queue, ['{"n":1}', '{"n":2}', "text"]);

  assert.deepEqual(bench.bodies, [['{"n":2}']]);
  const { visible, inFlight } = await queue.stats();
  assert.deepEqual([visible, inFlight], [0, 0]);
});

for (const [what, refusal] of [
  ["throttled", () => throttled],
  ["without room", () => new UnavailableError("no-capacity", "no room")],
] as const) {
  test(`batches of a function that is ${what} are held, bounded and invisible to others, and go on within a second`, async () => {
    const queue = await bench.queue("q", { VisibilityTimeout: "10" });
    await bench.send(queue, numbered(100));
    bench.answer = refusal;
    await bench.map(queue.record);

    await bench.advance(60_000);
    const handles = new Set(bench.batches.flatMap(({ records }) => records.map(({ receiptHandle }) => receiptHandle)));
    assert(handles.size <= 50, `${handles.size} messages`);
    assert.equal((await queue.stats()).inFlight, handles.size);

    bench.answer = () => succeeded();
    const from = bench.batches.length;
    await bench.advance(1000);
    const processed = bench.bodies.slice(from).flat();
    assert.deepEqual(processed.toSorted(), numbered(100).toSorted());
    assert.equal(
      new Set(
        bench.batches
          .slice(from)
          .flatMap(({ records }) => records)
          .map(({ attributes }) => attributes["ApproximateReceiveCount"]),
      ).size,
      1,
    );
  });
}

test("a function that runs longer than the visibility timeout has its messages for itself", async () => {
  const queue = await bench.queue("q", { VisibilityTimeout: "5" });
  const held = holdAll();
  await bench.map(queue.record);

  await bench.send(queue, ["a"]);
  await bench.advance(60_000);

  assert.equal(bench.batches.length, 1);
  held.end();
  await bench.advance(10_000);
  assert.equal(bench.batches.length, 1);
});

test("a function that does nothing but fail is invoked less and less", async () => {
  const queue = await bench.queue("q", { VisibilityTimeout: "3600" });
  await bench.send(queue, numbered(1000));
  bench.answer = () => failed();

  await bench.map(queue.record, { batchSize: 1 });
  await bench.advance(10_000);

  assert(bench.batches.length < 30, `${bench.batches.length} invocations`);
});

test("an idle mapping, and one whose messages are done, leave no timers but the wait for the next message", async () => {
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
  const queue = await bench.queue("q");
  const { uuid } = await bench.map(queue.record);
  const changed = { batchSize: 2, filterPatterns: ['{"body":[{"prefix":"a"}]}'] };

  await bench.mappings.update(scope, uuid, { settingsOf: () => changed });
  await bench.settled();
  await bench.send(queue, ["a1", "b1", "a2", "a3"]);

  assert.deepEqual(bench.bodies, [["a1", "a2"], ["a3"]]);
});

test("a mapping that is disabled gives back what waits for its function; what the function runs is done", async () => {
  const queue = await bench.queue("q");
  const held = holdAll();
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

test("a function that is being made gets its messages when it is there", async () => {
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  bench.answer = () => ({ kind: "not-ready", state: "Pending", reason: "The function is being created." });
  await bench.send(queue, ["a"]);

  bench.answer = () => succeeded();
  await bench.advance(1000);

  assert.deepEqual(bench.batches.at(-1)?.records[0]?.attributes["ApproximateReceiveCount"], "1");
  assert.deepEqual(await queue.stats(), { visible: 0, inFlight: 0, delayed: 0 });
  assert.deepEqual(bench.warnings, []);
});

test("a function that is gone leaves its messages to the queue's own rules, and the owner is told once", async () => {
  const queue = await bench.queue("q", { VisibilityTimeout: "5" });
  await bench.map(queue.record);
  bench.answer = () => ({ kind: "not-found", arn: "arn:aws:lambda:us-east-1:000000000000:function:f" });

  await bench.send(queue, ["a"]);
  await bench.advance(20_000);

  assert.equal(bench.warnings.length, 1);
  assert.match(bench.warnings[0] ?? "", /f cannot be invoked: there is no arn:.*:function:f$/);
  const { visible, inFlight } = await queue.stats();
  assert.equal(visible + inFlight, 1);
});

test("what was processed is deleted as soon as the engine takes it", async () => {
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  const remove = queue.delete.bind(queue);
  let refusals = 3;
  queue.delete = (handles) =>
    refusals-- > 0 ? Promise.reject(new UnavailableError("busy", "the queue is full")) : remove(handles);

  await bench.send(queue, ["a"]);
  await bench.advance(1000);

  assert.equal(bench.batches.length, 1);
  assert.deepEqual(await queue.stats(), { visible: 0, inFlight: 0, delayed: 0 });
});

test("what is running when Hearth stops has a while to end, and is then visible to others at once", async () => {
  const queue = await bench.queue("q");
  holdAll();
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
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  await bench.queues.delete(queue.record);
  await bench.advance(61_000);

  const again = await bench.queue("q");
  await bench.send(again, ["a"]);
  await bench.advance(61_000, 1000);

  assert.deepEqual(bench.bodies, [["a"]]);
});
