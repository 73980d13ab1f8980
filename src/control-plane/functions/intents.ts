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
import { changeEntry } from "../../engine/change-record.ts";
import type { Key, Records, Revision } from "../../engine/contract.ts";
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
      running = this.#perform(record, intent).finally(() => this.#running.delete(id));
      this.#running.set(id, running);
    }
    return running;
  }

  async #perform(record: FunctionRecord, intent: FunctionIntent): Promise<IntentProblem | undefined> {
    switch (intent.kind) {
      case "publish":
        await this.#publish(record, intent);
        return undefined;
      case "alias":
        return this.#writeAlias(record, intent);
      case "remove":
        return this.#remove(record, intent);
      default:
        return unreachable(intent);
    }
  }

  async #publish(record: FunctionRecord, intent: PublishIntent): Promise<void> {
    if (!(await this.#stands(record, intent))) return;
    const { scope, name } = record;
    const { configuration } = intent;
    const key = functionPartKey("function-version", scope, name, configuration.version);
    const outcome = await this.#records.put(key, configuration, "absent");
    if (await this.#clear(record, intent)) this.#onPublished(scope, configuration);
    else if (outcome.written) await this.#takeBackIfGone(record, key, outcome.revision);
  }

  async #writeAlias(record: FunctionRecord, intent: AliasIntent): Promise<IntentProblem | undefined> {
    const { scope, name } = record;
    const { alias, replacedRevisionId } = intent;
    const key = functionPartKey("function-alias", scope, name, alias.name);
    for (;;) {
      const entry = await this.#records.get<AliasRecord>(key);
      if (entry?.value.revisionId === alias.revisionId) break;
      if (!(await this.#stands(record, intent))) return { kind: "replaced" };
      const problem = await this.#problemOf(record, alias);
      if (problem !== undefined || entry?.value.revisionId !== replacedRevisionId) {
        await this.#clear(record, intent);
        return problem ?? { kind: "replaced" };
      }
      const outcome = await this.#records.put(key, alias, entry?.revision ?? "absent");
      if (!outcome.written) continue;
      if (!(await this.#clear(record, intent))) await this.#takeBackIfGone(record, key, outcome.revision);
      return undefined;
    }
    await this.#clear(record, intent);
    return undefined;
  }

  /** While the intent stands, no version goes. */
  async #problemOf({ scope, name }: FunctionRecord, alias: AliasRecord): Promise<IntentProblem | undefined> {
    for (const version of versionsOf(alias)) {
      if (version === latestVersion) continue;
      const found = await this.#versions.find(scope, name, version);
      if (found?.version !== version) return { kind: "missing-version", version };
    }
    return undefined;
  }

  async #remove(record: FunctionRecord, intent: RemoveIntent): Promise<IntentProblem | undefined> {
    const aliases = await this.#aliasesOf(record, intent.qualifier);
    if (aliases.length > 0) {
      await this.#clear(record, intent);
      return { kind: "referenced", aliases };
    }
    for (const kind of functionPartKinds) await this.#removePart(kind, record, intent);
    await this.#clear(record, intent, (done) => withoutPublished(done, intent.qualifier));
    return undefined;
  }

  async #removePart(kind: FunctionPartKind, record: FunctionRecord, intent: RemoveIntent): Promise<void> {
    const key = functionPartKey(kind, record.scope, record.name, intent.qualifier);
    for (;;) {
      const entry = await this.#records.get(key);
      if (entry === undefined || !(await this.#stands(record, intent))) return;
      if ((await this.#records.delete(key, entry.revision)).written) return;
    }
  }

  async #aliasesOf({ scope, name }: FunctionRecord, version: string): Promise<string[]> {
    const names: string[] = [];
    for await (const alias of this.#aliases.of(scope, name)) {
      if (pointsTo(alias, version)) names.push(alias.name);
    }
    return names;
  }

  /** False when somebody else has done it, or the function is being deleted. */
  async #clear(
    { scope, name }: FunctionRecord,
    intent: FunctionIntent,
    finish: (done: FunctionRecord) => FunctionRecord = (done) => done,
  ): Promise<boolean> {
    const cleared = (record: FunctionRecord | undefined): FunctionRecord | undefined => {
      // The record of a function that is being deleted is not changed any more.
      if (record === undefined || record.deleting === true || !isIntended(record, intent)) return record;
      const { intent: _done, ...rest } = record;
      return finish(rest);
    };
    return (await changeEntry(this.#records, functionKey(scope, name), cleared)).revision !== undefined;
  }

  /** False when it was done, or the function is being deleted. */
  async #stands({ scope, name }: FunctionRecord, intent: FunctionIntent): Promise<boolean> {
    const current = await this.#store.find(scope, name);
    return current !== undefined && isIntended(current, intent);
  }

  /** What was written while its function was being deleted must not stay behind, nor fall to a new one of its name. */
  async #takeBackIfGone({ scope, name, createdAtMs }: FunctionRecord, key: Key, revision: Revision): Promise<void> {
    const current = await this.#store.find(scope, name);
    if (current?.createdAtMs !== createdAtMs) await this.#records.delete(key, revision);
  }
}

/** A version that is gone may be published again, under another number. */
function withoutPublished(record: FunctionRecord, version: string): FunctionRecord {
  if (record.lastPublished?.version !== version) return record;
  const { lastPublished: _gone, ...rest } = record;
  return rest;
}

function isIntended(record: FunctionRecord, intent: FunctionIntent): boolean {
  return record.intent !== undefined && idOf(record.intent) === idOf(intent);
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
      return `remove ${intent.id}`;
    default:
      return unreachable(intent);
  }
}
