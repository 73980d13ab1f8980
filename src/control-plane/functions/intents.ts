/**
 * Does what a function's record intends: the changes that take several records. Whoever finds an intent does it, be it
 * the request that wrote it, the next one, or the start after a crash; who finds it being done joins in waiting.
 *
 * Each step is conditional on what was read before it was known that the intent still stands, so that one who is late
 * touches nothing that was written after the intent was done.
 */
import {
  functionArn,
  functionKey,
  functionPartKey,
  functionPartKinds,
  latestVersion,
  type AliasIntent,
  type AliasRecord,
  type FunctionConfiguration,
  type FunctionIntent,
  type FunctionPartKind,
  type FunctionRecord,
  type PublishIntent,
  type RemoveIntent,
} from "../../core/function-record.ts";
import { unreachable } from "../../core/invariant.ts";
import type { Scope } from "../../core/identity.ts";
import type { Records } from "../../engine/contract.ts";
import type { FunctionParts } from "./function-parts.ts";
import type { FunctionStore } from "./function-store.ts";

export interface IntentsOptions {
  readonly records: Records;
  readonly store: FunctionStore;
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly aliases: FunctionParts<AliasRecord>;
  /** A version has become visible. */
  readonly onPublished: (scope: Scope, version: FunctionConfiguration) => void;
}

/** Why an intent was dropped. */
export type IntentProblem =
  /** Aliases point to the version that was to go; it stays. */
  | { readonly kind: "referenced"; readonly aliases: readonly string[] }
  /** The alias was to point to a version that is not there. */
  | { readonly kind: "missing-version"; readonly version: string }
  /** The alias is not the one that was to be changed. */
  | { readonly kind: "replaced" };

export class Intents {
  readonly #records: Records;
  readonly #store: FunctionStore;
  readonly #versions: FunctionParts<FunctionConfiguration>;
  readonly #aliases: FunctionParts<AliasRecord>;
  readonly #onPublished: IntentsOptions["onPublished"];
  readonly #running = new Map<string, Promise<IntentProblem | undefined>>();

  constructor({ records, store, versions, aliases, onPublished }: IntentsOptions) {
    this.#records = records;
    this.#store = store;
    this.#versions = versions;
    this.#aliases = aliases;
    this.#onPublished = onPublished;
  }

  /** Does what the record intends, if anything; says what prevented it. */
  async settle(record: FunctionRecord): Promise<IntentProblem | undefined> {
    const { scope, name, intent } = record;
    if (intent === undefined) return undefined;
    const id = `${functionArn(scope, name)} ${idOf(intent)}`;
    let running = this.#running.get(id);
    if (running === undefined) {
      running = this.#perform(scope, name, intent).finally(() => this.#running.delete(id));
      this.#running.set(id, running);
    }
    return running;
  }

  async #perform(scope: Scope, name: string, intent: FunctionIntent): Promise<IntentProblem | undefined> {
    switch (intent.kind) {
      case "publish":
        await this.#publish(scope, name, intent);
        return undefined;
      case "alias":
        return this.#writeAlias(scope, name, intent);
      case "remove":
        return this.#remove(scope, name, intent);
      default:
        return unreachable(intent);
    }
  }

  async #publish(scope: Scope, name: string, intent: PublishIntent): Promise<void> {
    if (!(await this.#stands(scope, name, intent))) return;
    const { configuration } = intent;
    await this.#records.put(
      functionPartKey("function-version", scope, name, configuration.version),
      configuration,
      "absent",
    );
    if (await this.#clear(scope, name, intent)) this.#onPublished(scope, configuration);
  }

  async #writeAlias(scope: Scope, name: string, intent: AliasIntent): Promise<IntentProblem | undefined> {
    const { alias, replacedRevisionId } = intent;
    const key = functionPartKey("function-alias", scope, name, alias.name);
    for (;;) {
      const entry = await this.#records.get<AliasRecord>(key);
      if (entry?.value.revisionId === alias.revisionId) break;
      if (!(await this.#stands(scope, name, intent))) return { kind: "replaced" };
      const problem = await this.#problemOf(scope, name, alias);
      if (problem !== undefined || entry?.value.revisionId !== replacedRevisionId) {
        await this.#clear(scope, name, intent);
        return problem ?? { kind: "replaced" };
      }
      if ((await this.#records.put(key, alias, entry?.revision ?? "absent")).written) break;
    }
    await this.#clear(scope, name, intent);
    return undefined;
  }

  /** While the intent stands, no version goes. */
  async #problemOf(scope: Scope, name: string, alias: AliasRecord): Promise<IntentProblem | undefined> {
    for (const version of versionsOf(alias)) {
      if (version === latestVersion) continue;
      const found = await this.#versions.find(scope, name, version);
      if (found?.version !== version) return { kind: "missing-version", version };
    }
    return undefined;
  }

  async #remove(scope: Scope, name: string, intent: RemoveIntent): Promise<IntentProblem | undefined> {
    const { qualifier } = intent;
    const referencedBy = await this.#aliasesOf(scope, name, qualifier);
    if (referencedBy.length > 0) {
      await this.#clear(scope, name, intent);
      return { kind: "referenced", aliases: referencedBy };
    }
    for (const kind of functionPartKinds) await this.#removePart(kind, scope, name, intent);
    await this.#clear(scope, name, intent);
    return undefined;
  }

  async #removePart(kind: FunctionPartKind, scope: Scope, name: string, intent: RemoveIntent): Promise<void> {
    const key = functionPartKey(kind, scope, name, intent.qualifier);
    for (;;) {
      const entry = await this.#records.get(key);
      if (entry === undefined || !(await this.#stands(scope, name, intent))) return;
      if ((await this.#records.delete(key, entry.revision)).written) return;
    }
  }

  async #aliasesOf(scope: Scope, name: string, version: string): Promise<string[]> {
    const names: string[] = [];
    for await (const alias of this.#aliases.of(scope, name)) {
      if (pointsTo(alias, version)) names.push(alias.name);
    }
    return names;
  }

  /** False when somebody else has done it. */
  async #clear(scope: Scope, name: string, intent: FunctionIntent): Promise<boolean> {
    const key = functionKey(scope, name);
    for (;;) {
      const entry = await this.#records.get<FunctionRecord>(key);
      if (entry?.value.intent === undefined || idOf(entry.value.intent) !== idOf(intent)) return false;
      const { intent: _done, ...rest } = entry.value;
      if ((await this.#records.put(key, rest, entry.revision)).written) return true;
    }
  }

  /** False when it was done, or the function is being deleted. */
  async #stands(scope: Scope, name: string, intent: FunctionIntent): Promise<boolean> {
    const current = (await this.#store.find(scope, name))?.intent;
    return current !== undefined && idOf(current) === idOf(intent);
  }
}

/** True when invocations of the alias may run the version. */
export function pointsTo(alias: AliasRecord, version: string): boolean {
  return versionsOf(alias).includes(version);
}

function versionsOf({ functionVersion, additionalVersionWeights }: AliasRecord): string[] {
  return [functionVersion, ...Object.keys(additionalVersionWeights)];
}

function idOf(intent: FunctionIntent): string {
  switch (intent.kind) {
    case "publish":
      return `publish ${intent.configuration.revisionId}`;
    case "alias":
      return `alias ${intent.alias.revisionId}`;
    case "remove":
      return `remove ${intent.qualifier}`;
    default:
      return unreachable(intent);
  }
}
