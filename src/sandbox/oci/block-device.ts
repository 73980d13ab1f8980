/** Which disk a limit on `/tmp` has to name. */
import { existsSync, readFileSync, statSync } from "node:fs";
import type { TmpVolume } from "../contract.ts";
import type { TmpVolumes } from "../tmp/volumes.ts";

/** `major:minor` of the whole disk behind a volume: the kernel limits no partitions. */
export function blockDeviceOf(
  volumes: Pick<TmpVolumes, "blockDeviceOf" | "directoryOf">,
  volume: TmpVolume,
): string | undefined {
  const own = volumes.blockDeviceOf(volume);
  if (own !== undefined) return own;
  const { dev } = statSync(volumes.directoryOf(volume));
  const device = `${major(dev)}:${minor(dev)}`;
  const inSysfs = `/sys/dev/block/${device}`;
  if (!existsSync(inSysfs)) return undefined;
  return existsSync(`${inSysfs}/partition`) ? readFileSync(`${inSysfs}/../dev`, "utf8").trim() : device;
}

/** @see makedev(3): 12 bits of major, 20 of minor, in glibc's 64-bit layout. */
function major(device: number): number {
  return Math.floor(device / 256) % 4096;
}

function minor(device: number): number {
  return (device % 256) + Math.floor(device / 2 ** 20) * 256;
}
