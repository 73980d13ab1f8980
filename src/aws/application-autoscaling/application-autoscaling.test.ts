/** Application Auto Scaling through the newest SDK: what is asked for, and what then happens to the concurrency. */
import {
  ApplicationAutoScaling,
  type ApplicationAutoScalingServiceException as ServiceException,
  type DescribeScalingActivitiesCommandOutput,
  type PutScalingPolicyCommandInput,
  type PutScheduledActionCommandInput,
  type ScalingActivity,
  type TargetTrackingScalingPolicyConfiguration,
} from "@aws-sdk/client-application-auto-scaling";
import assert from "node:assert/strict";
import { test } from "node:test";
import { AutoScalingBench, scalingScope } from "../../../test/support/auto-scaling-bench.ts";
import { actionsMax, policiesMax } from "../../control-plane/auto-scaling/auto-scaling.ts";
import { functionPartKey } from "../../core/function-record.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { autoScalingModel } from "./application-autoscaling-model.ts";
import { autoScalingHandlers } from "./application-autoscaling-service.ts";

const model = await autoScalingModel();
const { account, region } = scalingScope;

const live = {
  ServiceNamespace: "lambda",
  ResourceId: "function:f:live",
  ScalableDimension: "lambda:function:ProvisionedConcurrency",
} as const;

interface World extends AsyncDisposable {
  readonly bench: AutoScalingBench;
  readonly client: ApplicationAutoScaling;
  readonly register: (over?: object) => Promise<string>;
  readonly track: (over?: Partial<TargetTrackingScalingPolicyConfiguration>, name?: string) => Promise<unknown>;
  readonly schedule: (over: Partial<PutScheduledActionCommandInput>) => Promise<unknown>;
  readonly activities: (includeNotScaled?: boolean) => Promise<ScalingActivity[]>;
}

async function open(): Promise<World> {
  const bench = await AutoScalingBench.open();
  const handlers = Object.fromEntries(
    Object.keys(autoScalingHandlers(bench.autoScaling)).map((name) => [
      name,
      // Of whichever start is the last.
      (...args: unknown[]) =>
        (autoScalingHandlers(bench.autoScaling)[name] as unknown as (...args: unknown[]) => unknown)(...args),
    ]),
  );
  const loopback = await startLoopback({ services: [{ model, handlers }], clock: bench.clock });
  const client = new ApplicationAutoScaling({
    endpoint: loopback.url,
    region,
    credentials: { accessKeyId: account, secretAccessKey: "secret" },
    maxAttempts: 1,
  });
  return {
    bench,
    client,
    async register(over = {}) {
      const { ScalableTargetARN: arn = "" } = await client.registerScalableTarget({
        ...live,
        MinCapacity: 1,
        MaxCapacity: 20,
        ...over,
      });
      return arn;
    },
    track: async (over = {}, name = "p") => client.putScalingPolicy(policy(over, name)),
    schedule: async (over) => client.putScheduledAction({ ...live, ScheduledActionName: "a", ...over }),
    async activities(IncludeNotScaledActivities = false) {
      const request = { ServiceNamespace: "lambda", IncludeNotScaledActivities } as const;
      return (await client.describeScalingActivities(request)).ScalingActivities ?? [];
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await loopback[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

function policy(
  over: Partial<TargetTrackingScalingPolicyConfiguration> = {},
  PolicyName = "p",
): PutScalingPolicyCommandInput {
  return {
    ...live,
    PolicyName,
    PolicyType: "TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: 0.5,
      PredefinedMetricSpecification: { PredefinedMetricType: "LambdaProvisionedConcurrencyUtilization" },
      ...over,
    },
  };
}

async function refusal(asked: Promise<unknown>): Promise<[string, string]> {
  try {
    await asked;
  } catch (error) {
    return [(error as ServiceException).name, (error as ServiceException).message];
  }
  return assert.fail("it was not refused");
}

test("a target is registered, shown, changed and taken away; its capacity follows its bounds", async () => {
  await using world = await open();
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

test("activities say what was done, why, and how far it has come", async () => {
  await using world = await open();
  const { bench, register, activities } = world;
  bench.provisioning = { status: "IN_PROGRESS", allocated: 0, available: 0 };
  await register({ MinCapacity: 3 });

  const [begun] = await activities();
  assert.equal(begun?.Description, "Setting desired concurrency to 3.");
  assert.equal(begun.Cause, "minimum capacity was set to 3");
  assert.equal(begun.StatusCode, "InProgress");
  assert.equal(
    begun.StatusMessage,
    "Successfully set desired concurrency to 3. Waiting for change to be fulfilled by lambda.",
  );
  await bench.pass(5000);
  assert.equal((await activities())[0]?.StatusCode, "InProgress");

  bench.provisioning = { status: "READY", allocated: 3, available: 3 };
  await bench.pass(30_000);
  const [ended] = await activities();
  assert.equal(ended?.StatusCode, "Successful");
  assert.equal(
    ended.StatusMessage,
    "Successfully set desired concurrency to 3. Change successfully fulfilled by lambda.",
  );
  assert.equal(ended.ActivityId, begun.ActivityId);
  assert.deepEqual(ended.EndTime, new Date(bench.clock.now()));
});

test("a change that fails, is overtaken or cannot be made is told", async () => {
  await using world = await open();
  const { bench, client, register, activities } = world;
  bench.provisioning = { status: "IN_PROGRESS", allocated: 0, available: 0 };
  await register({ MinCapacity: 3 });
  await bench.concurrency.provision({ scope: scalingScope, name: "f", qualifier: "live" }, 7);
  await bench.pass(1000);
  bench.provisioning = { status: "FAILED", reason: "FUNCTION_ERROR_INIT_FAILURE", allocated: 0, available: 0 };
  await register({ MinCapacity: 8 });
  await bench.pass(1000);
  await client.registerScalableTarget({ ...live, MinCapacity: 5000, MaxCapacity: 5000 });

  assert.deepEqual(
    (await activities()).map(({ StatusCode, StatusMessage }) => [StatusCode, StatusMessage]),
    [
      [
        "Failed",
        "Failed to set desired concurrency to 5000. Reason: Specified ConcurrentExecutions for function is greater " +
          "than account's unreserved concurrency [1000]. (Service: Lambda; Error Code: InvalidParameterValueException)",
      ],
      [
        "Unfulfilled",
        "Successfully set desired concurrency to 8. Change was not fulfilled by lambda. " +
          "Reason: FUNCTION_ERROR_INIT_FAILURE",
      ],
      ["Overridden", "Successfully set desired concurrency to 3. Found it was later changed to 7."],
    ],
  );
  assert.equal(await bench.capacity(), 8);
});

test("target tracking scales out after three busy minutes and in after fifteen quiet ones, within the bounds", async () => {
  await using world = await open();
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
  await using world = await open();
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
  await using world = await open();
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

test("what could not be scaled is told with its reason to those who ask for it, and once", async () => {
  await using world = await open();
  const { bench, register, track, activities } = world;
  await register({ MaxCapacity: 1 });
  await track();
  await bench.passMinutes(6, 1);

  const [notScaled, ...others] = await activities(true);
  assert.equal(notScaled?.Description, "Attempting to scale due to alarm triggered");
  assert.equal(notScaled.StatusCode, "Failed");
  assert.deepEqual(notScaled.NotScaledReasons, [{ Code: "AlreadyAtMaxCapacity", MaxCapacity: 1 }]);
  assert.equal(others.length, 1);
  assert.equal((await activities()).length, 1);
});

test("a scheduled action sets the bounds when it is due, and the capacity at once", async () => {
  await using world = await open();
  const { bench, client, register, schedule, activities } = world;
  await register();
  await schedule({ Schedule: "cron(0 8 * * ? *)", ScalableTargetAction: { MinCapacity: 10, MaxCapacity: 30 } });
  await world.schedule({
    ScheduledActionName: "b",
    Schedule: "at(2026-11-23T19:30:00)",
    Timezone: "Europe/Berlin",
    ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 0 },
  });

  await bench.pass(2 * 3_600_000 - 1);
  assert.equal(await bench.capacity(), 1);
  await bench.pass(1);
  assert.equal(await bench.capacity(), 10);
  assert.deepEqual(
    (await activities()).slice(0, 2).map(({ Description, Cause, StatusCode }) => [Description, Cause, StatusCode]),
    [
      ["Setting desired concurrency to 10.", "minimum capacity was set to 10", "InProgress"],
      ["Setting min capacity to 10 and max capacity to 30", "scheduled action name a was triggered", "Successful"],
    ],
  );
  await bench.pass(10.5 * 3_600_000);
  assert.equal(await bench.capacity(), undefined);
  const { ScalableTargets: [target] = [] } = await client.describeScalableTargets({ ServiceNamespace: "lambda" });
  assert.deepEqual([target?.MinCapacity, target?.MaxCapacity], [0, 0]);
  await bench.pass(13.5 * 3_600_000);
  assert.equal(await bench.capacity(), 10);
});

test("what was due while nothing ran is made up for, the latest last; nothing before it was set", async () => {
  await using world = await open();
  const { bench, register, schedule } = world;
  await register();
  await schedule({ Schedule: "cron(0 8 * * ? *)", ScalableTargetAction: { MinCapacity: 10, MaxCapacity: 30 } });
  await schedule({
    ScheduledActionName: "evening",
    Schedule: "cron(0 20 * * ? *)",
    ScalableTargetAction: { MinCapacity: 2, MaxCapacity: 5 },
  });
  await schedule({
    ScheduledActionName: "past",
    Schedule: "at(2026-11-23T05:00:00)",
    ScalableTargetAction: { MinCapacity: 15 },
  });

  await bench.restart(3 * 86_400_000);
  await bench.pass(1);
  assert.equal(await bench.capacity(), 5);
  await bench.restart(4 * 3_600_000);
  await bench.pass(1);

  assert.equal(await bench.capacity(), 10);
});

test("suspended schedules and policies do nothing, and do not make up for it", async () => {
  await using world = await open();
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

test("a scheduled action whose bounds do not fit the target's fails, and says so", async () => {
  await using world = await open();
  const { bench, register, schedule, activities } = world;
  await register();
  await schedule({ Schedule: "rate(1 minute)", ScalableTargetAction: { MinCapacity: 21 } });
  await bench.passMinutes(1);

  const [failed] = await activities();
  assert.equal(failed?.StatusCode, "Failed");
  assert.match(
    failed.StatusMessage ?? "",
    /^Failed to set min capacity to 21\. Reason: minimum capacity 21 is greater/,
  );
  assert.equal(await bench.capacity(), 1);
});

test("policies and actions are shown as they were set, change by name, and go with their target", async () => {
  await using world = await open();
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

test("customized metrics that Hearth has are tracked: a statistic, or what metric math makes of several", async () => {
  await using world = await open();
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

test("what Hearth cannot track or scale is refused, and nothing is kept of it", async () => {
  await using world = await open();
  const { client, register, track, schedule } = world;
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
  const notRegistered =
    "No scalable target registered for service namespace: lambda, resource ID: function:f:live, " +
    "scalable dimension: lambda:function:ProvisionedConcurrency";
  assert.deepEqual(await refusal(track()), ["ObjectNotFoundException", notRegistered]);
  const rate = { Schedule: "rate(1 day)", ScalableTargetAction: { MinCapacity: 1 } };
  assert.deepEqual(await refusal(schedule(rate)), ["ObjectNotFoundException", notRegistered]);
  assert.match((await refusal(client.deregisterScalableTarget(live))).join(), /^ObjectNotFound.*target found for/);

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

  for (const [over, message] of [
    [{ ...rate, Schedule: "cron(0 8 * * *)" }, /The schedule cron\(0 8 \* \* \*\) is none/],
    [{ ...rate, Timezone: "Nowhere" }, /time zone Nowhere is not known/],
    [{ ...rate, ScalableTargetAction: {} }, /needs a MinCapacity/],
    [{ ...rate, ScalableTargetAction: { MinCapacity: 2, MaxCapacity: 1 } }, /cannot be less than minimum/],
    [{ ...rate, StartTime: new Date(1), EndTime: new Date(0) }, /must be before its EndTime/],
    [{ Schedule: rate.Schedule }, /needs a ScalableTargetAction/],
    [{ ScalableTargetAction: rate.ScalableTargetAction }, /needs a Schedule/],
  ] as const) {
    assert.match((await refusal(schedule(over))).join(), message);
  }
  assert.match(
    (await refusal(client.deleteScheduledAction({ ...live, ScheduledActionName: "a" }))).join(),
    /No scheduled action found/,
  );
  assert.deepEqual((await client.describeScheduledActions({ ServiceNamespace: "lambda" })).ScheduledActions, []);
  assert.equal((await client.describeScalingPolicies({ ServiceNamespace: "lambda" })).ScalingPolicies?.length, 1);
});

function custom(CustomizedMetricSpecification: object): object {
  return { PredefinedMetricSpecification: undefined, CustomizedMetricSpecification };
}

test("lists come in pages, and those of other services are empty", async () => {
  await using world = await open();
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

test("tags are set, shown and taken away by the target's ARN", async () => {
  await using world = await open();
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
  await using world = await open();
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

test("accounts and regions have targets of their own", async () => {
  await using world = await open();
  const { bench, client, register } = world;
  await register();
  const other = { ...scalingScope, account: "222222222222" };

  assert.deepEqual(bench.autoScaling.targets(other), []);
  const query = { scope: other, includeNotScaled: true, max: 50 };
  assert.deepEqual((await bench.autoScaling.activities(query)).activities, []);
  assert.equal((await client.describeScalableTargets({ ServiceNamespace: "lambda" })).ScalableTargets?.length, 1);
});

test("a target whose alias is gone is left alone, and can be deregistered", async () => {
  await using world = await open();
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

test("nothing waits for anything when there is no target, policy or action", async () => {
  await using world = await open();
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
