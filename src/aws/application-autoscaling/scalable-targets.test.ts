import assert from "node:assert/strict";
import { test } from "node:test";
import { scalingScope } from "../../../test/support/auto-scaling-bench.ts";
import { live, openAutoScaling, refusal } from "../../../test/support/auto-scaling-client.ts";
import { functionPartKey } from "../../core/function-record.ts";

const { account, region } = scalingScope;

test("a target is registered, shown, changed and taken away; its capacity follows its bounds", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register } = world;

  const arn = await register({ Tags: { team: "x" } });
  assert.match(arn, new RegExp(`^arn:aws:application-autoscaling:${region}:${account}:scalable-target/[0-9a-f]{36}$`));
  assert.equal(await bench.capacity(), 1);
  const { ScalableTargets: [shown] = [] } = await client.describeScalableTargets({ ServiceNamespace: "lambda" });
  assert.deepEqual(shown, {
    ...live,
    MinCapacity: 1,
    MaxCapacity: 20,
    RoleARN:
      `arn:aws:iam::${account}:role/aws-service-role/lambda.application-autoscaling.amazonaws.com/` +
      "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
    CreationTime: new Date(bench.clock.now()),
    SuspendedState: {
      DynamicScalingInSuspended: false,
      DynamicScalingOutSuspended: false,
      ScheduledScalingSuspended: false,
    },
    ScalableTargetARN: arn,
  });

  await client.registerScalableTarget({ ...live, MinCapacity: 5, SuspendedState: { DynamicScalingInSuspended: true } });
  assert.equal(await bench.capacity(), 5);
  await client.registerScalableTarget({ ...live, MinCapacity: 0, MaxCapacity: 2 });
  assert.equal(await bench.capacity(), 2);
  const { ScalableTargets: [changed] = [] } = await client.describeScalableTargets({
    ...live,
    ResourceIds: [live.ResourceId],
  });
  assert.deepEqual([changed?.MinCapacity, changed?.MaxCapacity, changed?.ScalableTargetARN], [0, 2, arn]);
  assert.equal(changed?.SuspendedState?.DynamicScalingInSuspended, true);

  await client.registerScalableTarget({ ...live, MaxCapacity: 0 });
  assert.equal(await bench.capacity(), undefined);
  await client.deregisterScalableTarget(live);
  assert.deepEqual((await client.describeScalableTargets({ ServiceNamespace: "lambda" })).ScalableTargets, []);
});

test("what Hearth cannot scale is refused", async () => {
  await using world = await openAutoScaling();
  const { client, register } = world;
  const unsupported = ["ValidationException", "Unsupported service namespace, resource type or scalable dimension"];
  for (const over of [
    { ServiceNamespace: "ecs", ResourceId: "service/a/b", ScalableDimension: "ecs:service:DesiredCount" },
    { ScalableDimension: "ecs:service:DesiredCount" },
    { ResourceId: "function:f" },
    { ResourceId: "function:f:$LATEST" },
    { ResourceId: "f:live" },
  ]) {
    assert.deepEqual(await refusal(register(over)), unsupported);
  }
  assert.deepEqual(await refusal(register({ ResourceId: "function:f:none" })), [
    "ValidationException",
    `Cannot find alias arn: arn:aws:lambda:${region}:${account}:function:f:none`,
  ]);
  assert.match((await refusal(register({ MaxCapacity: undefined }))).join(), /^ValidationException,A new scalable/);
  assert.match((await refusal(register({ MinCapacity: 30 }))).join(), /Maximum capacity cannot be less than minimum/);
  assert.match((await refusal(register({ MinCapacity: -1 }))).join(), /MinCapacity must not be negative/);
  assert.match((await refusal(client.deregisterScalableTarget(live))).join(), /^ObjectNotFound.*target found for/);
});

test("tags are set, shown and taken away by the target's ARN", async () => {
  await using world = await openAutoScaling();
  const { client, register } = world;
  const ResourceARN = await register({ Tags: { a: "1" } });

  await client.tagResource({ ResourceARN, Tags: { b: "2" } });
  await client.untagResource({ ResourceARN, TagKeys: ["a"] });

  assert.deepEqual((await client.listTagsForResource({ ResourceARN })).Tags, { b: "2" });
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, ""]));
  assert.equal((await refusal(client.tagResource({ ResourceARN, Tags: many })))[0], "TooManyTagsException");
  assert.equal((await refusal(register({ Tags: { c: "3" } })))[0], "ValidationException");
  const gone = ResourceARN.replace(/.$/, "x");
  assert.equal((await refusal(client.listTagsForResource({ ResourceARN: gone })))[0], "ResourceNotFoundException");
});

test("accounts and regions have targets of their own", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register } = world;
  await register();
  const other = { ...scalingScope, account: "222222222222" };

  assert.deepEqual(bench.autoScaling.targets(other), []);
  const query = { scope: other, includeNotScaled: true, max: 50 };
  assert.deepEqual((await bench.autoScaling.activities(query)).activities, []);
  assert.equal((await client.describeScalableTargets({ ServiceNamespace: "lambda" })).ScalableTargets?.length, 1);
});

test("a target whose alias is gone is left alone, and can be deregistered", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register, track, schedule, activities } = world;
  await register({ MinCapacity: 2 });
  await track();
  await schedule({ Schedule: "rate(5 minutes)", ScalableTargetAction: { MinCapacity: 3 } });
  await bench.engine.records.delete(functionPartKey("provisioned-concurrency", scalingScope, "f", "live"));
  await bench.engine.records.delete(functionPartKey("function-alias", scalingScope, "f", "live"));

  await bench.passMinutes(5, 1);
  const [failed] = await activities();
  assert.equal(failed?.StatusCode, "Failed");
  assert.match(failed.StatusMessage ?? "", /Cannot find alias arn/);
  await client.deregisterScalableTarget(live);
});
