/**
 * Removal of a subvolume with whatever subvolumes a tenant made inside it: nested to any depth, in any number, set
 * read-only. None of that may keep a volume's disk.
 */
import { mkdirSync, rmdirSync } from "node:fs";

import { isErrorCode } from "../../core/error-code.ts";
import {
  clearReadOnly,
  destroySubvolume,
  destroySubvolumeById,
  nestedSubvolumes,
  subvolumeIdOf,
} from "./btrfs-ioctl.ts";
import { detachMount, mount, mountFlags, withDescriptor } from "./native.ts";

export interface BtrfsPlace {
  /** Descriptor of the file system's top level. */
  readonly root: number;
  /** The block device it is mounted from. */
  readonly device: string;
  /** A path for a passing mount; nothing is there. */
  readonly passingMount: string;
}

/**
 * Removes subvolume `name` of the top level, which lies at `directory`; `beforeNested` runs when it holds others.
 * Returns the ids of all that were removed.
 */
export function destroyTree(place: BtrfsPlace, directory: string, name: string, beforeNested: () => void): bigint[] {
  const outermost = withDescriptor(directory, "r", subvolumeIdOf);
  const destroyed: bigint[] = [];
  try {
    destroySubvolume(place.root, name);
  } catch (error) {
    if (!isErrorCode(error, "ENOTEMPTY")) throw error;
    beforeNested();
    destroyed.push(...destroyNested(place, outermost));
    destroySubvolume(place.root, name);
  }
  destroyed.push(outermost);
  return destroyed;
}

/** Innermost first, without recursion: a tenant chooses the depth. */
function destroyNested(place: BtrfsPlace, outermost: bigint): bigint[] {
  const destroyed: bigint[] = [];
  const pending: bigint[] = [];
  const next = (): bigint | undefined => pending.at(-1) ?? nestedSubvolumes(place.root, outermost)[0];
  for (let id = next(); id !== undefined; id = next()) {
    const inner = nestedSubvolumes(place.root, id);
    if (inner.length > 0) {
      if (pending.at(-1) !== id) pending.push(id);
      pending.push(inner[0] ?? id);
      continue;
    }
    destroyInWritable(place, id, [outermost, ...pending.slice(-2)]);
    destroyed.push(id);
    pending.pop();
  }
  return destroyed;
}

/** `around` holds the subvolume that `id` lies in, which a tenant may have made read-only. */
function destroyInWritable(place: BtrfsPlace, id: bigint, around: readonly bigint[]): void {
  try {
    destroySubvolumeById(place.root, id);
  } catch (error) {
    if (!isErrorCode(error, "EROFS")) throw error;
    for (const subvolume of around) makeWritable(place, subvolume);
    destroySubvolumeById(place.root, id);
  }
}

/** By a mount of its own, since its path may be longer than a path can be. */
function makeWritable({ device, passingMount }: BtrfsPlace, id: bigint): void {
  mkdirSync(passingMount, { recursive: true, mode: 0o700 });
  mount(device, passingMount, "btrfs", mountFlags.nosuid | mountFlags.nodev | mountFlags.noatime, `subvolid=${id}`);
  try {
    withDescriptor(passingMount, "r", clearReadOnly);
  } finally {
    detachMount(passingMount);
    rmdirSync(passingMount);
  }
}
