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
import { UnavailableError } from "../../core/errors.ts";
import { DirectoryInUseError } from "../errors.ts";
import { toFailure } from "./group-commit.ts";

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
    if (toFailure(error).isDiskFull) {
      throw new UnavailableError("no-capacity", `the disk of ${directory} is full`, { cause: error });
    }
    if (!isBusy(error)) throw error;
    throw new DirectoryInUseError(
      `${directory} is in use by ${holderOf(holderFile)}. Stop that one, or choose another data directory.`,
      { cause: error },
    );
  }
  try {
    writeFileSync(holderFile, `process ${process.pid}\n`);
  } catch {
    // A full disk must not keep the engine from opening: only the message of a refusal is poorer.
  }
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
