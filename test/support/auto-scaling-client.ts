/** Application Auto Scaling through the newest SDK, over a bench: what tests ask for by default, and shorthands for it. */
import {
  ApplicationAutoScaling,
  type ApplicationAutoScalingServiceException as ServiceException,
  type PutScalingPolicyCommandInput,
  type PutScheduledActionCommandInput,
  type ScalingActivity,
  type TargetTrackingScalingPolicyConfiguration,
} from "@aws-sdk/client-application-auto-scaling";
import assert from "node:assert/strict";
import { autoScalingModel } from "../../src/aws/application-autoscaling/application-autoscaling-model.ts";
import { autoScalingHandlers } from "../../src/aws/application-autoscaling/application-autoscaling-service.ts";
import { startLoopback } from "../../src/aws/self-check/loopback.ts";
import { AutoScalingBench, scalingScope } from "./auto-scaling-bench.ts";

const model = await autoScalingModel();

/** The alias `live` of the function `f`. */
export const live = {
  ServiceNamespace: "lambda",
  ResourceId: "function:f:live",
  ScalableDimension: "lambda:function:ProvisionedConcurrency",
} as const;

/** What is said of `live` while it is no target. */
export const notRegistered =
  "No scalable target registered for service namespace: lambda, resource ID: function:f:live, " +
  "scalable dimension: lambda:function:ProvisionedConcurrency";

export interface AutoScalingWorld extends AsyncDisposable {
  readonly bench: AutoScalingBench;
  readonly client: ApplicationAutoScaling;
  readonly register: (over?: object) => Promise<string>;
  readonly track: (over?: Partial<TargetTrackingScalingPolicyConfiguration>, name?: string) => Promise<unknown>;
  readonly schedule: (over: Partial<PutScheduledActionCommandInput>) => Promise<unknown>;
  readonly activities: (includeNotScaled?: boolean) => Promise<ScalingActivity[]>;
}

export async function openAutoScaling(): Promise<AutoScalingWorld> {
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
    region: scalingScope.region,
    credentials: { accessKeyId: scalingScope.account, secretAccessKey: "secret" },
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

export function policy(
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

/** How it was refused: the error's name and its text. */
export async function refusal(asked: Promise<unknown>): Promise<[string, string]> {
  try {
    await asked;
  } catch (error) {
    return [(error as ServiceException).name, (error as ServiceException).message];
  }
  return assert.fail("it was not refused");
}

/** The changes of a policy that make it track another metric than the predefined one. */
export function custom(CustomizedMetricSpecification: object): object {
  return { PredefinedMetricSpecification: undefined, CustomizedMetricSpecification };
}
