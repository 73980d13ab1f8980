/**
 * Where one Hearth keeps its things. Several may run on one machine, each with a data directory of its own: the
 * directory's path names the instance, so that a later start finds what a crashed one left.
 */
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { join } from "node:path";

export interface Instance {
  /** `[a-z0-9]{6}`; names cgroups, links and the packet filter's table. */
  readonly id: string;
  readonly dataDirectory: string;
  /** The engine's; owned by the front's user. */
  readonly stateDirectory: string;
  /** Unpacked code; owned by the front's user. */
  readonly packagesDirectory: string;
  /** Gone after a reboot, as are the things it describes: sockets, and the state of the OCI runtime. */
  readonly runDirectory: string;
  readonly workerSocket: string;
  readonly frontSocket: string;
}

/** Short, since the path of a unix socket has 107 bytes at most. */
const runRoot = "/run/hearth";
const idLength = 6;

/** The data directory must exist. */
export function instanceOf(dataDir: string): Instance {
  const dataDirectory = realpathSync(dataDir);
  const id = BigInt(`0x${createHash("sha256").update(dataDirectory).digest("hex")}`)
    .toString(36)
    .slice(0, idLength);
  const runDirectory = join(runRoot, id);
  return {
    id,
    dataDirectory,
    stateDirectory: join(dataDirectory, "state"),
    packagesDirectory: join(dataDirectory, "packages"),
    runDirectory,
    workerSocket: join(runDirectory, "worker.sock"),
    frontSocket: join(runDirectory, "front.sock"),
  };
}
