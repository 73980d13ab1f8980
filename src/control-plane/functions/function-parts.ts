/**
 * What belongs to a function besides its own record, such as its aliases, by qualifier: one record each, every write a
 * compare-and-set. A part is only written while its function is there, and goes with it.
 */
import { UnavailableError } from "../../core/errors.ts";
import {
  functionKey,
  functionPartKey,
  type FunctionPartKind,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { RecordEntry, Records } from "../../engine/contract.ts";
import { functionNotFound } from "./refusals.ts";

/** Writers that may overtake one change before it gives up; each round some writer has succeeded. */
const attemptsMax = 50;
/** Records read at once when all are wanted. */
const pageMax = 500;

export class FunctionParts<T> {
  readonly #records: Records;
  readonly #kind: FunctionPartKind;

  constructor(records: Records, kind: FunctionPartKind) {
    this.#records = records;
    this.#kind = kind;
  }

  async find(scope: Scope, name: string, qualifier: string): Promise<T | undefined> {
    return (await this.#records.get<T>(functionPartKey(this.#kind, scope, name, qualifier)))?.value;
  }

  /**
   * Writes what `change` makes of the part, which is undefined while there is none; undefined removes it. `change` may
   * run several times and may throw; when it returns the part itself, nothing is written. Returns what is there now.
   * Throws ResourceNotFoundException when the function is gone, also when it went meanwhile.
   */
  async modify(
    scope: Scope,
    name: string,
    qualifier: string,
    change: (current: T | undefined) => T | undefined,
  ): Promise<T | undefined> {
    const key = functionPartKey(this.#kind, scope, name, qualifier);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const entry = await this.#records.get<T>(key);
      const changed = change(entry?.value);
      if (changed === entry?.value) return changed;
      const outcome =
        changed === undefined
          ? await this.#records.delete(key, entry?.revision)
          : await this.#records.put(key, changed, entry?.revision ?? "absent");
      if (!outcome.written) continue;
      if (changed !== undefined) await this.#requireFunction(scope, name, async () => this.#records.delete(key));
      return changed;
    }
    throw new UnavailableError("busy", `${this.#kind} of ${name} is being changed by too many clients at once`);
  }

  /** Of one function, in the order of versions, then of names, after `after`. */
  async list(
    scope: Scope,
    name: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<T[]> {
    const { after, limit } = options;
    const entries = await this.#records.list<T>([this.#kind, scope.account, scope.region, name], {
      ...(limit === undefined ? {} : { limit }),
      ...(after === undefined ? {} : { after: functionPartKey(this.#kind, scope, name, after) }),
    });
    return entries.map(({ value }) => value);
  }

  /** Of every function of one account and region, or of all of them, with their keys. */
  async *all(scope?: Scope): AsyncGenerator<RecordEntry<T>, void> {
    const prefix = scope === undefined ? ([this.#kind] as const) : ([this.#kind, scope.account, scope.region] as const);
    let page = await this.#records.list<T>(prefix, { limit: pageMax });
    while (page.length > 0) {
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageMax) return;
      page = await this.#records.list<T>(prefix, { limit: pageMax, after: last.key });
    }
  }

  async #requireFunction(scope: Scope, name: string, undo: () => Promise<unknown>): Promise<void> {
    const owner = await this.#records.get<FunctionRecord>(functionKey(scope, name));
    if (owner !== undefined && owner.value.deleting === undefined) return;
    await undo();
    throw functionNotFound(scope, name);
  }
}
