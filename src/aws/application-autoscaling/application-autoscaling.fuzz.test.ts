import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AutoScalingBench, scalingScope } from "../../../test/support/auto-scaling-bench.ts";
import { context } from "../../../test/support/lambda-bench.ts";
import { actionKind, policyKind, targetKind } from "../../control-plane/auto-scaling/scaling-records.ts";
import { ApiError } from "../../core/errors.ts";
import { autoScalingModel } from "./application-autoscaling-model.ts";
import { autoScalingHandlers } from "./application-autoscaling-service.ts";

const model = await autoScalingModel();

/** Values for every member, the first of which can be done; of the others AWS's service model takes some. */
const members: Readonly<Record<string, readonly unknown[]>> = {
  ServiceNamespace: ["lambda", "lambda", "lambda", "ecs", "none"],
  ResourceId: ["function:f:live", "function:f:live", "function:g:1", "function:f:none", "function:f", "x".repeat(1601)],
  ScalableDimension: ["lambda:function:ProvisionedConcurrency", "ecs:service:DesiredCount"],
  MinCapacity: [0, 1, 5, -1],
  MaxCapacity: [0, 5, 2_147_483_647],
  SuspendedState: [{}, { DynamicScalingInSuspended: true }, { ScheduledScalingSuspended: true }],
  Tags: [undefined, {}, { a: "b" }, { "aws:a": "b" }, { "": "" }],
  RoleARN: ["arn:aws:iam::000000000000:role/any"],
  PolicyName: ["p", "q", "é", "x".repeat(257)],
  PolicyType: ["TargetTrackingScaling", "TargetTrackingScaling", "StepScaling", "PredictiveScaling"],
  TargetTrackingScalingPolicyConfiguration: [
    ...[0.7, 0, -1, NaN, Infinity].map((TargetValue) => ({
      TargetValue,
      PredefinedMetricSpecification: { PredefinedMetricType: "LambdaProvisionedConcurrencyUtilization" },
    })),
    {
      TargetValue: 5,
      CustomizedMetricSpecification: { MetricName: "Duration", Namespace: "AWS/Lambda", Statistic: "Average" },
    },
    { TargetValue: 5, CustomizedMetricSpecification: { Metrics: [] } },
    { TargetValue: 5, CustomizedMetricSpecification: { Metrics: [{ Id: "e", Expression: "e + 1" }] } },
    { TargetValue: 5, CustomizedMetricSpecification: {} },
    {},
  ],
  StepScalingPolicyConfiguration: [undefined, {}],
  ScheduledActionName: ["a", "b", "a:b", "\ud800", "é".repeat(256), ""],
  Schedule: [
    "rate(1 minute)",
    "cron(0/5 * * * ? *)",
    "at(2026-11-23T07:00:00)",
    "cron(0 10 31 2 ? *)",
    "at()",
    "rate(0 days)",
  ],
  Timezone: ["Europe/Berlin", "Nowhere", "UTC"],
  StartTime: [undefined, new Date(0), new Date("2026-11-23T06:01:30Z"), new Date("+275760-09-13")],
  EndTime: [undefined, new Date(0), new Date("2026-11-23T06:30:00Z")],
  ScalableTargetAction: [
    { MinCapacity: 2 },
    {},
    { MaxCapacity: 4 },
    { MinCapacity: 3, MaxCapacity: 2 },
    { MinCapacity: -1 },
  ],
  MaxResults: [1, 0, 50, 51],
  NextToken: [undefined, "", "Zm9v", "x".repeat(5000), "MDA4NjM5OTk5OTk5OTk5OTk"],
  ResourceIds: [["function:f:live"], []],
  PolicyNames: [["p"]],
  ScheduledActionNames: [["a"]],
  IncludeNotScaledActivities: [true],
  ResourceARN: ["arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/0ec5", "arn"],
  TagKeys: [[], ["a"], [""]],
};

/** Each can be done after those before it. */
const inOrder = [
  "RegisterScalableTarget",
  "PutScalingPolicy",
  "PutScheduledAction",
  "DescribeScalableTargets",
  "DescribeScalingPolicies",
  "DescribeScheduledActions",
  "DescribeScalingActivities",
  "DeleteScalingPolicy",
  "DeleteScheduledAction",
  "DeregisterScalableTarget",
];

const step = fc
  .record({
    operation: fc.constantFrom(
      ...["RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"].flatMap((name) => [name, name, name]),
      ...model.operations.keys(),
    ),
    leaveOut: fc.uniqueArray(fc.constantFrom(...Object.keys(members)), { maxLength: 10 }),
    values: fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(20)), { minLength: 12, maxLength: 12 }),
    minutes: fc.constantFrom(0, 1, 7),
  })
  .map(({ operation, leaveOut, values, minutes }) => ({
    operation,
    input: inputOf(operation, leaveOut, values),
    minutes,
  }));

function inputOf(operation: string, leaveOut: readonly string[], values: readonly number[]): Record<string, unknown> {
  const known = model.operations.get(operation)?.input.members.map(({ name }) => name) ?? [];
  const chosen = known
    .filter((name) => members[name] !== undefined && !leaveOut.includes(name))
    .map((name, index) => [name, members[name]?.[(values[index] ?? 0) % (members[name]?.length ?? 1)]] as const);
  return Object.fromEntries(chosen);
}

test("property: a request is done or refused as the caller's fault, what is refused changes nothing, and time goes on", async () => {
  await using bench = await AutoScalingBench.open();
  const handlers = autoScalingHandlers(bench.autoScaling);
  const { records } = bench.engine;
  const settings = async (): Promise<string> =>
    JSON.stringify(await Promise.all([targetKind, policyKind, actionKind].map(async (kind) => records.list([kind]))));
  const isDone = async (operation: string, input: object): Promise<boolean> => {
    const handler = handlers[operation] as ((input: unknown, call: unknown) => unknown) | undefined;
    const before = await settings();
    try {
      model.operations.get(operation)?.validate(input as Record<string, unknown>);
      await handler?.(input, context({ scope: scalingScope }));
      return true;
    } catch (error) {
      assert(error instanceof ApiError, String(error));
      assert.match(error.code, /^(Validation|(Object|Resource)NotFound|InvalidNextToken|TooManyTags)Exception$/);
      assert.equal(await settings(), before);
      return false;
    }
  };

  for (const operation of inOrder) assert(await isDone(operation, inputOf(operation, [], [])), operation);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      for (const { operation, input, minutes } of steps) {
        await isDone(operation, input);
        await bench.passMinutes(minutes, 1);
      }
    }),
    { numRuns: 150 },
  );
});
