/**
 * Which packages are on disk, for a worker that runs code from them and does not unpack any itself: names of directories
 * in the store's directory, read anew when that has changed.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Names that are told at most; the rest is on disk all the same. */
export const packagesMax = 10_000;

/** Changes within one tick of the file system's clock look like one: what is younger than this is read once more. */
const settledMs = 1000;

export interface PackageListingOptions {
  readonly now: () => number;
  /** As of the package store. */
  readonly bootId?: string;
}

export class PackageListing {
  readonly #directory: string;
  readonly #now: () => number;
  /** When the directory was last changed, as far as that has been read. */
  #changedAtMs: number | undefined;
  #names: readonly string[] = [];

  constructor(directory: string, { now, bootId }: PackageListingOptions) {
    this.#directory = join(directory, bootId ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    this.#now = now;
  }

  /** All names. */
  all(): readonly string[] {
    this.changes();
    return this.#names;
  }

  /** All names if they are not what they were when last asked; undefined if they are. */
  changes(): readonly string[] | undefined {
    const changedAtMs = statSync(this.#directory, { throwIfNoEntry: false })?.mtimeMs;
    if (changedAtMs === undefined || changedAtMs === this.#changedAtMs) return undefined;
    if (this.#now() - changedAtMs > settledMs) this.#changedAtMs = changedAtMs;
    const names = readdirSync(this.#directory)
      .filter((name) => !name.startsWith("."))
      .slice(0, packagesMax);
    if (names.length === this.#names.length && names.every((name, index) => name === this.#names[index])) {
      return undefined;
    }
    this.#names = names;
    return names;
  }
}
