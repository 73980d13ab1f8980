/**
 * Does what policies and scheduled actions ask for, when they ask for it: policies are looked at after every full minute,
 * scheduled actions run when they are due. There is one timer, for whatever comes next, and none when nothing does.
 * What was due while Hearth was not running is made up for: each action once, in the order of their times.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { ApiError, isClosing } from "../../core/errors.ts";
import type { Gate } from "../../core/gate.ts";
import { minuteMs } from "../../metering/metrics/metric-set.ts";
import type { CapacityChanges } from "./capacity-changes.ts";
import type { MinuteValues } from "./metric-alarm.ts";
import { parseSchedule, type Schedule } from "./schedule.ts";
import type { ScalingActivities } from "./scaling-activities.ts";
import {
  resourceIdOf,
  type ScalableResource,
  type ScalableTargetRecord,
  type ScheduledActionRecord,
  type TrackedMetric,
} from "./scaling-records.ts";
import type { ScalableTarget, ScalingStore } from "./scaling-store.ts";
import { decideTracking, readingMs, type PolicyReading, type TrackingDecision } from "./target-tracking.ts";

/** Longest wait for a scheduled action, in ms: clocks are set, and computers sleep. */
const waitMsMax = 60_000;
/** Wait before what could not be done is tried again, in ms. */
const retryMs = 5000;

/** Where a policy's metric is read: its values by the minute, from `fromMs` up to but without `toMs`. */
export interface TrackedMetrics {
  read(resource: ScalableResource, metric: TrackedMetric, fromMs: number, toMs: number): Promise<MinuteValues>;
}

export interface AutoScalerOptions {
  readonly store: ScalingStore;
  readonly changes: CapacityChanges;
  readonly activities: ScalingActivities;
  readonly metrics: TrackedMetrics;
  /** One change at a time, the API's included. */
  readonly gate: Gate;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

interface DueAction {
  readonly action: ScheduledActionRecord;
  readonly dueMs: number;
}

export class AutoScaler {
  readonly #options: AutoScalerOptions;
  readonly #schedules = new WeakMap<ScheduledActionRecord, { readonly schedule: Schedule; readonly nextMs: number }>();
  /** Why a target was last left as it is: as long as it stays as it is, the same is not told again. */
  readonly #notScaled = new WeakMap<ScalableTargetRecord, string>();
  /** The last full minute for which the policies were looked at. */
  #evaluatedMs = 0;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isOpen = false;

  constructor(options: AutoScalerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isOpen = true;
    this.#evaluatedMs = fullMinute(this.#options.clock.now());
    this.#arm();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Something has changed: what comes next may come earlier, or not at all. */
  revise(): void {
    if (this.#isOpen && this.#running === undefined) this.#arm();
  }

  #arm(delayMsMin = 0): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#isOpen) return;
    const nowMs = this.#options.clock.now();
    const nextMs = this.#nextMs(nowMs);
    if (nextMs === Infinity) return;
    this.#timer = this.#options.clock.after(Math.max(delayMsMin, nextMs - nowMs), () => this.#wake());
  }

  #nextMs(nowMs: number): number {
    let nextMs = this.#options.changes.nextPollMs;
    for (const { policies, actions } of this.#options.store.targets()) {
      if (policies.size > 0) nextMs = Math.min(nextMs, this.#evaluatedMs + minuteMs);
      for (const action of actions.values()) {
        const dueMs = this.#scheduleOf(action)?.nextMs ?? Infinity;
        if (dueMs !== Infinity) nextMs = Math.min(nextMs, dueMs, nowMs + waitMsMax);
      }
    }
    return nextMs;
  }

  #wake(): void {
    this.#running = this.#runStep();
  }

  async #runStep(): Promise<void> {
    const isDone = await this.#step();
    this.#running = undefined;
    this.#arm(isDone ? 0 : retryMs);
  }

  /** Whether everything could be done: what fails for one target holds up no other. */
  async #step(): Promise<boolean> {
    const { gate, changes, clock, store } = this.#options;
    const done = [await this.#attempt(async () => gate.run(async () => changes.poll()))];
    const nowMs = clock.now();
    for (const { action } of this.#dueActions(nowMs)) {
      done.push(await this.#attempt(async () => gate.run(async () => this.#runAction(action, nowMs))));
    }
    const minute = fullMinute(clock.now());
    if (minute > this.#evaluatedMs) {
      this.#evaluatedMs = minute;
      for (const target of store.targets()) {
        if (target.policies.size > 0) done.push(await this.#attempt(async () => this.#evaluate(target, minute)));
      }
    }
    return !done.includes(false);
  }

  async #attempt(task: () => Promise<void>): Promise<boolean> {
    try {
      await task();
      return true;
    } catch (error) {
      if (!isClosing(error)) this.#options.onError(error);
      return false;
    }
  }

  /** In the order of their times. */
  #dueActions(nowMs: number): DueAction[] {
    const due: DueAction[] = [];
    for (const { actions } of this.#options.store.targets()) {
      for (const action of actions.values()) {
        const { schedule, nextMs } = this.#scheduleOf(action) ?? { nextMs: Infinity };
        if (nextMs > nowMs) continue;
        const dueMs = schedule?.latest(doneUntil(action), nowMs) ?? nextMs;
        due.push({ action, dueMs });
      }
    }
    return due.toSorted((a, b) => a.dueMs - b.dueMs);
  }

  /** `doneUntilMs` is when it was found to be due: what falls due since then still has to run. */
  async #runAction(action: ScheduledActionRecord, doneUntilMs: number): Promise<void> {
    const { store } = this.#options;
    const { resource, name } = action;
    const target = store.find(resource);
    // It may have been changed or taken away in between.
    if (target?.actions.get(name) !== action) return;
    if (!target.record.suspended.scheduled) await this.#setBounds(target.record, action);
    await store.changeAction(resource, name, (record) => (record === undefined ? record : { ...record, doneUntilMs }));
  }

  async #setBounds(target: ScalableTargetRecord, { resource, name, bounds }: ScheduledActionRecord): Promise<void> {
    const { store, changes, activities } = this.#options;
    const parts = [
      ...(bounds.minCapacity === undefined ? [] : [`min capacity to ${bounds.minCapacity}`]),
      ...(bounds.maxCapacity === undefined ? [] : [`max capacity to ${bounds.maxCapacity}`]),
    ].join(" and ");
    const activity = {
      resource,
      description: `Setting ${parts}`,
      cause: `scheduled action name ${name} was triggered`,
    };
    const { minCapacity, maxCapacity } = { ...target, ...bounds };
    if (minCapacity > maxCapacity) {
      const statusMessage =
        `Failed to set ${parts}. Reason: minimum capacity ${minCapacity} is greater than ` +
        `maximum capacity ${maxCapacity}.`;
      await activities.add({ ...activity, status: "Failed", statusMessage });
      return;
    }
    await activities.add({ ...activity, status: "Successful", statusMessage: `Successfully set ${parts}` });
    await store.changeTarget(resource, (record) => (record === undefined ? record : { ...record, ...bounds }));
    await keepWithin(changes, resource, { minCapacity, maxCapacity });
  }

  async #evaluate({ resource, policies }: ScalableTarget, nowMs: number): Promise<void> {
    const { metrics, gate, store, changes } = this.#options;
    const readings: PolicyReading[] = [];
    for (const policy of policies.values()) {
      const minutes = await metrics.read(resource, policy.metric, nowMs - readingMs, nowMs);
      readings.push({ policy, minutes });
    }
    await gate.run(async () => {
      const target = store.find(resource);
      // What was asked for last has to be there before its effect can be seen.
      if (target === undefined || changes.isUnderWay(resource)) return;
      const isCurrent =
        readings.length === target.policies.size &&
        readings.every(({ policy }) => target.policies.get(policy.name) === policy);
      const currentCapacity = isCurrent ? await this.#currentCapacity(resource) : undefined;
      if (currentCapacity === undefined) return;
      const decision = decideTracking({ target: target.record, currentCapacity, readings, nowMs });
      if (decision.kind !== "none") await this.#carryOut(target.record, currentCapacity, decision);
    });
  }

  /** Undefined when the version or the alias is gone: there is nothing to scale. */
  async #currentCapacity(resource: ScalableResource): Promise<number | undefined> {
    try {
      return await this.#options.changes.current(resource);
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  async #carryOut(
    target: ScalableTargetRecord,
    currentCapacity: number,
    decision: Exclude<TrackingDecision, { readonly kind: "none" }>,
  ): Promise<void> {
    const { changes, activities } = this.#options;
    const { resource } = target;
    const { direction, policy } = decision;
    const cause =
      `monitor alarm TargetTracking-${resourceIdOf(resource)}-Alarm${direction === "out" ? "High" : "Low"}-${policy.id} ` +
      `in state ALARM triggered policy ${policy.name}`;
    if (decision.kind === "scale") {
      this.#notScaled.delete(target);
      const cooldown = direction === "out" ? policy.scaleOutCooldownSeconds : policy.scaleInCooldownSeconds;
      const effect = { direction, seconds: cooldown ?? 0, fromCapacity: currentCapacity };
      await changes.set(resource, decision.capacity, cause, effect);
      return;
    }
    const { reason } = decision;
    if (this.#notScaled.get(target) === reason.code) return;
    this.#notScaled.set(target, reason.code);
    await activities.add({
      resource,
      description: "Attempting to scale due to alarm triggered",
      cause,
      status: reason.code === "AlreadyAtDesiredCapacity" ? "Successful" : "Failed",
      notScaled: reason,
    });
  }

  /** Undefined of one that this version of Hearth cannot read. */
  #scheduleOf(action: ScheduledActionRecord): { readonly schedule: Schedule; readonly nextMs: number } | undefined {
    const known = this.#schedules.get(action);
    if (known !== undefined) return known;
    const schedule = parseSchedule(action.schedule, action.timezone ?? "UTC", action);
    if (schedule === undefined) return undefined;
    const found = { schedule, nextMs: schedule.next(doneUntil(action)) ?? Infinity };
    this.#schedules.set(action, found);
    return found;
  }
}

/** Brings the capacity within bounds, if it is not. */
export async function keepWithin(
  changes: CapacityChanges,
  resource: ScalableResource,
  { minCapacity, maxCapacity }: { readonly minCapacity: number; readonly maxCapacity: number },
): Promise<void> {
  let current: number;
  try {
    current = await changes.current(resource);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The change says what there is not.
    current = -1;
  }
  if (current < minCapacity) await changes.set(resource, minCapacity, `minimum capacity was set to ${minCapacity}`);
  if (current > maxCapacity) await changes.set(resource, maxCapacity, `maximum capacity was set to ${maxCapacity}`);
}

function doneUntil({ doneUntilMs, changedAtMs }: ScheduledActionRecord): number {
  return doneUntilMs ?? changedAtMs;
}

function fullMinute(timeMs: number): number {
  return timeMs - (timeMs % minuteMs);
}
