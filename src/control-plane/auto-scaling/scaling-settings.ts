/**
 * What requests make of the records: targets, scheduled actions, tags, and what a change of the capacity leaves. Pure;
 * each throws what is wrong with the request.
 */
import type { TagChange, Tags } from "../tags.ts";
import { minAboveMax, tooManyTags, validation } from "./refusals.ts";
import { isTimezone, parseSchedule } from "./schedule.ts";
import {
  targetArn,
  type CapacityBounds,
  type Cooldown,
  type ScalableResource,
  type ScalableTargetRecord,
  type ScalingPolicyRecord,
  type ScheduledActionRecord,
  type Suspensions,
} from "./scaling-records.ts";

const tagsMax = 50;

export interface TargetChange extends CapacityBounds {
  readonly suspended?: Partial<Suspensions>;
  /** Of a new target only. */
  readonly tags?: Tags;
}

export type PolicySettings = Pick<
  ScalingPolicyRecord,
  "metric" | "targetValue" | "scaleOutCooldownSeconds" | "scaleInCooldownSeconds" | "disableScaleIn"
>;

/** What is not given stays as it was, but for start and end. */
export interface ActionChange {
  readonly schedule?: string;
  readonly timezone?: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly bounds?: CapacityBounds;
}

/** What is new gets this UUID and this time. */
interface Made {
  readonly id: string;
  readonly atMs: number;
}

export function registered(
  resource: ScalableResource,
  known: ScalableTargetRecord | undefined,
  { suspended, tags, ...bounds }: TargetChange,
  made: Made,
): ScalableTargetRecord {
  if (known !== undefined && tags !== undefined) {
    throw validation("The scalable target is registered already: its tags are changed with TagResource.");
  }
  const { minCapacity = known?.minCapacity, maxCapacity = known?.maxCapacity } = bounds;
  if (minCapacity === undefined || maxCapacity === undefined) {
    throw validation("A new scalable target needs both MinCapacity and MaxCapacity.");
  }
  if (minCapacity > maxCapacity) throw minAboveMax();
  const record = {
    ...(known ?? { resource, id: newTargetId(made.id), tags: {}, createdAtMs: made.atMs }),
    minCapacity,
    maxCapacity,
    suspended: { scaleIn: false, scaleOut: false, scheduled: false, ...known?.suspended, ...suspended },
  };
  return tags === undefined ? record : retagged(record, { set: tags });
}

export function retagged(record: ScalableTargetRecord, { set = {}, remove = [] }: TagChange): ScalableTargetRecord {
  const removed = new Set(remove);
  const kept = Object.entries({ ...record.tags, ...set }).filter(([key]) => !removed.has(key));
  if (kept.length > tagsMax) throw tooManyTags(targetArn(record), tagsMax);
  return { ...record, tags: Object.fromEntries(kept) };
}

export function scheduled(
  { resource, name }: { readonly resource: ScalableResource; readonly name: string },
  known: ScheduledActionRecord | undefined,
  change: ActionChange,
  made: Made,
): ScheduledActionRecord {
  const { schedule = known?.schedule, timezone = known?.timezone, bounds = known?.bounds, startMs, endMs } = change;
  if (schedule === undefined) throw validation("A new scheduled action needs a Schedule.");
  if (bounds === undefined) throw validation("A new scheduled action needs a ScalableTargetAction.");
  if (timezone !== undefined && !isTimezone(timezone)) throw validation(`The time zone ${timezone} is not known.`);
  if (startMs !== undefined && endMs !== undefined && startMs >= endMs) {
    throw validation("The StartTime of a scheduled action must be before its EndTime.");
  }
  const record: ScheduledActionRecord = {
    resource,
    name,
    id: known?.id ?? made.id,
    schedule,
    ...(timezone !== undefined && { timezone }),
    ...(startMs !== undefined && { startMs }),
    ...(endMs !== undefined && { endMs }),
    bounds,
    createdAtMs: known?.createdAtMs ?? made.atMs,
    changedAtMs: made.atMs,
  };
  if (parseSchedule(schedule, timezone ?? "UTC", record) === undefined) {
    throw validation(
      `The schedule ${schedule} is none: at(yyyy-mm-ddThh:mm:ss), rate(value minutes|hours|days) or ` +
        "cron(minutes hours day-of-month month day-of-week year), with ? for one of the days.",
    );
  }
  return record;
}

/** After a change that was done; if a policy asked for it, those after it see that for a while. */
export function changed(
  record: ScalableTargetRecord,
  cooldown: Cooldown | undefined,
  endedAtMs: number,
): ScalableTargetRecord {
  const now = { ...record, capacityChangedAtMs: endedAtMs };
  if (cooldown === undefined) return now;
  const untilMs = endedAtMs + cooldown.seconds * 1000;
  if (cooldown.direction === "in") return { ...now, scaledIn: { untilMs } };
  // Scaling out ends the wait after scaling in.
  const { scaledIn: _ended, scaledOut, ...kept } = now;
  // What a larger scale-out adds while it cools down is seen from the capacity before both.
  const isCooling = scaledOut !== undefined && scaledOut.untilMs > endedAtMs;
  return { ...kept, scaledOut: { untilMs, fromCapacity: isCooling ? scaledOut.fromCapacity : cooldown.fromCapacity } };
}

/** AWS's ids of targets have 36 digits, and begin like this. */
function newTargetId(uuid: string): string {
  return `0ec5${uuid.replaceAll("-", "")}`;
}
