/** What an event source mapping counts, if its MetricsConfig asks for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scope } from "../../test/support/data-plane.ts";
import { PollersBench, reporting } from "../../test/support/pollers-bench.ts";

function counted(bench: PollersBench, uuid: string): Readonly<Record<string, number>> {
  const dimensions = [{ name: "EventSourceMappingUUID", value: uuid }];
  const totals = bench.metrics.setOf({ scope, namespace: "AWS/Lambda", dimensions }).totals();
  return Object.fromEntries(Array.from(totals, ([metric, { sum }]): [string, number] => [metric, sum]));
}

test("what is polled, filtered out, invoked with, failed and deleted is counted", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  const { uuid } = await bench.map(queue.record, {
    batchSize: 4,
    filterPatterns: ['{"body":{"keep":[true]}}'],
    responseTypes: ["ReportBatchItemFailures"],
    metrics: ["EventCount"],
  });
  const kept = '{"keep":true}';
  bench.answer = ({ records }) => reporting(records[0]?.messageId);

  await bench.send(queue, [kept, kept, kept, '{"keep":false}']);

  assert.deepEqual(counted(bench, uuid), {
    PolledEventCount: 4,
    FilteredOutEventCount: 1,
    InvokedEventCount: 3,
    FailedInvokeEventCount: 1,
    DeletedEventCount: 2,
  });
});

test("a mapping that does not ask for it counts nothing", async () => {
  await using bench = await PollersBench.open();
  const queue = await bench.queue("q");
  const { uuid } = await bench.map(queue.record);

  await bench.send(queue, ["a"]);

  assert.equal(bench.batches.length, 1);
  assert.deepEqual(counted(bench, uuid), {});
});
