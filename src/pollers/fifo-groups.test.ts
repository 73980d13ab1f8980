/** What order a FIFO queue's groups keep on their way to the function. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scope } from "../../test/support/data-plane.ts";
import { failed, PollersBench, reporting, reports, succeeded } from "../../test/support/pollers-bench.ts";
import type { MessageQueue } from "../control-plane/queues/message-queue.ts";

test("a FIFO queue's groups keep their order, with one batch of each in flight", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true" });
  const held = bench.holdAll();
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

test("what a function reports of a FIFO group comes again before what follows in the group", async () => {
  await using bench = await PollersBench.open();
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

/** More messages of one FIFO group than one event holds: six go into the first. */
async function sendLarge(bench: PollersBench, queue: MessageQueue): Promise<void> {
  for (let n = 1; n <= 7; n++) await bench.send(queue, [{ body: `${n}`.padEnd(1_000_000, "x"), groupId: "g" }]);
}

/** The first characters of each message, with how often it has been received. */
function seen(bench: PollersBench): string[] {
  return bench.batches.map(({ records }) =>
    records.map(({ body, attributes }) => `${body.charAt(0)}:${attributes["ApproximateReceiveCount"]}`).join(" "),
  );
}

test("what one event of a FIFO group cannot hold comes after it, without another receive", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true", VisibilityTimeout: "10" });
  await sendLarge(bench, queue);
  const held = bench.holdAll();
  await bench.map(queue.record);

  // Longer than the queue's visibility timeout would keep it from others.
  await bench.advance(30_000);
  assert.deepEqual(seen(bench), ["1:1 2:1 3:1 4:1 5:1 6:1"]);
  held.end();
  await bench.settled();
  assert.deepEqual(seen(bench).slice(1), ["7:1"]);
  held.end();
  await bench.settled();
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [0, 0]);
});

test("what one event of a FIFO group cannot hold does not overtake what failed", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true", VisibilityTimeout: "10" });
  await sendLarge(bench, queue);
  bench.answer = () => (bench.batches.length === 1 ? failed() : succeeded());

  await bench.map(queue.record);
  await bench.advance(11_000);

  assert.deepEqual(seen(bench), ["1:1 2:1 3:1 4:1 5:1 6:1", "1:2 2:2 3:2 4:2 5:2 6:2", "7:2"]);
});

test("a mapping that is disabled gives back what waits behind a running batch", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q.fifo", { ContentBasedDeduplication: "true" });
  await sendLarge(bench, queue);
  const held = bench.holdAll();
  const mapping = await bench.map(queue.record);

  await bench.mappings.update(scope, mapping.uuid, { enabled: false, settingsOf: ({ settings }) => settings });
  await bench.advance(1000);
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [1, 6]);
  held.end();
  await bench.settled();
  assert.deepEqual(await queue.stats().then(({ visible, inFlight }) => [visible, inFlight]), [1, 0]);
});
