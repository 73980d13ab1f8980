import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "node:test";

import { ManualClock } from "../../core/manual-clock.ts";
import { renderRecord } from "../logs/platform-records.ts";
import { testSpec } from "../testing/harness.ts";
import { ByteBudget } from "./byte-budget.ts";
import { parseSubscription, type Subscription } from "./subscription.ts";
import { renderEvent } from "./telemetry-events.ts";
import { TelemetryStream } from "./telemetry-stream.ts";
import { attemptMsMax, TelemetrySubscriber } from "./telemetry-subscriber.ts";

const request = {
  schemaVersion: "2022-12-13",
  types: ["platform", "function", "extension"],
  buffering: { maxItems: 1000, maxBytes: 262_144, timeoutMs: 100 },
  destination: { protocol: "HTTP", URI: "http://sandbox.localdomain:8080/telemetry?x=1" },
};

function subscription(changes: object = {}): Subscription {
  const parsed = parseSubscription({ ...request, ...changes }, "telemetry");
  assert(!("status" in parsed), "it is valid");
  return parsed;
}

function refusalOf(value: object, api: "telemetry" | "logs" = "telemetry"): unknown {
  const parsed = parseSubscription(value, api);
  assert("status" in parsed, "it is refused");
  assert.equal(parsed.status, 400);
  return JSON.parse(parsed.body.toString("utf8"));
}

/** A subscriber whose listener takes batches as `takes` says. */
function subscriber(options: { readonly changes?: object; readonly budgetBytes?: number } = {}) {
  const clock = new ManualClock();
  const batches: string[][] = [];
  const listener = { takes: (): boolean | Promise<boolean> => true };
  const budget = new ByteBudget(options.budgetBytes ?? 1_000_000_000);
  const it = new TelemetrySubscriber({
    name: "listener",
    subscription: subscription(options.changes),
    clock,
    budget,
    delivery: {
      send: async (batch, signal) => {
        batches.push([...batch]);
        const aborted = new Promise<boolean>((resolve) => {
          signal.addEventListener("abort", () => resolve(false));
        });
        return await Promise.race([listener.takes(), aborted]);
      },
      close: () => undefined,
    },
  });
  return { it, clock, batches, listener, budget };
}

test("a subscription is parsed with Lambda's defaults", () => {
  const { buffering, ...rest } = request;
  const parsed = parseSubscription(rest, "telemetry");

  assert.deepEqual(buffering.maxItems, 1000);
  assert.deepEqual(parsed, {
    api: "telemetry",
    schemaVersion: "2022-12-13",
    types: ["platform", "function", "extension"],
    destination: { protocol: "HTTP", port: 8080, path: "/telemetry?x=1", method: "POST" },
    buffering: { maxItems: 1000, maxBytes: 262_144, timeoutMs: 1000 },
  });
});

test("a subscription is refused with everything that is wrong in it", () => {
  assert.deepEqual(refusalOf({ destination: { protocol: "HTTP", URI: "http://sandbox.localdomain/" } }), {
    errorMessage: "schemaVersion is not provided; types should not be empty; URI port is not provided",
    errorType: "ValidationError",
  });
  assert.deepEqual(refusalOf({ types: [], destination: { protocol: "TCP", port: 0 } }, "logs"), {
    errorMessage: "types should not be empty; destination port must be 1 to 65535",
    errorType: "Logs.ValidationError",
  });
});

for (const [what, changes] of [
  ["another host", { destination: { protocol: "HTTP", URI: "http://169.254.169.254:80/" } }],
  ["another scheme", { destination: { protocol: "HTTP", URI: "https://sandbox.localdomain:8080/" } }],
  ["the runtime API's own port", { destination: { protocol: "HTTP", URI: "http://sandbox.localdomain:9001/" } }],
  ["Hearth's own port", { destination: { protocol: "TCP", port: 4566 } }],
  ["an unknown protocol", { destination: { protocol: "UDP", port: 8080 } }],
  ["an unknown type", { types: ["platform", "everything"] }],
  ["a version that does not exist", { schemaVersion: "2020-08-15" }],
  ["too small a buffer", { buffering: { maxBytes: 262_143 } }],
  ["too many items", { buffering: { maxItems: 10_001 } }],
  ["too short a time", { buffering: { timeoutMs: 24 } }],
] as const) {
  test(`${what} is refused`, () => {
    refusalOf({ ...request, ...changes });
  });
}

test("events go out together when the time is over, or when there are enough", async () => {
  const { it, clock, batches } = subscriber();

  it.push("1");
  it.push("2");
  assert.deepEqual(batches, []);
  clock.advance(100);
  await nextTurn();
  for (let n = 0; n < 1000; n++) it.push(String(n));
  await nextTurn();

  assert.deepEqual(
    batches.map(({ length }) => length),
    [2, 1000],
  );
});

test("what is not taken is sent again, and dropped in the end, of which the subscriber hears", async () => {
  const { it, clock, batches, listener } = subscriber();
  listener.takes = () => false;
  it.push("lost");
  clock.advance(100);
  for (let n = 0; n < 10; n++) {
    await nextTurn();
    clock.advance(2000);
  }
  assert.deepEqual(
    batches,
    Array.from({ length: 5 }, () => ["lost"]),
  );

  listener.takes = () => true;
  for (let n = 0; n < 3; n++) {
    it.push("later");
    clock.advance(100);
    await nextTurn();
    await nextTurn();
  }

  const told = batches.flat().find((text) => text.includes("platform.logsDropped")) ?? "{}";
  assert.deepEqual((JSON.parse(told) as { record: object }).record, {
    reason: "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
    droppedRecords: 1,
    droppedBytes: 4,
  });
});

test("a listener that never answers holds a batch and twice its size, and each attempt ends", async () => {
  const { it, clock, batches, listener, budget } = subscriber({ budgetBytes: 1_000_000 });
  listener.takes = () => new Promise(() => undefined);
  const text = "x".repeat(1000);

  for (let n = 0; n < 5000; n++) it.push(text);
  assert.deepEqual(
    batches.map(({ length }) => length),
    [263],
  );
  assert.equal(budget.take(1_000_000 - 263_000 - 524_000 + 1), false);
  clock.advance(attemptMsMax);
  await nextTurn();
  clock.advance(100);
  await nextTurn();

  assert.equal(batches.length, 2);
  it.close();
});

test("nothing is sent while the sandbox is frozen, and an attempt's time stands still", async () => {
  const { it, clock, batches, listener } = subscriber();
  const answer = Promise.withResolvers<boolean>();
  listener.takes = () => answer.promise;
  it.push("first");
  clock.advance(100);
  it.pause();
  clock.advance(attemptMsMax * 10);
  it.push("second");
  assert.equal(batches.length, 1);

  answer.resolve(true);
  await nextTurn();
  clock.advance(1000);
  assert.equal(batches.length, 1);
  it.resume();
  await nextTurn();

  assert.deepEqual(batches, [["first"], ["second"]]);
});

test("what a closed subscriber held is free for others", () => {
  const { it, budget } = subscriber({ budgetBytes: 10 });
  it.push("0123456789");
  assert.equal(budget.take(1), false);

  it.close();

  assert.equal(budget.take(10), true);
});

test("who subscribes late in the init phase gets what came before; who does not costs nothing", () => {
  const stream = new TelemetryStream(testSpec());
  assert.equal(stream.isActive, false);
  stream.begin();
  stream.publish({ type: "platform", timeMs: 0, record: { kind: "initStart", phase: "init" } });
  const { it } = subscriber();
  const pushed: string[] = [];
  it.push = (text) => void pushed.push(text);

  stream.add(it);
  stream.endHistory();
  stream.publish({ type: "function", timeMs: 0, message: "hello\n" });

  assert.deepEqual(
    pushed.map((text) => (JSON.parse(text) as { type: string }).type),
    ["platform.initStart", "function"],
  );
  stream.begin();
  stream.endHistory();
  assert.equal(stream.isActive, false);
});

test("records have the fields of the schema, by version", () => {
  const source = testSpec();
  const json = { ...source, logging: { ...source.logging, format: "JSON" } } as const;
  const line = { type: "function", timeMs: 0, message: `{"level":"INFO","message":"hi"}\n` } as const;
  const rendered = (version: string, api: "telemetry" | "logs" = "telemetry"): unknown =>
    (JSON.parse(renderEvent(line, json, { api, schemaVersion: version }) ?? "{}") as { record: unknown }).record;

  assert.equal(rendered("2022-07-01"), line.message);
  assert.deepEqual(rendered("2022-12-13"), { level: "INFO", message: "hi" });
  assert.deepEqual(rendered("2025-01-29"), { level: "INFO", message: "hi" });
  assert.equal(rendered("2020-08-15", "logs"), line.message);

  const done = {
    type: "platform",
    timeMs: 0,
    record: {
      kind: "runtimeDone",
      requestId: "r",
      traceId: "Root=1;Sampled=1",
      status: "error",
      errorType: "Runtime.ExitError",
      durationMs: 1.25,
      producedBytes: 3,
      spans: [{ name: "responseLatency", startMs: 0, durationMs: 1 }],
    },
  } as const;
  assert.deepEqual(JSON.parse(renderEvent(done, source, { api: "telemetry", schemaVersion: "2022-07-01" }) ?? ""), {
    time: "1970-01-01T00:00:00.000Z",
    type: "platform.runtimeDone",
    record: {
      requestId: "r",
      status: "error",
      errorType: "Runtime.ExitError",
      metrics: { durationMs: 1.25, producedBytes: 3 },
      spans: [{ name: "responseLatency", start: "1970-01-01T00:00:00.000Z", durationMs: 1 }],
      tracing: { type: "X-Amzn-Trace-Id", value: "Root=1;Sampled=1" },
    },
  });
  assert.equal(renderEvent(done, source, { api: "logs", schemaVersion: "2020-08-15" }), undefined);
  assert.match(renderEvent(done, source, { api: "logs", schemaVersion: "2021-03-18" }) ?? "", /"status":"failure"/);
});

test("extensions and subscriptions stand in the log in both formats, and a name begins no line of its own", () => {
  const source = testSpec();
  const json = { ...source, logging: { ...source.logging, format: "JSON" } } as const;
  const failed = {
    kind: "extension",
    name: "a\nb",
    state: "Exited",
    events: [],
    errorType: "Extension.Crash",
  } as const;
  const subscribed = { kind: "telemetrySubscription", name: "x", types: ["platform", "function"] } as const;

  assert.deepEqual(renderRecord(source, failed, 0), [
    "EXTENSION\tName: a b\tState: Exited\tEvents: []\tError Type: Extension.Crash\n",
  ]);
  assert.deepEqual(renderRecord(source, subscribed, 0), [
    "TELEMETRY\tName: x\tState: Subscribed\tTypes: [Platform, Function]\n",
  ]);
  assert.deepEqual(
    renderRecord(json, failed, 0).map((line) => JSON.parse(line) as unknown),
    [
      {
        time: "1970-01-01T00:00:00.000Z",
        type: "platform.extension",
        record: { name: "a\nb", state: "Exited", events: [], errorType: "Extension.Crash" },
      },
    ],
  );
  assert.deepEqual(
    renderRecord(json, subscribed, 0).map((line) => JSON.parse(line) as unknown),
    [
      {
        time: "1970-01-01T00:00:00.000Z",
        type: "platform.telemetrySubscription",
        record: { name: "x", state: "Subscribed", types: ["platform", "function"] },
      },
    ],
  );
});
