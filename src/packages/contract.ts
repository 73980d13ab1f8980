/**
 * Code on disk: a zip that passed every check, unpacked once into a directory that all environments of the function
 * share read-only.
 */
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
}
