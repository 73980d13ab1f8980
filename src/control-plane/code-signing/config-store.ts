/** Code signing configurations in the engine. Every write is a compare-and-set. */
import { UnavailableError } from "../../core/errors.ts";
import { invariant } from "../../core/invariant.ts";
import type { Scope } from "../../core/identity.ts";
import type { Key, Records } from "../../engine/contract.ts";
import { configIdOf, type CodeSigningConfigRecord } from "./config-record.ts";
import { configNotFound } from "./refusals.ts";

/** Writers that may overtake one change before it gives up; each round some writer has succeeded. */
const attemptsMax = 50;

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
    const key = keyOf(scope, id);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const entry = await this.#records.get<CodeSigningConfigRecord>(key);
      if (entry === undefined) throw configNotFound(arn);
      const changed = change(entry.value);
      if (changed === entry.value) return changed;
      const outcome =
        changed === undefined
          ? await this.#records.delete(key, entry.revision)
          : await this.#records.put(key, changed, entry.revision);
      if (outcome.written) return changed;
    }
    throw new UnavailableError("busy", `${arn} is being changed by too many clients at once`);
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
