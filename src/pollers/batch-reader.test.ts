/** What of a queue becomes a batch, and how many batches are processed at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { numbered, PollersBench, succeeded } from "../../test/support/pollers-bench.ts";

test("batches are as large as the batch size, and five run at first", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  await bench.send(queue, numbered(60));
  const held = bench.holdAll();

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
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q", { VisibilityTimeout: "600" });
  const limited = await bench.queue("limited", { VisibilityTimeout: "600" });
  await bench.send(queue, numbered(400));
  await bench.send(limited, numbered(400));
  const held = bench.holdAll();

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
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q", { VisibilityTimeout: "600" });
  await bench.send(queue, numbered(100));
  const held = bench.holdAll();

  await bench.map(queue.record, { batchSize: 1, pollers: { minimum: 2, maximum: 3 } });

  assert.equal(held.running(), 20);
  await bench.advance(10_000);
  assert.equal(held.running(), 30);
  bench.answer = () => succeeded();
  held.end();
});

test("a batching window gathers messages until it is over or the batch is full", async () => {
  await using bench = await PollersBench.open();
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
  await using bench = await PollersBench.open();
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

test("messages that pass no filter are deleted, and the function never sees them", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  await bench.map(queue.record, { filterPatterns: ['{"body":{"n":[{"numeric":[">",1]}]}}'] });

  await bench.send(queue, ['{"n":1}', '{"n":2}', "text"]);

  assert.deepEqual(bench.bodies, [['{"n":2}']]);
  const { visible, inFlight } = await queue.stats();
  assert.deepEqual([visible, inFlight], [0, 0]);
});
