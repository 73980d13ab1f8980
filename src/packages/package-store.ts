/**
 * Packages on disk: one directory per digest, made whole or not at all, readable by everyone, never changed.
 *
 * An archive is unpacked beside its place, then renamed into it; so are trees of several packages. What a crash leaves behind carries a name of its own
 * and is removed when the store is opened. Packages are a cache of the archives, which are durable elsewhere: they are
 * not flushed to the disk but trusted for as long as the kernel runs that wrote them, in a directory named after it.
 *
 * Large archives are worked on in a thread of their own, small ones on the caller's event loop, in slices: requests
 * beside them wait for no more than a few milliseconds.
 */
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { Gate } from "../core/gate.ts";
import { invariant } from "../core/invariant.ts";
import type { Digest } from "../engine/contract.ts";
import { directoryMode, runArchiveJob, type ArchiveSummary } from "./archive-job.ts";
import { treeIdOf, type PackageStore, type TreeId } from "./contract.ts";
import { runInThread, type PackageJob } from "./package-thread-runner.ts";

/** Names of what is not (or no longer) a package. */
const unfinishedPrefix = ".unfinished-";
const removedPrefix = ".removed-";
/** Before the id of a tree of several packages. */
const treePrefix = "tree-";
/** Archives worked on at once: each is held in memory, and each takes one thread of the pool. */
const archivesAtOnceMax = 2;
/** Archives up to this size are worked on at once: starting a thread takes as long as a thousand files. */
const inlineBytesMax = 131_072;

export interface PackageStoreOptions {
  readonly clock: Clock;
  /** A UUID that changes with every boot of the machine; the kernel's own unless a test says otherwise. */
  readonly bootId?: string;
}

/** Opens the store in `directory`, making it if absent, and clears away what a crash or an earlier boot left. */
export async function openPackageStore(directory: string, options: PackageStoreOptions): Promise<PackageStore> {
  const bootId = options.bootId ?? (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const current = join(directory, bootId);
  await mkdir(current, { recursive: true, mode: directoryMode });

  const earlier = (await readdir(directory)).filter((name) => isBootId(name) && name !== bootId);
  const leftovers = earlier.map((name) => join(directory, name));
  const whole = new Set<string>();
  for (const name of await readdir(current)) {
    if (isDigest(name) || isTree(name)) whole.add(name);
    else if (name.startsWith(unfinishedPrefix) || name.startsWith(removedPrefix)) leftovers.push(join(current, name));
  }
  // Nobody waits for gigabytes to go: what a failure leaves is a leftover of the next start.
  void Promise.allSettled(leftovers.map(removeTree));
  return new DirectoryPackageStore(current, options.clock, whole);
}

class DirectoryPackageStore implements PackageStore {
  readonly #directory: string;
  readonly #clock: Clock;
  /** Names of the packages and trees that are there. */
  readonly #whole: Set<string>;
  /** The last change of each of them that is under way; the next one waits for it. */
  readonly #changes = new Map<string, Promise<unknown>>();
  readonly #archives = new Gate(archivesAtOnceMax);

  constructor(directory: string, clock: Clock, whole: Set<string>) {
    this.#directory = directory;
    this.#clock = clock;
    this.#whole = whole;
  }

  async inspect(zip: Uint8Array): Promise<ArchiveSummary> {
    return this.#archives.run(async () => this.#work({ kind: "inspect", zip }));
  }

  async unpack(digest: Digest, zip: Uint8Array): Promise<string> {
    invariant(isDigest(digest), "a package is named by a digest");
    return this.#make(digest, (directory) => ({ kind: "unpack", zip, directory }));
  }

  find(digest: Digest): string | undefined {
    return this.#whole.has(digest) ? join(this.#directory, digest) : undefined;
  }

  async remove(digest: Digest): Promise<void> {
    await this.#remove(digest);
  }

  async merge(digests: readonly Digest[]): Promise<string> {
    const sources = digests.map((digest) => {
      const source = this.find(digest);
      invariant(source !== undefined, "packages are unpacked before they are merged");
      return source;
    });
    const [only] = sources;
    if (only !== undefined && sources.length === 1) return only;
    return this.#make(treePrefix + treeIdOf(digests), (directory) => ({ kind: "merge", sources, directory }));
  }

  findMerged(digests: readonly Digest[]): string | undefined {
    const [only] = digests;
    return this.find(only !== undefined && digests.length === 1 ? only : treePrefix + treeIdOf(digests));
  }

  trees(): readonly TreeId[] {
    return [...this.#whole].filter(isTree).map((name) => name.slice(treePrefix.length));
  }

  async removeTree(id: TreeId): Promise<void> {
    await this.#remove(treePrefix + id);
  }

  /** Makes what has this name, unless it is there. */
  async #make(name: string, jobIn: (directory: string) => PackageJob): Promise<string> {
    return this.#change(name, async () => {
      const place = join(this.#directory, name);
      if (this.#whole.has(name)) return place;
      await this.#archives.run(async () => this.#makeAt(place, jobIn));
      this.#whole.add(name);
      return place;
    });
  }

  async #makeAt(place: string, jobIn: (directory: string) => PackageJob): Promise<void> {
    const unfinished = await mkdtemp(join(this.#directory, unfinishedPrefix));
    try {
      await this.#work(jobIn(unfinished));
      await rename(unfinished, place);
    } catch (error) {
      await removeTree(unfinished);
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    await this.#change(name, async () => {
      if (!this.#whole.delete(name)) return;
      const removed = await mkdtemp(join(this.#directory, removedPrefix));
      await rename(join(this.#directory, name), join(removed, name));
      await removeTree(removed);
    });
  }

  async #work(job: PackageJob): Promise<ArchiveSummary> {
    const isSmall = job.kind !== "merge" && job.zip.byteLength <= inlineBytesMax;
    return isSmall ? runArchiveJob(job, this.#clock) : runInThread(job);
  }

  /** Runs the changes of one name one after the other. */
  async #change<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(name) ?? Promise.resolve();
    const change = before.then(task, task);
    this.#changes.set(name, change);
    try {
      return await change;
    } finally {
      if (this.#changes.get(name) === change) this.#changes.delete(name);
    }
  }
}

function isBootId(name: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name);
}

function isDigest(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

function isTree(name: string): boolean {
  return name.startsWith(treePrefix) && isDigest(name.slice(treePrefix.length));
}

/** Directories of a package can always be entered, so that nothing in it resists. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
