/** Code signing configurations in the engine. Every write is a compare-and-set. */
import { invariant } from "../../core/invariant.ts";
import type { Scope } from "../../core/identity.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { Key, Records } from "../../engine/contract.ts";
import { configIdOf, type CodeSigningConfigRecord } from "./config-record.ts";
import { configNotFound } from "./refusals.ts";

export class ConfigStore {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  async create(scope: Scope, record: CodeSigningConfigRecord): Promise<void> {
    const { written } = await this.#records.put(keyOf(scope, record.id), record, "absent");
    invariant(written, "ids of configurations are never used twice");
  }

  async find(scope: Scope, arn: string): Promise<CodeSigningConfigRecord | undefined> {
    const id = configIdOf(arn, scope);
    return id === undefined ? undefined : (await this.#records.get<CodeSigningConfigRecord>(keyOf(scope, id)))?.value;
  }

  /** Writes what `change` makes of the record; undefined removes it. Throws ResourceNotFoundException. */
  async modify<T extends CodeSigningConfigRecord | undefined>(
    scope: Scope,
    arn: string,
    change: (record: CodeSigningConfigRecord) => T,
  ): Promise<T> {
    const id = configIdOf(arn, scope);
    if (id === undefined) throw configNotFound(arn);
    return changeRecord(this.#records, keyOf(scope, id), (record: CodeSigningConfigRecord | undefined) => {
      if (record === undefined) throw configNotFound(arn);
      return change(record);
    });
  }

  /** In the order of ids, after `after`. */
  async list(
    scope: Scope,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<CodeSigningConfigRecord[]> {
    const entries = await this.#records.list<CodeSigningConfigRecord>(
      ["code-signing-config", scope.account, scope.region],
      { limit, ...(after === undefined ? {} : { after: keyOf(scope, after) }) },
    );
    return entries.map(({ value }) => value);
  }
}

function keyOf(scope: Scope, id: string): Key {
  return ["code-signing-config", scope.account, scope.region, id];
}
