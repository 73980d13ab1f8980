/**
 * Function records in the engine. Every write is a compare-and-set: of two clients that change one function at once,
 * the second decides again on what the first wrote. A function that is being deleted is hidden: only `stored` and
 * `create` tell of it.
 */
import { functionKey, functionsOf, functionsPrefix, type FunctionRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { Records } from "../../engine/contract.ts";
import { functionExists, functionNotFound } from "./refusals.ts";

/** Records read at once when all are wanted. */
const pageMax = 500;

export class FunctionStore {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  async find(scope: Scope, name: string): Promise<FunctionRecord | undefined> {
    const record = (await this.#records.get<FunctionRecord>(functionKey(scope, name)))?.value;
    return record?.deleting === true ? undefined : record;
  }

  /** Throws ResourceNotFoundException. */
  async get(scope: Scope, name: string): Promise<FunctionRecord> {
    const record = await this.find(scope, name);
    if (record === undefined) throw functionNotFound(scope, name);
    return record;
  }

  /**
   * Throws ResourceConflictException when the name is taken. When a former function of that name is still being deleted,
   * nothing is written and its record is returned.
   */
  async create(record: FunctionRecord): Promise<FunctionRecord | undefined> {
    const outcome = await this.#records.put(functionKey(record.scope, record.name), record, "absent");
    if (outcome.written) return undefined;
    if (outcome.current?.value.deleting === true) return outcome.current.value;
    throw functionExists(record.name);
  }

  /**
   * Writes what `change` makes of the record, and returns it. `change` may run several times and may throw; when it
   * returns the record itself, nothing is written.
   */
  async modify(
    scope: Scope,
    name: string,
    change: (record: FunctionRecord) => FunctionRecord,
  ): Promise<FunctionRecord> {
    return changeRecord(this.#records, functionKey(scope, name), (record: FunctionRecord | undefined) => {
      if (record === undefined || record.deleting === true) throw functionNotFound(scope, name);
      return change(record);
    });
  }

  /** Removes the record of a function whose deletion has begun; does nothing when it is gone or there is a new one. */
  async forget(scope: Scope, name: string): Promise<void> {
    const key = functionKey(scope, name);
    const entry = await this.#records.get<FunctionRecord>(key);
    // Nobody changes a record that is being deleted: if this fails, it has been removed by somebody else.
    if (entry?.value.deleting === true) await this.#records.delete(key, entry.revision);
  }

  /** In the order of names, after `after`. */
  async list(scope: Scope, options: { readonly after?: string; readonly limit: number }): Promise<FunctionRecord[]> {
    const listed: FunctionRecord[] = [];
    let { after } = options;
    for (;;) {
      const wanted = options.limit - listed.length;
      const entries = await this.#records.list<FunctionRecord>(functionsOf(scope), {
        limit: wanted,
        ...(after === undefined ? {} : { after: functionKey(scope, after) }),
      });
      listed.push(...entries.map(({ value }) => value).filter(({ deleting }) => deleting === undefined));
      if (entries.length < wanted || listed.length === options.limit) return listed;
      after = entries.at(-1)?.value.name;
    }
  }

  /** Every function of one account and region, or of all of them. */
  async *all(scope?: Scope): AsyncGenerator<FunctionRecord, void> {
    for await (const record of this.stored(scope)) if (record.deleting === undefined) yield record;
  }

  /** As `all`, with those that are being deleted. */
  async *stored(scope?: Scope): AsyncGenerator<FunctionRecord, void> {
    const prefix = scope === undefined ? functionsPrefix : functionsOf(scope);
    let page = await this.#records.list<FunctionRecord>(prefix, { limit: pageMax });
    while (page.length > 0) {
      for (const { value } of page) yield value;
      const last = page.at(-1);
      if (last === undefined || page.length < pageMax) return;
      page = await this.#records.list<FunctionRecord>(prefix, { limit: pageMax, after: last.key });
    }
  }
}
