/** What targets, policies and actions have in common, and how they depend on each other. */
import type { DescribeScalingActivitiesCommandOutput } from "@aws-sdk/client-application-auto-scaling";
import assert from "node:assert/strict";
import { test } from "node:test";
import { scalingScope } from "../../../test/support/auto-scaling-bench.ts";
import { custom, live, openAutoScaling, policy, refusal } from "../../../test/support/auto-scaling-client.ts";
import { actionsMax, policiesMax } from "../../control-plane/auto-scaling/auto-scaling.ts";

const { account, region } = scalingScope;

test("policies and actions are shown as they were set, change by name, and go with their target", async () => {
  await using world = await openAutoScaling();
  const { client, register, track, schedule } = world;
  await register();
  await track({ ScaleInCooldown: 60, ScaleOutCooldown: 0, DisableScaleIn: true });
  const StartTime = new Date("2026-12-01T00:00:00Z");
  await schedule({
    Schedule: "rate(2 hours)",
    Timezone: "Europe/Berlin",
    StartTime,
    ScalableTargetAction: { MaxCapacity: 3 },
  });

  const { ScalingPolicies: [shown] = [] } = await client.describeScalingPolicies({ ServiceNamespace: "lambda" });
  assert.match(
    shown?.PolicyARN ?? "",
    new RegExp(
      `^arn:aws:autoscaling:${region}:${account}:scalingPolicy:[0-9a-f-]{36}:resource/lambda/function:f:live:policyName/p$`,
    ),
  );
  assert.deepEqual(shown?.TargetTrackingScalingPolicyConfiguration, {
    ...policy().TargetTrackingScalingPolicyConfiguration,
    ScaleInCooldown: 60,
    ScaleOutCooldown: 0,
    DisableScaleIn: true,
  });
  assert.deepEqual(shown.Alarms, []);
  const answer = await client.putScalingPolicy(policy({ TargetValue: 0.8 }));
  assert.equal(answer.PolicyARN, shown.PolicyARN);

  await schedule({ ScalableTargetAction: { MinCapacity: 2 } });
  const { ScheduledActions: [action] = [] } = await client.describeScheduledActions({
    ...live,
    ScheduledActionNames: ["a"],
  });
  assert.equal(action?.Schedule, "rate(2 hours)");
  assert.equal(action.Timezone, "Europe/Berlin");
  assert.equal(action.StartTime, undefined);
  assert.deepEqual(action.ScalableTargetAction, { MinCapacity: 2 });

  await client.deregisterScalableTarget(live);
  await register();
  assert.deepEqual((await client.describeScalingPolicies({ ServiceNamespace: "lambda" })).ScalingPolicies, []);
  assert.deepEqual((await client.describeScheduledActions({ ServiceNamespace: "lambda" })).ScheduledActions, []);
});

test("suspended schedules and policies do nothing, and do not make up for it", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register, schedule, track } = world;
  const suspended = {
    DynamicScalingInSuspended: true,
    DynamicScalingOutSuspended: true,
    ScheduledScalingSuspended: true,
  };
  await register({ MinCapacity: 2, SuspendedState: suspended });
  await track();
  await schedule({ Schedule: "rate(5 minutes)", ScalableTargetAction: { MinCapacity: 10 } });

  await bench.passMinutes(8, 1);
  assert.equal(await bench.capacity(), 2);
  await client.registerScalableTarget({ ...live, SuspendedState: { ScheduledScalingSuspended: false } });
  await bench.passMinutes(1);
  assert.equal(await bench.capacity(), 2);
  await bench.passMinutes(1);

  assert.equal(await bench.capacity(), 10);
});

test("lists come in pages, and those of other services are empty", async () => {
  await using world = await openAutoScaling();
  const { client, register, schedule } = world;
  await register();
  await register({ ResourceId: "function:g:live" });
  for (const name of ["a", "b", "c"]) {
    await schedule({ ScheduledActionName: name, Schedule: "rate(1 day)", ScalableTargetAction: { MinCapacity: 1 } });
  }
  const namespace = { ServiceNamespace: "lambda" } as const;

  const names: (string | undefined)[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.describeScheduledActions({ ...namespace, MaxResults: 2, NextToken });
    names.push(...(page.ScheduledActions ?? []).map(({ ScheduledActionName }) => ScheduledActionName));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  assert.deepEqual(names, ["a", "b", "c"]);

  const ids: (string | undefined)[] = [];
  do {
    const request = { ...namespace, MaxResults: 1, NextToken };
    const page: DescribeScalingActivitiesCommandOutput = await client.describeScalingActivities(request);
    ids.push(...(page.ScalingActivities ?? []).map(({ ResourceId }) => ResourceId));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  assert.deepEqual(ids, ["function:g:live", "function:f:live"]);

  const { ScalableTargets: [first] = [] } = await client.describeScalableTargets({ ...namespace, MaxResults: 1 });
  assert.equal(first?.ResourceId, "function:f:live");
  for (const bad of ["x", "Zm9v"]) {
    const [name] = await refusal(client.describeScalingActivities({ ...namespace, NextToken: bad }));
    assert.equal(name, "InvalidNextTokenException");
  }
  assert.match(
    (await refusal(client.describeScalingPolicies({ ...namespace, MaxResults: 11 }))).join(),
    /from 1 to 10/,
  );
  assert.match(
    (await refusal(client.describeScalableTargets({ ...namespace, ScalableDimension: live.ScalableDimension }))).join(),
    /you must also specify a resource ID/,
  );
  assert.deepEqual((await client.describeScalableTargets({ ServiceNamespace: "ecs" })).ScalableTargets, []);
});

/** Another metric for each number. */
function specification(index: number): object {
  return custom({
    MetricName: "Duration",
    Namespace: "AWS/Lambda",
    Statistic: "Average",
    Dimensions: [{ Name: "FunctionName", Value: `f${index}` }],
  });
}

test("a target has a bounded number of policies and actions", async () => {
  await using world = await openAutoScaling();
  const { register, track, schedule } = world;
  await register();
  const action = { Schedule: "rate(1 day)", ScalableTargetAction: { MinCapacity: 1 } };
  for (let index = 0; index < actionsMax; index++) {
    await schedule({ ...action, ScheduledActionName: `a${index}` });
  }
  for (let index = 0; index < policiesMax; index++) await track(specification(index), `p${index}`);

  assert.equal((await refusal(schedule({ ...action, ScheduledActionName: "more" })))[0], "LimitExceededException");
  assert.equal((await refusal(track(specification(policiesMax), "more")))[0], "LimitExceededException");
});

test("nothing waits for anything when there is no target, policy or action", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register, track } = world;
  const before = bench.clock.pendingTimers;
  await register();
  await track();
  await bench.passMinutes(2);
  assert(bench.clock.pendingTimers > before);

  await client.deregisterScalableTarget(live);
  await bench.settle();

  assert.equal(bench.clock.pendingTimers, before);
});
