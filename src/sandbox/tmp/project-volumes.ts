/**
 * Volumes as directories of the data directory's own file system, each a quota project (ext4 and xfs, where the file
 * system was made or mounted with project quotas). Whether the kernel really holds the limit is tried before use.
 * @see quotactl(2), and FS_IOC_FSSETXATTR in ioctl_xfs_fsgetxattr(2)
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { isErrorCode } from "../../core/error-code.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { TmpVolume } from "../contract.ts";
import { MechanismUnavailableError, type TmpVolumes } from "./contract.ts";
import { readHostSpace } from "./host-space.ts";
import { ioctl, quotactlFd, withDescriptor } from "./native.ts";
import { bytesPerMiB, VolumeTable } from "./volume-table.ts";

/** Ids that no administrator's /etc/projid is likely to use, enough for every sandbox of a machine. */
const firstProject = 0x4845_0000;
const projectsMax = 65_536;

const guardIntervalMs = 1000;

const getAttributes = 0x801c_581f; // FS_IOC_FSGETXATTR
const setAttributes = 0x401c_5820; // FS_IOC_FSSETXATTR
const inheritProject = 0x200; // FS_XFLAG_PROJINHERIT
const getQuota = 0x80_0007; // Q_GETQUOTA
const setQuota = 0x80_0008; // Q_SETQUOTA
const quotaBytes = 72; // struct if_dqblk
const quotaBlockBytes = 1024;

export interface ProjectOptions {
  readonly stateDirectory: string;
  readonly reserveBytes: number;
  /** Volumes of an earlier run that are gone already; `recover` reports them. */
  readonly leftOver: number;
  readonly clock: Clock;
}

/** Removes what an earlier run left; how many volumes it had. */
export async function clearProjects(stateDirectory: string): Promise<number> {
  const directory = join(stateDirectory, "projects");
  const names = existsSync(directory) ? readdirSync(directory) : [];
  await rm(directory, { recursive: true, force: true });
  return names.length;
}

export async function openProjectVolumes(options: ProjectOptions): Promise<TmpVolumes> {
  const directory = join(options.stateDirectory, "projects");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    tryLimit(directory);
    await rm(join(directory, "trial"), { recursive: true });
    return new ProjectVolumes(options, directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    const reason =
      error instanceof Error && !isErrorCode(error, "ESRCH", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "ENOTTY", "EINVAL")
        ? error.message
        : "the data directory's file system keeps no project quotas";
    throw new MechanismUnavailableError("project-quota", reason, { cause: error });
  }
}

/** Writes past a limit as nobody, since a privileged process may be exempt. */
function tryLimit(directory: string): void {
  const trial = join(directory, "trial");
  const project = firstProject + projectsMax;
  mkdirSync(trial);
  setProject(trial, project);
  limitProject(trial, project, bytesPerMiB);
  const file = openSync(join(trial, "file"), "w");
  try {
    const nobody = 65_534;
    const { status } = spawnSync("head", ["-c", String(2 * bytesPerMiB), "/dev/zero"], {
      cwd: "/",
      uid: nobody,
      gid: nobody,
      stdio: ["ignore", file, "ignore"],
    });
    if (status === 0) throw new Error("the file system takes project limits but does not hold them");
  } finally {
    closeSync(file);
  }
  limitProject(trial, project, 0);
}

interface Project {
  readonly id: number;
}

class ProjectVolumes implements TmpVolumes {
  readonly mechanism = "project-quota";
  readonly #options: ProjectOptions;
  readonly #directory: string;
  readonly #volumes: VolumeTable<Project>;
  readonly #freeProjects: number[] = [];
  #nextProject = 0;
  #removals = 0;
  #isClamped = false;
  #timer: Timer | undefined;

  constructor(options: ProjectOptions, directory: string) {
    this.#volumes = new VolumeTable(options.leftOver);
    this.#options = options;
    this.#directory = directory;
    this.#armGuard();
  }

  async create(id: string, sizeMiB: number, uidBase: number): Promise<{ volume: TmpVolume; directory: string }> {
    if (this.#isHostShort()) {
      throw new UnavailableError("no-capacity", `only the host's reserve of disk is left, none for the /tmp of ${id}`);
    }
    const project = this.#freeProjects.pop() ?? this.#nextProject++;
    if (project >= projectsMax) throw new UnavailableError("no-capacity", `${projectsMax} volumes exist`);
    const { volume } = this.#volumes.add(id, sizeMiB, uidBase, { id: firstProject + project });
    const directory = this.directoryOf(volume);
    try {
      mkdirSync(directory);
      setProject(directory, firstProject + project);
      limitProject(directory, firstProject + project, sizeMiB * bytesPerMiB);
      chownSync(directory, uidBase, uidBase);
      chmodSync(directory, 0o1777);
    } catch (error) {
      await this.remove(volume);
      throw error;
    }
    return { volume, directory };
  }

  directoryOf(volume: TmpVolume): string {
    return join(this.#directory, volume.id);
  }

  blockDeviceOf(): undefined {
    return undefined;
  }

  resize(volume: TmpVolume, sizeMiB: number): void {
    const entry = this.#volumes.get(volume.id);
    if (!this.#volumes.grow(entry, sizeMiB)) return;
    entry.sizeMiB = sizeMiB;
    if (!this.#isClamped) limitProject(this.#directory, entry.extra.id, sizeMiB * bytesPerMiB);
  }

  async remove(volume: TmpVolume): Promise<void> {
    const entry = this.#volumes.take(volume.id);
    if (entry === undefined) return;
    const dying = join(this.#directory, `${volume.id}.removed-${this.#removals++}`);
    const directory = this.directoryOf(volume);
    if (existsSync(directory)) {
      renameSync(directory, dying); // the name is free at once, however long the removal takes
      await rm(dying, { recursive: true, force: true });
    }
    limitProject(this.#directory, entry.extra.id, 0);
    this.#freeProjects.push(entry.extra.id - firstProject);
  }

  async recover(): Promise<number> {
    return this.#volumes.reportLeftOver();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    for (const { volume } of this.#volumes.values()) await this.remove(volume);
    await rm(this.#directory, { recursive: true, force: true });
  }

  #isHostShort(): boolean {
    return readHostSpace(this.#directory).freeBytes < this.#options.reserveBytes;
  }

  /** Once the host has only its reserve left, no volume may grow beyond what it holds, until there is room again. */
  #armGuard(): void {
    this.#timer = this.#options.clock.after(guardIntervalMs, () => {
      const isShort = this.#isHostShort();
      if (isShort || this.#isClamped) {
        for (const { extra, sizeMiB } of this.#volumes.values()) {
          const bytes = isShort
            ? Math.max(quotaBlockBytes, usedBytes(this.#directory, extra.id))
            : sizeMiB * bytesPerMiB;
          limitProject(this.#directory, extra.id, bytes);
        }
      }
      this.#isClamped = isShort;
      this.#armGuard();
    });
  }
}

/** Everything made in `directory` from now on counts for `project`; a user namespace cannot change that back. */
function setProject(directory: string, project: number): void {
  withDescriptor(directory, "r", (fd) => {
    const attributes = Buffer.alloc(28); // struct fsxattr
    ioctl(fd, getAttributes, attributes, "FS_IOC_FSGETXATTR");
    attributes.writeUInt32LE(attributes.readUInt32LE(0) | inheritProject, 0);
    attributes.writeUInt32LE(project, 12);
    ioctl(fd, setAttributes, attributes, "FS_IOC_FSSETXATTR");
  });
}

/** 0 is no limit. */
function limitProject(directory: string, project: number, bytes: number): void {
  const quota = Buffer.alloc(quotaBytes);
  quota.writeBigUInt64LE(BigInt(Math.ceil(bytes / quotaBlockBytes)), 0);
  quota.writeUInt32LE(1, 64); // QIF_BLIMITS
  withDescriptor(directory, "r", (fd) => quotactlFd(fd, setQuota, project, quota, "Q_SETQUOTA"));
}

function usedBytes(directory: string, project: number): number {
  const quota = Buffer.alloc(quotaBytes);
  withDescriptor(directory, "r", (fd) => quotactlFd(fd, getQuota, project, quota, "Q_GETQUOTA"));
  return Number(quota.readBigUInt64LE(16));
}
