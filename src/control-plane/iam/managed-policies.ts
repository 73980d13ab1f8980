/**
 * Managed policies: those of the account, with up to five versions each, and those of AWS that are known here.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
 */
import type { Clock } from "../../core/clock.ts";
import type { Gate } from "../../core/gate.ts";
import type { Records } from "../../engine/contract.ts";
import { awsManagedPolicies } from "./aws-managed-policies.ts";
import { EntityStore } from "./entity-store.ts";
import { parsePolicy, sizeOfDocument, storedDocument } from "./policy-document.ts";
import { entityArn, parseEntityArn, type PolicyRecord, type PolicyVersion, type Tag } from "./records.ts";
import {
  alreadyExists,
  deleteConflict,
  invalidInput,
  noSuchBoundary,
  noSuchPolicy,
  noSuchVersion,
  notAttachable,
  quotaExceeded,
  quotas,
  unmodifiable,
  validationError,
} from "./refusals.ts";
import { policyTagRules, withoutTags, withTags } from "./tags.ts";
import { uniqueId, type RandomBytes } from "./unique-id.ts";

export interface NewPolicy {
  readonly account: string;
  readonly name: string;
  readonly path: string;
  readonly document: string;
  readonly description?: string | undefined;
  readonly tags: readonly Tag[];
}

export interface ManagedPoliciesOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly together: Gate;
}

/** Owner of AWS's own policies, in their ARNs and here. */
const aws = "aws";

export class ManagedPolicies {
  readonly #store: EntityStore<PolicyRecord>;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #together: Gate;

  constructor({ records, clock, random, together }: ManagedPoliciesOptions) {
    this.#store = new EntityStore(records, "iam-policy", {
      notFound: noSuchPolicy,
      exists: (name) => alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`),
    });
    this.#clock = clock;
    this.#random = random;
    this.#together = together;
  }

  /** Undefined when there is none, or when it is another account's. */
  async find(account: string, arn: string): Promise<PolicyRecord | undefined> {
    const parsed = parseEntityArn("iam-policy", arn);
    if (parsed === undefined) return undefined;
    if (parsed.account === aws) return awsManagedPolicies().find((policy) => entityArn("iam-policy", policy) === arn);
    if (parsed.account !== account) return undefined;
    const found = await this.#store.find(account, parsed.name);
    return found !== undefined && entityArn("iam-policy", found) === arn ? found : undefined;
  }

  async get(account: string, arn: string): Promise<PolicyRecord> {
    if (parseEntityArn("iam-policy", arn) === undefined) throw validationError(`ARN ${arn} is not valid.`);
    const found = await this.find(account, arn);
    if (found === undefined) throw noSuchPolicy(arn);
    return found;
  }

  /** The account's own, in the order of their names. */
  all(account: string): Promise<PolicyRecord[]> {
    return this.#store.all(account);
  }

  async requireAttachable(account: string, arn: string): Promise<void> {
    if (parseEntityArn("iam-policy", arn) === undefined) throw validationError(`ARN ${arn} is not valid.`);
    if ((await this.find(account, arn)) === undefined) throw notAttachable(arn);
  }

  async requireBoundary(account: string, arn: string): Promise<void> {
    if (parseEntityArn("iam-policy", arn) === undefined) throw invalidInput(`ARN ${arn} is not valid.`);
    if ((await this.find(account, arn)) === undefined) throw noSuchBoundary(arn);
  }

  create(policy: NewPolicy): Promise<PolicyRecord> {
    const document = checkedDocument(policy.document);
    const tags = withTags([], policy.tags, policyTagRules);
    return this.#together.run(async () => {
      const { account, name, path, description } = policy;
      const others = await this.#store.all(account);
      const isKnown = others.some((other) => other.name.toLowerCase() === name.toLowerCase());
      if (!isKnown && others.length >= quotas.PoliciesPerAccount) throw quotaExceeded("PoliciesPerAccount");
      const nowMs = this.#clock.now();
      return this.#store.create({
        account,
        name,
        path,
        id: uniqueId("ANPA", this.#random),
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
        tags,
        ...(description === undefined || description === "" ? {} : { description }),
        versions: [{ number: 1, document, createdAtMs: nowMs }],
        defaultVersion: 1,
        lastVersion: 1,
      });
    });
  }

  /** `isUsed` tells whether anything has the policy attached, or for its boundary. */
  delete(account: string, arn: string, isUsed: (arn: string) => Promise<boolean>): Promise<void> {
    return this.#together.run(async () => {
      const { name } = await this.#own(account, arn);
      const isAttached = await isUsed(arn);
      await this.#store.delete(account, name, ({ versions }) => {
        if (isAttached) throw deleteConflict("Cannot delete a policy attached to entities.");
        if (versions.length > 1) {
          throw deleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
              "The default version is deleted with the policy.",
          );
        }
      });
    });
  }

  async createVersion(
    account: string,
    arn: string,
    version: { readonly document: string; readonly isDefault: boolean },
  ): Promise<{ readonly policy: PolicyRecord; readonly version: PolicyVersion }> {
    const document = checkedDocument(version.document);
    const policy = await this.#change(account, arn, (current) => {
      if (current.versions.length >= quotas.VersionsPerPolicy) throw quotaExceeded("VersionsPerPolicy");
      const number = current.lastVersion + 1;
      const nowMs = this.#clock.now();
      return {
        ...current,
        versions: [...current.versions, { number, document, createdAtMs: nowMs }],
        lastVersion: number,
        defaultVersion: version.isDefault ? number : current.defaultVersion,
        updatedAtMs: nowMs,
      };
    });
    return { policy, version: versionOf(policy, `v${policy.lastVersion}`, arn) };
  }

  /** Throws NoSuchEntity with the text for versions, whether the policy or the version is missing. */
  async version(
    account: string,
    arn: string,
    versionId: string,
  ): Promise<{ readonly policy: PolicyRecord; readonly version: PolicyVersion }> {
    if (parseEntityArn("iam-policy", arn) === undefined) throw validationError(`ARN ${arn} is not valid.`);
    const policy = await this.find(account, arn);
    if (policy === undefined) throw noSuchVersion(arn, versionId);
    return { policy, version: versionOf(policy, versionId, arn) };
  }

  async setDefaultVersion(account: string, arn: string, versionId: string): Promise<void> {
    await this.version(account, arn, versionId);
    await this.#change(account, arn, (policy) => {
      const { number } = versionOf(policy, versionId, arn);
      return number === policy.defaultVersion
        ? policy
        : { ...policy, defaultVersion: number, updatedAtMs: this.#clock.now() };
    });
  }

  async deleteVersion(account: string, arn: string, versionId: string): Promise<void> {
    await this.version(account, arn, versionId);
    await this.#change(account, arn, (policy) => {
      const { number } = versionOf(policy, versionId, arn);
      if (number === policy.defaultVersion) throw deleteConflict("Cannot delete the default version of a policy.");
      return { ...policy, versions: policy.versions.filter((version) => version.number !== number) };
    });
  }

  async tag(account: string, arn: string, added: readonly Tag[]): Promise<void> {
    await this.#change(account, arn, (policy) => ({ ...policy, tags: withTags(policy.tags, added, policyTagRules) }));
  }

  async untag(account: string, arn: string, keys: readonly string[]): Promise<void> {
    await this.#change(account, arn, (policy) => ({ ...policy, tags: withoutTags(policy.tags, keys, policyTagRules) }));
  }

  async #change(account: string, arn: string, change: (policy: PolicyRecord) => PolicyRecord): Promise<PolicyRecord> {
    const { name } = await this.#own(account, arn);
    return this.#store.modify(account, name, (policy) => {
      // Deleted and made again elsewhere in the meantime: the ARN names nothing any more.
      if (entityArn("iam-policy", policy) !== arn) throw noSuchPolicy(arn);
      return change(policy);
    });
  }

  /** A policy that the account may change. */
  async #own(account: string, arn: string): Promise<PolicyRecord> {
    const policy = await this.get(account, arn);
    if (policy.account === aws) throw unmodifiable(`Policy ${arn} is an AWS managed policy and cannot be changed.`);
    return policy;
  }
}

export function versionIdOf({ number }: PolicyVersion): string {
  return `v${number}`;
}

function versionOf(policy: PolicyRecord, id: string, arn: string): PolicyVersion {
  const found = policy.versions.find((version) => versionIdOf(version) === id);
  if (found === undefined) throw noSuchVersion(arn, id);
  return found;
}

function checkedDocument(document: string): string {
  parsePolicy(document);
  const stored = storedDocument(document);
  if (stored === undefined || sizeOfDocument(document) > quotas.PolicySize) throw quotaExceeded("PolicySize");
  return stored;
}
