/** The disk: how much is free where the data lies, and how `/tmp` of a sandbox is bounded there. */
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { systemClock } from "../../core/clock.ts";
import { readHostSpace, type HostSpace } from "../tmp/host-space.ts";
import type { TmpMechanism } from "../tmp/contract.ts";
import { openTmpVolumes } from "../tmp/volumes.ts";
import { failure, ok, warning, type Check, type ProbedHost } from "./check.ts";

const GiB = 1024 ** 3;

export interface StorageOptions {
  readonly dataDirectory: string;
  /** Space where the data directory is, or will be. */
  readonly space?: (directory: string) => HostSpace;
  /** The mechanism that works there; throws with the reasons when none does. */
  readonly tryTmp?: (directory: string) => Promise<TmpMechanism>;
}

export async function storageChecks(host: ProbedHost, options: StorageOptions): Promise<Check[]> {
  const directory = nearestExisting(host, options.dataDirectory);
  return [disk(directory, options.space ?? readHostSpace), await tmp(host, directory, options.tryTmp ?? tryForReal)];
}

function nearestExisting(host: ProbedHost, directory: string): string {
  let current = directory;
  while (current !== "/" && !host.isExecutable(current)) current = dirname(current);
  return current;
}

function disk(directory: string, space: (directory: string) => HostSpace): Check {
  const { freeBytes } = space(directory);
  const detail = `${(freeBytes / GiB).toFixed(1)} GiB free at ${directory}`;
  if (freeBytes < GiB)
    return failure("disk", `${detail}; too little for /tmp, code and logs`, "hearth up --data-dir <a larger disk>");
  return freeBytes < 10 * GiB ? warning("disk", `${detail}; a single /tmp may take 10 GiB`) : ok("disk", detail);
}

const mechanismDetails: Readonly<Record<TmpMechanism, string>> = {
  "project-quota": "project quotas of the data directory's file system",
  btrfs: "a subvolume with a quota each, in one sparse btrfs image",
  loop: "a sparse ext4 image each (slower: about 15 ms to make one)",
};

async function tmp(
  host: ProbedHost,
  directory: string,
  tryTmp: (directory: string) => Promise<TmpMechanism>,
): Promise<Check> {
  const name = "/tmp quotas";
  if (host.uid !== 0) return warning(name, "can be tried by root only", "sudo ./hearth doctor");
  try {
    const mechanism = await tryTmp(directory);
    const detail = mechanismDetails[mechanism];
    return mechanism === "loop" ? warning(name, detail, "apt-get install btrfs-progs") : ok(name, detail);
  } catch (error) {
    return failure(
      name,
      error instanceof Error ? error.message : String(error),
      "apt-get install btrfs-progs e2fsprogs",
    );
  }
}

/** In a directory of its own, so that a running Hearth is not disturbed. */
async function tryForReal(directory: string): Promise<TmpMechanism> {
  const dataDirectory = mkdtempSync(join(directory, ".hearth-doctor-"));
  try {
    const volumes = await openTmpVolumes({ dataDirectory, clock: systemClock });
    await volumes.close();
    return volumes.mechanism;
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}
