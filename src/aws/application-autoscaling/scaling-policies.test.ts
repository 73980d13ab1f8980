import assert from "node:assert/strict";
import { test } from "node:test";
import {
  custom,
  live,
  notRegistered,
  openAutoScaling,
  policy,
  refusal,
} from "../../../test/support/auto-scaling-client.ts";

test("target tracking scales out after three busy minutes and in after fifteen quiet ones, within the bounds", async () => {
  await using world = await openAutoScaling();
  const { bench, register, track, activities } = world;
  await register({ MinCapacity: 2 });
  await track();

  await bench.passMinutes(2, 1);
  assert.equal(await bench.capacity(), 2);
  await bench.passMinutes(1, 1);
  assert.equal(await bench.capacity(), 4);
  const [scaled] = await activities();
  assert.match(
    scaled?.Cause ?? "",
    /^monitor alarm TargetTracking-function:f:live-AlarmHigh-[0-9a-f-]{36} in state ALARM triggered policy p$/,
  );
  await bench.passMinutes(5, 1);
  assert.equal(await bench.capacity(), 20);
  await bench.passMinutes(14, 0.2);
  assert.equal(await bench.capacity(), 20);
  await bench.passMinutes(1, 0.2);
  assert.equal(await bench.capacity(), 8);
  await bench.passMinutes(20);
  assert.equal(await bench.capacity(), 8);
});

test("nothing is decided while a change is under way", async () => {
  await using world = await openAutoScaling();
  const { bench, register, track } = world;
  await register({ MinCapacity: 2 });
  await track();
  await bench.pass(1000);
  bench.provisioning = { status: "IN_PROGRESS", allocated: 0, available: 0 };

  await bench.passMinutes(8, 1);
  assert.equal(await bench.capacity(), 4);
  bench.provisioning = { status: "READY", allocated: 4, available: 4 };
  await bench.passMinutes(2, 1);

  assert.equal(await bench.capacity(), 8);
});

test("cooldowns count from the end of a change, and survive a restart", async () => {
  await using world = await openAutoScaling();
  const { bench, register, track } = world;
  await register({ MinCapacity: 4 });
  await track({ TargetValue: 0.5, ScaleOutCooldown: 600, ScaleInCooldown: 1200 });

  await bench.passMinutes(3, 0.75);
  assert.equal(await bench.capacity(), 6);
  await bench.passMinutes(2, 0.75);
  await bench.restart();
  await bench.passMinutes(4, 0.75);
  assert.equal(await bench.capacity(), 6);
  await bench.passMinutes(1, 1);
  assert.equal(await bench.capacity(), 8);
  await bench.passMinutes(15, 0.4);
  assert.equal(await bench.capacity(), 7);
  await bench.passMinutes(15, 0.4);
  assert.equal(await bench.capacity(), 7);
  await bench.passMinutes(10, 0.4);
  assert.equal(await bench.capacity(), 6);
});

test("customized metrics that Hearth has are tracked: a statistic, or what metric math makes of several", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register, track } = world;
  await register({ MinCapacity: 2 });
  const Dimensions = [
    { Name: "FunctionName", Value: "f" },
    { Name: "Resource", Value: "f:live" },
  ];
  const metric = { Namespace: "AWS/Lambda", MetricName: "ProvisionedConcurrencyUtilization", Dimensions };
  const simple = { CustomizedMetricSpecification: { ...metric, Statistic: "Maximum" as const, Unit: "Count" } };
  const math = {
    CustomizedMetricSpecification: {
      Metrics: [
        { Id: "m", MetricStat: { Metric: metric, Stat: "Average" }, ReturnData: false },
        { Id: "e", Expression: "m * 100", Label: "percent" },
      ],
    },
  };
  await client.putScalingPolicy(policy({ ...simple, PredefinedMetricSpecification: undefined }, "maximum"));
  bench.record(0);
  await bench.passMinutes(1, 1);
  bench.record(0);
  await bench.passMinutes(1, 1);
  bench.record(0);
  await bench.passMinutes(1, 1);
  assert.equal(await bench.capacity(), 4);

  await client.deleteScalingPolicy({ ...live, PolicyName: "maximum" });
  await track({ ...math, PredefinedMetricSpecification: undefined, TargetValue: 50 }, "math");
  await bench.passMinutes(3, 0.75);
  assert.equal(await bench.capacity(), 6);
  const { ScalingPolicies: [shown] = [] } = await client.describeScalingPolicies({ ServiceNamespace: "lambda" });
  assert.deepEqual(shown?.TargetTrackingScalingPolicyConfiguration, { TargetValue: 50, ...math });
});

test("what Hearth cannot track is refused, and nothing is kept of it", async () => {
  await using world = await openAutoScaling();
  const { client, register, track } = world;
  assert.deepEqual(await refusal(track()), ["ObjectNotFoundException", notRegistered]);

  await register();
  for (const [over, message] of [
    [{ TargetValue: 0 }, /TargetValue must be greater than 0/],
    [{ ScaleInCooldown: -1 }, /ScaleInCooldown must not be negative/],
    [{ PredefinedMetricSpecification: undefined }, /Exactly one of/],
    [
      { PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" } },
      /none of Lambda's/,
    ],
    [
      custom({ MetricName: "Invocations", Namespace: "Own", Statistic: "Sum" }),
      /no metric Invocations in the namespace/,
    ],
    [custom({ MetricName: "Duration", Namespace: "AWS/Lambda", Statistic: "Sum", Unit: "Count" }), /unit Milliseconds/],
    [custom({ MetricName: "Duration", Namespace: "AWS/Lambda" }), /needs MetricName, Namespace and Statistic/],
    [custom({ Metrics: [{ Id: "e", Expression: "FILL(m1,0)" }] }), /Error in expression/],
  ] as const) {
    assert.match((await refusal(track(over))).join(), message);
  }
  const step = { ...live, PolicyName: "s", PolicyType: "StepScaling", StepScalingPolicyConfiguration: {} } as const;
  assert.match((await refusal(client.putScalingPolicy(step))).join(), /^ValidationException,StepScaling is not supp/);
  await track();
  assert.deepEqual(await refusal(track({}, "same")), [
    "ValidationException",
    "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
  ]);
  assert.equal((await client.describeScalingPolicies({ ServiceNamespace: "lambda" })).ScalingPolicies?.length, 1);
});
