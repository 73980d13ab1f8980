/** Records in a map, with their keys in order beside it. */
import type { RecordReader, RecordSnapshot, RecordStore, StoredRecord, StoredWrite } from "../front/stores.ts";
import { compareText, isInRange, type KeyRange } from "../keys.ts";

export class MemoryRecords implements RecordStore, RecordReader {
  readonly #records = new Map<string, StoredRecord>();
  readonly #keys: string[] = [];
  #revision = 0;

  get(key: string): StoredRecord | undefined {
    return this.#records.get(key);
  }

  put({ key, json, expect }: Parameters<RecordStore["put"]>[0]): StoredWrite {
    const current = this.#records.get(key);
    if (expect !== undefined && expect !== (current?.revision ?? "absent")) return { written: false, current };
    if (!current) this.#keys.splice(this.#indexOf(key), 0, key);
    this.#records.set(key, { key, json, revision: ++this.#revision });
    return { written: true, revision: this.#revision };
  }

  delete({ key, expect }: Parameters<RecordStore["delete"]>[0]): StoredWrite {
    const current = this.#records.get(key);
    if (expect !== undefined && expect !== current?.revision) return { written: false, current };
    if (current) this.#keys.splice(this.#indexOf(key), 1);
    this.#records.delete(key);
    return { written: true, revision: ++this.#revision };
  }

  page(range: KeyRange, limit: number): StoredRecord[] {
    const page: StoredRecord[] = [];
    for (let index = this.#indexOf(range.from); page.length < limit; index++) {
      const key = this.#keys[index];
      const record = key !== undefined && isInRange(key, range) ? this.#records.get(key) : undefined;
      if (!record) break;
      page.push(record);
    }
    return page;
  }

  snapshot(range: KeyRange): RecordSnapshot {
    return { revision: this.#revision, pages: [this.page(range, Infinity)], [Symbol.dispose]: () => {} };
  }

  /** Where the key is or would be. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareText(this.#keys[middle] ?? "", key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
