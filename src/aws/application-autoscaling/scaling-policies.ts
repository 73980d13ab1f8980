/**
 * Target tracking policies. Lambda takes no other kind, on AWS neither.
 *
 * Differs from AWS: a target tracking policy makes no CloudWatch alarms: Hearth looks at the metric itself, and the
 * list of a policy's alarms is empty.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
 */
import type {
  DeleteScalingPolicyRequest,
  DescribeScalingPoliciesRequest,
  DescribeScalingPoliciesResponse,
  PutScalingPolicyRequest,
  PutScalingPolicyResponse,
  ScalingPolicy as ShownPolicy,
} from "@aws-sdk/client-application-auto-scaling";
import type { AutoScaling } from "../../control-plane/auto-scaling/auto-scaling.ts";
import { validation } from "../../control-plane/auto-scaling/refusals.ts";
import { resourceIdOf, type ScalingPolicyRecord } from "../../control-plane/auto-scaling/scaling-records.ts";
import type { PolicySettings } from "../../control-plane/auto-scaling/scaling-settings.ts";
import type { CallContext, Handlers } from "../service.ts";
import { isAskedFor, pageOf, requireResourceWithDimension, resourceNamed, shownResource } from "./resources.ts";
import { metricOf, showMetric } from "./metric-specifications.ts";

const pageMax = 10;
/** AWS takes target values up to 2^360. */
const targetValueMax = 2 ** 360;

type Configuration = NonNullable<PutScalingPolicyRequest["TargetTrackingScalingPolicyConfiguration"]>;

export function scalingPolicyHandlers(autoScaling: AutoScaling): Handlers {
  return {
    async PutScalingPolicy(
      request: PutScalingPolicyRequest,
      { scope }: CallContext,
    ): Promise<PutScalingPolicyResponse> {
      const { PolicyName: name = "", TargetTrackingScalingPolicyConfiguration: configuration } = request;
      const resource = resourceNamed(scope, request);
      requireTargetTracking(request);
      const settings = configuration === undefined ? undefined : settingsOf(configuration, scope.account);
      return { PolicyARN: policyArn(await autoScaling.putPolicy(resource, name, settings)), Alarms: [] };
    },

    DescribeScalingPolicies(
      request: DescribeScalingPoliciesRequest,
      { scope }: CallContext,
    ): DescribeScalingPoliciesResponse {
      const { PolicyNames: names, ScalableDimension, ResourceId } = request;
      requireResourceWithDimension(ScalableDimension, ResourceId !== undefined);
      const asked = autoScaling
        .targets(scope)
        .filter(({ resource }) => isAskedFor(resource, request))
        .flatMap(({ policies }) => Array.from(policies.values()))
        .filter(({ name }) => names === undefined || names.length === 0 || names.includes(name))
        .toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      const { shown, next } = pageOf(asked, placeOf, request, pageMax);
      return { ScalingPolicies: shown.map(showPolicy), ...next };
    },

    async DeleteScalingPolicy(request: DeleteScalingPolicyRequest, { scope }: CallContext): Promise<object> {
      await autoScaling.deletePolicy(resourceNamed(scope, request), request.PolicyName ?? "");
      return {};
    },
  };
}

function requireTargetTracking(request: PutScalingPolicyRequest): void {
  const {
    PolicyType: type,
    StepScalingPolicyConfiguration: step,
    PredictiveScalingPolicyConfiguration: predictive,
  } = request;
  if (type === "StepScaling" || step !== undefined) {
    throw validation("StepScaling is not supported for Lambda: TargetTrackingScaling is.");
  }
  if (type === "PredictiveScaling" || predictive !== undefined) {
    throw validation("PredictiveScaling is not supported for Lambda: TargetTrackingScaling is.");
  }
  if (type === undefined && request.TargetTrackingScalingPolicyConfiguration !== undefined) {
    throw validation("PolicyType must be TargetTrackingScaling when its configuration is given.");
  }
}

function settingsOf(configuration: Configuration, account: string): PolicySettings {
  const { TargetValue: targetValue = NaN, DisableScaleIn: disableScaleIn } = configuration;
  const { ScaleOutCooldown: scaleOut, ScaleInCooldown: scaleIn } = configuration;
  if (!(targetValue > 0 && targetValue <= targetValueMax)) {
    throw validation(`TargetValue must be greater than 0 and at most 2^360: ${targetValue}.`);
  }
  for (const [name, value] of Object.entries({ ScaleOutCooldown: scaleOut, ScaleInCooldown: scaleIn })) {
    if (value !== undefined && value < 0) throw validation(`${name} must not be negative: ${value}.`);
  }
  return {
    metric: metricOf(configuration, account),
    targetValue,
    ...(scaleOut !== undefined && { scaleOutCooldownSeconds: scaleOut }),
    ...(scaleIn !== undefined && { scaleInCooldownSeconds: scaleIn }),
    ...(disableScaleIn !== undefined && { disableScaleIn }),
  };
}

function showPolicy(record: ScalingPolicyRecord): ShownPolicy {
  const { resource, name, metric, targetValue, disableScaleIn, createdAtMs } = record;
  const { scaleOutCooldownSeconds: scaleOut, scaleInCooldownSeconds: scaleIn } = record;
  return {
    PolicyARN: policyArn(record),
    PolicyName: name,
    ...shownResource(resource),
    PolicyType: "TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: targetValue,
      ...showMetric(metric),
      ...(scaleOut !== undefined && { ScaleOutCooldown: scaleOut }),
      ...(scaleIn !== undefined && { ScaleInCooldown: scaleIn }),
      ...(disableScaleIn !== undefined && { DisableScaleIn: disableScaleIn }),
    },
    Alarms: [],
    CreationTime: new Date(createdAtMs),
  };
}

function policyArn({ resource, name, id }: ScalingPolicyRecord): string {
  const { ServiceNamespace, ResourceId } = shownResource(resource);
  const { account, region } = resource.scope;
  return `arn:aws:autoscaling:${region}:${account}:scalingPolicy:${id}:resource/${ServiceNamespace}/${ResourceId}:policyName/${name}`;
}

function placeOf({ resource, name }: ScalingPolicyRecord): string {
  return JSON.stringify([resourceIdOf(resource), name]);
}
