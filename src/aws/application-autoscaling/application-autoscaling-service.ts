/**
 * Application Auto Scaling, for Lambda's provisioned concurrency.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html
 */
import type { AutoScaling } from "../../control-plane/auto-scaling/auto-scaling.ts";
import type { Handlers } from "../service.ts";
import { scalableTargetHandlers } from "./scalable-targets.ts";
import { scalingActivityHandlers } from "./scaling-activities.ts";
import { scalingPolicyHandlers } from "./scaling-policies.ts";
import { scheduledActionHandlers } from "./scheduled-actions.ts";

export function autoScalingHandlers(autoScaling: AutoScaling): Handlers {
  return {
    ...scalableTargetHandlers(autoScaling),
    ...scalingPolicyHandlers(autoScaling),
    ...scheduledActionHandlers(autoScaling),
    ...scalingActivityHandlers(autoScaling),
  };
}

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  RegisterScalableTarget: "Provisioned concurrency of Lambda; no other service's resources.",
  PutScalingPolicy:
    "Target tracking, the only kind that Lambda takes. Customized metrics are those that Hearth's CloudWatch has. No CloudWatch alarms are made.",
};
