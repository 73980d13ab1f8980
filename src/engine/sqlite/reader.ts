/**
 * Reads records in the front's own thread, beside the writer: a key takes some ten microseconds, and never waits for a
 * commit. WAL shows a reader nothing that is not on disk: SQLite publishes a commit's frames after syncing them.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { RecordReader, RecordSnapshot, StoredRecord } from "../front/stores.ts";
import type { KeyRange } from "../keys.ts";

/** After so much text a page ends: about a millisecond of reading and parsing. */
const pageCharactersMax = 262_144;
/** Records in a snapshot's page. */
const snapshotPageRecords = 256;

export class SqliteReader implements RecordReader {
  readonly #openReader: () => DatabaseSync;
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #range: StatementSync;

  /** `openReader` makes one more connection, which a snapshot keeps to itself. */
  constructor(openReader: () => DatabaseSync) {
    this.#openReader = openReader;
    this.#database = openReader();
    this.#get = this.#database.prepare("SELECT key, json, revision FROM record WHERE key = ?");
    this.#range = this.#database.prepare(selectRange);
  }

  get(key: string): StoredRecord | undefined {
    return this.#get.get(key) as StoredRecord | undefined;
  }

  page({ from, to }: KeyRange, limit: number): StoredRecord[] {
    const [page = []] = pages(this.#range, { from, to }, limit);
    return page;
  }

  snapshot(range: KeyRange): RecordSnapshot {
    const database = this.#openReader();
    database.exec("BEGIN");
    const row = database.prepare("SELECT value FROM counter WHERE name = 'revision'").get();
    return {
      revision: Number(row?.["value"] ?? 0),
      pages: pages(database.prepare(selectRange), range, snapshotPageRecords),
      [Symbol.dispose]: () => database.close(),
    };
  }

  close(): void {
    this.#database.close();
  }
}

const selectRange = "SELECT key, json, revision FROM record WHERE key >= ? AND key < ? ORDER BY key";

function* pages(statement: StatementSync, { from, to }: KeyRange, recordsMax: number): Generator<StoredRecord[]> {
  let page: StoredRecord[] = [];
  let characters = 0;
  for (const row of statement.iterate(from, to)) {
    const record = row as unknown as StoredRecord;
    page.push(record);
    characters += record.json.length;
    if (page.length < recordsMax && characters < pageCharactersMax) continue;
    yield page;
    page = [];
    characters = 0;
  }
  if (page.length > 0) yield page;
}
