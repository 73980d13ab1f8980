/**
 * Quota-bound `/tmp` directories. Whatever the mechanism, a volume
 * - is a directory of mode 1777 that belongs to the sandbox's root (`uidBase`), so every process inside may write;
 * - takes at least its size less `sizeSlackMiB`, never more than its size and `sizeSlackMiB`; past it, writes fail
 *   (ENOSPC or EDQUOT) and nothing else does;
 * - never takes the host's last `reserveBytes`: on a nearly full disk its writes fail earlier, the same way.
 *
 * Volumes do not survive the process that made them: what a crashed one left is removed by the next `open`.
 */
import type { TmpVolume } from "../contract.ts";

/** Sizes that Lambda allows for ephemeral storage. */
export const tmpSizeMiBMin = 512;
export const tmpSizeMiBMax = 10_240;

/** File-system metadata that a size may hide or add. */
export const sizeSlackMiB = 8;

export const tmpMechanisms = ["project-quota", "btrfs", "loop"] as const;
export type TmpMechanism = (typeof tmpMechanisms)[number];

export interface TmpVolumes {
  readonly mechanism: TmpMechanism;
  /** Rejects with `UnavailableError("no-capacity")` when the disk has no room. */
  create(id: string, sizeMiB: number, uidBase: number): Promise<{ volume: TmpVolume; directory: string }>;
  directoryOf(volume: TmpVolume): string;
  /** `major:minor` of the block device behind a volume, for I/O limits; undefined when it is the host's own disk. */
  blockDeviceOf(volume: TmpVolume): string | undefined;
  /** Grows a volume; well under a millisecond, so it may run on the way of a cold start. Sizes never shrink. */
  resize(volume: TmpVolume, sizeMiB: number): void;
  /** Idempotent. Nothing may run in the volume any more. */
  remove(volume: TmpVolume): Promise<void>;
  /** How many volumes of an earlier run opening found and removed; each is reported once. */
  recover(): Promise<number>;
  /** Removes every volume and what carries them. */
  close(): Promise<void>;
}

/** This host cannot hold quotas in this way; `message` says what is missing. */
export class MechanismUnavailableError extends Error {
  constructor(mechanism: TmpMechanism, reason: string, options?: ErrorOptions) {
    super(`${mechanism}: ${reason}`, options);
    this.name = "MechanismUnavailableError";
  }
}
