/** What becomes of a batch by how its function ends, and while it runs or cannot run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scope } from "../../test/support/data-plane.ts";
import {
  failed,
  numbered,
  PollersBench,
  reporting,
  reports,
  succeeded,
  throttled,
} from "../../test/support/pollers-bench.ts";
import { UnavailableError } from "../core/errors.ts";
import { functionArn } from "../core/function-record.ts";
import { lineageIdOf, lineageOf, turnsMax, withLineage } from "../data-plane/frontend/lineage.ts";

test("a batch that fails comes back when the queue's visibility timeout is over, and ends in the dead-letter queue", async () => {
  await using bench = await PollersBench.open();
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
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  await bench.map(queue.record, reports);
  bench.answer = ({ records }) => (bench.batches.length === 1 ? reporting(records[1]?.messageId) : succeeded("{}"));

  await bench.send(queue, ["a", "b", "c"]);
  await bench.advance(30_000);

  assert.deepEqual(bench.bodies, [["a", "b", "c"], ["b"]]);
});

test("without ReportBatchItemFailures an answer reports nothing", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  await bench.map(queue.record);
  bench.answer = ({ records }) => reporting(records[0]?.messageId);

  await bench.send(queue, ["a"]);
  await bench.advance(31_000);

  assert.equal(bench.batches.length, 1);
});

test("a function that does nothing but fail is invoked less and less", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q", { VisibilityTimeout: "3600" });
  await bench.send(queue, numbered(1000));
  bench.answer = () => failed();

  await bench.map(queue.record, { batchSize: 1 });
  await bench.advance(10_000);

  assert(bench.batches.length < 30, `${bench.batches.length} invocations`);
});

test("a function that runs longer than the visibility timeout has its messages for itself", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q", { VisibilityTimeout: "5" });
  const held = bench.holdAll();
  await bench.map(queue.record);

  await bench.send(queue, ["a"]);
  await bench.advance(60_000);

  assert.equal(bench.batches.length, 1);
  held.end();
  await bench.advance(10_000);
  assert.equal(bench.batches.length, 1);
});

for (const [what, refusal] of [
  ["throttled", () => throttled],
  ["without room", () => new UnavailableError("no-capacity", "no room")],
] as const) {
  test(`batches of a function that is ${what} are held, bounded and invisible to others, and go on within a second`, async () => {
    await using bench = await PollersBench.open();
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

test("a function that is being made gets its messages when it is there", async () => {
  await using bench = await PollersBench.open();
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
  await using bench = await PollersBench.open();
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
  await using bench = await PollersBench.open();
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

/** The header of a message whose chain has invoked the function so often. */
function traced(turns: number): string {
  const id = lineageIdOf(functionArn(scope, "f"));
  let header = "Root=1-2-3";
  for (let turn = 0; turn < turns; turn++) header = withLineage(header, lineageOf(header, id));
  return header;
}

test("a message in a loop is refused alone; those beside it are processed, and go on the chain with the most turns", async () => {
  await using bench = await PollersBench.open();
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

test("in a FIFO group a loop lets those before it pass and holds back those behind it", async () => {
  await using bench = await PollersBench.open();
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
