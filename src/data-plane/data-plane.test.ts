import assert from "node:assert/strict";
import { test } from "node:test";
import { UnavailableError } from "../core/errors.ts";
import { functionPartKey } from "../core/function-record.ts";
import { configurationOf, DataPlaneWorld, scope, settle } from "../../test/support/data-plane.ts";
import { environmentWaitMsMax, settleGraceMsMax, settleGraceMsMin } from "./assignment/environment-table.ts";
import { startAttemptsMax, startRetryMs, workerWaitMsMax } from "./assignment/environment-starter.ts";
import type { InvokeOutcome } from "./frontend/contract.ts";
import { tickMs } from "./scaling/pool-keeper.ts";

function executed(outcome: InvokeOutcome): Extract<InvokeOutcome, { kind: "executed" }> {
  assert(outcome.kind === "executed", outcome.kind);
  return outcome;
}

test("a function that does not exist is not found, under the name by which it was called", async () => {
  const world = await DataPlaneWorld.open();

  assert.deepEqual(await world.invoke("ghost"), {
    kind: "not-found",
    arn: "arn:aws:lambda:us-east-1:000000000000:function:ghost",
  });
  assert.deepEqual(await world.invoke("ghost", { qualifier: "7" }), {
    kind: "not-found",
    arn: "arn:aws:lambda:us-east-1:000000000000:function:ghost:7",
  });
  await world.close();
});

test("a function that is not active yet is refused with its state", async () => {
  const world = await DataPlaneWorld.open();
  const pending = configurationOf("slow", { state: "Pending", stateReason: "The function is being created." });
  await world.engine.records.put(["function", scope.account, scope.region, "slow"], {
    scope,
    name: "slow",
    latest: pending,
    tags: {},
    createdAtMs: 0,
  });

  const refusal = { kind: "not-ready", state: "Pending", reason: "The function is being created." };
  assert.deepEqual(await world.invoke("slow"), refusal);
  assert.deepEqual(world.dataPlane.frontend.check({ scope, functionName: "slow" }), refusal);
  await world.close();
});

test("another account does not find a function of that name", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("mine"));

  const outcome = await world.invoke("mine", { scope: { account: "111111111111", region: "us-east-1" } });

  assert.equal(outcome.kind, "not-found");
  await world.close();
});

test("the first invocation starts an environment, the next one uses it again", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 7 } });
  await world.put(configurationOf("hello"));

  const first = world.invoke("hello", { payload: Buffer.from('"one"') });
  await settle();
  world.clock.advance(7);
  const cold = executed(await first);
  await cold.report;
  const warm = executed(await world.invoke("hello"));

  assert.equal(Buffer.from(cold.response.payload).toString(), '"one"');
  assert.equal(cold.executedVersion, "$LATEST");
  assert.equal(cold.start.cold, true);
  assert.equal(cold.start.queueMs, 7);
  assert.equal(cold.start.phases?.initMs, 7);
  assert.equal(warm.start.cold, false);
  assert.equal(warm.start.phases, undefined);
  assert.equal(warm.start.environmentId, cold.start.environmentId);
  assert.equal(world.worker.starts.length, 1);
  await world.close();
});

test("the function sees the ARN with the qualifier that its caller used", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));

  await executed(await world.invoke("hello")).report;
  await executed(await world.invoke("hello", { qualifier: "$LATEST" })).report;

  assert.deepEqual(
    world.worker.invocations.map((each) => each.invokedFunctionArn.split(":function:")[1]),
    ["hello", "hello:$LATEST"],
  );
  await world.close();
});

test("a published version runs beside $LATEST, in environments of its own", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await world.engine.records.put(functionPartKey("function-version", scope, "hello", "1"), configurationOf("hello", { version: "1" }));

  const latest = executed(await world.invoke("hello"));
  const first = executed(await world.invoke("hello", { qualifier: "1" }));

  assert.equal(first.executedVersion, "1");
  assert.notEqual(first.start.environmentId, latest.start.environmentId);
  assert.equal((await world.invoke("hello", { qualifier: "2" })).kind, "not-found");
  await world.close();
});

test("the most recently used idle environment goes first", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 10 } });
  await world.put(configurationOf("hello"));
  const both = [world.invoke("hello"), world.invoke("hello")];
  await settle();
  world.clock.advance(10);
  const [one, two] = (await Promise.all(both)).map(executed);
  await settle();

  const next = world.invoke("hello");
  await settle();
  world.clock.advance(10);

  assert.equal(executed(await next).start.environmentId, two?.start.environmentId);
  assert.notEqual(one?.start.environmentId, two?.start.environmentId);
  await world.close();
});

test("who waits for a cold start takes an environment that frees first, and the start is kept for the next", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 10, startMs: () => 10_000 } });
  world.worker.behaviour.startMs = (spec) => (world.worker.starts[0] === spec ? 0 : 10_000);
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  const second = world.invoke("hello");
  await settle();

  world.clock.advance(10);
  await settle();
  world.clock.advance(10);
  const [a, b] = [executed(await first), executed(await second)];

  assert.equal(b.start.environmentId, a.start.environmentId);
  assert.equal(b.start.cold, false);
  world.clock.advance(10_000);
  await settle();
  const both = [world.invoke("hello"), world.invoke("hello")];
  await settle();
  world.clock.advance(10);
  await Promise.all(both);
  assert.equal(world.worker.starts.length, 2);
  await world.close();
});

test("a caller that calls again the moment it has its answer causes no cold start", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { settleMs: () => settleGraceMsMin - 1 } });
  await world.put(configurationOf("hello"), { reservedConcurrency: 1 });

  executed(await world.invoke("hello"));
  const again = world.invoke("hello");
  await settle();
  world.clock.advance(settleGraceMsMin - 1);

  assert.equal(executed(await again).start.cold, false);
  assert.equal(world.worker.starts.length, 1);
  world.clock.advance(settleGraceMsMin);
  await settle();
  await world.close();
});

test("a request waits for an environment about to be free for as long as a start takes, and no longer", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 40, settleMs: () => 1000 } });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(40);
  executed(await first);

  const again = world.invoke("hello");
  await settle();
  world.clock.advance(39);
  await settle();
  assert.equal(world.worker.starts.length, 1);
  world.clock.advance(1);
  await settle();
  assert.equal(world.worker.starts.length, 2);
  world.clock.advance(40);

  assert.equal(executed(await again).start.cold, true);
  world.clock.advance(1000);
  await settle();
  await world.close();
});

test("however long starts take, nobody waits long for an environment that does not settle", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 3000, settleMs: () => 10_000 } });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(3000);
  executed(await first);

  const again = world.invoke("hello");
  await settle();
  world.clock.advance(settleGraceMsMax);
  await settle();

  assert.equal(world.worker.starts.length, 2);
  world.clock.advance(10_000);
  executed(await again);
  world.clock.advance(10_000);
  await settle();
  await world.close();
});

test("reserved concurrency throttles with its reason, and no environment is started for the throttled", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 10 } });
  await world.put(configurationOf("hello"), { reservedConcurrency: 1 });

  const running = world.invoke("hello");
  assert.deepEqual(await world.invoke("hello"), {
    kind: "throttled",
    reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
    retryAfterSeconds: 1,
  });

  await settle();
  world.clock.advance(10);
  executed(await running);
  assert.equal(world.worker.starts.length, 1);
  await world.close();
});

test("when a function changes, idle environments end, a running invocation finishes, and the next one is new", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: (each) => (each.wantsLogTail ? 100 : 1) } });
  await world.put(configurationOf("hello"));
  const running = world.invoke("hello", { wantsLogTail: true });
  const other = world.invoke("hello");
  await settle();
  world.clock.advance(1);
  const old = executed(await other);
  await old.report;

  await world.put(configurationOf("hello", { generation: 2, handler: "index.other" }));
  await settle();
  assert.deepEqual(world.worker.destroyed, [old.start.environmentId]);
  const next = world.invoke("hello");
  await settle();
  world.clock.advance(1);
  const renewed = executed(await next);
  world.clock.advance(100);
  const finished = executed(await running);
  await finished.report;
  await settle();

  assert.equal(world.worker.live.length, 1);
  assert.equal(world.worker.live[0]?.spec.id, renewed.start.environmentId);
  assert.equal(world.worker.live[0]?.spec.handler, "index.other");
  await world.close();
});

test("a change that keeps the generation keeps the environments", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));
  await first.report;

  await world.put(configurationOf("hello"), { tags: { team: "web" }, reservedConcurrency: 5 });

  assert.equal(executed(await world.invoke("hello")).start.environmentId, first.start.environmentId);
  await world.close();
});

test("who waits for a start that fails because the function has changed is served by what it is now", async () => {
  const world = await DataPlaneWorld.open({
    behaviour: {
      startMs: (spec) => (spec.handler === "index.old" ? 50 : 0),
      startError: (spec) => (spec.handler === "index.old" ? new Error("the code is gone") : undefined),
    },
  });
  await world.put(configurationOf("hello", { handler: "index.old" }));
  const waiting = world.invoke("hello");
  await settle();

  await world.put(configurationOf("hello", { handler: "index.new", generation: 2 }));
  world.clock.advance(50);

  executed(await waiting);
  assert.equal(world.worker.live[0]?.spec.handler, "index.new");
  await settle();
  await world.close();
});

test("a deleted function ends its environments and turns away who waits, as not found", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 50 } });
  await world.put(configurationOf("hello"));
  const waiting = world.invoke("hello");
  await settle();

  await world.delete("hello");

  assert.equal((await waiting).kind, "not-found");
  world.clock.advance(50);
  await settle();
  assert.equal(world.worker.live.length, 0);
  await world.close();
});

test("an idle environment ends after the keep-alive time since its last use", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAliveMs: 1000 } });
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;
  world.clock.advance(600);
  await executed(await world.invoke("hello")).report;

  world.clock.advance(999);
  assert.equal(world.worker.live.length, 1);
  world.clock.advance(1);
  assert.equal(world.worker.live.length, 0);
  await settle();
  await world.close();
});

test("an environment at its maximum life finishes its invocation and is replaced", async () => {
  const world = await DataPlaneWorld.open({
    config: { keepAliveMs: 1_000_000, environmentLifeMsMax: 5000 },
    behaviour: { handlerMs: () => 100 },
  });
  await world.put(configurationOf("hello"));
  const first = world.invoke("hello");
  await settle();
  world.clock.advance(100);
  const old = executed(await first).start.environmentId;
  await settle();

  world.clock.advance(4850);
  const second = world.invoke("hello");
  await settle();
  world.clock.advance(100);
  assert.equal(executed(await second).start.environmentId, old);
  await settle();

  assert.deepEqual(world.worker.destroyed, [old]);
  await world.close();
});

test("an idle environment ends at its maximum life, however short its idle time", async () => {
  const world = await DataPlaneWorld.open({ config: { keepAliveMs: 1_000_000, environmentLifeMsMax: 5000 } });
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;

  world.clock.advance(5000);

  assert.equal(world.worker.live.length, 0);
  await settle();
  await world.close();
});

test("an environment that ends with its invocation is not used again", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { ends: () => true } });
  await world.put(configurationOf("hello"));

  const first = executed(await world.invoke("hello"));
  await first.report;
  const second = executed(await world.invoke("hello"));

  assert.notEqual(second.start.environmentId, first.start.environmentId);
  assert.equal(second.start.cold, true);
  await world.close();
});

test("an idle environment that crashes is not used again", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));
  await first.report;

  world.worker.crash(first.start.environmentId);

  assert.equal(executed(await world.invoke("hello")).start.cold, true);
  assert.equal(world.dataPlane.environment(first.start.environmentId), undefined);
  await world.close();
});

test("an invocation that meets an environment that has just ended runs in another one", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const first = executed(await world.invoke("hello"));
  await first.report;

  world.worker.vanish(first.start.environmentId);
  const second = executed(await world.invoke("hello"));

  assert.notEqual(second.start.environmentId, first.start.environmentId);
  assert.equal(world.worker.invocations.length, 2);
  assert.equal(world.dataPlane.environment(first.start.environmentId), undefined);
  await settle();
  assert.equal(world.usage.length, 2);
  await world.close();
});

test("when a worker stops taking anything, requests wait for the next one", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;

  world.worker.close();
  const waiting = world.invoke("hello");
  await settle();
  const next = await world.attach();

  executed(await waiting);
  assert.equal(next.starts.length, 1);
  await settle();
  await world.close();
});

test("a start that fails is tried again, and the waiter notices nothing", async () => {
  const world = await DataPlaneWorld.open();
  world.worker.behaviour.startError = () =>
    world.worker.starts.length < startAttemptsMax ? new UnavailableError("no-capacity", "no room") : undefined;
  await world.put(configurationOf("hello"));

  const outcome = world.invoke("hello");
  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    await settle();
    world.clock.advance(startRetryMs * 2 ** attempt);
  }

  executed(await outcome);
  assert.equal(world.worker.starts.length, startAttemptsMax);
  await world.close();
});

test("a start that fails every time is reported to who waits, with its cause", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startError: () => new Error("mount failed") } });
  await world.put(configurationOf("hello"));

  await assert.rejects(world.invoke("hello"), (error) => {
    assert(error instanceof UnavailableError);
    assert.equal(error.reason, "no-capacity");
    assert.equal((error.cause as Error).message, "mount failed");
    return true;
  });
  await world.close();
});

test("a runtime that is not here is named to the caller", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello", { runtime: "ruby3.4" }));

  await assert.rejects(world.invoke("hello"), /ruby3\.4/);
  await world.close();
});

test("nobody waits for an environment for ever", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 10 * environmentWaitMsMax } });
  await world.put(configurationOf("hello"));
  const waiting = world.invoke("hello");
  await settle();

  world.clock.advance(environmentWaitMsMax);

  await assert.rejects(waiting, UnavailableError);
  world.clock.advance(10 * environmentWaitMsMax);
  await settle();
  await world.close();
});

test("when the worker is lost, running invocations fail, and who waits is served by the next worker", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 1000, startMs: () => 0 } });
  await world.put(configurationOf("hello"));
  const running = world.invoke("hello");
  await settle();
  world.worker.behaviour.startMs = () => 1000;
  const waiting = world.invoke("hello");
  await settle();

  world.worker.lose();
  await assert.rejects(running, (error) => error instanceof UnavailableError && error.reason === "worker-gone");
  const next = await world.attach();
  const outcome = executed(await waiting);

  assert.equal(next.live[0]?.spec.id, outcome.start.environmentId);
  assert.deepEqual(world.dataPlane.environment(outcome.start.environmentId)?.id, outcome.start.environmentId);
  await world.close();
});

test("without any worker a request waits for one for a bounded time", async () => {
  const world = await DataPlaneWorld.open({ workers: 0 });
  await world.put(configurationOf("hello"));
  const refused = assert.rejects(
    world.invoke("hello"),
    (error) => error instanceof UnavailableError && error.reason === "worker-gone",
  );
  await settle();

  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    world.clock.advance(workerWaitMsMax);
    await settle();
  }

  await refused;
  await world.close();
});

test("a full worker gives up the idle environment that was unused for longest, of whatever function", async () => {
  const world = await DataPlaneWorld.open({ memoryMiB: 256 });
  for (const name of ["one", "two", "three"]) await world.put(configurationOf(name));
  const one = executed(await world.invoke("one"));
  await one.report;
  world.clock.advance(1);
  await executed(await world.invoke("two")).report;
  world.clock.advance(1);

  await executed(await world.invoke("three")).report;

  assert.deepEqual(world.worker.destroyed, [one.start.environmentId]);
  await world.close();
});

test("a function too large for every worker is refused, and nothing is given up for it", async () => {
  const world = await DataPlaneWorld.open({ memoryMiB: 256 });
  await world.put(configurationOf("small"));
  await world.put(configurationOf("huge", { memoryMiB: 512 }));
  await executed(await world.invoke("small")).report;

  const refused = assert.rejects(world.invoke("huge"), /512 MiB/);
  for (let attempt = 0; attempt < startAttemptsMax; attempt++) {
    await settle();
    world.clock.advance(startRetryMs * 2 ** attempt);
  }

  await refused;
  assert.equal(world.worker.destroyed.length, 0);
  await world.close();
});

test("environments that a worker has from before are destroyed when it is attached", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  await executed(await world.invoke("hello")).report;
  const [left] = world.worker.live;

  await world.dataPlane.attachWorker(() => Promise.resolve(world.worker));

  assert.deepEqual(world.worker.destroyed, [left?.spec.id]);
  await world.close();
});

test("a draining worker ends its idle environments and takes no new ones", async () => {
  const world = await DataPlaneWorld.open({ workers: 0 });
  await world.put(configurationOf("hello"));
  const leaving = await world.attachNamed();
  const first = executed(await world.invoke("hello"));
  await first.report;
  const staying = await world.attach();

  leaving.attached.drain();
  await settle();

  assert.deepEqual(leaving.worker.destroyed, [first.start.environmentId]);
  executed(await world.invoke("hello"));
  assert.equal(staying.starts.length, 1);
  await world.close();
});

test("each environment has credentials and a log stream of its own, and they end with it", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const { start, report } = executed(await world.invoke("hello"));
  await report;

  const spec = world.worker.starts[0];
  assert(spec !== undefined);
  assert.match(spec.logging.stream, /^2026\/01\/01\/\[\$LATEST\][0-9a-f]{32}$/);
  assert.match(spec.credentials.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.equal(spec.credentials.secretAccessKey.length, 40);
  assert.deepEqual(world.dataPlane.credentialsOf(spec.credentials.accessKeyId), {
    id: start.environmentId,
    functionArn: spec.functionArn,
    ...scope,
    ...spec.credentials,
  });

  await world.delete("hello");
  await settle();
  assert.equal(world.dataPlane.credentialsOf(spec.credentials.accessKeyId), undefined);
  await world.close();
});

test("code that is not unpacked is fetched once, however many environments wait for it", async () => {
  let unpacked = 0;
  const world = await DataPlaneWorld.open({
    packages: {
      find: () => undefined,
      unpack: (digest) => {
        unpacked++;
        return Promise.resolve(`/packages/${digest}`);
      },
    },
  });
  const codeDigest = await world.engine.blobs.put(Buffer.from("zip"));
  await world.put(configurationOf("hello", { codeDigest }));

  await Promise.all([world.invoke("hello"), world.invoke("hello")]);

  assert.equal(unpacked, 1);
  assert.equal(world.worker.starts[0]?.codeDirectory, `/packages/${codeDigest}`);
  await settle();
  await world.close();
});

test("every invocation that ran leaves a usage record", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { startMs: () => 7 } });
  await world.put(configurationOf("hello"));
  const invocation = world.invoke("hello");
  await settle();
  world.clock.advance(7);
  const { report, start } = executed(await invocation);
  await report;

  assert.deepEqual(world.usage, [
    {
      account: scope.account,
      region: scope.region,
      functionName: "hello",
      functionVersion: "$LATEST",
      requestId: "00000000-0000-4000-8000-000000000000",
      environmentId: start.environmentId,
      startedAtMs: world.clock.now(),
      cold: true,
      queueMs: 7,
      phases: start.phases,
      handlerMs: 0,
      billedMs: 0,
      memorySizeMiB: 128,
      maxMemoryUsedMiB: 30,
      status: "success",
    },
  ]);
  await world.close();
});

test("pools follow the functions that exist and the cold starts of late", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 1 } });
  const targets = (): (readonly [number, number])[] =>
    world.worker.poolTargets.map((each) => [each.memoryMiB, each.target] as const);
  await world.put(configurationOf("small"));
  await world.put(configurationOf("large", { memoryMiB: 1024 }));
  await world.put(configurationOf("unpooled", { memoryMiB: 256, environment: { NODE_OPTIONS: "--no-warnings" } }));
  world.clock.advance(50);
  assert.deepEqual(targets(), [
    [128, 2],
    [1024, 2],
  ]);

  const burst = Array.from({ length: 10 }, () => world.invoke("small"));
  await settle();
  world.clock.advance(1);
  await Promise.all(burst);
  assert.deepEqual(targets()[0], [128, 2]);
  world.clock.advance(tickMs);
  assert.deepEqual(targets()[0], [128, 11]);

  await world.delete("large");
  world.clock.advance(600_000);
  assert.deepEqual(targets(), [[128, 2]]);
  await settle();
  await world.close();
});

test("what an environment writes is handed on", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("hello"));
  const { start, report } = executed(await world.invoke("hello"));
  await report;

  world.worker.log(start.environmentId, [{ timestampMs: 5, message: "hi" }]);

  assert.equal(world.logs[0]?.group, "/aws/lambda/hello");
  assert.deepEqual(world.logs[0]?.events, [{ timestampMs: 5, message: "hi" }]);
  await world.close();
});
