/**
 * Roles: their trust policy, inline policies, attached managed policies, permissions boundary and tags.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html
 */
import type { Clock } from "../../core/clock.ts";
import type { Gate } from "../../core/gate.ts";
import type { Records } from "../../engine/contract.ts";
import { EntityStore } from "./entity-store.ts";
import type { ManagedPolicies } from "./managed-policies.ts";
import { parsePolicy, parseTrustPolicy, sizeOfDocument, storedDocument } from "./policy-document.ts";
import type { RoleRecord, Tag } from "./records.ts";
import {
  alreadyExists,
  deleteConflict,
  inlinePoliciesSizeMax,
  inlinePoliciesTooLarge,
  invalidInput,
  noSuchInlinePolicy,
  noSuchPolicy,
  noSuchRole,
  quotaExceeded,
  quotas,
  unmodifiable,
} from "./refusals.ts";
import { roleTagRules, withoutTags, withTags } from "./tags.ts";
import { uniqueId, type RandomBytes } from "./unique-id.ts";

/** Characters that the inline policies of a role may take as they are kept, white space and all. */
const inlineLengthMax = 131_072;

/** How long a role's last use stays noted before a later one is written down, in ms; AWS shows it hours late. */
const lastUseResolutionMs = 3_600_000;

const defaultMaxSessionSeconds = 3600;

export interface NewRole {
  readonly account: string;
  readonly name: string;
  readonly path: string;
  readonly trustPolicy: string;
  readonly description?: string | undefined;
  readonly maxSessionSeconds?: number | undefined;
  readonly permissionsBoundary?: string | undefined;
  readonly tags: readonly Tag[];
  readonly linkedService?: string;
}

export interface RolesOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly policies: ManagedPolicies;
  /** Changes that look at other entities run one at a time: nothing is deleted while it is being attached. */
  readonly together: Gate;
}

export class Roles {
  readonly #store: EntityStore<RoleRecord>;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #policies: ManagedPolicies;
  readonly #together: Gate;

  constructor({ records, clock, random, policies, together }: RolesOptions) {
    this.#store = new EntityStore(records, "iam-role", {
      notFound: noSuchRole,
      exists: (name) => alreadyExists(`Role with name ${name} already exists.`),
    });
    this.#clock = clock;
    this.#random = random;
    this.#policies = policies;
    this.#together = together;
  }

  find(account: string, name: string): Promise<RoleRecord | undefined> {
    return this.#store.find(account, name);
  }

  get(account: string, name: string): Promise<RoleRecord> {
    return this.#store.get(account, name);
  }

  all(account: string): Promise<RoleRecord[]> {
    return this.#store.all(account);
  }

  create(role: NewRole): Promise<RoleRecord> {
    const trustPolicy = checkedTrustPolicy(role.trustPolicy);
    const tags = withTags([], role.tags, roleTagRules);
    return this.#together.run(async () => {
      const { account, name, path, description, permissionsBoundary, linkedService } = role;
      if (permissionsBoundary !== undefined) await this.#policies.requireBoundary(account, permissionsBoundary);
      const others = await this.#store.all(account);
      const isKnown = others.some((other) => other.name.toLowerCase() === name.toLowerCase());
      if (!isKnown && others.length >= quotas.RolesPerAccount) throw quotaExceeded("RolesPerAccount");
      return this.#store.create({
        account,
        name,
        path,
        id: uniqueId("AROA", this.#random),
        createdAtMs: this.#clock.now(),
        tags,
        trustPolicy,
        ...(description === undefined || description === "" ? {} : { description }),
        maxSessionSeconds: role.maxSessionSeconds ?? defaultMaxSessionSeconds,
        ...(permissionsBoundary === undefined ? {} : { permissionsBoundary }),
        inlinePolicies: [],
        attachedPolicies: [],
        ...(linkedService === undefined ? {} : { linkedService }),
      });
    });
  }

  /** What is undefined stays. */
  update(
    account: string,
    name: string,
    changes: { readonly description?: string | undefined; readonly maxSessionSeconds?: number | undefined },
  ): Promise<RoleRecord> {
    return this.#store.modify(account, name, (role) => {
      if (changes.maxSessionSeconds !== undefined) requireUnlinked(role);
      const { description, ...rest } = role;
      const described = changes.description ?? description;
      return {
        ...rest,
        ...(described === undefined || described === "" ? {} : { description: described }),
        maxSessionSeconds: changes.maxSessionSeconds ?? role.maxSessionSeconds,
      };
    });
  }

  async updateTrustPolicy(account: string, name: string, document: string): Promise<void> {
    const trustPolicy = checkedTrustPolicy(document);
    await this.#change(account, name, (role) => ({ ...role, trustPolicy }));
  }

  /** `isInProfile` tells whether an instance profile holds the role. */
  delete(account: string, name: string, isInProfile: (role: RoleRecord) => Promise<boolean>): Promise<void> {
    return this.#together.run(async () => {
      const isHeld = await isInProfile(await this.#store.get(account, name));
      await this.#store.delete(account, name, (role) => {
        requireUnlinked(role);
        if (isHeld) throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
        if (role.attachedPolicies.length > 0) {
          throw deleteConflict("Cannot delete entity, must detach all policies first.");
        }
        if (role.inlinePolicies.length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
      });
    });
  }

  /** Of service-linked roles, which only their service deletes. */
  async deleteLinked(account: string, name: string): Promise<RoleRecord & { readonly linkedService: string }> {
    const role = await this.#store.get(account, name);
    const { linkedService } = role;
    if (linkedService === undefined) throw invalidInput(`The role ${name} is not a service-linked role.`);
    await this.#store.delete(account, name);
    return { ...role, linkedService };
  }

  async putInlinePolicy(account: string, name: string, policyName: string, document: string): Promise<void> {
    parsePolicy(document);
    const stored = storedDocument(document);
    await this.#change(account, name, (role) => {
      const others = role.inlinePolicies.filter((policy) => policy.name !== policyName);
      const size = [...others.map((policy) => policy.document), document].reduce(
        (total, each) => total + sizeOfDocument(each),
        0,
      );
      if (stored === undefined || size > inlinePoliciesSizeMax) throw inlinePoliciesTooLarge(role.name);
      const inlinePolicies = [...others, { name: policyName, document: stored }].toSorted((a, b) =>
        a.name < b.name ? -1 : 1,
      );
      const length = inlinePolicies.reduce((total, policy) => total + policy.name.length + policy.document.length, 0);
      if (length > inlineLengthMax) throw inlinePoliciesTooLarge(role.name);
      return { ...role, inlinePolicies };
    });
  }

  async inlinePolicy(account: string, name: string, policyName: string): Promise<string> {
    const { inlinePolicies } = await this.#store.get(account, name);
    const found = inlinePolicies.find((policy) => policy.name === policyName);
    if (found === undefined) throw noSuchInlinePolicy(policyName);
    return found.document;
  }

  async deleteInlinePolicy(account: string, name: string, policyName: string): Promise<void> {
    await this.#change(account, name, (role) => {
      const inlinePolicies = role.inlinePolicies.filter((policy) => policy.name !== policyName);
      if (inlinePolicies.length === role.inlinePolicies.length) throw noSuchInlinePolicy(policyName);
      return { ...role, inlinePolicies };
    });
  }

  /** Attaching what is attached changes nothing. */
  attach(account: string, name: string, policyArn: string): Promise<void> {
    return this.#together.run(async () => {
      await this.#store.get(account, name);
      await this.#policies.requireAttachable(account, policyArn);
      await this.#change(account, name, (role) => {
        if (role.attachedPolicies.includes(policyArn)) return role;
        if (role.attachedPolicies.length >= quotas.PoliciesPerRole) throw quotaExceeded("PoliciesPerRole");
        return { ...role, attachedPolicies: [...role.attachedPolicies, policyArn] };
      });
    });
  }

  async detach(account: string, name: string, policyArn: string): Promise<void> {
    await this.#change(account, name, (role) => {
      const attachedPolicies = role.attachedPolicies.filter((arn) => arn !== policyArn);
      if (attachedPolicies.length === role.attachedPolicies.length) throw noSuchPolicy(policyArn);
      return { ...role, attachedPolicies };
    });
  }

  /** Undefined takes the boundary away. */
  setBoundary(account: string, name: string, policyArn: string | undefined): Promise<void> {
    return this.#together.run(async () => {
      await this.#store.get(account, name);
      if (policyArn !== undefined) await this.#policies.requireBoundary(account, policyArn);
      await this.#change(account, name, ({ permissionsBoundary: _former, ...role }) =>
        policyArn === undefined ? role : { ...role, permissionsBoundary: policyArn },
      );
    });
  }

  async tag(account: string, name: string, added: readonly Tag[]): Promise<void> {
    await this.#change(account, name, (role) => ({ ...role, tags: withTags(role.tags, added, roleTagRules) }));
  }

  async untag(account: string, name: string, keys: readonly string[]): Promise<void> {
    await this.#change(account, name, (role) => ({ ...role, tags: withoutTags(role.tags, keys, roleTagRules) }));
  }

  /** Somebody has assumed the role. */
  async noteUse(account: string, name: string, region: string): Promise<void> {
    const atMs = this.#clock.now();
    await this.#store.modify(account, name, (role) => {
      const isRecent = role.lastUsed?.region === region && atMs - role.lastUsed.atMs < lastUseResolutionMs;
      return isRecent ? role : { ...role, lastUsed: { atMs, region } };
    });
  }

  #change(account: string, name: string, change: (role: RoleRecord) => RoleRecord): Promise<RoleRecord> {
    return this.#store.modify(account, name, (role) => {
      requireUnlinked(role);
      return change(role);
    });
  }
}

function checkedTrustPolicy(document: string): string {
  parseTrustPolicy(document);
  const stored = storedDocument(document);
  if (stored === undefined || sizeOfDocument(document) > quotas.ACLSizePerRole) throw quotaExceeded("ACLSizePerRole");
  return stored;
}

/** What a service made for itself is changed by that service only. */
function requireUnlinked({ name, linkedService }: RoleRecord): void {
  if (linkedService === undefined) return;
  throw unmodifiable(
    `Cannot perform the operation on the protected role '${name}' - this role is only modifiable by AWS`,
  );
}
