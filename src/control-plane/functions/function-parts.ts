/**
 * What belongs to a function besides its own record, such as its aliases, by qualifier: one record each, every write a
 * compare-and-set. A part is only written while its function is there, and goes with it.
 */
import type { ApiError } from "../../core/errors.ts";
import {
  functionKey,
  functionPartKey,
  type FunctionPartKind,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { changeEntry } from "../../engine/change-record.ts";
import type { Key, RecordEntry, Records } from "../../engine/contract.ts";
import { functionNotFound } from "./refusals.ts";

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
   * Throws ResourceNotFoundException when the function or the qualifier is gone, also when it went meanwhile.
   */
  async modify(
    scope: Scope,
    name: string,
    qualifier: string,
    change: (current: T | undefined) => T | undefined,
  ): Promise<T | undefined> {
    const key = functionPartKey(this.#kind, scope, name, qualifier);
    const { before, after, revision } = await changeEntry(this.#records, key, change);
    if (after === undefined || revision === undefined) return after;
    const refusal = await this.#refusalFor(scope, name, qualifier);
    if (refusal === undefined) return after;
    // Who removes parts finds what was changed meanwhile, but not what was made after he had looked.
    if (before === undefined) await this.#records.delete(key, revision);
    throw refusal;
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

  /** Every part of one function, in that order, after `after`. */
  async *of(scope: Scope, name: string, after?: string): AsyncGenerator<T, void> {
    const prefix = [this.#kind, scope.account, scope.region, name] as const;
    const from = after === undefined ? undefined : functionPartKey(this.#kind, scope, name, after);
    for await (const { value } of this.#entries(prefix, from)) yield value;
  }

  /** Of every function of one account and region, or of all of them, with their keys. */
  async *all(scope?: Scope): AsyncGenerator<RecordEntry<T>, void> {
    yield* this.#entries(scope === undefined ? [this.#kind] : [this.#kind, scope.account, scope.region]);
  }

  async *#entries(prefix: Key, from?: Key): AsyncGenerator<RecordEntry<T>, void> {
    let after = from;
    for (;;) {
      const page = await this.#records.list<T>(prefix, { limit: pageMax, ...(after === undefined ? {} : { after }) });
      yield* page;
      after = page.at(-1)?.key;
      if (page.length < pageMax) return;
    }
  }

  /** What was written while its function, or what it belongs to, was being removed must not stay behind. */
  async #refusalFor(scope: Scope, name: string, qualifier: string): Promise<ApiError | undefined> {
    const owner = (await this.#records.get<FunctionRecord>(functionKey(scope, name)))?.value;
    const isGone = owner === undefined || owner.deleting === true;
    const isGoing = owner?.intent?.kind === "remove" && owner.intent.qualifier === qualifier;
    return isGone || isGoing ? functionNotFound(scope, name, isGone ? undefined : qualifier) : undefined;
  }
}
