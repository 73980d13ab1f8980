/**
 * Packages on disk: one directory per digest, made whole or not at all, readable by everyone, never changed.
 *
 * An archive is unpacked beside its place, then renamed into it. What a crash leaves behind carries a name of its own
 * and is removed when the store is opened. Packages are a cache of the archives, which are durable elsewhere: they are
 * not flushed to the disk but trusted for as long as the kernel runs that wrote them, in a directory named after it.
 *
 * Unpacking runs on the caller's event loop, in slices, so that requests beside it wait for no more than a few
 * milliseconds.
 */
import { closeSync, fchmodSync, futimesSync, openSync, writeSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { invariant } from "../core/invariant.ts";
import type { Digest } from "../engine/contract.ts";
import type { PackageStore } from "./contract.ts";
import { isSmall, streamedContent, wholeContent } from "./entry-content.ts";
import { linkTargetBytesMax, planPackage, type PlannedEntry } from "./package-plan.ts";
import { unreadableZip } from "./refusals.ts";
import { readZipDirectory, type ZipEntry } from "./zip-directory.ts";

/** Names of what is not (or no longer) a package. */
const unfinishedPrefix = ".unfinished-";
const removedPrefix = ".removed-";
/** Archives worked on at once: each is held in memory, and each takes one thread of the pool. */
const archivesAtOnceMax = 2;
/** Work between two turns of the event loop, in ms. */
const sliceMs = 2;

const directoryMode = 0o755;
const fileMode = 0o644;
const executableMode = 0o755;

export interface PackageStoreOptions {
  readonly clock: Clock;
  /** Changes with every boot of the machine; the kernel's own unless a test says otherwise. */
  readonly bootId?: string;
}

/** Opens the store in `directory`, making it if absent, and clears away what a crash or an earlier boot left. */
export async function openPackageStore(directory: string, options: PackageStoreOptions): Promise<PackageStore> {
  const bootId = options.bootId ?? (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const current = join(directory, bootId);
  await mkdir(current, { recursive: true, mode: directoryMode });

  const leftovers = (await readdir(directory)).filter((name) => name !== bootId).map((name) => join(directory, name));
  const whole = new Set<Digest>();
  for (const name of await readdir(current)) {
    if (isDigest(name)) whole.add(name);
    else if (name.startsWith(unfinishedPrefix) || name.startsWith(removedPrefix)) leftovers.push(join(current, name));
  }
  // Nobody waits for gigabytes to go: what a failure leaves is a leftover of the next start.
  void Promise.allSettled(leftovers.map(removeTree));
  return new DirectoryPackageStore(current, options.clock, whole);
}

class DirectoryPackageStore implements PackageStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #whole: Set<Digest>;
  /** The last change of each digest that is under way; the next one waits for it. */
  readonly #changes = new Map<Digest, Promise<unknown>>();
  #free = archivesAtOnceMax;
  readonly #waiting: (() => void)[] = [];

  constructor(directory: string, clock: Clock, whole: Set<Digest>) {
    this.#directory = directory;
    this.#clock = clock;
    this.#whole = whole;
  }

  async inspect(zip: Uint8Array): Promise<{ readonly unzippedBytes: number; readonly entries: number }> {
    return this.#inTurn(async () => {
      const entries = await readZipDirectory(zip);
      planPackage(entries, linkTarget);
      const slice = new TimeSlice(this.#clock);
      let unzippedBytes = 0;
      for (const entry of entries) {
        await consume(entry);
        unzippedBytes += entry.bytes;
        await slice.pause();
      }
      return { unzippedBytes, entries: entries.length };
    });
  }

  async unpack(digest: Digest, zip: Uint8Array): Promise<string> {
    invariant(isDigest(digest), "a package is named by a digest");
    return this.#change(digest, async () => {
      const place = join(this.#directory, digest);
      if (this.#whole.has(digest)) return place;
      await this.#inTurn(async () => this.#unpackInto(place, zip));
      this.#whole.add(digest);
      return place;
    });
  }

  find(digest: Digest): string | undefined {
    return this.#whole.has(digest) ? join(this.#directory, digest) : undefined;
  }

  async remove(digest: Digest): Promise<void> {
    await this.#change(digest, async () => {
      if (!this.#whole.delete(digest)) return;
      const removed = await mkdtemp(join(this.#directory, removedPrefix));
      await rename(join(this.#directory, digest), join(removed, digest));
      await removeTree(removed);
    });
  }

  async #unpackInto(place: string, zip: Uint8Array): Promise<void> {
    const unfinished = await mkdtemp(join(this.#directory, unfinishedPrefix));
    try {
      const slice = new TimeSlice(this.#clock);
      for (const planned of planPackage(await readZipDirectory(zip), linkTarget)) {
        await write(planned, join(unfinished, planned.path));
        await slice.pause();
      }
      await chmod(unfinished, directoryMode);
      await rename(unfinished, place);
    } catch (error) {
      await removeTree(unfinished);
      throw error;
    }
  }

  /** Runs the changes of one digest one after the other. */
  async #change<T>(digest: Digest, task: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(digest) ?? Promise.resolve();
    const change = before.then(task, task);
    this.#changes.set(digest, change);
    try {
      return await change;
    } finally {
      if (this.#changes.get(digest) === change) this.#changes.delete(digest);
    }
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** Lets the event loop turn once the slice is used up. */
class TimeSlice {
  readonly #clock: Clock;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  async pause(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#sinceMs < sliceMs) return;
    await setImmediate();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}

function isDigest(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

function linkTarget(entry: ZipEntry): string {
  if (entry.bytes > linkTargetBytesMax || !isSmall(entry)) throw unreadableZip();
  return Buffer.from(wholeContent(entry)).toString("utf8");
}

async function consume(entry: ZipEntry): Promise<void> {
  if (isSmall(entry)) {
    wholeContent(entry);
    return;
  }
  const content = streamedContent(entry);
  while ((await content.next()).done !== true) {
    // Reading is all there is to do: the content checks itself.
  }
}

async function write(planned: PlannedEntry, path: string): Promise<void> {
  switch (planned.kind) {
    case "directory":
      await mkdir(path);
      await chmod(path, directoryMode);
      return;
    case "link":
      await symlink(planned.target, path);
      return;
    case "file":
      if (isSmall(planned.entry)) writeSmall(planned, path);
      else await writeLarge(planned, path);
  }
}

type PlannedFile = Extract<PlannedEntry, { readonly kind: "file" }>;

/** Synchronous calls: a tenth of the time that the same calls take by way of the thread pool. */
function writeSmall({ entry, executable }: PlannedFile, path: string): void {
  const content = wholeContent(entry);
  const descriptor = openSync(path, "wx");
  try {
    for (let at = 0; at < content.byteLength;) at += writeSync(descriptor, content, at);
    fchmodSync(descriptor, executable ? executableMode : fileMode);
    futimesSync(descriptor, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
  } finally {
    closeSync(descriptor);
  }
}

async function writeLarge({ entry, executable }: PlannedFile, path: string): Promise<void> {
  await using file = await open(path, "wx");
  for await (const chunk of streamedContent(entry)) await file.writeFile(chunk);
  await file.chmod(executable ? executableMode : fileMode);
  await file.utimes(entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
}

/** Directories of a package can always be entered, so that nothing in it resists. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
