/**
 * Opens a database of the data directory: refuses what is foreign, damaged or of a later schema without touching it, and
 * takes the steps that an earlier schema lacks, in one transaction and after a copy was put aside.
 */
import { closeSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DataDirectoryError } from "../errors.ts";
import { applicationId, type Schema } from "../schema.ts";

/** How long a statement waits for another process's lock (a backup by hand, say) before it fails, in ms. */
const lockTimeoutMs = 5000;
/** What the write-ahead log is cut back to after a checkpoint. */
const walBytesMax = 16_777_216;
/** Pages kept in memory, in KiB (negative, as SQLite wants it); the others are in the system's page cache. */
const cacheKiB = -2048;

/** For writing; `synchronous=FULL` makes each commit wait for the disk. */
export function openDatabase(directory: string, schema: Schema): DatabaseSync {
  const path = join(directory, schema.file);
  checkHeader(path, schema);
  return guarded(path, () => {
    const database = new DatabaseSync(path, { timeout: lockTimeoutMs });
    try {
      database.exec(`PRAGMA auto_vacuum = INCREMENTAL;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA journal_size_limit = ${walBytesMax};
        PRAGMA cache_size = ${cacheKiB}`);
      migrate(database, directory, schema);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** For reading beside the writer, without waiting for its commits. */
export function openReader(directory: string, schema: Schema): DatabaseSync {
  return new DatabaseSync(join(directory, schema.file), { readOnly: true, timeout: lockTimeoutMs });
}

/** Where the copy of a database is put before its schema is changed. */
function safetyCopyName(schema: Schema, version: number): string {
  return `${schema.file}.schema-${version}`;
}

function migrate(database: DatabaseSync, directory: string, schema: Schema): void {
  const version = pragma(database, "user_version");
  // The header was looked at before, but a write-ahead log may hold a newer one.
  if (version > schema.steps.length) throw laterSchema(join(directory, schema.file), version, schema);
  if (version === schema.steps.length) return;
  if (version > 0) copyAside(database, join(directory, safetyCopyName(schema, version)));
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of schema.steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schema.steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

function copyAside(database: DatabaseSync, path: string): void {
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { force: true });
  database.prepare("VACUUM INTO ?").run(unfinished);
  renameSync(unfinished, path);
}

/** Looks at a file's first bytes before SQLite does, which might replay a foreign file's log. */
function checkHeader(path: string, schema: Schema): void {
  const header = readHeader(path);
  if (header === undefined) return;
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\u0000") throw foreign(path);
  const [version, application] = [header.readUInt32BE(60), header.readUInt32BE(68)];
  // Both are 0 in a file whose making was cut short: everything is in its log then, or it is empty.
  if (application !== applicationId && (application !== 0 || version !== 0)) throw foreign(path);
  if (version > schema.steps.length) throw laterSchema(path, version, schema);
}

/** Undefined for a file that is absent or empty. */
function readHeader(path: string): Buffer | undefined {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes === 0) return undefined;
  const header = Buffer.alloc(100);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return header;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function laterSchema(path: string, version: number, schema: Schema): DataDirectoryError {
  return new DataDirectoryError(
    `${path} has schema ${version}, but this version of Hearth knows schemas up to ${schema.steps.length}. ` +
      "Nothing was changed. Start the newer version that wrote it, or restore a backup into an empty directory.",
  );
}

function foreign(path: string): DataDirectoryError {
  return new DataDirectoryError(
    `${path} is damaged or was not written by Hearth. Nothing was changed. ` +
      "Choose another data directory, or restore a backup into an empty one.",
  );
}

/** Turns SQLite's findings of damage into a text for the person who runs Hearth. */
function guarded<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
    if (code !== sqliteCorrupt && code !== sqliteNotADatabase) throw error;
    throw new DataDirectoryError(`${path} is damaged. Restore a backup into an empty directory.`, { cause: error });
  }
}

const sqliteCorrupt = 11;
const sqliteNotADatabase = 26;
