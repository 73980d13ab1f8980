/**
 * RegisterScalableTarget and what goes with it.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
 */
import type {
  DeregisterScalableTargetRequest,
  DescribeScalableTargetsRequest,
  DescribeScalableTargetsResponse,
  ListTagsForResourceRequest,
  ListTagsForResourceResponse,
  RegisterScalableTargetRequest,
  RegisterScalableTargetResponse,
  ScalableTarget as ShownTarget,
  SuspendedState,
  TagResourceRequest,
  UntagResourceRequest,
} from "@aws-sdk/client-application-auto-scaling";
import { validation } from "../../control-plane/auto-scaling/refusals.ts";
import {
  resourceIdOf,
  targetArn,
  type CapacityBounds,
  type ScalableTargetRecord,
  type Suspensions,
} from "../../control-plane/auto-scaling/scaling-records.ts";
import type { AutoScaling } from "../../control-plane/auto-scaling/auto-scaling.ts";
import type { CallContext, Handlers } from "../service.ts";
import { isAskedFor, pageOf, requireResourceWithDimension, resourceNamed, shownResource } from "./resources.ts";

const pageMax = 50;

export function scalableTargetHandlers(autoScaling: AutoScaling): Handlers {
  return {
    /** RoleARN is not looked at: as on AWS, Lambda is scaled in the name of a role of the service's own. */
    async RegisterScalableTarget(
      request: RegisterScalableTargetRequest,
      { scope }: CallContext,
    ): Promise<RegisterScalableTargetResponse> {
      const { Tags: tags, SuspendedState: suspended } = request;
      const resource = resourceNamed(scope, request);
      if (tags !== undefined) requireOwnKeys(tags);
      const record = await autoScaling.register(resource, {
        ...boundsOf(request),
        ...(suspended !== undefined && { suspended: suspensionsOf(suspended) }),
        ...(tags !== undefined && { tags }),
      });
      return { ScalableTargetARN: targetArn(record) };
    },

    DescribeScalableTargets(
      request: DescribeScalableTargetsRequest,
      { scope }: CallContext,
    ): DescribeScalableTargetsResponse {
      const { ServiceNamespace, ScalableDimension, ResourceIds: ids } = request;
      requireResourceWithDimension(ScalableDimension, ids !== undefined && ids.length > 0);
      const asked = autoScaling
        .targets(scope)
        .map(({ record }) => record)
        .filter(({ resource }) => isAskedFor(resource, { ServiceNamespace, ScalableDimension }))
        .filter(({ resource }) => ids === undefined || ids.length === 0 || ids.includes(resourceIdOf(resource)));
      const { shown, next } = pageOf(sorted(asked), placeOf, request, pageMax);
      return { ScalableTargets: shown.map(showTarget), ...next };
    },

    async DeregisterScalableTarget(request: DeregisterScalableTargetRequest, { scope }: CallContext): Promise<object> {
      await autoScaling.deregister(resourceNamed(scope, request));
      return {};
    },

    ListTagsForResource(
      { ResourceARN: arn = "" }: ListTagsForResourceRequest,
      { scope }: CallContext,
    ): ListTagsForResourceResponse {
      return { Tags: autoScaling.tagsOf(scope, arn) };
    },

    async TagResource(
      { ResourceARN: arn = "", Tags: set = {} }: TagResourceRequest,
      { scope }: CallContext,
    ): Promise<object> {
      requireOwnKeys(set);
      await autoScaling.changeTags(scope, arn, { set });
      return {};
    },

    async UntagResource(
      { ResourceARN: arn = "", TagKeys: remove = [] }: UntagResourceRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await autoScaling.changeTags(scope, arn, { remove });
      return {};
    },
  };
}

/** What is given of both. Throws when one is negative. */
export function boundsOf({
  MinCapacity: minCapacity,
  MaxCapacity: maxCapacity,
}: {
  readonly MinCapacity?: number | undefined;
  readonly MaxCapacity?: number | undefined;
}): CapacityBounds {
  for (const [name, value] of Object.entries({ MinCapacity: minCapacity, MaxCapacity: maxCapacity })) {
    if (value !== undefined && value < 0) throw validation(`${name} must not be negative: ${value}.`);
  }
  return { ...(minCapacity !== undefined && { minCapacity }), ...(maxCapacity !== undefined && { maxCapacity }) };
}

function suspensionsOf(state: SuspendedState): Partial<Suspensions> {
  const { DynamicScalingInSuspended: scaleIn, DynamicScalingOutSuspended: scaleOut } = state;
  const { ScheduledScalingSuspended: scheduled } = state;
  return {
    ...(scaleIn !== undefined && { scaleIn }),
    ...(scaleOut !== undefined && { scaleOut }),
    ...(scheduled !== undefined && { scheduled }),
  };
}

function requireOwnKeys(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith("aws:"))) {
    throw validation("aws: prefixed tag key names are not allowed for external use.");
  }
}

function showTarget(record: ScalableTargetRecord): ShownTarget {
  const { resource, minCapacity, maxCapacity, suspended, createdAtMs } = record;
  const { account } = resource.scope;
  return {
    ...shownResource(resource),
    MinCapacity: minCapacity,
    MaxCapacity: maxCapacity,
    RoleARN:
      `arn:aws:iam::${account}:role/aws-service-role/lambda.application-autoscaling.amazonaws.com/` +
      "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
    CreationTime: new Date(createdAtMs),
    SuspendedState: {
      DynamicScalingInSuspended: suspended.scaleIn,
      DynamicScalingOutSuspended: suspended.scaleOut,
      ScheduledScalingSuspended: suspended.scheduled,
    },
    ScalableTargetARN: targetArn(record),
  };
}

function placeOf({ resource }: ScalableTargetRecord): string {
  return resourceIdOf(resource);
}

function sorted(records: readonly ScalableTargetRecord[]): readonly ScalableTargetRecord[] {
  return records.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}
