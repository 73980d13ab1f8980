/** The statements of records, for the writing thread. */
import type { DatabaseSync } from "node:sqlite";
import type { RecordStore, StoredRecord, StoredWrite } from "../front/stores.ts";
import type { Counter } from "./counter.ts";

export class SqliteRecords implements RecordStore {
  readonly #revisions: Counter;
  readonly #get;
  readonly #put;
  readonly #delete;

  constructor(database: DatabaseSync, revisions: Counter) {
    this.#revisions = revisions;
    this.#get = database.prepare("SELECT key, json, revision FROM record WHERE key = ?");
    this.#put = database.prepare(
      `INSERT INTO record (key, json, revision) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET json = excluded.json, revision = excluded.revision`,
    );
    this.#delete = database.prepare("DELETE FROM record WHERE key = ?");
  }

  put({ key, json, expect }: Parameters<RecordStore["put"]>[0]): StoredWrite {
    if (expect !== undefined) {
      const current = this.#current(key);
      if (expect !== (current?.revision ?? "absent")) return { written: false, current };
    }
    const revision = this.#revisions.next();
    this.#put.run(key, json, revision);
    return { written: true, revision };
  }

  delete({ key, expect }: Parameters<RecordStore["delete"]>[0]): StoredWrite {
    if (expect !== undefined) {
      const current = this.#current(key);
      if (expect !== current?.revision) return { written: false, current };
    }
    this.#delete.run(key);
    return { written: true, revision: this.#revisions.next() };
  }

  #current(key: string): StoredRecord | undefined {
    return this.#get.get(key) as StoredRecord | undefined;
  }
}
