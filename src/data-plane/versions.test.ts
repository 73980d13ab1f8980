import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, scope, settle } from "../../test/support/data-plane.ts";
import { functionKey, functionPartKey, type AliasRecord, type FunctionConfiguration } from "../core/function-record.ts";
import type { InvokeOutcome } from "./frontend/contract.ts";

async function putVersion(world: DataPlaneWorld, over: Partial<FunctionConfiguration>): Promise<void> {
  const version = configurationOf("f", over);
  await world.engine.records.put(functionPartKey("function-version", scope, "f", version.version), version);
}

async function putAlias(world: DataPlaneWorld, over: Partial<AliasRecord>): Promise<void> {
  const alias = { name: "live", functionVersion: "1", description: "", additionalVersionWeights: {}, revisionId: "r" };
  await world.engine.records.put(functionPartKey("function-alias", scope, "f", "live"), { ...alias, ...over });
}

function versionOf(outcome: InvokeOutcome): string {
  assert(outcome.kind === "executed", outcome.kind);
  return outcome.executedVersion;
}

test("an alias runs the version that it points to, under the alias's ARN, and the next one as soon as it moves", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f"));
  await putVersion(world, { version: "1" });
  await putVersion(world, { version: "2", generation: 2 });
  await putAlias(world, {});

  const before = await world.invoke("f", { qualifier: "live" });
  await putAlias(world, { functionVersion: "2" });
  const after = await world.invoke("f", { qualifier: "live" });

  assert.deepEqual([versionOf(before), versionOf(after)], ["1", "2"]);
  assert.deepEqual(
    world.worker.invocations.map(({ invokedFunctionArn }) => invokedFunctionArn.split(":function:")[1]),
    ["f:live", "f:live"],
  );
  await world.close();
});

test("a weighted alias gives each version its share", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f"));
  await putVersion(world, { version: "1" });
  await putVersion(world, { version: "2", generation: 2 });
  await putAlias(world, { additionalVersionWeights: { 2: 0.25 } });

  const counts = new Map<string, number>();
  for (let index = 0; index < 400; index++) {
    const outcome = await world.invoke("f", { qualifier: "live" });
    const version = versionOf(outcome);
    counts.set(version, (counts.get(version) ?? 0) + 1);
    await settle();
  }

  assert.equal((counts.get("1") ?? 0) + (counts.get("2") ?? 0), 400);
  const share = (counts.get("2") ?? 0) / 400;
  assert(share > 0.18 && share < 0.32, `${share} of the invocations ran version 2`);
  assert.equal(world.worker.starts.length, 2, "both versions keep their environments");
  await world.close();
});

for (const [what, change] of [
  ["an update", (world: DataPlaneWorld) => world.put(configurationOf("f", { generation: 2 }))],
  ["a publication", (world: DataPlaneWorld) => putVersion(world, { version: "2" })],
  [
    "the deletion of the function",
    (world: DataPlaneWorld) => world.engine.records.delete(functionKey(scope, "f")).then(() => undefined),
  ],
  [
    "the deletion of the version",
    (world: DataPlaneWorld) =>
      world.engine.records.delete(functionPartKey("function-version", scope, "f", "1")).then(() => undefined),
  ],
] as const) {
  for (const qualifier of ["$LATEST", "1", "live"]) {
    test(`${what} does not break an invocation of ${qualifier} that is in flight`, async () => {
      const world = await DataPlaneWorld.open({ behaviour: { handlerMs: () => 10 } });
      await world.put(configurationOf("f"));
      await putVersion(world, { version: "1" });
      await putAlias(world, {});
      const running = world.invoke("f", { qualifier });
      await settle();

      await change(world);
      await settle();
      world.clock.advance(10);

      assert.equal(versionOf(await running), qualifier === "$LATEST" ? "$LATEST" : "1");
      await world.close();
    });
  }
}

test("an update of $LATEST leaves the environments of versions alone", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f"));
  await putVersion(world, { version: "1" });
  await world.invoke("f");
  await world.invoke("f", { qualifier: "1" });
  await settle();

  await world.put(configurationOf("f", { generation: 2 }));
  await settle();
  await world.invoke("f");
  await world.invoke("f", { qualifier: "1" });

  assert.deepEqual(
    world.worker.starts.map(({ functionVersion }) => functionVersion),
    ["$LATEST", "1", "$LATEST"],
  );
  await world.close();
});

test("an environment has the role of the version that it runs", async () => {
  const world = await DataPlaneWorld.open();
  await world.put(configurationOf("f", { role: "arn:aws:iam::000000000000:role/new" }));
  await putVersion(world, { version: "1", role: "arn:aws:iam::000000000000:role/old" });
  await world.invoke("f");
  await world.invoke("f", { qualifier: "1" });

  assert.deepEqual(
    world.worker.starts.map(({ id }) => world.dataPlane.environment(id)?.role),
    ["arn:aws:iam::000000000000:role/new", "arn:aws:iam::000000000000:role/old"],
  );
  await world.close();
});
