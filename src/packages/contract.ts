/**
 * Code on disk: a zip that passed every check, unpacked once into a directory that all environments of the functions
 * that use it share read-only; and trees of several packages, one over the other, whose files are those of the packages.
 */
import { createHash } from "node:crypto";
import type { Digest } from "../engine/contract.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const zippedBytesMax = 52_428_800;
export const unzippedBytesMax = 262_144_000;

export interface PackageStore {
  /**
   * Checks the zip without writing anything: structure, sizes, names, links.
   * Throws `ApiError` with AWS's code and text when Lambda would refuse it.
   */
  inspect(zip: Uint8Array): Promise<{ readonly unzippedBytes: number; readonly entries: number }>;
  /** Unpacks the zip if it is not there yet; atomic: a directory that exists is whole. Returns its absolute path. */
  unpack(digest: Digest, zip: Uint8Array): Promise<string>;
  /** The directory of an unpacked package, without touching the disk; undefined when it is not there. */
  find(digest: Digest): string | undefined;
  remove(digest: Digest): Promise<void>;
  /**
   * The directory in which packages that are unpacked lie one over the other: what a later one has covers what an earlier
   * one has, also a file a directory and the other way round. Of one package it is the package's own; of several it is made
   * once, atomically, and shares their files. Rejects with `ApiError` when links of one would lead out by way of another's.
   */
  merge(digests: readonly Digest[]): Promise<string>;
  /** The directory that `merge` made, without touching the disk; undefined when it is not there. */
  findMerged(digests: readonly Digest[]): string | undefined;
  /** Ids of the trees of several packages. */
  trees(): readonly TreeId[];
  removeTree(id: TreeId): Promise<void>;
}

/** Names an ordered list of several packages. */
export type TreeId = string;

export function treeIdOf(digests: readonly Digest[]): TreeId {
  return createHash("sha256").update(digests.join()).digest("hex");
}
