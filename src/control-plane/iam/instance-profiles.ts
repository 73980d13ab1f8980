/**
 * Instance profiles: no machine of Hearth runs in one, but tools that delete a role first ask which hold it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html
 */
import type { Clock } from "../../core/clock.ts";
import type { Gate } from "../../core/gate.ts";
import type { Records } from "../../engine/contract.ts";
import { EntityStore } from "./entity-store.ts";
import type { InstanceProfileRecord, Tag } from "./records.ts";
import {
  alreadyExists,
  deleteConflict,
  noSuchEntity,
  noSuchInstanceProfile,
  quotaExceeded,
  quotas,
} from "./refusals.ts";
import type { Roles } from "./roles.ts";
import { instanceProfileTagRules, withoutTags, withTags } from "./tags.ts";
import { uniqueId, type RandomBytes } from "./unique-id.ts";

export interface InstanceProfilesOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly roles: Roles;
  readonly together: Gate;
}

export class InstanceProfiles {
  readonly #store: EntityStore<InstanceProfileRecord>;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #roles: Roles;
  readonly #together: Gate;

  constructor({ records, clock, random, roles, together }: InstanceProfilesOptions) {
    this.#store = new EntityStore(records, "iam-instance-profile", {
      notFound: noSuchInstanceProfile,
      exists: (name) => alreadyExists(`Instance Profile ${name} already exists.`),
    });
    this.#clock = clock;
    this.#random = random;
    this.#roles = roles;
    this.#together = together;
  }

  get(account: string, name: string): Promise<InstanceProfileRecord> {
    return this.#store.get(account, name);
  }

  all(account: string): Promise<InstanceProfileRecord[]> {
    return this.#store.all(account);
  }

  /** Those that hold the role of that name. */
  async holding(account: string, role: string): Promise<InstanceProfileRecord[]> {
    return (await this.#store.all(account)).filter(({ roles }) => roles.includes(role));
  }

  create(profile: Pick<InstanceProfileRecord, "account" | "name" | "path" | "tags">): Promise<InstanceProfileRecord> {
    const tags = withTags([], profile.tags, instanceProfileTagRules);
    return this.#together.run(async () => {
      const { account, name, path } = profile;
      const others = await this.#store.all(account);
      const isKnown = others.some((other) => other.name.toLowerCase() === name.toLowerCase());
      if (!isKnown && others.length >= quotas.InstanceProfilesPerAccount) {
        throw quotaExceeded("InstanceProfilesPerAccount");
      }
      const id = uniqueId("AIPA", this.#random);
      return this.#store.create({ account, name, path, id, createdAtMs: this.#clock.now(), tags, roles: [] });
    });
  }

  async delete(account: string, name: string): Promise<void> {
    await this.#store.delete(account, name, ({ roles }) => {
      if (roles.length === 0) return;
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    });
  }

  addRole(account: string, name: string, roleName: string): Promise<void> {
    return this.#together.run(async () => {
      await this.#store.get(account, name);
      const role = await this.#roles.get(account, roleName);
      await this.#store.modify(account, name, (profile) => {
        if (profile.roles.length >= quotas.InstanceSessionsPerInstanceProfile) {
          throw quotaExceeded("InstanceSessionsPerInstanceProfile");
        }
        return { ...profile, roles: [...profile.roles, role.name] };
      });
    });
  }

  async removeRole(account: string, name: string, roleName: string): Promise<void> {
    await this.#store.get(account, name);
    const role = await this.#roles.get(account, roleName);
    await this.#store.modify(account, name, (profile) => {
      const roles = profile.roles.filter((held) => held !== role.name);
      if (roles.length === profile.roles.length) {
        throw noSuchEntity(`Role ${roleName} in Instance Profile ${name} cannot be found.`);
      }
      return { ...profile, roles };
    });
  }

  async tag(account: string, name: string, added: readonly Tag[]): Promise<void> {
    await this.#store.modify(account, name, (profile) => ({
      ...profile,
      tags: withTags(profile.tags, added, instanceProfileTagRules),
    }));
  }

  async untag(account: string, name: string, keys: readonly string[]): Promise<void> {
    await this.#store.modify(account, name, (profile) => ({
      ...profile,
      tags: withoutTags(profile.tags, keys, instanceProfileTagRules),
    }));
  }
}
