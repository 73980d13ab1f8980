/**
 * Function records in the engine. Every write is a compare-and-set: of two clients that change one function at once,
 * the second decides again on what the first wrote.
 */
import { UnavailableError } from "../../core/errors.ts";
import { functionKey, functionsOf, functionsPrefix, type FunctionRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Records } from "../../engine/contract.ts";
import { functionExists, functionNotFound } from "./refusals.ts";

/** Writers that may overtake one change before it gives up; each round some writer has succeeded. */
const attemptsMax = 50;
/** Records read at once when all are wanted. */
const pageMax = 500;

export class FunctionStore {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  async find(scope: Scope, name: string): Promise<FunctionRecord | undefined> {
    return (await this.#records.get<FunctionRecord>(functionKey(scope, name)))?.value;
  }

  /** Throws ResourceNotFoundException. */
  async get(scope: Scope, name: string): Promise<FunctionRecord> {
    const record = await this.find(scope, name);
    if (record === undefined) throw functionNotFound(scope, name);
    return record;
  }

  /** Throws ResourceConflictException when the name is taken. */
  async create(record: FunctionRecord): Promise<void> {
    const outcome = await this.#records.put(functionKey(record.scope, record.name), record, "absent");
    if (!outcome.written) throw functionExists(record.name);
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
    const key = functionKey(scope, name);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const entry = await this.#records.get<FunctionRecord>(key);
      if (entry === undefined) throw functionNotFound(scope, name);
      const changed = change(entry.value);
      if (changed === entry.value) return changed;
      const outcome = await this.#records.put(key, changed, entry.revision);
      if (outcome.written) return changed;
    }
    throw new UnavailableError("busy", `function ${name} is being changed by too many clients at once`);
  }

  /** Throws ResourceNotFoundException when there is none. */
  async delete(scope: Scope, name: string): Promise<void> {
    const key = functionKey(scope, name);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const entry = await this.#records.get<FunctionRecord>(key);
      if (entry === undefined) throw functionNotFound(scope, name);
      const outcome = await this.#records.delete(key, entry.revision);
      if (outcome.written) return;
    }
    throw new UnavailableError("busy", `function ${name} is being changed by too many clients at once`);
  }

  /** In the order of names, after `after`. */
  async list(scope: Scope, options: { readonly after?: string; readonly limit: number }): Promise<FunctionRecord[]> {
    const { after, limit } = options;
    const entries = await this.#records.list<FunctionRecord>(functionsOf(scope), {
      limit,
      ...(after === undefined ? {} : { after: functionKey(scope, after) }),
    });
    return entries.map(({ value }) => value);
  }

  /** Every function of one account and region, or of all of them. */
  async *all(scope?: Scope): AsyncGenerator<FunctionRecord, void> {
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
