/** Brings packages back that are durable but not on the disk: after a restore, or when the disk lost them. */
import type { Digest } from "../engine/contract.ts";
import type { PackageStore } from "./contract.ts";

/** What it needs of a package store. */
export type TreeStore = Pick<PackageStore, "find" | "unpack" | "findMerged" | "merge">;

/** The directory of one package, or of several, one over the other; undefined when an archive is gone. */
export async function ensureTree(
  packages: TreeStore,
  readArchive: (digest: Digest) => Promise<Uint8Array | undefined>,
  digests: readonly Digest[],
): Promise<string | undefined> {
  const present = packages.findMerged(digests);
  if (present !== undefined) return present;
  for (const digest of digests) {
    if (packages.find(digest) !== undefined) continue;
    const zip = await readArchive(digest);
    if (zip === undefined) return undefined;
    await packages.unpack(digest, zip);
  }
  return packages.merge(digests);
}
