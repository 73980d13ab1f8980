/**
 * Volumes as subvolumes of one btrfs file system in one sparse image: a few ioctls each, nothing spawned.
 *
 * Quota groups: `1/n` bounds volume n and whatever subvolumes a tenant may make inside it; all of them belong to
 * `2/1`, which keeps the host's reserve. The image is made anew at every start, so it never has to survive a crash:
 * no barriers, no checksums, no copy-on-write of data.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { isErrorCode } from "../../core/error-code.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { TmpVolume } from "../contract.ts";
import {
  assignGroup,
  createGroup,
  createSubvolume,
  enableQuota,
  fileSystemId,
  limitGroup,
  noLimit,
  quotaGroup,
  removeGroup,
  type QuotaGroup,
} from "./btrfs-ioctl.ts";
import { destroyTree, type BtrfsPlace } from "./btrfs-tree.ts";
import { MechanismUnavailableError, type TmpVolumes } from "./contract.ts";
import { isWorthSetting, readHostSpace, totalLimitBytes } from "./host-space.ts";
import { attachLoop } from "./loop-device.ts";
import { detachBeneath, mountsBeneath } from "./mounts.ts";
import { detachMount, mount, mountFlags } from "./native.ts";
import { bytesPerMiB, VolumeTable } from "./volume-table.ts";

const run = promisify(execFile);

/** How often the host's free space is looked at, and finished deletions are tidied away. */
const guardIntervalMs = 1000;

/** Groups looked at in one round, so that a mass removal does not hold the thread. */
const tidiedPerRoundMax = 64;

/** Seconds between transactions, each of which lets btrfs take deleted subvolumes apart and hand their space back. */
const commitSeconds = 5;

/** Its address space: larger than any disk's free space is of no use, smaller makes chunks needlessly small. */
const imageBytesMin = 16 * 1024 * bytesPerMiB;

const everyVolume = quotaGroup(2, 1);

export interface BtrfsOptions {
  readonly stateDirectory: string;
  readonly reserveBytes: number;
  /** Volumes of an earlier run that are gone already; `recover` reports them. */
  readonly leftOver: number;
  readonly clock: Clock;
  /** True when tenants are kept from making subvolumes, which allows hosts before Linux 6.7. */
  readonly tenantsCannotMakeSubvolumes: boolean;
}

interface Group {
  readonly id: number;
}

/** Removes what an earlier run left; how many volumes it had. */
export function clearBtrfs(stateDirectory: string): number {
  const mountPoint = join(stateDirectory, "btrfs");
  const isMounted = mountsBeneath(mountPoint).some((point) => point.type === "btrfs");
  const volumes = isMounted ? volumeNames(mountPoint).length : 0;
  detachBeneath(mountPoint);
  rmSync(join(stateDirectory, "btrfs.img"), { force: true });
  return volumes;
}

export async function openBtrfsVolumes(options: BtrfsOptions): Promise<TmpVolumes> {
  const image = join(options.stateDirectory, "btrfs.img");
  const mountPoint = join(options.stateDirectory, "btrfs");
  mkdirSync(mountPoint, { recursive: true, mode: 0o700 });
  writeFileSync(image, "", { mode: 0o600 });
  try {
    truncateSync(image, Math.max(imageBytesMin, readHostSpace(options.stateDirectory).totalBytes));
    await run("mkfs.btrfs", ["--quiet", "--nodiscard", "--metadata", "single", "--data", "single", image]);
    mountImage(image, mountPoint);
    return new BtrfsVolumes(options, image, mountPoint);
  } catch (error) {
    clearBtrfs(options.stateDirectory);
    throw new MechanismUnavailableError("btrfs", whatIsMissing(error), { cause: error });
  }
}

/** A kernel that has btrfs as a module loads it for the mount, so only the mount can tell. */
function whatIsMissing(error: unknown): string {
  if (isErrorCode(error, "ENOENT")) return "mkfs.btrfs or /dev/loop-control is missing (apt-get install btrfs-progs)";
  if (isErrorCode(error, "ENODEV")) return "the kernel has no btrfs";
  return error instanceof Error ? error.message : String(error);
}

function mountImage(image: string, mountPoint: string): void {
  const device = attachLoop(image);
  try {
    const { nosuid, nodev, noatime } = mountFlags;
    const data = `nodatacow,nobarrier,discard=sync,commit=${commitSeconds}`;
    mount(device.path, mountPoint, "btrfs", nosuid | nodev | noatime, data);
  } finally {
    closeSync(device.fd);
  }
}

class BtrfsVolumes implements TmpVolumes {
  readonly mechanism = "btrfs";
  readonly #options: BtrfsOptions;
  readonly #image: string;
  readonly #mountPoint: string;
  readonly #place: BtrfsPlace;
  readonly #device: string;
  readonly #usageFile: string;
  readonly #volumes: VolumeTable<Group>;
  /** Quota groups of removed volumes: they can go once btrfs has taken the subvolumes apart. */
  readonly #dying = new Set<QuotaGroup>();
  #nextGroup = 1;
  #totalLimit: number | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: BtrfsOptions, image: string, mountPoint: string) {
    this.#volumes = new VolumeTable(options.leftOver);
    this.#options = options;
    this.#image = image;
    this.#mountPoint = mountPoint;
    this.#place = {
      root: openSync(mountPoint, "r"),
      device: mountsBeneath(mountPoint)[0]?.source ?? "",
      passingMount: join(options.stateDirectory, "passing"),
    };
    this.#device = deviceNumber(this.#place.device);
    try {
      enableBestQuota(this.#place.root, options.tenantsCannotMakeSubvolumes);
      createGroup(this.#place.root, everyVolume);
      this.#usageFile = join("/sys/fs/btrfs", fileSystemId(this.#place.root), "qgroups", "2_1", "referenced");
      this.#guardReserve();
    } catch (error) {
      closeSync(this.#place.root);
      throw error;
    }
  }

  async create(id: string, sizeMiB: number, uidBase: number): Promise<{ volume: TmpVolume; directory: string }> {
    this.#guardReserve();
    const group = { id: this.#nextGroup++ };
    const { volume } = this.#volumes.add(id, sizeMiB, uidBase, group);
    const directory = this.directoryOf(volume);
    try {
      const quota = quotaGroup(1, group.id);
      createGroup(this.#place.root, quota);
      this.#dying.add(quota); // until the volume stands, so that a failure leaves nothing
      limitGroup(this.#place.root, quota, BigInt(sizeMiB * bytesPerMiB));
      assignGroup(this.#place.root, quota, everyVolume, true);
      createSubvolume(this.#place.root, id, quota);
      chownSync(directory, uidBase, uidBase);
      chmodSync(directory, 0o1777);
      this.#dying.delete(quota);
    } catch (error) {
      if (existsSync(directory)) this.#destroy(volume, group);
      this.#volumes.take(id);
      if (isErrorCode(error, "EDQUOT", "ENOSPC")) {
        throw new UnavailableError("no-capacity", `no disk left for the /tmp of ${id}`, { cause: error });
      }
      throw error;
    } finally {
      this.#armGuard();
    }
    return { volume, directory };
  }

  directoryOf(volume: TmpVolume): string {
    return join(this.#mountPoint, volume.id);
  }

  blockDeviceOf(): string {
    return this.#device;
  }

  resize(volume: TmpVolume, sizeMiB: number): void {
    const entry = this.#volumes.get(volume.id);
    if (!this.#volumes.grow(entry, sizeMiB)) return;
    limitGroup(this.#place.root, quotaGroup(1, entry.extra.id), BigInt(sizeMiB * bytesPerMiB));
    entry.sizeMiB = sizeMiB;
  }

  async remove(volume: TmpVolume): Promise<void> {
    const entry = this.#volumes.take(volume.id);
    if (entry === undefined) return;
    this.#destroy(entry.volume, entry.extra);
    this.#armGuard();
  }

  async recover(): Promise<number> {
    return this.#volumes.reportLeftOver();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    closeSync(this.#place.root);
    detachMount(this.#mountPoint);
    rmSync(this.#image, { force: true });
  }

  #destroy(volume: TmpVolume, group: Group): void {
    const quota = quotaGroup(1, group.id);
    const removed = destroyTree(this.#place, this.directoryOf(volume), volume.id, () => {
      // Taking a nested subvolume out writes to the one around it, which may be at its limit.
      limitGroup(this.#place.root, quota, noLimit);
      assignGroup(this.#place.root, quota, everyVolume, false);
    });
    for (const id of removed) this.#dying.add(quotaGroup(0, id));
    this.#dying.add(quota);
  }

  /** Runs while there is anything to look after, and no longer. */
  #armGuard(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#options.clock.after(guardIntervalMs, () => {
      this.#timer = undefined;
      this.#guardReserve();
      this.#tidy();
      if (this.#volumes.size + this.#dying.size > 0) this.#armGuard();
    });
  }

  #guardReserve(): void {
    const usedBytes = Number(readFileSync(this.#usageFile, "utf8"));
    const limit = totalLimitBytes(readHostSpace(this.#options.stateDirectory), usedBytes, this.#options.reserveBytes);
    if (!isWorthSetting(this.#totalLimit, limit, usedBytes)) return;
    limitGroup(this.#place.root, everyVolume, BigInt(limit));
    this.#totalLimit = limit;
  }

  #tidy(): void {
    for (const group of [...this.#dying].slice(0, tidiedPerRoundMax)) {
      this.#dying.delete(group);
      try {
        removeGroup(this.#place.root, group);
      } catch (error) {
        if (isErrorCode(error, "ENOENT")) continue; // newer kernels remove them by themselves
        if (!isErrorCode(error, "EBUSY")) throw error;
        this.#dying.add(group); // goes to the back
      }
    }
  }
}

/** `major:minor`, packed as in Linux's huge_encode_dev. */
function deviceNumber(path: string): string {
  const { rdev } = statSync(path);
  return `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`;
}

function volumeNames(mountPoint: string): string[] {
  return readdirSync(mountPoint);
}

function enableBestQuota(root: number, tenantsCannotMakeSubvolumes: boolean): void {
  try {
    enableQuota(root, "simple");
  } catch (error) {
    if (!isErrorCode(error, "EINVAL")) throw error;
    if (!tenantsCannotMakeSubvolumes) {
      throw new Error("needs Linux 6.7 (simple quotas), or tenants who cannot make subvolumes", { cause: error });
    }
    enableQuota(root, "full");
  }
}
