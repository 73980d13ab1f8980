/**
 * DescribeScalingActivities, the newest first.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html
 */
import type {
  DescribeScalingActivitiesRequest,
  DescribeScalingActivitiesResponse,
  ScalingActivity as ShownActivity,
} from "@aws-sdk/client-application-auto-scaling";
import type { AutoScaling } from "../../control-plane/auto-scaling/auto-scaling.ts";
import { scalableDimension, serviceNamespace } from "../../control-plane/auto-scaling/refusals.ts";
import { isActivityPlace } from "../../control-plane/auto-scaling/scaling-activities.ts";
import type { NotScaledReason, ScalingActivityRecord } from "../../control-plane/auto-scaling/scaling-records.ts";
import type { CallContext, Handlers } from "../service.ts";
import {
  invalidNextToken,
  pageSize,
  placeOfToken,
  requireResourceWithDimension,
  resourceNamed,
  shownResource,
  tokenAt,
} from "./resources.ts";

const pageMax = 50;

export function scalingActivityHandlers(autoScaling: AutoScaling): Handlers {
  return {
    async DescribeScalingActivities(
      request: DescribeScalingActivitiesRequest,
      { scope }: CallContext,
    ): Promise<DescribeScalingActivitiesResponse> {
      const { ServiceNamespace, ResourceId, ScalableDimension = scalableDimension, NextToken: token } = request;
      requireResourceWithDimension(request.ScalableDimension, ResourceId !== undefined);
      const max = pageSize(request, pageMax);
      const after = token === undefined ? undefined : placeOfToken(token);
      if (after !== undefined && !isActivityPlace(after)) throw invalidNextToken();
      if (ServiceNamespace !== serviceNamespace) return { ScalingActivities: [] };
      const { activities, next } = await autoScaling.activities({
        scope,
        ...(ResourceId !== undefined && {
          resource: resourceNamed(scope, { ServiceNamespace, ResourceId, ScalableDimension }),
        }),
        includeNotScaled: request.IncludeNotScaledActivities === true,
        ...(after !== undefined && { after }),
        max,
      });
      return {
        ScalingActivities: activities.map(showActivity),
        ...(next !== undefined && { NextToken: tokenAt(next) }),
      };
    },
  };
}

function showActivity(record: ScalingActivityRecord): ShownActivity {
  const { id, resource, description, cause, startedAtMs, endedAtMs, status, statusMessage, notScaled } = record;
  return {
    ActivityId: id,
    ...shownResource(resource),
    Description: description,
    Cause: cause,
    StartTime: new Date(startedAtMs),
    ...(endedAtMs !== undefined && { EndTime: new Date(endedAtMs) }),
    StatusCode: status,
    ...(statusMessage !== undefined && { StatusMessage: statusMessage }),
    ...(notScaled !== undefined && { NotScaledReasons: [showReason(notScaled)] }),
  };
}

function showReason({ code, maxCapacity, minCapacity, currentCapacity }: NotScaledReason) {
  return {
    Code: code,
    ...(maxCapacity !== undefined && { MaxCapacity: maxCapacity }),
    ...(minCapacity !== undefined && { MinCapacity: minCapacity }),
    ...(currentCapacity !== undefined && { CurrentCapacity: currentCapacity }),
  };
}
