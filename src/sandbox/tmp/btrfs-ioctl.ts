/**
 * The few btrfs requests that volumes need, so that making, resizing and removing one spawns nothing: subvolumes,
 * quota groups and the search for nested subvolumes. Layouts: include/uapi/linux/btrfs.h and btrfs_tree.h of Linux.
 */
import { addressOf, ioctl } from "./native.ts";

const request = {
  subvolumeCreateV2: 0x5000_9418,
  subvolumeDestroyV2: 0x5000_943f,
  subvolumeGetFlags: 0x8008_9419,
  subvolumeSetFlags: 0x4008_941a,
  quotaControl: 0xc010_9428,
  groupAssign: 0x4018_9429,
  groupCreate: 0x4010_942a,
  groupLimit: 0x8030_942b,
  treeSearch: 0xd000_9411,
  inodeLookup: 0xd000_9412,
  fileSystemInfo: 0x8400_941f,
} as const;

const volumeArgumentsBytes = 4096;
const nameOffset = 56;
const nameBytesMax = 4039;

/** A quota group `level/id`, as btrfs packs it. */
export type QuotaGroup = bigint;

export function quotaGroup(level: number, id: number | bigint): QuotaGroup {
  return (BigInt(level) << 48n) | BigInt(id);
}

/**
 * `simple`: extents belong to the subvolume that first wrote them, and subvolumes made inside a limited one fall under
 * its limit (Linux 6.7). `full`: neither; accounting costs more, and such subvolumes escape.
 */
export function enableQuota(fd: number, kind: "simple" | "full"): void {
  const argument = Buffer.alloc(16);
  argument.writeBigUInt64LE(kind === "simple" ? 4n : 1n);
  ioctl(fd, request.quotaControl, argument, "BTRFS_IOC_QUOTA_CTL");
}

function changeGroup(fd: number, group: QuotaGroup, exists: boolean): void {
  const argument = Buffer.alloc(16);
  argument.writeBigUInt64LE(exists ? 1n : 0n, 0);
  argument.writeBigUInt64LE(group, 8);
  ioctl(fd, request.groupCreate, argument, "BTRFS_IOC_QGROUP_CREATE");
}

export function createGroup(fd: number, group: QuotaGroup): void {
  changeGroup(fd, group, true);
}

/** EBUSY while a subvolume that was deleted is still being taken apart. */
export function removeGroup(fd: number, group: QuotaGroup): void {
  changeGroup(fd, group, false);
}

export function assignGroup(fd: number, child: QuotaGroup, parent: QuotaGroup, isMember: boolean): void {
  const argument = Buffer.alloc(24);
  argument.writeBigUInt64LE(isMember ? 1n : 0n, 0);
  argument.writeBigUInt64LE(child, 8);
  argument.writeBigUInt64LE(parent, 16);
  ioctl(fd, request.groupAssign, argument, "BTRFS_IOC_QGROUP_ASSIGN");
}

export const noLimit = 2n ** 64n - 1n;

/** Bounds what the members of `group` refer to, in bytes. */
export function limitGroup(fd: number, group: QuotaGroup, bytes: bigint): void {
  const argument = Buffer.alloc(48);
  argument.writeBigUInt64LE(group, 0);
  argument.writeBigUInt64LE(1n, 8); // BTRFS_QGROUP_LIMIT_MAX_RFER
  argument.writeBigUInt64LE(bytes, 16);
  ioctl(fd, request.groupLimit, argument, "BTRFS_IOC_QGROUP_LIMIT");
}

/** Makes subvolume `name` in the directory of `fd`, a member of `parent` from its first byte. */
export function createSubvolume(fd: number, name: string, parent?: QuotaGroup): void {
  const argument = Buffer.alloc(volumeArgumentsBytes);
  if (argument.write(name, nameOffset) > nameBytesMax) throw new RangeError(`subvolume name too long: ${name}`);
  if (parent === undefined) {
    ioctl(fd, request.subvolumeCreateV2, argument, "BTRFS_IOC_SUBVOL_CREATE_V2");
    return;
  }
  const inherit = Buffer.alloc(80); // struct btrfs_qgroup_inherit with one group
  inherit.writeBigUInt64LE(1n, 8);
  inherit.writeBigUInt64LE(parent, 72);
  argument.writeBigUInt64LE(4n, 16); // BTRFS_SUBVOL_QGROUP_INHERIT
  argument.writeBigUInt64LE(BigInt(inherit.length), 24);
  argument.writeBigUInt64LE(addressOf(inherit), 32);
  ioctl(fd, request.subvolumeCreateV2, argument, "BTRFS_IOC_SUBVOL_CREATE_V2");
}

/** ENOTEMPTY when it holds subvolumes of its own. Its space returns in the background. */
export function destroySubvolume(fd: number, name: string): void {
  const argument = Buffer.alloc(volumeArgumentsBytes);
  argument.write(name, nameOffset);
  ioctl(fd, request.subvolumeDestroyV2, argument, "BTRFS_IOC_SNAP_DESTROY_V2");
}

/** The same by id, wherever it lies in the file system of `fd`. */
export function destroySubvolumeById(fd: number, id: bigint): void {
  const argument = Buffer.alloc(volumeArgumentsBytes);
  argument.writeBigUInt64LE(0x10n, 16); // BTRFS_SUBVOL_SPEC_BY_ID
  argument.writeBigUInt64LE(id, nameOffset);
  ioctl(fd, request.subvolumeDestroyV2, argument, "BTRFS_IOC_SNAP_DESTROY_V2");
}

const firstFreeObject = 256n; // the root directory of every subvolume

/** The id of the subvolume that the directory of `fd` belongs to. */
export function subvolumeIdOf(fd: number): bigint {
  const argument = Buffer.alloc(4096);
  argument.writeBigUInt64LE(firstFreeObject, 8);
  ioctl(fd, request.inodeLookup, argument, "BTRFS_IOC_INO_LOOKUP");
  return argument.readBigUInt64LE(0);
}

/** For the subvolume whose root directory `fd` is. */
export function clearReadOnly(fd: number): void {
  const argument = Buffer.alloc(8);
  ioctl(fd, request.subvolumeGetFlags, argument, "BTRFS_IOC_SUBVOL_GETFLAGS");
  const readOnly = 2n; // BTRFS_SUBVOL_RDONLY
  argument.writeBigUInt64LE(argument.readBigUInt64LE() & ~readOnly);
  ioctl(fd, request.subvolumeSetFlags, argument, "BTRFS_IOC_SUBVOL_SETFLAGS");
}

const rootTree = 1n;
const rootReference = 156;
const searchKeyBytes = 104;
const searchHeaderBytes = 32;
const searchItemsMax = 64;

/** Ids of subvolumes directly inside subvolume `parent`: at most `searchItemsMax` of them. */
export function nestedSubvolumes(fd: number, parent: bigint): bigint[] {
  const argument = Buffer.alloc(4096);
  const key = [rootTree, parent, parent, 0n, noLimit, 0n, noLimit];
  for (const [index, value] of key.entries()) argument.writeBigUInt64LE(value, index * 8);
  argument.writeUInt32LE(rootReference, 56);
  argument.writeUInt32LE(rootReference, 60);
  argument.writeUInt32LE(searchItemsMax, 64);
  ioctl(fd, request.treeSearch, argument, "BTRFS_IOC_TREE_SEARCH");

  const children: bigint[] = [];
  let offset = searchKeyBytes;
  for (let left = argument.readUInt32LE(64); left > 0; left--) {
    children.push(argument.readBigUInt64LE(offset + 16));
    offset += searchHeaderBytes + argument.readUInt32LE(offset + 28);
  }
  return children;
}

/** The file system's UUID: its name under /sys/fs/btrfs. */
export function fileSystemId(fd: number): string {
  const argument = Buffer.alloc(1024);
  ioctl(fd, request.fileSystemInfo, argument, "BTRFS_IOC_FS_INFO");
  return argument.toString("hex", 16, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
