/**
 * Mounts beneath a directory, read from the kernel's own table, and their removal: how leftovers of a crashed run are
 * found without having written them down.
 */
import { readFileSync } from "node:fs";
import { sep } from "node:path";

import { isErrorCode } from "../../core/error-code.ts";
import { detachMount } from "./native.ts";

export interface MountPoint {
  readonly directory: string;
  /** `major:minor` as the kernel shows it. */
  readonly device: string;
  readonly type: string;
  readonly source: string;
}

/** @see proc_pid_mountinfo(5): spaces, tabs, newlines and backslashes are octal escapes. */
export function parseMountInfo(text: string): MountPoint[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const separator = fields.indexOf("-");
      return {
        directory: unescape(fields[4]),
        device: fields[2] ?? "",
        type: fields[separator + 1] ?? "",
        source: unescape(fields[separator + 2]),
      };
    });
}

/** Deepest and latest first, so that they can be taken out in this order. */
export function mountsBeneath(
  directory: string,
  mountInfo = readFileSync("/proc/self/mountinfo", "utf8"),
): MountPoint[] {
  return parseMountInfo(mountInfo)
    .filter((point) => point.directory === directory || point.directory.startsWith(directory + sep))
    .toReversed();
}

/** Bytes that are no ASCII stand for themselves. */
function unescape(field: string | undefined): string {
  return (field ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Takes every mount at or beneath `directory` out of the tree, in use or not; how many there were. */
export function detachBeneath(directory: string): number {
  const points = mountsBeneath(directory);
  for (const point of points) {
    try {
      detachMount(point.directory);
    } catch (error) {
      if (!isErrorCode(error, "EINVAL", "ENOENT")) throw error; // gone with one that it lay on
    }
  }
  return points.length;
}
