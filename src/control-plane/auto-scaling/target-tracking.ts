/**
 * What the target tracking policies of a target want done now. A metric that is above its target for three minutes asks
 * for capacity in proportion at once; one that is more than 10 % below it for fifteen lets some go. One policy is enough
 * to scale out, all have to agree to scale in, and of several the largest capacity counts. Capacity is rounded up both
 * ways, so that what is let go does not bring the metric back above its target.
 *
 * AWS does not say which value it calculates with: here it is the newest to scale out, and the highest of the fifteen
 * minutes to scale in. Values that all come from before the last change say nothing about the capacity after it.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html#managing-provisioned-concurency
 */
import { minuteMs } from "../../metering/metrics/metric-set.ts";
import { extraMinutes, readAlarm, type MinuteValues } from "./metric-alarm.ts";
import type { NotScaledReason, ScalableTargetRecord, ScalingPolicyRecord } from "./scaling-records.ts";

/** Minutes above the target value that scale out. */
export const highMinutes = 3;
/** Minutes below the lower threshold that scale in. */
export const lowMinutes = 15;
/** The lower threshold, as a part of the target value. */
const lowShare = 0.9;
/** What has to be read of a metric, back from now. */
export const readingMs = (lowMinutes + extraMinutes) * minuteMs;

export interface PolicyReading {
  readonly policy: ScalingPolicyRecord;
  readonly minutes: MinuteValues;
}

export type TrackingDecision =
  | { readonly kind: "none" }
  | ({ readonly kind: "scale"; readonly capacity: number } & Occasion)
  /** The capacity stays as it is. */
  | ({ readonly kind: "not-scaled"; readonly reason: NotScaledReason } & Occasion);

interface Occasion {
  readonly direction: "out" | "in";
  readonly policy: ScalingPolicyRecord;
}

export interface TrackingSituation {
  readonly target: ScalableTargetRecord;
  readonly currentCapacity: number;
  readonly readings: readonly PolicyReading[];
  /** A full minute. */
  readonly nowMs: number;
}

interface Wish {
  readonly policy: ScalingPolicyRecord;
  readonly capacity: number;
}

const nothing: TrackingDecision = { kind: "none" };

export function decideTracking(situation: TrackingSituation): TrackingDecision {
  const outs = situation.readings.flatMap((reading) => scaleOutWish(reading, situation));
  if (outs.length > 0) return scaleOut(situation, largestOf(outs));
  const ins = situation.readings
    .filter(({ policy }) => policy.disableScaleIn !== true)
    .map((reading) => scaleInWish(reading, situation));
  const agreed = ins.filter((wish) => wish !== undefined);
  // One that has no data, or is busy enough, keeps what all have.
  if (agreed.length === 0 || agreed.length < ins.length) return nothing;
  return scaleIn(situation, largestOf(agreed));
}

function scaleOutWish(
  { policy, minutes }: PolicyReading,
  { target, currentCapacity, nowMs }: TrackingSituation,
): Wish[] {
  const { state, values, newestEndMs } = readAlarm(minutes, nowMs, highMinutes, (value) => value > policy.targetValue);
  const [newest] = values;
  if (state !== "ALARM" || newest === undefined || newestEndMs <= changedAt(target)) return [];
  // While it cools down, what was added counts as part of what is wanted now.
  const { scaledOut } = target;
  const from = scaledOut !== undefined && scaledOut.untilMs > nowMs ? scaledOut.fromCapacity : currentCapacity;
  return [{ policy, capacity: inProportion(from, newest, policy.targetValue) }];
}

function scaleInWish(
  { policy, minutes }: PolicyReading,
  { target, currentCapacity, nowMs }: TrackingSituation,
): Wish | undefined {
  const threshold = policy.targetValue * lowShare;
  const { state, values, newestEndMs } = readAlarm(minutes, nowMs, lowMinutes, (value) => value < threshold);
  if (state !== "ALARM" || newestEndMs <= changedAt(target)) return undefined;
  return { policy, capacity: inProportion(currentCapacity, Math.max(...values), policy.targetValue) };
}

function scaleOut({ target, currentCapacity, nowMs }: TrackingSituation, { policy, capacity }: Wish): TrackingDecision {
  if (target.suspended.scaleOut) return nothing;
  const found = { direction: "out", policy } as const;
  if (currentCapacity >= target.maxCapacity) {
    const reason = { code: "AlreadyAtMaxCapacity", maxCapacity: target.maxCapacity } as const;
    return { kind: "not-scaled", ...found, reason };
  }
  if (capacity <= currentCapacity) {
    if (target.scaledOut !== undefined && target.scaledOut.untilMs > nowMs) return nothing;
    const reason = { code: "AlreadyAtDesiredCapacity", currentCapacity } as const;
    return { kind: "not-scaled", ...found, reason };
  }
  return { kind: "scale", ...found, capacity: Math.max(target.minCapacity, Math.min(target.maxCapacity, capacity)) };
}

function scaleIn({ target, currentCapacity, nowMs }: TrackingSituation, { policy, capacity }: Wish): TrackingDecision {
  if (target.suspended.scaleIn) return nothing;
  if (target.scaledIn !== undefined && target.scaledIn.untilMs > nowMs) return nothing;
  const found = { direction: "in", policy } as const;
  if (currentCapacity <= target.minCapacity) {
    const reason = { code: "AlreadyAtMinCapacity", minCapacity: target.minCapacity } as const;
    return { kind: "not-scaled", ...found, reason };
  }
  if (capacity >= currentCapacity) {
    const reason = { code: "AutoScalingAnticipatedFlapping", currentCapacity } as const;
    return { kind: "not-scaled", ...found, reason };
  }
  return { kind: "scale", ...found, capacity: Math.min(target.maxCapacity, Math.max(target.minCapacity, capacity)) };
}

function changedAt({ capacityChangedAtMs = -Infinity }: ScalableTargetRecord): number {
  return capacityChangedAtMs;
}

function largestOf(wishes: readonly Wish[]): Wish {
  return wishes.reduce((largest, wish) => (wish.capacity > largest.capacity ? wish : largest));
}

/** Above the precision of floating point, so that 7 of 10 at a target of 0.7 are 10 and not 11. */
const roundingSlack = 1e-9;

function inProportion(capacity: number, value: number, targetValue: number): number {
  return Math.max(0, Math.ceil((capacity * value) / targetValue - roundingSlack));
}
