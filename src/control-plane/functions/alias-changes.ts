/**
 * Aliases: names for a version, or for two of them by weight.
 *
 * A version does not go while an alias points to it, though both are records of their own: either change is an intent in
 * the function's record, which has room for one at a time.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
 */
import {
  latestVersion,
  type AliasIntent,
  type AliasRecord,
  type FunctionConfiguration,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { retryOvertaken } from "../../engine/change-record.ts";
import type { FunctionParts } from "./function-parts.ts";
import type { FunctionStore } from "./function-store.ts";
import type { Intents } from "./intents.ts";
import { aliasExists, aliasNotFound, functionNotFound, invalidRouting, revisionMismatch } from "./refusals.ts";

/** Versions beside the first that an alias may point to. */
const additionalVersionsMax = 1;

export type NewAlias = Omit<AliasRecord, "revisionId">;

export interface AliasUpdate extends Partial<Omit<NewAlias, "name">> {
  /** The revision that the caller wants to change; any, when undefined. */
  readonly revisionId?: string;
}

export interface AliasChangesOptions {
  readonly store: FunctionStore;
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly aliases: FunctionParts<AliasRecord>;
  readonly intents: Intents;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
}

export class AliasChanges {
  readonly #store: FunctionStore;
  readonly #versions: FunctionParts<FunctionConfiguration>;
  readonly #aliases: FunctionParts<AliasRecord>;
  readonly #intents: Intents;
  readonly #newId: () => string;

  constructor({ store, versions, aliases, intents, newId }: AliasChangesOptions) {
    this.#store = store;
    this.#versions = versions;
    this.#aliases = aliases;
    this.#intents = intents;
    this.#newId = newId;
  }

  /** Throws ResourceNotFoundException of a version, ResourceConflictException when the name is taken. */
  async create(scope: Scope, name: string, alias: NewAlias): Promise<AliasRecord> {
    await this.#requireVersion(scope, name, alias.functionVersion);
    return this.#change(scope, name, alias.name, (current) => {
      if (current !== undefined) throw aliasExists(scope, name, alias.name);
      return { ...alias, revisionId: this.#newId() };
    });
  }

  /** Changes what is given; what is absent stays. The revision changes in any case. */
  async update(scope: Scope, name: string, alias: string, update: AliasUpdate): Promise<AliasRecord> {
    const { revisionId, ...members } = update;
    return this.#change(scope, name, alias, (current) => {
      if (current === undefined) throw aliasNotFound(scope, name, alias);
      if (revisionId !== undefined && revisionId !== current.revisionId) throw revisionMismatch();
      return { ...current, ...members, revisionId: this.#newId() };
    });
  }

  async #change(
    scope: Scope,
    name: string,
    alias: string,
    change: (current: AliasRecord | undefined) => AliasRecord,
  ): Promise<AliasRecord> {
    return retryOvertaken(`alias ${alias} of ${name}`, async () => {
      const before = await this.#aliases.find(scope, name, alias);
      const changed = change(before);
      await this.#requireRouting(scope, name, changed);
      const intent: AliasIntent = {
        kind: "alias",
        alias: changed,
        ...(before === undefined ? {} : { replacedRevisionId: before.revisionId }),
      };
      let isOurs = false;
      const record = await this.#store.modify(scope, name, (current) => {
        isOurs = current.intent === undefined;
        return isOurs ? { ...current, intent } : current;
      });
      const problem = await this.#intents.settle(record);
      if (!isOurs || problem?.kind === "replaced") return undefined;
      if (problem?.kind === "missing-version") throw functionNotFound(scope, name, problem.version);
      return changed;
    });
  }

  /** Throws AWS's refusal when the versions do not go together. */
  async #requireRouting(scope: Scope, name: string, alias: AliasRecord): Promise<void> {
    const first = await this.#requireVersion(scope, name, alias.functionVersion);
    const additional = Object.keys(alias.additionalVersionWeights);
    if (additional.length > additionalVersionsMax) {
      throw invalidRouting(
        `Number of items in AdditionalVersionWeights cannot be greater than ${additionalVersionsMax}`,
      );
    }
    for (const version of additional) {
      if (version === alias.functionVersion) {
        throw invalidRouting(
          `Invalid function version ${version}. ` +
            `Function version ${version} is already included in routing configuration.`,
        );
      }
      if (alias.functionVersion === latestVersion) {
        throw invalidRouting(`${latestVersion} is not supported for an alias pointing to more than 1 version`);
      }
      const second = await this.#requireVersion(scope, name, version);
      if (second.role !== first.role) {
        throw invalidRouting("Specified versions must be associated with the same execution role");
      }
      if (second.deadLetterTargetArn !== first.deadLetterTargetArn) {
        throw invalidRouting("Specified versions must be associated with the same dead-letter queue");
      }
    }
  }

  async #requireVersion(scope: Scope, name: string, version: string): Promise<FunctionConfiguration> {
    const found = await this.#findVersion(scope, name, version);
    if (found === undefined) throw functionNotFound(scope, name, version);
    return found;
  }

  async #findVersion(scope: Scope, name: string, version: string): Promise<FunctionConfiguration | undefined> {
    if (version === latestVersion) return (await this.#store.find(scope, name))?.latest;
    const found = await this.#versions.find(scope, name, version);
    return found?.version === version ? found : undefined;
  }
}
