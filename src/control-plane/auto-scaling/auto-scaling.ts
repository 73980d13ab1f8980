/**
 * Application Auto Scaling for provisioned concurrency: scalable targets, target tracking policies and scheduled actions,
 * and what they have done.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-lambda.html
 */
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import { Gate } from "../../core/gate.ts";
import type { Scope } from "../../core/identity.ts";
import type { Provisioning } from "../../data-plane/scaling/contract.ts";
import type { Records } from "../../engine/contract.ts";
import type { Concurrency } from "../concurrency/concurrency.ts";
import type { TagChange, Tags } from "../tags.ts";
import { AutoScaler, keepWithin, type TrackedMetrics } from "./auto-scaler.ts";
import { CapacityChanges } from "./capacity-changes.ts";
import {
  actionNotFound,
  arnNotFound,
  limitExceeded,
  policyNotFound,
  sameMetric,
  targetNotFound,
  targetNotRegistered,
  validation,
} from "./refusals.ts";
import { ScalingActivities, type ActivityPage, type ActivityQuery } from "./scaling-activities.ts";
import {
  targetArn,
  type ScalableResource,
  type ScalableTargetRecord,
  type ScalingPolicyRecord,
} from "./scaling-records.ts";
import {
  changed,
  registered,
  retagged,
  scheduled,
  type ActionChange,
  type PolicySettings,
  type TargetChange,
} from "./scaling-settings.ts";
import { ScalingStore, type ScalableTarget } from "./scaling-store.ts";

/** https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html */
export const targetsMax = 500;
export const policiesMax = 50;
export const actionsMax = 200;

export interface AutoScalingOptions {
  readonly records: Records;
  readonly concurrency: Pick<Concurrency, "provision" | "provisioned" | "unprovision">;
  readonly provisioning: Provisioning;
  readonly metrics: TrackedMetrics;
  readonly clock: Clock;
  /** A UUID each. */
  readonly newId: () => string;
  readonly onError: (error: unknown) => void;
}

export class AutoScaling {
  readonly #store: ScalingStore;
  readonly #activities: ScalingActivities;
  readonly #changes: CapacityChanges;
  readonly #scaler: AutoScaler;
  readonly #clock: Clock;
  readonly #newId: () => string;
  /** One change at a time: they are bounded in number, and follow one another in the activities. */
  readonly #gate = new Gate(1);

  constructor({ records, concurrency, provisioning, metrics, clock, newId, onError }: AutoScalingOptions) {
    this.#clock = clock;
    this.#newId = newId;
    this.#store = new ScalingStore(records, () => this.#scaler.revise());
    this.#activities = new ScalingActivities({ records, clock, newId });
    this.#changes = new CapacityChanges({
      concurrency,
      provisioning,
      activities: this.#activities,
      clock,
      onSucceeded: async ({ resource, cooldown }, endedAtMs) => {
        await this.#store.changeTarget(resource, (record) =>
          record === undefined ? record : changed(record, cooldown, endedAtMs),
        );
      },
    });
    this.#scaler = new AutoScaler({
      store: this.#store,
      changes: this.#changes,
      activities: this.#activities,
      metrics,
      gate: this.#gate,
      clock,
      onError,
    });
  }

  /** Takes up what was there. */
  async start(): Promise<void> {
    await this.#store.start();
    await this.#changes.resume(await this.#activities.start());
    this.#scaler.start();
  }

  async close(): Promise<void> {
    await this.#scaler.close();
    this.#store.close();
  }

  /** In the order of their names. */
  targets(scope: Scope): ScalableTarget[] {
    return [...this.#store.targets(scope)].toSorted((a, b) => (placeOf(a.resource) < placeOf(b.resource) ? -1 : 1));
  }

  async activities(query: ActivityQuery): Promise<ActivityPage> {
    return this.#activities.list(query);
  }

  /** Makes a target or changes it, and brings its capacity within its bounds. */
  async register(resource: ScalableResource, change: TargetChange): Promise<ScalableTargetRecord> {
    return this.#gate.run(async () => {
      await this.#requireThere(resource);
      const isNew = this.#store.find(resource) === undefined;
      if (isNew && [...this.#store.targets(resource.scope)].length >= targetsMax) {
        throw limitExceeded("Scalable targets of Lambda", targetsMax);
      }
      const made = { id: this.#newId(), atMs: this.#clock.now() };
      const record = await this.#store.changeTarget(resource, (known) => registered(resource, known, change, made));
      await keepWithin(this.#changes, resource, record);
      this.#scaler.revise();
      return record;
    });
  }

  /** With its policies and scheduled actions; the capacity stays as it is. */
  async deregister(resource: ScalableResource): Promise<void> {
    await this.#gate.run(async () => {
      const target = this.#store.find(resource);
      if (target === undefined) throw targetNotFound(resource);
      for (const name of target.policies.keys()) await this.#store.changePolicy(resource, name, () => undefined);
      for (const name of target.actions.keys()) await this.#store.changeAction(resource, name, () => undefined);
      // Last, so that nobody who comes in between leaves parts of a target that is gone.
      await this.#store.changeTarget(resource, () => undefined);
    });
  }

  /** Makes a policy or changes it; without settings it stays as it is. */
  async putPolicy(resource: ScalableResource, name: string, settings?: PolicySettings): Promise<ScalingPolicyRecord> {
    return this.#gate.run(async () => {
      const { policies } = this.#registeredTarget(resource);
      const known = policies.get(name);
      if (settings === undefined) {
        if (known === undefined) {
          throw validation("A TargetTrackingScaling policy needs a TargetTrackingScalingPolicyConfiguration.");
        }
        return known;
      }
      if (known === undefined && policies.size >= policiesMax) {
        throw limitExceeded("Scaling policies of a scalable target", policiesMax);
      }
      const metric = JSON.stringify(settings.metric);
      for (const other of policies.values()) {
        if (other.name !== name && JSON.stringify(other.metric) === metric) throw sameMetric();
      }
      const { id, createdAtMs } = known ?? { id: this.#newId(), createdAtMs: this.#clock.now() };
      const record = { resource, name, id, createdAtMs, ...settings };
      await this.#store.changePolicy(resource, name, () => record);
      return record;
    });
  }

  async deletePolicy(resource: ScalableResource, name: string): Promise<void> {
    await this.#gate.run(async () => {
      if (this.#store.find(resource)?.policies.has(name) !== true) throw policyNotFound(resource, name);
      await this.#store.changePolicy(resource, name, () => undefined);
    });
  }

  async putAction(resource: ScalableResource, name: string, change: ActionChange): Promise<void> {
    await this.#gate.run(async () => {
      const { actions } = this.#registeredTarget(resource);
      if (!actions.has(name) && actions.size >= actionsMax) {
        throw limitExceeded("Scheduled actions of a scalable target", actionsMax);
      }
      const made = { id: this.#newId(), atMs: this.#clock.now() };
      await this.#store.changeAction(resource, name, (known) => scheduled({ resource, name }, known, change, made));
    });
  }

  async deleteAction(resource: ScalableResource, name: string): Promise<void> {
    await this.#gate.run(async () => {
      if (this.#store.find(resource)?.actions.has(name) !== true) throw actionNotFound(resource, name);
      await this.#store.changeAction(resource, name, () => undefined);
    });
  }

  tagsOf(scope: Scope, arn: string): Tags {
    return this.#targetOfArn(scope, arn).tags;
  }

  async changeTags(scope: Scope, arn: string, change: TagChange): Promise<void> {
    const { resource } = this.#targetOfArn(scope, arn);
    await this.#store.changeTarget(resource, (record) => {
      if (record === undefined) throw arnNotFound(arn);
      return retagged(record, change);
    });
  }

  #registeredTarget(resource: ScalableResource): ScalableTarget {
    const target = this.#store.find(resource);
    if (target === undefined) throw targetNotRegistered(resource);
    return target;
  }

  #targetOfArn(scope: Scope, arn: string): ScalableTargetRecord {
    for (const { record } of this.#store.targets(scope)) if (targetArn(record) === arn) return record;
    throw arnNotFound(arn);
  }

  /** Throws ValidationException, in Lambda's words, when there is no such version or alias. */
  async #requireThere(resource: ScalableResource): Promise<void> {
    try {
      await this.#changes.current(resource);
    } catch (error) {
      throw error instanceof ApiError ? validation(error.message) : error;
    }
  }
}

function placeOf({ name, qualifier }: ScalableResource): string {
  return JSON.stringify([name, qualifier]);
}
