/**
 * Blobs as files named by their digest. A blob is written beside its place, synced, renamed into it, and the folder
 * synced: it is there whole or not at all. Hashing runs in the thread pool, so that large packages hold nobody up.
 */
import { randomUUID } from "node:crypto";
import { constants, mkdirSync, readdirSync, rmSync, existsSync } from "node:fs";
import { access, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { UnavailableError } from "../../core/errors.ts";
import type { Clock } from "../../core/clock.ts";
import type { Blobs, Digest } from "../contract.ts";
import { DataDirectoryError } from "../errors.ts";
import type { Lifetime } from "../front/lifetime.ts";
import { blobBytesMax, isDigest, requireAtMost, requireDigest } from "../limits.ts";
import type { Owner } from "./ownership.ts";

/** Operations under way at once; each may hold a large package in memory. */
const operationsMax = 64;
const unfinishedPrefix = "unfinished-";

export class FileBlobs implements Blobs {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #underway = new Set<Promise<unknown>>();
  /** The write of a digest, so that the same content put twice at once is written once. */
  readonly #writes = new Map<Digest, Promise<void>>();
  /** Deletions wait for it while a backup takes down what is there. */
  #deletionsHeld: Promise<void> = Promise.resolve();

  constructor(folder: string, owner: Owner, clock: Clock, lifetime: Lifetime) {
    this.#folder = folder;
    this.#clock = clock;
    this.#lifetime = lifetime;
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    owner.give(folder);
    for (const name of readdirSync(folder)) if (name.startsWith(unfinishedPrefix)) rmSync(join(folder, name));
  }

  put(content: Uint8Array): Promise<Digest> {
    return this.#run(async () => {
      requireAtMost("the blob", content.byteLength, blobBytesMax, "bytes");
      const digest = await digestOf(content);
      const other = this.#writes.get(digest);
      const write = other ?? this.#write(digest, content).finally(() => this.#writes.delete(digest));
      this.#writes.set(digest, write);
      await write;
      return digest;
    });
  }

  get(digest: Digest): Promise<Uint8Array | undefined> {
    return this.#run(async () => {
      const content = await unlessAbsent(readFile(this.#path(digest)));
      if (content && (await digestOf(content)) !== digest) {
        throw new DataDirectoryError(`${this.#path(digest)} is damaged. Restore a backup into an empty directory.`);
      }
      return content;
    });
  }

  has(digest: Digest): Promise<boolean> {
    return this.#run(async () => (await unlessAbsent(access(this.#path(digest)).then(() => true))) ?? false);
  }

  async delete(digest: Digest): Promise<void> {
    this.#lifetime.requireOpen();
    // Not counted as under way meanwhile: a backup must not keep packages from being stored.
    await this.#deletionsHeld;
    await this.#run(async () => {
      await rm(this.#path(digest), { force: true });
      await this.#syncFolder();
    });
  }

  list(): Promise<{ digest: Digest; bytes: number; storedAtMs: number }[]> {
    return this.#run(async () => {
      const listed = [];
      for (const digest of await readdir(this.#folder)) {
        if (!isDigest(digest)) continue;
        const found = await unlessAbsent(stat(join(this.#folder, digest)));
        if (found) listed.push({ digest, bytes: found.size, storedAtMs: Math.round(found.mtimeMs) });
      }
      return listed;
    });
  }

  /** While `task` runs nothing is deleted. One at a time. */
  async holdDeletions<T>(task: () => Promise<T>): Promise<T> {
    await this.#deletionsHeld;
    const held = Promise.withResolvers<void>();
    this.#deletionsHeld = held.promise;
    try {
      return await task();
    } finally {
      held.resolve();
    }
  }

  /** Resolves when all that was under way, a backup included, has ended. */
  async drained(): Promise<void> {
    await this.#deletionsHeld;
    await Promise.allSettled(this.#underway);
  }

  #path(digest: Digest): string {
    requireDigest(digest);
    return join(this.#folder, digest);
  }

  async #write(digest: Digest, content: Uint8Array): Promise<void> {
    const path = this.#path(digest);
    const storedAt = new Date(this.#clock.now());
    if ((await unlessAbsent(utimes(path, storedAt, storedAt).then(() => true))) === undefined) {
      await this.#writeNew(path, content, storedAt);
    }
    // Also for what was there: the process that renamed it may have died before it could sync.
    await this.#syncFolder();
  }

  async #writeNew(path: string, content: Uint8Array, storedAt: Date): Promise<void> {
    const unfinished = join(this.#folder, unfinishedPrefix + randomUUID());
    try {
      const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
      await using file = await open(unfinished, flags, 0o600);
      await file.writeFile(content);
      await file.utimes(storedAt, storedAt);
      await file.sync();
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async #syncFolder(): Promise<void> {
    await using folder = await open(this.#folder, constants.O_RDONLY | constants.O_DIRECTORY);
    await folder.sync();
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
    this.#lifetime.requireOpen();
    if (this.#underway.size >= operationsMax) {
      throw new UnavailableError("busy", `${operationsMax} operations on blobs are under way`);
    }
    const work = task();
    this.#underway.add(work);
    try {
      return await work;
    } catch (error) {
      throw hasCode(error, "ENOSPC", "EDQUOT")
        ? new UnavailableError("no-capacity", `the disk of ${this.#folder} is full`, { cause: error })
        : error;
    } finally {
      this.#underway.delete(work);
    }
  }
}

async function digestOf(content: Uint8Array): Promise<Digest> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>)).toString("hex");
}

async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
