/**
 * How much of the host's disk volumes may take together: a reserve always stays with the host, since a file system in
 * a sparse image that runs out of host disk fails for everybody at once, and so does Hearth's own store.
 */
import { statfsSync } from "node:fs";

const bytesPerMiB = 1_048_576;

/** One twentieth of the disk, within bounds that a small and a very large disk both bear. */
export function defaultReserveBytes(totalBytes: number): number {
  return Math.min(Math.max(totalBytes / 20, 256 * bytesPerMiB), 4096 * bytesPerMiB);
}

export interface HostSpace {
  readonly totalBytes: number;
  /** What an unprivileged process may still take. */
  readonly freeBytes: number;
}

export function readHostSpace(directory: string): HostSpace {
  const stats = statfsSync(directory);
  return { totalBytes: stats.blocks * stats.bsize, freeBytes: stats.bavail * stats.bsize };
}

/**
 * The total that volumes may hold, given what they hold now. Falls below `usedBytes` when the host has less than the
 * reserve: then nothing grows until somebody gives space back.
 */
export function totalLimitBytes(space: HostSpace, usedBytes: number, reserveBytes: number): number {
  return Math.max(bytesPerMiB, Math.floor(usedBytes + space.freeBytes - reserveBytes));
}

/** Whether a limit moved enough to be worth a system call: by a sixteenth of what is left to take, or to nothing. */
export function isWorthSetting(current: number | undefined, next: number, usedBytes: number): boolean {
  if (current === undefined) return true;
  const leftBytes = Math.max(0, Math.min(current, next) - usedBytes);
  return Math.abs(next - current) > leftBytes / 16;
}
