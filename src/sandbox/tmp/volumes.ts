/**
 * Picks how `/tmp` is bounded on this host, by trying: project quotas of the data directory's own file system, else
 * subvolumes of a btrfs image, else an ext4 image for each sandbox. What none of them can is refused, naming why.
 */
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";

import type { Clock } from "../../core/clock.ts";
import { clearBtrfs, openBtrfsVolumes } from "./btrfs-volumes.ts";
import { MechanismUnavailableError, tmpMechanisms, type TmpMechanism, type TmpVolumes } from "./contract.ts";
import { defaultReserveBytes, readHostSpace } from "./host-space.ts";
import { clearLoops, openLoopVolumes } from "./loop-volumes.ts";
import { clearProjects, openProjectVolumes } from "./project-volumes.ts";

export type { TmpVolumes } from "./contract.ts";

export interface TmpVolumesOptions {
  readonly dataDirectory: string;
  readonly clock: Clock;
  /** Disk that always stays with the host; a twentieth of it, within bounds, unless given. */
  readonly reserveBytes?: number;
  /** Tried in this order; all of them unless given. */
  readonly mechanisms?: readonly TmpMechanism[];
  /** True when a seccomp filter keeps btrfs's ioctl requests (type 0x94) from tenants. */
  readonly tenantsCannotMakeSubvolumes?: boolean;
}

export async function openTmpVolumes(options: TmpVolumesOptions): Promise<TmpVolumes> {
  mkdirSync(options.dataDirectory, { recursive: true });
  const stateDirectory = join(realpathSync(options.dataDirectory), "tmp-volumes");
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const leftOver = clearBtrfs(stateDirectory) + clearLoops(stateDirectory) + (await clearProjects(stateDirectory));

  const { totalBytes } = readHostSpace(stateDirectory);
  const { clock, tenantsCannotMakeSubvolumes = false, reserveBytes = defaultReserveBytes(totalBytes) } = options;
  const common = { stateDirectory, reserveBytes, leftOver, clock };
  const open: Readonly<Record<TmpMechanism, () => Promise<TmpVolumes>>> = {
    "project-quota": () => openProjectVolumes(common),
    btrfs: () => openBtrfsVolumes({ ...common, tenantsCannotMakeSubvolumes }),
    loop: () => openLoopVolumes(common),
  };

  const reasons: string[] = [];
  for (const mechanism of options.mechanisms ?? tmpMechanisms) {
    try {
      return await open[mechanism]();
    } catch (error) {
      if (!(error instanceof MechanismUnavailableError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new Error(`nothing on this host can bound the size of /tmp (${reasons.join("; ")})`);
}
