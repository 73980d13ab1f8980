/**
 * Takes functions, versions and aliases away. What belongs to them goes with them; a crash in between is taken up at the
 * next start, and by whoever wants the name again.
 */
import { functionPartKinds, type AliasRecord, type FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { retryOvertaken } from "../../engine/change-record.ts";
import type { Records } from "../../engine/contract.ts";
import type { FunctionParts } from "./function-parts.ts";
import type { FunctionStore } from "./function-store.ts";
import type { Intents } from "./intents.ts";
import { functionNotFound, versionHasAliases } from "./refusals.ts";

/** Parts removed at once. */
const pageMax = 100;

export interface DeletionOptions {
  readonly records: Records;
  readonly store: FunctionStore;
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly aliases: FunctionParts<AliasRecord>;
  readonly intents: Intents;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
}

export class Deletion {
  readonly #records: Records;
  readonly #store: FunctionStore;
  readonly #versions: FunctionParts<FunctionConfiguration>;
  readonly #aliases: FunctionParts<AliasRecord>;
  readonly #intents: Intents;
  readonly #newId: () => string;

  constructor({ records, store, versions, aliases, intents, newId }: DeletionOptions) {
    this.#records = records;
    this.#store = store;
    this.#versions = versions;
    this.#aliases = aliases;
    this.#intents = intents;
    this.#newId = newId;
  }

  /** The function with all that it owns. Throws ResourceNotFoundException. */
  async deleteFunction(scope: Scope, name: string): Promise<void> {
    await this.#store.modify(scope, name, (record) => ({ ...record, deleting: true }));
    await this.finish(scope, name);
  }

  /** One version. Throws ResourceNotFoundException, and ResourceConflictException while an alias points to it. */
  async deleteVersion(scope: Scope, name: string, version: string): Promise<void> {
    await this.#store.get(scope, name);
    const current = await this.#versions.find(scope, name, version);
    if (current?.version !== version) throw functionNotFound(scope, name, version);
    const referencedBy = await this.#removeQualifier(scope, name, version);
    if (referencedBy.length > 0) throw versionHasAliases(referencedBy);
  }

  /** As AWS does, an alias that is not there is deleted too. Throws ResourceNotFoundException of the function. */
  async deleteAlias(scope: Scope, name: string, alias: string): Promise<void> {
    await this.#store.get(scope, name);
    if ((await this.#aliases.find(scope, name, alias)) === undefined) return;
    await this.#removeQualifier(scope, name, alias);
  }

  /** Removes what a function whose deletion has begun owns, then the function. Others may be doing the same. */
  async finish(scope: Scope, name: string): Promise<void> {
    for (const kind of functionPartKinds) {
      const prefix = [kind, scope.account, scope.region, name] as const;
      for (;;) {
        const page = await this.#records.list(prefix, { limit: pageMax });
        // With its revision, so that a new function of that name keeps its own.
        for (const { key, revision } of page) await this.#records.delete(key, revision);
        if (page.length === 0) break;
      }
    }
    await this.#store.forget(scope, name);
  }

  async #removeQualifier(scope: Scope, name: string, qualifier: string): Promise<readonly string[]> {
    const id = this.#newId();
    return retryOvertaken(`function ${name}`, async () => {
      const record = await this.#store.modify(scope, name, (current) => {
        if (current.intent !== undefined) return current;
        return { ...current, intent: { kind: "remove", id, qualifier } };
      });
      const problem = await this.#intents.settle(record);
      if (record.intent?.kind !== "remove" || record.intent.id !== id) return undefined;
      return problem?.kind === "referenced" ? problem.aliases : [];
    });
  }
}
