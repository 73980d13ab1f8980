/**
 * Volumes as sparse ext4 images on loop devices, one each: the mechanism for hosts whose disk holds no project quotas
 * and whose kernel has no usable btrfs. Two spawned commands to make one, one to remove it.
 *
 * Every file system is made for the largest size; what exceeds the volume's own is set aside as ext4's reserved
 * clusters, which no tenant may use. So growing is a write to sysfs (resizing proper wants CAP_SYS_RESOURCE, which even
 * root may lack). A file system whose image meets a full disk loses data, so a volume's size is promised when it is
 * made: there must be room for all of them, filled.
 */
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";

import type { Clock, Timer } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { TmpVolume } from "../contract.ts";
import { MechanismUnavailableError, sizeSlackMiB, tmpSizeMiBMax, tmpSizeMiBMin, type TmpVolumes } from "./contract.ts";
import { readHostSpace } from "./host-space.ts";
import { detachBeneath, mountsBeneath } from "./mounts.ts";
import { bytesPerMiB, VolumeTable } from "./volume-table.ts";

const run = promisify(execFile);

const blockBytes = 4096;
const blocksPerMiB = bytesPerMiB / blockBytes;

/** What a file system of the largest size may take for itself on top of its content (inode tables, bitmaps). */
const metadataMiBMax = 64;

/** How often the host's free space is looked at. */
const guardIntervalMs = 1000;

export interface LoopOptions {
  readonly clock: Clock;
  readonly stateDirectory: string;
  readonly reserveBytes: number;
  /** Volumes of an earlier run that are gone already; `recover` reports them. */
  readonly leftOver: number;
}

/** Removes what an earlier run left; how many volumes it had. */
export function clearLoops(stateDirectory: string): number {
  const directory = join(stateDirectory, "loop");
  const images = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith(".img")) : [];
  detachBeneath(directory);
  rmSync(directory, { recursive: true, force: true });
  return images.length;
}

export async function openLoopVolumes(options: LoopOptions): Promise<TmpVolumes> {
  const volumes = new LoopVolumes(options);
  try {
    const { volume } = await volumes.create("trial", tmpSizeMiBMin, 0);
    volumes.resize(volume, tmpSizeMiBMin + 1);
    await volumes.remove(volume);
    return volumes;
  } catch (error) {
    await volumes.close();
    throw new MechanismUnavailableError("loop", String(error), { cause: error });
  }
}

interface Image {
  /** `major:minor` of the loop device, once it is mounted. */
  device: string;
  /** The file in sysfs that holds how many clusters are set aside. */
  reservedFile: string;
  /** Blocks that are free in the empty file system, reserved ones included. */
  freeBlocks: number;
}

class LoopVolumes implements TmpVolumes {
  readonly mechanism = "loop";
  readonly #directory: string;
  readonly #options: LoopOptions;
  readonly #volumes: VolumeTable<Image>;
  #isClamped = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: LoopOptions) {
    this.#volumes = new VolumeTable(options.leftOver);
    this.#directory = join(options.stateDirectory, "loop");
    this.#options = options;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  async create(id: string, sizeMiB: number, uidBase: number): Promise<{ volume: TmpVolume; directory: string }> {
    const image: Image = { device: "", reservedFile: "", freeBlocks: 0 };
    const { volume } = this.#volumes.add(id, sizeMiB, uidBase, image);
    const directory = this.directoryOf(volume);
    try {
      this.#promiseSpace();
      await this.#make(volume, directory, image);
      setAside(image, sizeMiB);
      chmodSync(directory, 0o1777);
    } catch (error) {
      await this.remove(volume);
      throw error;
    }
    this.#armGuard();
    return { volume, directory };
  }

  directoryOf(volume: TmpVolume): string {
    return join(this.#directory, volume.id);
  }

  blockDeviceOf(volume: TmpVolume): string {
    return this.#volumes.get(volume.id).extra.device;
  }

  resize(volume: TmpVolume, sizeMiB: number): void {
    const entry = this.#volumes.get(volume.id);
    if (!this.#volumes.grow(entry, sizeMiB)) return;
    const before = entry.sizeMiB;
    entry.sizeMiB = sizeMiB;
    try {
      this.#promiseSpace();
      if (!this.#isClamped) setAside(entry.extra, sizeMiB);
    } catch (error) {
      entry.sizeMiB = before;
      throw error;
    }
  }

  async remove(volume: TmpVolume): Promise<void> {
    if (this.#volumes.take(volume.id) === undefined) return;
    await this.#removeFiles(volume.id);
  }

  async recover(): Promise<number> {
    return this.#volumes.reportLeftOver();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const { volume } of this.#volumes.values()) await this.remove(volume);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #imageOf(id: string): string {
    return join(this.#directory, `${id}.img`);
  }

  async #make(volume: TmpVolume, directory: string, image: Image): Promise<void> {
    const path = this.#imageOf(volume.id);
    writeFileSync(path, "", { mode: 0o600 });
    truncateSync(path, (tmpSizeMiBMax + metadataMiBMax) * bytesPerMiB);
    const features = "^has_journal,^resize_inode";
    const extended = `root_owner=${volume.uidBase}:${volume.uidBase},lazy_itable_init=1,nodiscard`;
    const layout = ["-b", String(blockBytes), "-i", "65536", "-m", "0"];
    await run("mkfs.ext4", ["-q", "-F", "-O", features, "-E", extended, ...layout, path]);

    mkdirSync(directory);
    await run("mount", ["-t", "ext4", "-o", "loop,nosuid,nodev,noatime,nodiscard,noinit_itable", path, directory]);
    rmdirSync(join(directory, "lost+found"));
    image.device = mountsBeneath(directory)[0]?.device ?? "";
    const name = basename(readlinkSync(`/sys/dev/block/${image.device}`));
    image.reservedFile = `/sys/fs/ext4/${name}/reserved_clusters`;
    image.freeBlocks = statfsSync(directory).bfree;
  }

  async #removeFiles(id: string): Promise<void> {
    const directory = join(this.#directory, id);
    // Spawned, since taking the file system apart takes tens of milliseconds.
    if (mountsBeneath(directory).length > 0) await run("umount", ["--lazy", directory]);
    rmSync(directory, { recursive: true, force: true });
    rmSync(this.#imageOf(id), { force: true });
  }

  /** Refuses when the volumes as they are in the table, all filled, would eat into the host's reserve. */
  #promiseSpace(): void {
    let promisedBytes = 0;
    for (const { volume, sizeMiB } of this.#volumes.values()) {
      const takenBytes = (statSync(this.#imageOf(volume.id), { throwIfNoEntry: false })?.blocks ?? 0) * 512;
      promisedBytes += Math.max(0, (sizeMiB + sizeSlackMiB) * bytesPerMiB - takenBytes);
    }
    const { freeBytes } = readHostSpace(this.#directory);
    if (freeBytes - promisedBytes < this.#options.reserveBytes) {
      throw new UnavailableError(
        "no-capacity",
        `${freeBytes} bytes of disk cannot hold every /tmp and the host's reserve`,
      );
    }
  }

  /** Should others fill the disk: then nothing grows until there is room again. */
  #armGuard(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#options.clock.after(guardIntervalMs, () => {
      this.#timer = undefined;
      const isShort = readHostSpace(this.#directory).freeBytes < this.#options.reserveBytes;
      if (isShort || this.#isClamped) {
        const mounted = this.#volumes.values().filter(({ extra }) => extra.freeBlocks > 0);
        for (const { extra, sizeMiB } of mounted) setAside(extra, isShort ? 0 : sizeMiB);
      }
      this.#isClamped = isShort;
      if (this.#volumes.size > 0) this.#armGuard();
    });
  }
}

/** Keeps from tenants what exceeds `sizeMiB`; 0 keeps everything that is still free. */
function setAside(image: Image, sizeMiB: number): void {
  writeFileSync(image.reservedFile, String(image.freeBlocks - sizeMiB * blocksPerMiB));
}
