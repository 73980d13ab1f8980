import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "../../core/identity.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Engine } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { listedMs } from "./metric-catalogue.ts";
import { minuteMs, type MetricSubject } from "./metric-set.ts";
import { MetricStore, retentionMs, sweepEveryMs } from "./metric-store.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };
const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

function subject(name: string, over: Partial<MetricSubject> = {}): MetricSubject {
  return { scope, namespace: "AWS/Lambda", dimensions: [{ name: "FunctionName", value: name }], ...over };
}

interface World {
  readonly clock: ManualClock;
  readonly engine: Engine;
  readonly open: (metricsBytesMax?: number) => Promise<MetricStore>;
}

function world(): World {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: () => 0.5 });
  return {
    clock,
    engine,
    async open(metricsBytesMax = 1_048_576) {
      const store = new MetricStore({ engine, clock, metricsBytesMax });
      await store.start();
      return store;
    },
  };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function sums(store: MetricStore, of: MetricSubject, metric = "Invocations"): Promise<[number, number][]> {
  const minutes = await store.read(of, metric, always);
  return Array.from(minutes, ([minute, { sum }]): [number, number] => [minute, sum]).toSorted(([a], [b]) => a - b);
}

test("a value can be read at once, in the minute in which it arose", async () => {
  const { clock, open } = world();
  const store = await open();
  const minute = clock.now() - (clock.now() % minuteMs);

  store.setOf(subject("f")).record("Invocations", 1, clock.now());
  store.setOf(subject("f")).record("Invocations", 2, clock.now());
  store.setOf(subject("g")).record("Invocations", 7, clock.now());

  assert.deepEqual(await sums(store, subject("f")), [[minute, 3]]);
  await store.close();
  assert.equal(clock.pendingTimers, 0);
});

test("what was written adds up with what comes late for the same minute", async () => {
  const { clock, open } = world();
  const store = await open();
  const atMs = clock.now();
  const minute = atMs - (atMs % minuteMs);
  store.setOf(subject("f")).record("Invocations", 1, atMs);

  clock.advance(minuteMs);
  await settle();
  store.setOf(subject("f")).record("Invocations", 1, atMs);
  store.setOf(subject("f")).record("Invocations", 5, clock.now());

  assert.deepEqual(await sums(store, subject("f")), [
    [minute, 2],
    [minute + minuteMs, 5],
  ]);
  await store.close();
});

test("values and names of metrics survive a restart", async () => {
  const { clock, open } = world();
  const first = await open();
  first.setOf(subject("f")).record("Invocations", 1, clock.now());
  first.setOf(subject("f")).record("Errors", 0, clock.now());
  await first.close();

  const second = await open();

  assert.deepEqual(
    Array.from(second.sets(), (set) => [set.subject.dimensions, Object.keys(set.lastSeenMs)]),
    [[[{ name: "FunctionName", value: "f" }], ["Invocations", "Errors"]]],
  );
  assert.equal((await sums(second, subject("f"))).length, 1);
  await second.close();
});

test("a crash loses what came since the last full minute, and nothing else", async () => {
  const { clock, open } = world();
  const crashed = await open();
  crashed.setOf(subject("f")).record("Invocations", 1, clock.now());
  clock.advance(minuteMs);
  await settle();
  crashed.setOf(subject("f")).record("Invocations", 1, clock.now());

  const next = await open();

  assert.equal((await sums(next, subject("f"))).length, 1);
  await next.close();
  await crashed.close();
});

test("a read that a flush runs into sees every value once", async () => {
  const { clock, open } = world();
  const store = await open();
  store.setOf(subject("f")).record("Invocations", 1, clock.now());

  const reading = sums(store, subject("f"));
  const flushing = store.flush();

  assert.deepEqual(
    (await reading).map(([, sum]) => sum),
    [1],
  );
  await flushing;
  await store.close();
});

test("accounts and regions do not see each other's values", async () => {
  const { clock, open } = world();
  const store = await open();
  store.setOf(subject("f")).record("Invocations", 1, clock.now());

  for (const other of [
    { account: "111111111111", region: "us-east-1" },
    { account: "000000000000", region: "eu-central-1" },
  ]) {
    assert.deepEqual(await sums(store, subject("f", { scope: other })), []);
  }
  await store.close();
});

test("values are dropped after 15 days, and a metric is forgotten two weeks after its last value", async () => {
  const { clock, engine, open } = world();
  const store = await open();
  store.setOf(subject("f")).record("Invocations", 1, clock.now());
  clock.advance(minuteMs);
  await settle();

  for (let passedMs = 0; passedMs < retentionMs; passedMs += sweepEveryMs) {
    clock.advance(sweepEveryMs);
    await settle();
  }
  clock.advance(2 * sweepEveryMs);
  await settle();

  assert(listedMs <= retentionMs);
  assert.deepEqual([...store.sets()], []);
  assert.deepEqual(await engine.records.list(["metric"]), []);
  assert.equal((await engine.streams.list(["metrics"]))[0]?.bytes ?? 0, 0);
  await store.close();
});

test("beyond the budget on disk the oldest values go", async () => {
  const { clock, engine, open } = world();
  const budget = 20_000;
  const store = await open(budget);
  const begunAtMs = clock.now();
  for (let minute = 0; minute < 2000; minute++) {
    store.setOf(subject("f")).record("Invocations", minute, clock.now());
    clock.advance(minuteMs);
    await settle();
  }

  const [stream] = await engine.streams.list(["metrics"]);
  const kept = await sums(store, subject("f"));

  assert(stream !== undefined && stream.bytes <= budget * (1 + 1 / 16), `${stream?.bytes} bytes`);
  assert(kept.length > 50);
  assert(kept.every(([minute]) => minute > begunAtMs));
  assert.equal(kept.at(-1)?.[1], 1999);
  await store.close();
});
