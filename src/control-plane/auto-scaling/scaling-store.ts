/**
 * The records of auto scaling, and all of them in memory, kept current by watches. Every write is a compare-and-set; a
 * writer finds what it wrote in memory as soon as its write is done.
 */
import type { Scope } from "../../core/identity.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { RecordChange, Records, Watch } from "../../engine/contract.ts";
import {
  actionKind,
  partKey,
  policyKind,
  resourceKey,
  targetKind,
  type ScalableResource,
  type ScalableTargetRecord,
  type ScalingPolicyRecord,
  type ScheduledActionRecord,
} from "./scaling-records.ts";

/** A target with what belongs to it. */
export interface ScalableTarget {
  readonly resource: ScalableResource;
  readonly record: ScalableTargetRecord;
  /** By name. */
  readonly policies: ReadonlyMap<string, ScalingPolicyRecord>;
  readonly actions: ReadonlyMap<string, ScheduledActionRecord>;
}

interface Known {
  readonly resource: ScalableResource;
  record: ScalableTargetRecord | undefined;
  readonly policies: Map<string, ScalingPolicyRecord>;
  readonly actions: Map<string, ScheduledActionRecord>;
}

export class ScalingStore {
  readonly #records: Records;
  readonly #known = new Map<string, Known>();
  readonly #watches: Watch[] = [];
  readonly #onChange: () => void;

  constructor(records: Records, onChange: () => void) {
    this.#records = records;
    this.#onChange = onChange;
  }

  /** Resolves when everything that exists is known. */
  async start(): Promise<void> {
    const targets = await this.#records.watch<ScalableTargetRecord>([targetKind], (change) =>
      this.#take(change, (known) => {
        known.record = valueOf(change);
      }),
    );
    const policies = await this.#records.watch<ScalingPolicyRecord>([policyKind], (change) =>
      this.#take(change, (known, name) => put(known.policies, name, valueOf(change))),
    );
    const actions = await this.#records.watch<ScheduledActionRecord>([actionKind], (change) =>
      this.#take(change, (known, name) => put(known.actions, name, valueOf(change))),
    );
    this.#watches.push(targets, policies, actions);
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
  }

  find(resource: ScalableResource): ScalableTarget | undefined {
    const known = this.#known.get(idOf(resource));
    return known?.record === undefined ? undefined : targetOf(known, known.record);
  }

  /** Of one account and region, or of all, in no order. */
  *targets(scope?: Scope): Generator<ScalableTarget, void> {
    for (const known of this.#known.values()) {
      const { account, region } = known.resource.scope;
      const isMeant = scope === undefined || (scope.account === account && scope.region === region);
      if (isMeant && known.record !== undefined) yield targetOf(known, known.record);
    }
  }

  /**
   * Writes what `change` makes of the target, undefined while there is none. `change` may run several times and may
   * throw; when it returns the target itself, nothing is written.
   */
  async changeTarget<T extends ScalableTargetRecord | undefined>(
    resource: ScalableResource,
    change: (record: ScalableTargetRecord | undefined) => T,
  ): Promise<T> {
    return changeRecord(this.#records, resourceKey(targetKind, resource), change);
  }

  async changePolicy(
    resource: ScalableResource,
    name: string,
    change: (record: ScalingPolicyRecord | undefined) => ScalingPolicyRecord | undefined,
  ): Promise<ScalingPolicyRecord | undefined> {
    return changeRecord(this.#records, partKey(policyKind, resource, name), change);
  }

  async changeAction<T extends ScheduledActionRecord | undefined>(
    resource: ScalableResource,
    name: string,
    change: (record: ScheduledActionRecord | undefined) => T,
  ): Promise<T> {
    return changeRecord(this.#records, partKey(actionKind, resource, name), change);
  }

  #take(change: RecordChange<unknown>, take: (known: Known, name: string) => void): void {
    const key = change.kind === "put" ? change.entry.key : change.key;
    const [, account = "", region = "", name = "", qualifier = "", part = ""] = key;
    const resource = { scope: { account, region }, name, qualifier };
    const id = idOf(resource);
    const known = this.#known.get(id) ?? { resource, record: undefined, policies: new Map(), actions: new Map() };
    this.#known.set(id, known);
    take(known, part);
    if (known.record === undefined && known.policies.size === 0 && known.actions.size === 0) this.#known.delete(id);
    this.#onChange();
  }
}

function valueOf<T>(change: RecordChange<T>): T | undefined {
  return change.kind === "put" ? change.entry.value : undefined;
}

function targetOf({ resource, policies, actions }: Known, record: ScalableTargetRecord): ScalableTarget {
  return { resource, record, policies, actions };
}

function put<T>(parts: Map<string, T>, name: string, record: T | undefined): void {
  if (record === undefined) parts.delete(name);
  else parts.set(name, record);
}

function idOf({ scope, name, qualifier }: ScalableResource): string {
  return [scope.account, scope.region, name, qualifier].join("/");
}
