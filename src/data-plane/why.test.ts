/** What is told of a function: whether the next invocation finds it warm, cold or throttled, and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, scope, settle } from "../../test/support/data-plane.ts";
import { functionPartKey } from "../core/function-record.ts";
import { verdictOf, type FunctionInsight } from "./insight.ts";

const minuteMs = 60_000;

async function why(world: DataPlaneWorld, name = "hello"): Promise<FunctionInsight> {
  const outcome = await world.dataPlane.why(scope, name);
  assert(outcome.kind === "found");
  return outcome;
}

async function run(world: DataPlaneWorld, name = "hello"): Promise<void> {
  await executed(await world.invoke(name)).report;
  await settle();
}

function kinds({ decisions }: FunctionInsight): string[] {
  return decisions.map(({ kind, reason, count }) => `${kind} ${reason} ${count}`);
}

test("a function that was never invoked is cold; its limits, its policy and its pool are told all the same", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello", { memoryMiB: 256 }));

  const insight = await why(world);

  assert.deepEqual(insight.verdict, { state: "cold" });
  assert.deepEqual(insight.decisions, []);
  assert.deepEqual(insight.keepAlive, {
    policy: "fixed",
    windowMs: 10 * minuteMs,
    isOwn: false,
    keptUntilMs: world.clock.now() + 10 * minuteMs,
  });
  assert.deepEqual(insight.limits, {
    refusal: undefined,
    inFlight: 0,
    accountConcurrency: 1000,
    unreserved: { inUse: 0, limit: 1000 },
    provisioned: { inUse: 0, limit: 0 },
    requests: { left: 10_000, perSecond: 10_000 },
    scaling: { name: "current", left: 1000, max: 1000 },
  });
  assert.equal(insight.pool?.runtime, "nodejs24.x");
  assert.equal(insight.pool.memoryMiB, 256);
  await world.close();
});

test("one that was invoked is warm until its environment expires, and what was decided is told newest first", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await run(world);
  await run(world);
  const warm = await why(world);
  const idleAtMs = world.clock.now();

  world.clock.advance(10 * minuteMs);
  await settle();
  const cold = await why(world);

  assert.deepEqual(warm.verdict, { state: "warm" });
  assert.deepEqual(warm.environments.idleOnes[0], {
    id: warm.environments.idleOnes[0]?.id,
    isProvisioned: false,
    sinceMs: idleAtMs,
    endsAtMs: idleAtMs + 10 * minuteMs,
  });
  assert.equal(warm.limits.scaling.left, 999);
  assert.deepEqual(cold.verdict, { state: "cold" });
  assert.deepEqual(kinds(cold), ["expired keep-alive 1", "warm idle 1", "cold no-environment 1"]);
  assert.equal(cold.decisions[0]?.durationMs, 10 * minuteMs);
  assert.equal(cold.decisions[0].atMs, world.clock.now());
  await world.close();
});

test("while it works, what is in use is told, and that the next invocation has to wait", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 1000 } });
  await world.put(configurationOf("hello"), { reservedConcurrency: 2 });
  const first = world.invoke("hello");
  await settle();
  const busy = await why(world);
  const second = world.invoke("hello");
  await settle();
  const full = await why(world);
  await world.invoke("hello");
  world.clock.advance(1000);
  for (const outcome of await Promise.all([first, second])) await executed(outcome).report;

  assert.deepEqual(busy.verdict, { state: "busy" });
  assert.deepEqual(busy.limits.reserved, { inUse: 1, limit: 2 });
  assert.equal(busy.environments.atWork, 1);
  assert.deepEqual(full.verdict, {
    state: "throttled",
    reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  });
  assert.deepEqual(kinds(await why(world)), [
    "throttled ReservedFunctionConcurrentInvocationLimitExceeded 1",
    "cold all-at-work 1",
    "cold no-environment 1",
  ]);
  await world.close();
});

test("a function that grows too fast is throttled by the scaling rate, and that is said", async () => {
  const world = await DataPlaneWorld.open({
    behaviour: { handlerMs: () => 1000 },
    config: { environmentsPerTenSeconds: 1 },
  });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();

  const { verdict } = await why(world);
  await world.invoke("hello");
  const { decisions } = await why(world);
  world.clock.advance(1000);
  await executed(await first).report;

  const reason = "FunctionInvocationRateLimitExceeded";
  assert.deepEqual(verdict, { state: "throttled", reason, limit: "scaling rate" });
  assert.deepEqual(
    [decisions[0]?.kind, decisions[0]?.reason, decisions[0]?.detail],
    ["throttled", reason, "scaling rate"],
  );
  await world.close();
});

test("whether another environment could be started is told: now, once memory is given back, or never", async () => {
  const world = await DataPlaneWorld.open({ workers: 0 });
  await world.put(configurationOf("hello"));
  await world.put(configurationOf("large", { memoryMiB: 512 }));
  await world.put(configurationOf("larger", { memoryMiB: 1024 }));
  assert.deepEqual((await why(world)).room, { kind: "no-worker" });
  const worker = await world.attach({ handlerMs: () => 1000 }, 600);
  const running = world.invoke("hello");
  await settle();

  const [small, large, larger] = [await why(world), await why(world, "large"), await why(world, "larger")];

  assert.deepEqual([small.room, large.room], [{ kind: "there" }, { kind: "full" }]);
  assert.deepEqual(large.verdict, { state: "cold" });
  assert.deepEqual(larger.verdict, { state: "too-large", offeredMiBMax: 600 });
  assert.equal(worker.starts.length, 1);
  world.clock.advance(1000);
  await executed(await running).report;
  assert.deepEqual((await why(world, "large")).room, { kind: "there" });
  await world.close();
});

test("what is expected, and when it will be made ready, is told; later that it was", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAlivePolicy: "fixed", keepAliveFor: "timer=hybrid:4h" },
  });
  await world.put(configurationOf("timer"));
  for (let round = 0; round <= 10; round++) {
    await run(world, "timer");
    if (round < 10) world.clock.advance(30 * minuteMs);
    await settle();
  }
  const lastMs = world.clock.now();
  world.clock.advance(1);
  await settle();
  const { keepAlive, verdict } = await why(world, "timer");

  world.clock.advance(28 * minuteMs);
  await settle();
  const later = await why(world, "timer");

  assert.deepEqual(verdict, { state: "cold" });
  assert.equal(keepAlive.isOwn, true);
  assert.deepEqual(keepAlive.prewarm, { atMs: lastMs + 27 * minuteMs, count: 1 });
  assert.equal(keepAlive.expectation?.next?.fromMs, lastMs + 27 * minuteMs);
  assert.deepEqual(later.verdict, { state: "warm" });
  assert.deepEqual(kinds(later).slice(0, 2), ["prewarmed forecast 1", "expired keep-alive 1"]);
  await world.close();
});

test("forecast: a period that was found is told, with the minute of the next arrival", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAlivePolicy: "forecast" } });
  await world.put(configurationOf("timer"));
  for (let round = 0; round < 48; round++) {
    await run(world, "timer");
    world.clock.advance(30 * minuteMs);
    await settle();
  }
  await run(world, "timer");
  const lastMs = world.clock.now();

  const { keepAlive } = await why(world, "timer");

  assert.equal(keepAlive.expectation?.periodMs, 30 * minuteMs);
  assert.equal(keepAlive.expectation.next?.fromMs, lastMs + 30 * minuteMs);
  assert((keepAlive.expectation.next.probability ?? 0) > 0.5);
  await world.close();
});

test("why a version has less provisioned than it should is among the decisions", async () => {
  let initialized = false;
  const world = await DataPlaneWorld.open({ memoryMiB: 256, behaviour: { initialized: () => initialized } });
  await world.put(configurationOf("hello"));
  await world.engine.records.put(
    functionPartKey("function-version", scope, "hello", "1"),
    configurationOf("hello", { version: "1" }),
  );
  const decided = async (): Promise<string[]> => {
    const outcome = await world.dataPlane.why(scope, "hello", "1");
    assert(outcome.kind === "found");
    return kinds(outcome);
  };
  const key = functionPartKey("provisioned-concurrency", scope, "hello", "1");

  await world.engine.records.put(key, { qualifier: "1", requested: 1, lastModifiedMs: 1 });
  await settle();
  assert.deepEqual(await decided(), ["not-provisioned init 1"]);

  initialized = true;
  await world.engine.records.put(key, { qualifier: "1", requested: 3, lastModifiedMs: 2 });
  await settle();
  assert.deepEqual(await decided(), ["provisioned wanted 2", "not-provisioned start 1", "not-provisioned init 1"]);
  await world.close();
});

test("a change of the function ends its environments, says so, and what was known before stays", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await run(world);

  await world.put(configurationOf("hello", { generation: 2 }));
  await settle();

  assert.deepEqual(kinds(await why(world)), ["retired function-changed 1", "cold no-environment 1"]);
  await world.delete("hello");
  await settle();
  assert.equal((await world.dataPlane.why(scope, "hello")).kind, "not-found");
  await world.put(configurationOf("hello"));
  assert.deepEqual((await why(world)).decisions, []);
  await world.close();
});

/** Versions 1 and 2 of `f`, and an alias that gives the second so much. */
async function split(world: DataPlaneWorld, weight: number): Promise<void> {
  const { records } = world.engine;
  await world.put(configurationOf("f"));
  for (const [version, generation] of [
    ["1", 1],
    ["2", 2],
  ] as const) {
    const configuration = configurationOf("f", { version, generation });
    await records.put(functionPartKey("function-version", scope, "f", version), configuration);
  }
  const alias = {
    name: "live",
    functionVersion: "1",
    description: "",
    additionalVersionWeights: { 2: weight },
    revisionId: "r",
  };
  await records.put(functionPartKey("function-alias", scope, "f", "live"), alias);
}

test("of an alias that splits its traffic every version is told with its share, the likeliest first", async () => {
  const world = await DataPlaneWorld.open();
  await split(world, 0.7);
  await executed(await world.invoke("f", { qualifier: "1" })).report;
  await settle();

  const outcome = await world.dataPlane.why(scope, "f", "live");

  assert(outcome.kind === "split");
  assert.equal(outcome.alias, "live");
  assert.deepEqual(
    outcome.versions.map((each) => [each.version, each.weight, each.kind === "found" && each.verdict.state]),
    [
      ["2", 0.7, "cold"],
      ["1", 0.3, "warm"],
    ],
  );
  await world.close();
});

test("an alias that gives one of its two versions everything is told as that version", async () => {
  const world = await DataPlaneWorld.open();

  for (const [weight, version] of [
    [0, "1"],
    [1, "2"],
  ] as const) {
    await split(world, weight);
    const outcome = await world.dataPlane.why(scope, "f", "live");
    assert(outcome.kind === "found");
    assert.deepEqual([outcome.version, outcome.alias], [version, "live"]);
  }
  await world.close();
});

test("of a split alias, a version that cannot run is told as that, beside the one that can", async () => {
  const world = await DataPlaneWorld.open();
  await split(world, 0.1);
  const failed = configurationOf("f", { version: "2", generation: 3, state: "Failed", stateReason: "no code" });
  await world.engine.records.put(functionPartKey("function-version", scope, "f", "2"), failed);

  const outcome = await world.dataPlane.why(scope, "f", "live");

  assert(outcome.kind === "split");
  assert.deepEqual(
    outcome.versions.map(({ kind }) => kind),
    ["found", "not-ready"],
  );
  assert.deepEqual(outcome.versions[1], {
    kind: "not-ready",
    version: "2",
    weight: 0.1,
    state: "Failed",
    reason: "no code",
  });
  await world.delete("f");
  await settle();
  assert.equal((await world.dataPlane.why(scope, "f", "live")).kind, "not-found");
  await world.close();
});

test("admission comes before what is warm; a start that nobody waits for is the next one's", () => {
  const none = { idle: 0, atWork: 0, starting: 0, waiting: 0 };
  const free = { refusal: undefined, scaling: { name: "current", left: 1, max: 1 } } as const;
  const refusal = "ConcurrentInvocationLimitExceeded";

  const room = { kind: "there" } as const;
  const tooLarge = { kind: "too-large", offeredMiBMax: 100 } as const;
  const grown = { ...free, scaling: { ...free.scaling, left: 0 } };

  assert.deepEqual(verdictOf({ ...none, idle: 1 }, { ...free, refusal }, room), {
    state: "throttled",
    reason: refusal,
  });
  assert.deepEqual(verdictOf({ ...none, starting: 2, waiting: 1 }, free, room), { state: "starting" });
  assert.deepEqual(verdictOf({ ...none, starting: 1, waiting: 1, atWork: 1 }, free, room), { state: "busy" });
  assert.deepEqual(verdictOf({ ...none, idle: 1 }, grown, room), { state: "warm" });
  assert.deepEqual(verdictOf({ ...none, idle: 1 }, free, tooLarge), { state: "warm" });
  assert.deepEqual(verdictOf({ ...none, atWork: 1 }, free, tooLarge), { state: "too-large", offeredMiBMax: 100 });
});
