/**
 * Scheduled actions: bounds that are set at a time, once or again and again.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html
 */
import type {
  DeleteScheduledActionRequest,
  DescribeScheduledActionsRequest,
  DescribeScheduledActionsResponse,
  PutScheduledActionRequest,
  ScheduledAction as ShownAction,
} from "@aws-sdk/client-application-auto-scaling";
import type { AutoScaling } from "../../control-plane/auto-scaling/auto-scaling.ts";
import { minAboveMax, validation } from "../../control-plane/auto-scaling/refusals.ts";
import {
  resourceIdOf,
  type CapacityBounds,
  type ScheduledActionRecord,
} from "../../control-plane/auto-scaling/scaling-records.ts";
import type { CallContext, Handlers } from "../service.ts";
import { isAskedFor, pageOf, requireResourceWithDimension, resourceNamed, shownResource } from "./resources.ts";
import { boundsOf } from "./scalable-targets.ts";

const pageMax = 50;

export function scheduledActionHandlers(autoScaling: AutoScaling): Handlers {
  return {
    async PutScheduledAction(request: PutScheduledActionRequest, { scope }: CallContext): Promise<object> {
      const { ScheduledActionName: name = "", Schedule: schedule, Timezone: timezone } = request;
      const { StartTime: start, EndTime: end, ScalableTargetAction: action } = request;
      await autoScaling.putAction(resourceNamed(scope, request), name, {
        ...(schedule !== undefined && { schedule }),
        ...(timezone !== undefined && { timezone }),
        ...(start !== undefined && { startMs: start.getTime() }),
        ...(end !== undefined && { endMs: end.getTime() }),
        ...(action !== undefined && { bounds: actionBounds(action) }),
      });
      return {};
    },

    DescribeScheduledActions(
      request: DescribeScheduledActionsRequest,
      { scope }: CallContext,
    ): DescribeScheduledActionsResponse {
      const { ScheduledActionNames: names, ScalableDimension, ResourceId } = request;
      requireResourceWithDimension(ScalableDimension, ResourceId !== undefined);
      const asked = autoScaling
        .targets(scope)
        .filter(({ resource }) => isAskedFor(resource, request))
        .flatMap(({ actions }) => Array.from(actions.values()))
        .filter(({ name }) => names === undefined || names.length === 0 || names.includes(name))
        .toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      const { shown, next } = pageOf(asked, placeOf, request, pageMax);
      return { ScheduledActions: shown.map(showAction), ...next };
    },

    async DeleteScheduledAction(request: DeleteScheduledActionRequest, { scope }: CallContext): Promise<object> {
      await autoScaling.deleteAction(resourceNamed(scope, request), request.ScheduledActionName ?? "");
      return {};
    },
  };
}

function actionBounds(action: NonNullable<PutScheduledActionRequest["ScalableTargetAction"]>): CapacityBounds {
  const bounds = boundsOf(action);
  const { minCapacity, maxCapacity } = bounds;
  if (minCapacity === undefined && maxCapacity === undefined) {
    throw validation("A ScalableTargetAction needs a MinCapacity, a MaxCapacity or both.");
  }
  if (minCapacity !== undefined && maxCapacity !== undefined && minCapacity > maxCapacity) throw minAboveMax();
  return bounds;
}

function showAction(record: ScheduledActionRecord): ShownAction {
  const { resource, name, id, schedule, timezone, startMs, endMs, bounds, createdAtMs } = record;
  const { account, region } = resource.scope;
  const { ServiceNamespace, ResourceId, ScalableDimension } = shownResource(resource);
  return {
    ScheduledActionName: name,
    ScheduledActionARN:
      `arn:aws:autoscaling:${region}:${account}:scheduledAction:${id}:resource/${ServiceNamespace}/${ResourceId}` +
      `:scheduledActionName/${name}`,
    ServiceNamespace,
    Schedule: schedule,
    ...(timezone !== undefined && { Timezone: timezone }),
    ResourceId,
    ScalableDimension,
    ...(startMs !== undefined && { StartTime: new Date(startMs) }),
    ...(endMs !== undefined && { EndTime: new Date(endMs) }),
    ScalableTargetAction: {
      ...(bounds.minCapacity !== undefined && { MinCapacity: bounds.minCapacity }),
      ...(bounds.maxCapacity !== undefined && { MaxCapacity: bounds.maxCapacity }),
    },
    CreationTime: new Date(createdAtMs),
  };
}

function placeOf({ resource, name }: ScheduledActionRecord): string {
  return JSON.stringify([resourceIdOf(resource), name]);
}
