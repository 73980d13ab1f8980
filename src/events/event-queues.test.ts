import assert from "node:assert/strict";
import { test } from "node:test";
import { EventsBench, failed, succeeded, throttled, type Sent } from "../../test/support/events-bench.ts";
import { scope } from "../../test/support/data-plane.ts";
import { UnavailableError } from "../core/errors.ts";
import { functionArn } from "../core/function-record.ts";
import type { InvokeOutcome } from "../data-plane/frontend/contract.ts";
import { eventQueuesPrefix } from "./queued-event.ts";

const queue = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`;
const minutes = (count: number): number => count * 60_000;

const recordIn = (sent: Sent | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(sent?.message.body ?? []).toString()) as Record<string, unknown>;

async function isDone(bench: EventsBench, name: string): Promise<boolean> {
  const stats = await bench.events.stats({ scope, name });
  return stats !== undefined && stats.waiting + stats.underWay === 0;
}

test("an event is processed at once, as it came, and is gone when it succeeded", async () => {
  await using bench = await EventsBench.open("f");

  const payload = Buffer.from('{"a":1}');
  const answer = await bench.send("f", { qualifier: "prod", requestId: "r", payload, traceId: "Root=1-2-3" });

  assert.deepEqual(answer, { kind: "accepted" });
  assert.deepEqual(
    bench.invocations.map((each) => ({ ...each, payload: Buffer.from(each.payload).toString() })),
    [
      {
        scope,
        functionName: "f",
        qualifier: "prod",
        requestId: "r",
        payload: '{"a":1}',
        traceId: "Root=1-2-3",
        wantsLogTail: false,
        isEvent: true,
        atMs: bench.clock.now(),
      },
    ],
  );
  assert(await isDone(bench, "f"));
});

test("events that are accepted before all is known are processed when it is", async () => {
  await using bench = new EventsBench();
  await bench.create("f");
  await bench.configure("f", { onSuccess: queue("done") });
  await bench.send("f");
  assert.equal(bench.invocations.length, 0);

  await bench.events.start();
  await bench.settled();

  assert.equal(bench.sent.length, 1);
});

test("an event for a function that is not there is refused", async () => {
  await using bench = await EventsBench.open();

  assert.deepEqual(await bench.send("missing"), { kind: "not-found", arn: functionArn(scope, "missing") });
  assert.deepEqual(await bench.engine.queues.list(eventQueuesPrefix), []);
});

test("a function that fails is retried after one and two minutes under the same request id", async () => {
  await using bench = await EventsBench.open("f");
  bench.answer = () => failed();

  await bench.send("f");
  await bench.advance(minutes(10));

  assert.deepEqual(bench.times, [0, minutes(1), minutes(3)]);
  assert.equal(new Set(bench.invocations.map(({ requestId }) => requestId)).size, 1);
  assert(await isDone(bench, "f"));
});

test("the configuration of the qualifier that was called counts, and changes for events that wait", async () => {
  await using bench = await EventsBench.open("f");
  await bench.configure("f", { maximumRetryAttempts: 0 });
  await bench.configure("f", { qualifier: "7", maximumRetryAttempts: 1 });
  bench.answer = () => failed();

  await bench.send("f");
  await bench.send("f", { qualifier: "$LATEST" });
  await bench.send("f", { qualifier: "7" });
  await bench.send("f", { qualifier: "live" });
  await bench.configure("f", { qualifier: "live", maximumRetryAttempts: 1 });
  await bench.advance(minutes(10));

  const attempts = Map.groupBy(bench.invocations, ({ qualifier }) => qualifier ?? "none");
  assert.deepEqual(
    ["none", "$LATEST", "7", "live"].map((qualifier) => attempts.get(qualifier)?.length),
    [1, 1, 2, 2],
  );
});

test("throttles and failures of the platform back off from 1 s to 5 min and use up no retries", async () => {
  await using bench = await EventsBench.open("f");
  let attempts = 0;
  bench.answer = () => {
    attempts += 1;
    if (attempts <= 6) return attempts % 2 === 0 ? throttled : new UnavailableError("no-capacity", "full");
    return failed();
  };

  await bench.send("f");
  await bench.advance(minutes(10));

  const waits = bench.times.map((atMs, index, all) => (atMs - (all[index - 1] ?? 0)) / 1000);
  assert.deepEqual(waits, [0, 1, 2, 4, 8, 16, 32, 60, 120]);
});

test("an event that is throttled until it is too old has failed of its age, without an invocation", async () => {
  await using bench = await EventsBench.open();
  await bench.create("f", { deadLetters: queue("dead") });
  await bench.configure("f", { maximumEventAgeSeconds: 60, onFailure: queue("failures") });
  bench.answer = () => throttled;

  await bench.send("f", { requestId: "r" });
  await bench.advance(minutes(2));

  assert.deepEqual(bench.times, [0, 1000, 3000, 7000, 15_000, 31_000]);
  const [failure, dead] = bench.sent;
  assert.deepEqual(recordIn(failure), {
    version: "1.0",
    timestamp: "2026-01-01T00:00:31.000Z",
    requestContext: {
      requestId: "r",
      functionArn: functionArn(scope, "f", "$LATEST"),
      condition: "EventAgeExceeded",
      approximateInvokeCount: 0,
    },
    requestPayload: {},
    responseContext: { statusCode: 429 },
  });
  assert.deepEqual(dead?.message.attributes, {
    RequestID: { type: "String", value: "r" },
    ErrorCode: { type: "Number", value: "429" },
    ErrorMessage: { type: "String", value: "Rate Exceeded." },
  });
});

test("without any reserved concurrency an event goes straight to where failures go", async () => {
  await using bench = await EventsBench.open();
  await bench.create("f", { deadLetters: queue("dead"), reservedConcurrency: 0 });
  await bench.configure("f", { onFailure: queue("failures") });
  bench.answer = () => throttled;

  await bench.send("f", { requestId: "r", payload: Buffer.from("[1]") });

  assert.deepEqual(recordIn(bench.sent[0]), {
    version: "1.0",
    timestamp: "2026-01-01T00:00:00.000Z",
    requestContext: {
      requestId: "r",
      functionArn: functionArn(scope, "f", "$LATEST"),
      condition: "ZeroReservedConcurrency",
      approximateInvokeCount: 0,
    },
    requestPayload: [1],
  });
  assert.equal(Buffer.from(bench.sent[1]?.message.body ?? []).toString(), "[1]");
  assert.equal(bench.sent[1]?.message.attributes?.["ErrorCode"], undefined);
  assert(await isDone(bench, "f"));
});

test("the success destination gets the record of the invocation", async () => {
  await using bench = await EventsBench.open("f");
  await bench.configure("f", { qualifier: "live", onSuccess: queue("done"), onFailure: queue("failures") });
  bench.answer = () => succeeded('{"ok":true}');

  await bench.send("f", { requestId: "0123", qualifier: "live", payload: Buffer.from(' {"a" : 1}') });

  assert.deepEqual(
    bench.sent.map(({ arn }) => arn),
    [queue("done")],
  );
  assert.equal(
    Buffer.from(bench.sent[0]?.message.body ?? []).toString(),
    '{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z","requestContext":{"requestId":"0123",' +
      `"functionArn":"${functionArn(scope, "f", "live")}","condition":"Success","approximateInvokeCount":1},` +
      '"requestPayload": {"a" : 1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},' +
      '"responsePayload":{"ok":true}}',
  );
  assert.match(bench.sent[0]?.message.traceId ?? "", /^Root=1-[0-9a-f]{8}-0123;Sampled=0;Lineage=1:[0-9a-f]{8}:0$/);
});

test("after the last retry failure destination and dead-letter queue get what AWS sends", async () => {
  await using bench = await EventsBench.open();
  await bench.create("f", { deadLetters: queue("dead") });
  await bench.configure("f", { onFailure: queue("failures"), onSuccess: queue("done") });
  bench.answer = () => failed("é".repeat(600));

  await bench.send("f", { requestId: "r", payload: Buffer.from('{"raise_error": 1}') });
  await bench.advance(minutes(4));

  const [failure, dead] = bench.sent;
  assert.equal(bench.sent.length, 2);
  const { requestContext, responseContext, responsePayload } = recordIn(failure);
  assert.deepEqual(requestContext, {
    requestId: "r",
    functionArn: functionArn(scope, "f", "$LATEST"),
    condition: "RetriesExhausted",
    approximateInvokeCount: 3,
  });
  assert.deepEqual(responseContext, { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" });
  assert.deepEqual(responsePayload, { errorMessage: "é".repeat(600), errorType: "Error" });
  assert.equal(Buffer.from(dead?.message.body ?? []).toString(), '{"raise_error": 1}');
  assert.deepEqual(dead?.message.attributes, {
    RequestID: { type: "String", value: "r" },
    ErrorCode: { type: "Number", value: "200" },
    ErrorMessage: { type: "String", value: "é".repeat(512) },
  });
});

test("a destination may be a function, which gets the record as an event of its own", async () => {
  await using bench = await EventsBench.open("f", "g");
  await bench.configure("f", { onSuccess: functionArn(scope, "g", "live") });

  await bench.send("f");
  await bench.settled();

  const [first, second] = bench.invocations;
  assert.equal(second?.functionName, "g");
  assert.equal(second.qualifier, "live");
  assert.notEqual(second.requestId, first?.requestId);
  assert.match(second.traceId ?? "", /Lineage=1:/);
  assert.match(Buffer.from(second.payload).toString(), /"condition":"Success"/);
});

test("a record that its destination cannot take now is kept and sent again; the function is not invoked again", async () => {
  await using bench = await EventsBench.open("f");
  await bench.configure("f", { onSuccess: queue("done") });
  let tries = 0;
  bench.take = async () => {
    tries += 1;
    if (tries <= 3) throw new UnavailableError("busy", "not now");
    return { kind: "taken" };
  };

  await bench.send("f");
  assert(!(await isDone(bench, "f")));
  await bench.crash();
  await bench.advance(minutes(1));

  assert.equal(bench.sent.length, 1);
  assert.equal(bench.invocations.length, 1);
  assert(await isDone(bench, "f"));
});

test("what no destination will ever take is dropped, and the owner is told", async () => {
  await using bench = await EventsBench.open("f");
  const targets = {
    "arn:aws:sns:us-east-1:000000000000:t": /Hearth has no topics/,
    "arn:aws:lambda:us-east-1:000000000000:function:missing": /there is no arn:aws:lambda/,
    "arn:aws:lambda:eu-west-1:000000000000:function:g": /its own account and region/,
    [queue("gone")]: /no such queue/,
  };
  bench.take = async () => ({ kind: "refused", reason: "no such queue" });
  for (const [target, reason] of Object.entries(targets)) {
    await bench.configure("f", { onSuccess: target });
    await bench.send("f");
    assert.match(bench.warnings.at(-1) ?? "", reason);
  }

  assert(await isDone(bench, "f"));
});

test("an event that goes round in a circle ends where failures go, without retries", async () => {
  await using bench = await EventsBench.open("f");
  await bench.configure("f", { onFailure: queue("failures") });
  bench.answer = () => ({ kind: "recursive", message: "in a circle" });

  await bench.send("f");

  const { requestContext, responseContext } = recordIn(bench.sent[0]);
  assert.equal((requestContext as { readonly condition: string }).condition, "RecursiveInvocation");
  assert.deepEqual(responseContext, { statusCode: 400 });
  assert(await isDone(bench, "f"));
});

test("an event for a version that is gone fails as often as it may; the events of a deleted function go with it", async () => {
  await using bench = await EventsBench.open("f");
  await bench.configure("f", { qualifier: "7", maximumRetryAttempts: 1, onFailure: queue("failures") });
  bench.answer = () => ({ kind: "not-found", arn: functionArn(scope, "f", "7") });

  await bench.send("f", { qualifier: "7" });
  await bench.advance(minutes(2));
  assert.deepEqual(bench.times, [0, minutes(1)]);
  assert.deepEqual(recordIn(bench.sent[0])["responseContext"], { statusCode: 404 });

  await bench.send("f");
  await bench.delete("f");
  await bench.settled();
  assert.deepEqual(await bench.engine.queues.list(eventQueuesPrefix), []);
  await bench.create("f");
  bench.answer = () => succeeded();
  const before = bench.invocations.length;
  await bench.advance(minutes(5));
  assert.equal(bench.invocations.length, before);
  await bench.send("f");
  assert.equal(bench.invocations.length, before + 1);
});

test("a queue whose function went while nobody looked is removed at the start", async () => {
  await using bench = await EventsBench.open("f");
  bench.answer = () => throttled;
  await bench.send("f");

  await bench.crash(() => bench.delete("f"));

  assert.deepEqual(await bench.engine.queues.list(eventQueuesPrefix), []);
});

test("one function's events that hang do not delay another's", async () => {
  await using bench = await EventsBench.open("slow", "quick");
  const hanging = new Promise<InvokeOutcome>(() => undefined);
  bench.answer = ({ functionName }) => (functionName === "slow" ? hanging : succeeded());

  for (let count = 0; count < 20; count++) await bench.send("slow");
  await bench.send("quick");

  assert(await isDone(bench, "quick"));
});

test("more are processed at once as more wait, and no more than are admitted", async () => {
  await using bench = await EventsBench.open("f");
  let running = 0;
  let most = 0;
  let admittedMax = Infinity;
  bench.answer = () => {
    if (running >= admittedMax) return throttled;
    running += 1;
    most = Math.max(most, running);
    return new Promise((resolve) =>
      bench.clock.after(5000, () => {
        running -= 1;
        resolve(succeeded());
      }),
    );
  };
  for (let count = 0; count < 60; count++) void bench.send("f");
  await bench.settled();
  assert.equal(running, 10);
  await bench.advance(4000);
  assert(running > 20 && running < 40, String(running));
  await bench.advance(10_000);
  assert(await isDone(bench, "f"));

  admittedMax = 3;
  most = 0;
  const before = bench.invocations.length;
  for (let count = 0; count < 30; count++) void bench.send("f");
  await bench.advance(minutes(10), 500);
  assert.equal(most, 3);
  assert(await isDone(bench, "f"));
  // Few attempts found no room.
  assert(bench.invocations.length - before < 120, String(bench.invocations.length - before));
});

test("of events that come together only as many are tried again as one was admitted", async () => {
  await using bench = await EventsBench.open("f");
  let running = false;
  let refused = 0;
  bench.answer = () => {
    if (running) {
      refused += 1;
      return throttled;
    }
    running = true;
    return new Promise((resolve) => {
      bench.clock.after(100, () => {
        running = false;
        resolve(succeeded());
      });
    });
  };

  await Promise.all(Array.from({ length: 10 }, () => bench.send("f")));
  const refusedAtFirst = refused;
  await bench.advance(2500, 50);

  assert.equal(refusedAtFirst, 9);
  assert.equal(refused, 9);
  assert(await isDone(bench, "f"));
});

test("a long invocation is not begun again while it runs, and soon after a crash", async () => {
  await using bench = await EventsBench.open("f");
  bench.answer = () => new Promise(() => undefined);
  await bench.send("f");
  await bench.advance(minutes(15));
  assert.equal(bench.invocations.length, 1);

  bench.answer = () => succeeded();
  await bench.crash();
  await bench.advance(20_000);

  assert.equal(bench.invocations.length, 2);
  assert(await isDone(bench, "f"));
});

test("an orderly end waits a little for what is being processed, and leaves the rest for the next start at once", async () => {
  await using bench = await EventsBench.open("f");
  bench.answer = () => new Promise(() => undefined);
  await bench.send("f");

  const closed = bench.events.close();
  await bench.settled();
  bench.clock.advance(2000);
  await closed;

  const [key] = await bench.engine.queues.list(eventQueuesPrefix);
  assert(key !== undefined);
  assert.equal((await (await bench.engine.queues.open(key)).stats()).visible, 1);
});

test("a function without events has no poller: nothing waits for time", async () => {
  await using bench = await EventsBench.open("f", "g");
  await bench.send("f");
  await bench.advance(minutes(1));

  assert.equal(bench.clock.pendingTimers, 0);
  await bench.send("f");
  assert.equal(bench.invocations.length, 2);
});

test("what waits, and how long, can be asked", async () => {
  await using bench = await EventsBench.open("f");
  assert.equal(await bench.events.stats({ scope, name: "f" }), undefined);
  bench.answer = () => new Promise(() => undefined);
  for (let count = 0; count < 12; count++) void bench.send("f");
  await bench.settled();
  bench.clock.advance(500);

  assert.deepEqual(await bench.events.stats({ scope, name: "f" }), { waiting: 2, underWay: 10, oldestAgeMs: 500 });
});
