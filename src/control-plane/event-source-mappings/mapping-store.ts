/** Mapping records in the engine. Every write is a compare-and-set. */
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { Records } from "../../engine/contract.ts";
import { mappingKey, mappingsOf, mappingsPrefix, type EventSourceMappingRecord } from "./mapping-record.ts";

/** Records read at once when all are wanted. */
const pageMax = 500;

/** What else a caller asks for is no mapping's id, and may be too long for a key. */
const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class MappingStore {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  async find(scope: Scope, uuid: string): Promise<EventSourceMappingRecord | undefined> {
    if (!idPattern.test(uuid)) return undefined;
    return (await this.#records.get<EventSourceMappingRecord>(mappingKey(scope, uuid)))?.value;
  }

  async create(record: EventSourceMappingRecord): Promise<void> {
    await this.#records.put(mappingKey(record.scope, record.uuid), record, "absent");
  }

  /**
   * Writes what `change` makes of the mapping, undefined removes it, and returns what is there now. `change` may run
   * several times and may throw; when it returns the record itself, nothing is written. Throws ResourceNotFoundException.
   */
  async modify<T extends EventSourceMappingRecord | undefined>(
    scope: Scope,
    uuid: string,
    change: (record: EventSourceMappingRecord) => T,
  ): Promise<T> {
    if (!idPattern.test(uuid)) throw mappingNotFound();
    return changeRecord(this.#records, mappingKey(scope, uuid), (record: EventSourceMappingRecord | undefined) => {
      if (record === undefined) throw mappingNotFound();
      return change(record);
    });
  }

  /** Of one account and region, or of all, in the order of their ids, after `after`. */
  async *all(scope?: Scope, after?: string): AsyncGenerator<EventSourceMappingRecord, void> {
    const prefix = scope === undefined ? mappingsPrefix : mappingsOf(scope);
    let last = scope === undefined || after === undefined ? undefined : mappingKey(scope, after);
    for (;;) {
      const page = await this.#records.list<EventSourceMappingRecord>(prefix, {
        limit: pageMax,
        ...(last === undefined ? {} : { after: last }),
      });
      for (const { value } of page) yield value;
      const end = page.at(-1)?.value;
      if (end === undefined || page.length < pageMax) return;
      last = mappingKey(end.scope, end.uuid);
    }
  }
}

export function mappingNotFound(): ApiError {
  return new ApiError("ResourceNotFoundException", "The resource you requested does not exist.");
}
