/**
 * Sets provisioned concurrency as PutProvisionedConcurrencyConfig does, and follows each change until its environments
 * are there. Every change is a scaling activity: what it does and why, how far it has come, how it ended.
 */
import type { Clock } from "../../core/clock.ts";
import { ApiError, isClosing } from "../../core/errors.ts";
import { functionArn } from "../../core/function-record.ts";
import type { Provisioning } from "../../data-plane/scaling/contract.ts";
import type { Concurrency } from "../concurrency/concurrency.ts";
import type { OpenActivity, ScalingActivities } from "./scaling-activities.ts";
import { resourceIdOf, type Cooldown, type ScalableResource, type ScalingActivityRecord } from "./scaling-records.ts";

/** How often a change is looked after, in ms: at first, and at most. */
const pollMsMin = 1000;
const pollMsMax = 30_000;

interface Change {
  activity: ScalingActivityRecord;
  nextPollMs: number;
}

export interface CapacityChangesOptions {
  readonly concurrency: Pick<Concurrency, "provision" | "provisioned" | "unprovision">;
  readonly provisioning: Provisioning;
  readonly activities: ScalingActivities;
  readonly clock: Clock;
  /** A change has succeeded. */
  readonly onSucceeded: (activity: ScalingActivityRecord, endedAtMs: number) => Promise<void>;
}

export class CapacityChanges {
  readonly #options: CapacityChangesOptions;
  /** At most one for each resource. */
  readonly #underWay = new Map<string, Change>();

  constructor(options: CapacityChangesOptions) {
    this.#options = options;
  }

  /** Takes up what a former process left. */
  async resume(open: readonly OpenActivity[]): Promise<void> {
    for (const { activity, isLatest } of open) {
      if (!isLatest) await this.#end(activity, "Overridden", "Something else was asked for before it was done.");
      else if (activity.status === "Pending") await this.#apply(activity);
      else this.#follow(activity);
    }
  }

  /** What is asked for now; 0 when nothing is. Throws when there is no such version or alias. */
  async current(resource: ScalableResource): Promise<number> {
    try {
      return (await this.#options.concurrency.provisioned(resource)).requested;
    } catch (error) {
      if (error instanceof ApiError && error.code === "ProvisionedConcurrencyConfigNotFoundException") return 0;
      throw error;
    }
  }

  isUnderWay(resource: ScalableResource): boolean {
    return this.#underWay.has(idOf(resource));
  }

  /** Asks for that many environments; whether it could be done stands in the activity. */
  async set(resource: ScalableResource, capacity: number, cause: string, cooldown?: Cooldown): Promise<void> {
    const { activities } = this.#options;
    await this.#override(resource, capacity);
    const activity = await activities.add({
      resource,
      description: `Setting desired concurrency to ${capacity}.`,
      cause,
      status: "Pending",
      capacity,
      ...(cooldown !== undefined && { cooldown }),
    });
    await this.#apply(activity);
  }

  /** When a change has to be looked after next. */
  get nextPollMs(): number {
    return Math.min(...Array.from(this.#underWay.values(), ({ nextPollMs }) => nextPollMs));
  }

  /** Looks after the changes that are due. */
  async poll(): Promise<void> {
    const nowMs = this.#options.clock.now();
    for (const change of this.#underWay.values()) {
      if (change.nextPollMs <= nowMs) await this.#look(change);
    }
  }

  async #apply(activity: ScalingActivityRecord): Promise<void> {
    const { concurrency } = this.#options;
    const { resource, capacity = 0 } = activity;
    try {
      // Nothing is provisioned by having no configuration: Lambda takes none of 0.
      if (capacity === 0) await concurrency.unprovision(resource);
      else await concurrency.provision(resource, capacity);
    } catch (error) {
      if (!(error instanceof Error) || isClosing(error)) throw error;
      await this.#end(activity, "Failed", `Failed to set desired concurrency to ${capacity}. Reason: ${textOf(error)}`);
      return;
    }
    if (capacity === 0) {
      await this.#succeed(activity);
      return;
    }
    const following: ScalingActivityRecord = {
      ...activity,
      status: "InProgress",
      statusMessage: `Successfully set desired concurrency to ${capacity}. Waiting for change to be fulfilled by lambda.`,
    };
    await this.#options.activities.update(following);
    this.#follow(following);
  }

  #follow(activity: ScalingActivityRecord): void {
    const nextPollMs = this.#options.clock.now() + pollMsMin;
    this.#underWay.set(idOf(activity.resource), { activity, nextPollMs });
  }

  async #look(change: Change): Promise<void> {
    const { concurrency, provisioning, clock } = this.#options;
    const { resource, capacity = 0, startedAtMs } = change.activity;
    let record;
    try {
      record = await concurrency.provisioned(resource);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    if (record?.requested !== capacity) {
      await this.#override(resource, record?.requested ?? 0);
      return;
    }
    const { status, reason = "" } = provisioning.status(functionArn(resource.scope, resource.name), record);
    // Followed until its end is written down, so that what the engine refuses for now is tried again.
    if (status === "READY") {
      await this.#succeed(change.activity);
      this.#underWay.delete(idOf(resource));
    } else if (status === "FAILED") {
      const message = `Successfully set desired concurrency to ${capacity}. Change was not fulfilled by lambda. Reason: ${reason}`;
      await this.#end(change.activity, "Unfulfilled", message);
      this.#underWay.delete(idOf(resource));
    } else {
      const nowMs = clock.now();
      change.nextPollMs = nowMs + Math.min(pollMsMax, Math.max(pollMsMin, nowMs - startedAtMs));
    }
  }

  async #succeed(activity: ScalingActivityRecord): Promise<void> {
    const { capacity = 0 } = activity;
    const message = `Successfully set desired concurrency to ${capacity}. Change successfully fulfilled by lambda.`;
    // First, so that a crash in between repeats it.
    await this.#options.onSucceeded(activity, this.#options.clock.now());
    await this.#end(activity, "Successful", message);
  }

  /** Something else is asked for by now. */
  async #override(resource: ScalableResource, laterCapacity: number): Promise<void> {
    const id = idOf(resource);
    const change = this.#underWay.get(id);
    if (change === undefined) return;
    const { activity } = change;
    const message = `Successfully set desired concurrency to ${activity.capacity}. Found it was later changed to ${laterCapacity}.`;
    await this.#end(activity, "Overridden", message);
    this.#underWay.delete(id);
  }

  async #end(
    activity: ScalingActivityRecord,
    status: ScalingActivityRecord["status"],
    statusMessage: string,
  ): Promise<void> {
    const endedAtMs = this.#options.clock.now();
    await this.#options.activities.update({ ...activity, status, statusMessage, endedAtMs });
  }
}

function idOf({ scope, ...resource }: ScalableResource): string {
  return [scope.account, scope.region, resourceIdOf({ scope, ...resource })].join("/");
}

function textOf(error: Error): string {
  return error instanceof ApiError ? `${error.message} (Service: Lambda; Error Code: ${error.code})` : error.message;
}
