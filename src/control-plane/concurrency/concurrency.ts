/**
 * What functions set aside of their account's concurrency: reserves, and provisioned concurrency of versions and
 * aliases. Provisioned concurrency is part of its function's reserve; where there is none, it is taken from the account
 * like a reserve. Of every account, 100 stay for the functions that set nothing aside.
 *
 * Records only: the data plane, which watches them, counts and provisions accordingly.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 */
import type { Clock } from "../../core/clock.ts";
import {
  latestVersion,
  type AliasRecord,
  type FunctionConfiguration,
  type FunctionRecord,
  type ProvisionedConcurrencyRecord,
} from "../../core/function-record.ts";
import { Gate } from "../../core/gate.ts";
import type { Scope } from "../../core/identity.ts";
import type { Records } from "../../engine/contract.ts";
import { FunctionParts } from "../functions/function-parts.ts";
import { FunctionStore } from "../functions/function-store.ts";
import { functionNotFound } from "../functions/refusals.ts";
import {
  aliasNotFound,
  aliasWithWeights,
  neitherAliasNorVersion,
  provisionedBeyondAccount,
  provisionedBeyondReserve,
  provisionedNotFound,
  provisionedTooLarge,
  reserveBelowProvisioned,
  reserveTooLarge,
  unpublishedVersion,
  unreservedConcurrencyMin,
  versionHasProvisionedAlias,
  versionIsProvisioned,
} from "./refusals.ts";

/** A version or an alias of a function. */
export interface ProvisionedTarget {
  readonly scope: Scope;
  readonly name: string;
  readonly qualifier: string;
}

export interface ConcurrencyOptions {
  readonly records: Records;
  readonly clock: Clock;
  /** Invocations of one account in one region that may run at once. */
  readonly accountConcurrency: number;
}

export class Concurrency {
  readonly accountConcurrency: number;
  readonly #store: FunctionStore;
  readonly #provisioned: FunctionParts<ProvisionedConcurrencyRecord>;
  readonly #versions: FunctionParts<FunctionConfiguration>;
  readonly #aliases: FunctionParts<AliasRecord>;
  readonly #clock: Clock;
  /** One change at a time, since their sum is bounded. */
  readonly #changes = new Gate(1);

  constructor({ records, clock, accountConcurrency }: ConcurrencyOptions) {
    this.accountConcurrency = accountConcurrency;
    this.#store = new FunctionStore(records);
    this.#provisioned = new FunctionParts(records, "provisioned-concurrency");
    this.#versions = new FunctionParts(records, "function-version");
    this.#aliases = new FunctionParts(records, "function-alias");
    this.#clock = clock;
  }

  /** What is left for functions that set nothing aside. */
  async unreserved(scope: Scope): Promise<number> {
    const provisioned = new Map<string, number>();
    for await (const { key, value } of this.#provisioned.all(scope)) {
      const name = key[3] ?? "";
      provisioned.set(name, (provisioned.get(name) ?? 0) + value.requested);
    }
    let left = this.accountConcurrency;
    for await (const { name, reservedConcurrency } of this.#store.all(scope)) {
      left -= reservedConcurrency ?? provisioned.get(name) ?? 0;
    }
    return left;
  }

  /** Throws ResourceNotFoundException; undefined when the function has no reserve. */
  async reserve(scope: Scope, name: string): Promise<number | undefined> {
    return (await this.#store.get(scope, name)).reservedConcurrency;
  }

  /** Sets a function's reserve; `undefined` takes it away. */
  async setReserve(scope: Scope, name: string, reserve: number | undefined): Promise<void> {
    await this.#changes.run(async () => {
      if (reserve !== undefined) {
        const record = await this.#store.find(scope, name);
        // AWS names the version here, and only here.
        if (record === undefined) throw functionNotFound(scope, name, latestVersion);
        const provisioned = await this.#requestedOf(scope, name);
        const unreserved = (await this.unreserved(scope)) + (record.reservedConcurrency ?? provisioned);
        if (unreserved - reserve < unreservedConcurrencyMin) throw reserveTooLarge();
        if (reserve < provisioned) throw reserveBelowProvisioned(reserve, provisioned);
      }
      await this.#store.modify(scope, name, (record) => reserving(record, reserve));
    });
  }

  /** Asks for that many initialised environments, in place of what was asked for before. */
  async provision(target: ProvisionedTarget, requested: number): Promise<ProvisionedConcurrencyRecord> {
    const { scope, name, qualifier } = target;
    return this.#changes.run(async () => {
      const alias = await this.#find(target, unpublishedVersion);
      if (alias?.functionVersion === latestVersion) throw unpublishedVersion();
      if (alias !== undefined && Object.keys(alias.additionalVersionWeights).length > 0) throw aliasWithWeights();
      await this.#requireNoConflict(target, alias);
      await this.#requireRoom(target, requested);
      const lastModifiedMs = this.#clock.now();
      const record = { qualifier, requested, lastModifiedMs };
      await this.#provisioned.modify(scope, name, qualifier, () => record);
      await this.#requireStillThere(target);
      return record;
    });
  }

  /** Throws ProvisionedConcurrencyConfigNotFoundException. */
  async provisioned(target: ProvisionedTarget): Promise<ProvisionedConcurrencyRecord> {
    await this.#find(target, neitherAliasNorVersion);
    const record = await this.#provisioned.find(target.scope, target.name, target.qualifier);
    if (record === undefined) throw provisionedNotFound();
    return record;
  }

  /** Also when there is none. */
  async unprovision(target: ProvisionedTarget): Promise<void> {
    await this.#find(target, neitherAliasNorVersion);
    await this.#provisioned.modify(target.scope, target.name, target.qualifier, () => undefined);
  }

  /** Of one function, versions first, then aliases. Throws ResourceNotFoundException. */
  async list(
    scope: Scope,
    name: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<ProvisionedConcurrencyRecord[]> {
    await this.#store.get(scope, name);
    return this.#provisioned.list(scope, name, options);
  }

  /** The alias that the target is, if it is one. Throws when it is neither that nor a version. */
  async #find(
    { scope, name, qualifier }: ProvisionedTarget,
    refuseLatest: () => Error,
  ): Promise<AliasRecord | undefined> {
    if (qualifier === latestVersion) throw refuseLatest();
    if (!/^\d+$/.test(qualifier)) {
      const alias = await this.#aliases.find(scope, name, qualifier);
      if (alias === undefined) throw aliasNotFound(scope, name, qualifier);
      return alias;
    }
    const version = await this.#versions.find(scope, name, qualifier);
    if (version === undefined) throw functionNotFound(scope, name, qualifier);
    return undefined;
  }

  /** What it is about may have gone just before it was written: then nobody else removes it. */
  async #requireStillThere(target: ProvisionedTarget): Promise<void> {
    try {
      await this.#find(target, unpublishedVersion);
    } catch (error) {
      await this.#provisioned.modify(target.scope, target.name, target.qualifier, () => undefined);
      throw error;
    }
  }

  /** A version is provisioned by its own configuration or by those of its aliases, not by both. */
  async #requireNoConflict(
    { scope, name, qualifier }: ProvisionedTarget,
    alias: AliasRecord | undefined,
  ): Promise<void> {
    if (alias !== undefined) {
      const ofVersion = await this.#provisioned.find(scope, name, alias.functionVersion);
      if (ofVersion !== undefined) throw versionIsProvisioned();
      return;
    }
    for (const other of await this.#provisioned.list(scope, name)) {
      if (/^\d+$/.test(other.qualifier)) continue;
      const pointing = await this.#aliases.find(scope, name, other.qualifier);
      if (pointing === undefined) continue;
      const versions = [pointing.functionVersion, ...Object.keys(pointing.additionalVersionWeights)];
      if (versions.includes(qualifier)) throw versionHasProvisionedAlias();
    }
  }

  async #requireRoom({ scope, name, qualifier }: ProvisionedTarget, requested: number): Promise<void> {
    const { reservedConcurrency } = await this.#store.get(scope, name);
    const before = (await this.#provisioned.find(scope, name, qualifier))?.requested ?? 0;
    if (reservedConcurrency !== undefined) {
      const others = (await this.#requestedOf(scope, name)) - before;
      if (others + requested > reservedConcurrency) throw provisionedBeyondReserve();
      return;
    }
    const unreserved = (await this.unreserved(scope)) + before;
    if (requested > unreserved) throw provisionedBeyondAccount(unreserved);
    if (unreserved - requested < unreservedConcurrencyMin) throw provisionedTooLarge();
  }

  async #requestedOf(scope: Scope, name: string): Promise<number> {
    const records = await this.#provisioned.list(scope, name);
    return records.reduce((sum, { requested }) => sum + requested, 0);
  }
}

function reserving({ reservedConcurrency: _before, ...record }: FunctionRecord, reserve?: number): FunctionRecord {
  return reserve === undefined ? record : { ...record, reservedConcurrency: reserve };
}
