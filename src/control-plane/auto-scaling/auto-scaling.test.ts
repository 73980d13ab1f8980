import assert from "node:assert/strict";
import { test } from "node:test";
import { AutoScalingBench, scalingScope } from "../../../test/support/auto-scaling-bench.ts";
import {
  activityKind,
  partKey,
  policyKind,
  type ScalableResource,
  type ScalingActivityRecord,
  type ScalingPolicyRecord,
} from "./scaling-records.ts";
import { activitiesMax, retentionMs, ScalingActivities } from "./scaling-activities.ts";

const live: ScalableResource = { scope: scalingScope, name: "f", qualifier: "live" };
const all = { scope: scalingScope, includeNotScaled: true, max: 50 };

async function statuses({ autoScaling }: AutoScalingBench): Promise<string[]> {
  const { activities } = await autoScaling.activities(all);
  return activities.map(({ status, capacity }) => `${status} ${capacity}`);
}

/** What a process that died in between has left of its newest activity. */
async function rewind({ engine }: AutoScalingBench, status: "Pending" | "InProgress"): Promise<void> {
  const [newest] = await engine.records.list<ScalingActivityRecord>([activityKind]);
  assert(newest !== undefined);
  const { endedAtMs: _ended, ...value } = newest.value;
  await engine.records.put(newest.key, { ...value, status });
}

test("a change that a crash interrupted is done, and followed to its end, by the next start", async () => {
  await using bench = await AutoScalingBench.open();
  await bench.autoScaling.register(live, { minCapacity: 3, maxCapacity: 9 });
  await bench.pass(2000);
  assert.deepEqual(await statuses(bench), ["Successful 3"]);
  await bench.concurrency.unprovision(live);
  await rewind(bench, "Pending");

  await bench.restart();
  assert.equal(await bench.capacity(), 3);
  assert.deepEqual(await statuses(bench), ["InProgress 3"]);
  await bench.restart();
  await bench.pass(2000);

  assert.deepEqual(await statuses(bench), ["Successful 3"]);
});

test("what was interrupted and overtaken by another change is not done", async () => {
  await using bench = await AutoScalingBench.open();
  await bench.autoScaling.register(live, { minCapacity: 3, maxCapacity: 9 });
  await bench.pass(2000);
  await rewind(bench, "Pending");
  await bench.autoScaling.register(live, { minCapacity: 5 });
  await bench.pass(2000);

  await bench.restart();
  await bench.pass(2000);

  assert.equal(await bench.capacity(), 5);
  assert.deepEqual(await statuses(bench), ["Successful 5", "Overridden 3"]);
});

test("a policy that cannot be looked at holds up no other target", async () => {
  await using bench = await AutoScalingBench.open();
  await bench.autoScaling.register({ ...live, name: "g" }, { minCapacity: 1, maxCapacity: 9 });
  await bench.autoScaling.register(live, { minCapacity: 2, maxCapacity: 9 });
  await bench.autoScaling.putPolicy(live, "p", { metric: { kind: "utilization" }, targetValue: 0.5 });
  const broken: ScalingPolicyRecord = {
    resource: { ...live, name: "g" },
    name: "p",
    id: "1",
    metric: { kind: "math", queries: [{ id: "e", of: { kind: "expression", expression: "e" } }] },
    targetValue: 1,
    createdAtMs: 0,
  };
  await bench.engine.records.put(partKey(policyKind, broken.resource, broken.name), broken);

  await bench.passMinutes(3, 1);

  assert.equal(await bench.capacity(), 4);
  assert.equal(bench.errors.splice(0).length, 3);
});

test("activities are kept for six weeks, and the newest of them in any case", async () => {
  await using bench = await AutoScalingBench.open();
  const { clock } = bench;
  const { records } = bench.engine;
  let ids = 0;
  const activities = new ScalingActivities({ records, clock, newId: () => String(++ids) });
  const add = async (resource = live) => activities.add({ resource, description: "", cause: "", status: "Successful" });
  const kept = async () => (await records.list([activityKind])).length;
  await add();
  clock.advance(retentionMs + 1);
  assert.deepEqual((await activities.list(all)).activities, []);

  await add();
  assert.equal(await kept(), 1);
  for (let count = 0; count < activitiesMax; count++) await add();

  assert.equal(await kept(), activitiesMax);
  const { activities: newest, next } = await activities.list({ ...all, max: 2 });
  assert.deepEqual(
    newest.map(({ id }) => id),
    [String(ids), String(ids - 1)],
  );
  assert(next !== undefined);
  const { activities: older } = await activities.list({ ...all, max: 1, after: next });
  assert.equal(older[0]?.id, String(ids - 2));
});
