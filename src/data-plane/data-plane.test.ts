import assert from "node:assert/strict";
import { test } from "node:test";
import { functionArn, functionPartKey } from "../core/function-record.ts";
import { configurationOf, DataPlaneWorld, executed, scope, settle, variables } from "../../test/support/data-plane.ts";
import { rememberedHours } from "./scaling/cold-start-demand.ts";
import { tickMs } from "./scaling/pool-keeper.ts";

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
  await world.engine.records.put(
    functionPartKey("function-version", scope, "hello", "1"),
    configurationOf("hello", { version: "1" }),
  );

  const latest = executed(await world.invoke("hello"));
  const first = executed(await world.invoke("hello", { qualifier: "1" }));

  assert.equal(first.executedVersion, "1");
  assert.notEqual(first.start.environmentId, latest.start.environmentId);
  assert.equal((await world.invoke("hello", { qualifier: "2" })).kind, "not-found");
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
    role: "arn:aws:iam::000000000000:role/any",
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
      findMerged: () => undefined,
      merge: (digests) => Promise.resolve(`/packages/${digests.join("+")}`),
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

test("pools follow the functions that exist, the cold starts of late, and the bursts of a day", async () => {
  const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 1 } });
  const targets = (): (readonly [number, number])[] =>
    world.worker.poolTargets.map((each) => [each.memoryMiB, each.target] as const);
  await world.put(configurationOf("small"));
  await world.put(configurationOf("large", { memoryMiB: 1024 }));
  await world.put(
    configurationOf("unpooled", {
      memoryMiB: 256,
      environment: variables.seal(functionArn(scope, "unpooled"), { NODE_OPTIONS: "--no-warnings" }),
    }),
  );
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
  assert.deepEqual(targets(), [[128, 8]]);
  world.clock.advance((rememberedHours + 1) * 3_600_000);
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
