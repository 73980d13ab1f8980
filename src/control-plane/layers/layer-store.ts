/**
 * Layers and their versions in the engine's records. Every write is a compare-and-set.
 */
import type { Scope } from "../../core/identity.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { Key, Records } from "../../engine/contract.ts";
import {
  layerKey,
  layersOf,
  layerVersionKey,
  layerVersionsPrefix,
  versionsOf,
  type LayerRecord,
  type LayerVersionRecord,
} from "./layer-record.ts";

/** Records read at once when all are wanted. */
const pageMax = 500;
/** Versions read at once on the way from the newest to the oldest. */
const versionsAtOnce = 100;

export class LayerStore {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Gives the layer's next number, for good. */
  async takeVersion(scope: Scope, name: string): Promise<number> {
    const key = layerKey(scope, name);
    const { lastVersion } = await changeRecord(this.#records, key, (layer: LayerRecord | undefined) => ({
      lastVersion: (layer?.lastVersion ?? 0) + 1,
    }));
    return lastVersion;
  }

  async create(record: LayerVersionRecord): Promise<void> {
    await this.#records.put(layerVersionKey(record.scope, record.name, record.version), record, "absent");
  }

  async find(scope: Scope, name: string, version: number): Promise<LayerVersionRecord | undefined> {
    return (await this.#records.get<LayerVersionRecord>(layerVersionKey(scope, name, version)))?.value;
  }

  /** `change` may run several times, gets undefined while the version is not there, and may throw. */
  async modify(
    scope: Scope,
    name: string,
    version: number,
    change: (record: LayerVersionRecord | undefined) => LayerVersionRecord,
  ): Promise<LayerVersionRecord> {
    return changeRecord(this.#records, layerVersionKey(scope, name, version), change);
  }

  /** Deleting what is not there succeeds. */
  async delete(scope: Scope, name: string, version: number): Promise<void> {
    await this.#records.delete(layerVersionKey(scope, name, version));
  }

  /** The versions of a layer below `before`, the newest first. */
  async *newestFirst(
    scope: Scope,
    name: string,
    before = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<LayerVersionRecord, void> {
    const layer = await this.#records.get<LayerRecord>(layerKey(scope, name));
    let highest = Math.min(before - 1, layer?.value.lastVersion ?? 0);
    for (; highest > 0; highest -= versionsAtOnce) {
      const after = layerVersionKey(scope, name, Math.max(0, highest - versionsAtOnce));
      const entries = await this.#records.list<LayerVersionRecord>(versionsOf(scope, name), {
        after,
        limit: versionsAtOnce,
      });
      const upTo = highest;
      const versions = entries.map(({ value }) => value).filter(({ version }) => version <= upTo);
      yield* versions.toReversed();
    }
  }

  /** Names of layers, in their order, after `after`: also of those whose versions are all gone. */
  async *names(scope: Scope, after?: string): AsyncGenerator<string, void> {
    let last = after === undefined ? undefined : layerKey(scope, after);
    for (;;) {
      const options = { limit: pageMax, ...(last === undefined ? {} : { after: last }) };
      const page = await this.#records.list<LayerRecord>(layersOf(scope), options);
      for (const { key } of page) yield key[3] ?? "";
      last = page.at(-1)?.key;
      if (page.length < pageMax) return;
    }
  }

  /** Every version of one account and region, or of all of them. */
  async *all(scope?: Scope): AsyncGenerator<LayerVersionRecord, void> {
    const prefix = scope === undefined ? layerVersionsPrefix : versionsOf(scope);
    let last: Key | undefined;
    for (;;) {
      const options = { limit: pageMax, ...(last === undefined ? {} : { after: last }) };
      const page = await this.#records.list<LayerVersionRecord>(prefix, options);
      for (const { value } of page) yield value;
      last = page.at(-1)?.key;
      if (page.length < pageMax) return;
    }
  }
}
