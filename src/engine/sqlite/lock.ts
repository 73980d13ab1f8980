/**
 * One process, and one engine in it, has a data directory at a time. The lock is one that the kernel gives up with its
 * process, however that ends, so a killed process leaves no obstacle: an exclusive transaction on an empty database.
 * The name of its holder stands in a file beside it, for the message only.
 *
 * Nobody may open and close the lock's file otherwise: POSIX drops a process's locks with any of its descriptors.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DataDirectoryError } from "../errors.ts";

export interface DirectoryLock {
  release(): void;
}

export function lockDirectory(directory: string): DirectoryLock {
  const holderFile = join(directory, "lock-holder");
  const database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw new DataDirectoryError(
      `${directory} is in use by ${holderOf(holderFile)}. Stop that one, or choose another data directory.`,
      { cause: error },
    );
  }
  writeFileSync(holderFile, `process ${process.pid}\n`);
  return { release: () => database.close() };
}

function holderOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trim() || "another process";
  } catch {
    return "another process";
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
}
