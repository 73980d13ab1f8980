/**
 * Runs many operations in one transaction, so that all of them share one wait for the disk.
 *
 * Each has a savepoint of its own: one that fails is undone alone. When the transaction as a whole fails, nothing of it
 * was written; if the disk is full, each operation is tried again by itself, since a smaller one, or one that frees
 * space, may still succeed.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Counter } from "./counter.ts";

export type Outcome = { readonly value: unknown } | { readonly failure: Failure };

/** An error as it crosses threads. */
export interface Failure {
  readonly isDiskFull: boolean;
  readonly message: string;
}

const sqliteIoError = 10;
const sqliteFull = 13;

export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #counters: readonly Counter[];
  readonly #begin;
  readonly #commit;
  readonly #savepoint;
  readonly #release;
  readonly #undo;

  constructor(database: DatabaseSync, counters: readonly Counter[]) {
    this.#database = database;
    this.#counters = counters;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#savepoint = database.prepare("SAVEPOINT operation");
    this.#release = database.prepare("RELEASE operation");
    this.#undo = database.prepare("ROLLBACK TO operation");
  }

  /** The outcomes, in the order of the operations; those with a value are on disk. */
  run(operations: readonly (() => unknown)[]): Outcome[] {
    try {
      return this.#transact(operations);
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      const failure = toFailure(error);
      if (!failure.isDiskFull || operations.length === 1) return operations.map(() => ({ failure }));
      return operations.flatMap((operation) => this.run([operation]));
    }
  }

  #transact(operations: readonly (() => unknown)[]): Outcome[] {
    this.#begin.run();
    const outcomes = operations.map((operation) => this.#attempt(operation));
    for (const counter of this.#counters) counter.save();
    this.#commit.run();
    for (const counter of this.#counters) counter.saved();
    return outcomes;
  }

  #attempt(operation: () => unknown): Outcome {
    this.#savepoint.run();
    try {
      const value = operation();
      this.#release.run();
      return { value };
    } catch (error) {
      const failure = toFailure(error);
      // SQLite may have rolled back everything by itself; the whole group is decided together then.
      if (failure.isDiskFull || !this.#database.isTransaction) throw error;
      this.#undo.run();
      this.#release.run();
      return { failure };
    }
  }
}

export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { isDiskFull: false, message: String(error) };
  const code = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return { isDiskFull: code === sqliteFull || (code === sqliteIoError && isNoSpace(error)), message: error.message };
}

/** A full disk shows as a plain I/O error where SQLite extends its shared-memory file. */
function isNoSpace(error: Error): boolean {
  return "errcode" in error && ioErrorsOfFullDisk.has(Number(error.errcode));
}

/** SQLITE_IOERR_WRITE, _TRUNCATE, _SHMOPEN, _SHMSIZE, _SHMMAP. */
const ioErrorsOfFullDisk: ReadonlySet<number> = new Set([778, 1546, 4618, 4874, 5386]);
