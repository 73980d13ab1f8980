/** What asynchronous invocation counts, under the names that Lambda gives it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventsBench, failed, succeeded } from "../../test/support/events-bench.ts";
import { scope } from "../../test/support/data-plane.ts";
import type { Distribution } from "../metering/metrics/distribution.ts";

const queue = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`;
const minutes = (count: number): number => count * 60_000;

function counted(bench: EventsBench, functionName: string, qualifier?: string): ReadonlyMap<string, Distribution> {
  const resource = qualifier === undefined ? functionName : `${functionName}:${qualifier}`;
  const dimensions = [
    { name: "FunctionName", value: functionName },
    { name: "Resource", value: resource },
  ];
  return bench.metrics.setOf({ scope, namespace: "AWS/Lambda", dimensions }).totals();
}

test("an event is received, and its age noted at each attempt, under the qualifier that it was sent to", async () => {
  await using bench = await EventsBench.open("f");
  let attempts = 0;
  bench.answer = () => (++attempts === 1 ? failed() : succeeded());

  await bench.send("f", { qualifier: "prod" });
  await bench.advance(minutes(2));

  const found = counted(bench, "f", "prod");
  assert.equal(attempts, 2);
  assert.equal(found.get("AsyncEventsReceived")?.sum, 1);
  assert.equal(found.get("AsyncEventAge")?.count, 2);
  assert.equal(found.get("AsyncEventAge")?.min, 0);
  assert((found.get("AsyncEventAge")?.max ?? 0) >= minutes(1));
  assert.equal(found.get("AsyncEventsDropped"), undefined);
});

test("an event that is given up counts as dropped, once", async () => {
  await using bench = await EventsBench.open("f");
  bench.answer = () => failed();

  await bench.send("f");
  await bench.advance(minutes(10));

  assert.equal(counted(bench, "f").get("AsyncEventsDropped")?.sum, 1);
});

test("a dead-letter queue that takes nothing counts, and so does a destination, at each attempt", async () => {
  await using bench = await EventsBench.open();
  await bench.create("f", { deadLetters: queue("dead") });
  await bench.configure("f", { onFailure: queue("failed"), maximumRetryAttempts: 0 });
  bench.answer = () => failed();
  bench.take = async (arn) => {
    if (arn === queue("dead")) return { kind: "refused", reason: "it is not there" };
    throw new Error("not just now");
  };

  await bench.send("f");
  await bench.advance(minutes(1));
  const found = counted(bench, "f");

  assert.equal(found.get("DeadLetterErrors")?.sum, 1);
  assert((found.get("DestinationDeliveryFailures")?.sum ?? 0) >= 2);
});
