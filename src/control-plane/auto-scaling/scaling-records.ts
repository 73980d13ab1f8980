/**
 * What auto scaling keeps: scalable targets (a version or an alias whose provisioned concurrency may be changed, within
 * bounds), the policies and scheduled actions that change it, and what was done so far. Records by what they are about:
 * `[kind, account, region, function, qualifier, name]`; activities by time, see `scaling-activities.ts`.
 */
import type { ProvisionedTarget } from "../concurrency/concurrency.ts";
import type { Key } from "../../engine/contract.ts";
import type { Tags } from "../tags.ts";

export type ScalableResource = ProvisionedTarget;

export const targetKind = "scalable-target";
export const policyKind = "scaling-policy";
export const actionKind = "scheduled-scaling";
export const activityKind = "scaling-activity";

/** What a target's policies and schedules are kept from for now. */
export interface Suspensions {
  readonly scaleIn: boolean;
  readonly scaleOut: boolean;
  readonly scheduled: boolean;
}

export interface ScalableTargetRecord {
  readonly resource: ScalableResource;
  /** The end of its ARN. */
  readonly id: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly suspended: Suspensions;
  readonly tags: Tags;
  readonly createdAtMs: number;
  /** After a policy scaled out: until then only more than it added counts, seen from the capacity before. */
  readonly scaledOut?: { readonly untilMs: number; readonly fromCapacity: number };
  /** After a policy scaled in: until then no policy scales in again. */
  readonly scaledIn?: { readonly untilMs: number };
  /** When its capacity was last changed and the change was done, by whatever asked for it here. */
  readonly capacityChangedAtMs?: number;
}

export interface MetricDimension {
  readonly name: string;
  readonly value: string;
}

/** A statistic of one metric. */
export interface MetricStatistic {
  readonly namespace: string;
  readonly metric: string;
  /** In the order in which they were given; undefined when none were. */
  readonly dimensions?: readonly MetricDimension[];
  readonly statistic: string;
  readonly unit?: string;
}

export interface MetricMathQuery {
  readonly id: string;
  readonly label?: string;
  readonly returnData?: boolean;
  readonly of:
    | { readonly kind: "statistic"; readonly statistic: MetricStatistic }
    | { readonly kind: "expression"; readonly expression: string };
}

/** What a policy keeps at its target value. */
export type TrackedMetric =
  /** How much of the provisioned concurrency is in use: from 0 to 1, the average of a minute. */
  | { readonly kind: "utilization" }
  | { readonly kind: "statistic"; readonly statistic: MetricStatistic }
  /** The one query whose data is returned. */
  | { readonly kind: "math"; readonly queries: readonly MetricMathQuery[] };

/** A target tracking policy. */
export interface ScalingPolicyRecord {
  readonly resource: ScalableResource;
  readonly name: string;
  /** A UUID. */
  readonly id: string;
  readonly metric: TrackedMetric;
  readonly targetValue: number;
  readonly scaleOutCooldownSeconds?: number;
  readonly scaleInCooldownSeconds?: number;
  readonly disableScaleIn?: boolean;
  readonly createdAtMs: number;
}

export interface CapacityBounds {
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
}

export interface ScheduledActionRecord {
  readonly resource: ScalableResource;
  readonly name: string;
  /** A UUID. */
  readonly id: string;
  /** `at(…)`, `rate(…)` or `cron(…)`, as given. */
  readonly schedule: string;
  readonly timezone?: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly bounds: CapacityBounds;
  readonly createdAtMs: number;
  /** Since when it is as it is: what would have run before does not run. */
  readonly changedAtMs: number;
  /** Up to when everything that was due has run, or was left out because it was suspended. */
  readonly doneUntilMs?: number;
}

export type ActivityStatus = "Pending" | "InProgress" | "Successful" | "Overridden" | "Unfulfilled" | "Failed";

export interface NotScaledReason {
  readonly code:
    | "AutoScalingAnticipatedFlapping"
    | "AlreadyAtMaxCapacity"
    | "AlreadyAtMinCapacity"
    | "AlreadyAtDesiredCapacity";
  readonly maxCapacity?: number;
  readonly minCapacity?: number;
  readonly currentCapacity?: number;
}

/** What a policy's scaling means for those after it, once it has succeeded. */
export interface Cooldown {
  readonly direction: "out" | "in";
  readonly seconds: number;
  readonly fromCapacity: number;
}

export interface ScalingActivityRecord {
  /** A UUID. */
  readonly id: string;
  readonly resource: ScalableResource;
  readonly description: string;
  readonly cause: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly status: ActivityStatus;
  readonly statusMessage?: string;
  readonly notScaled?: NotScaledReason;
  /** The capacity that is set; undefined when it is about something else. */
  readonly capacity?: number;
  readonly cooldown?: Cooldown;
}

export function resourceKey<Kind extends string>(
  kind: Kind,
  { scope, name, qualifier }: ScalableResource,
): readonly [Kind, string, string, string, string] {
  return [kind, scope.account, scope.region, name, qualifier];
}

/** Of a policy or a scheduled action. */
export function partKey(kind: string, resource: ScalableResource, name: string): Key {
  return [...resourceKey(kind, resource), name];
}

/** As AWS names it: `function:NAME:QUALIFIER`. */
export function resourceIdOf({ name, qualifier }: ScalableResource): string {
  return `function:${name}:${qualifier}`;
}

export function targetArn({ resource: { scope }, id }: Pick<ScalableTargetRecord, "resource" | "id">): string {
  return `arn:aws:application-autoscaling:${scope.region}:${scope.account}:scalable-target/${id}`;
}
