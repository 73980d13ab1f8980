/** What all sandboxes of a driver share. */
import type { CgroupHost } from "../cgroup/contract.ts";
import type { Egress } from "../network/egress.ts";
import type { TmpVolumes } from "../tmp/volumes.ts";
import type { Reaper } from "./reaper.ts";
import type { SandboxRoot } from "./root.ts";
import type { NfsExports } from "./nfs-exports.ts";
import type { OciRuntime } from "./runtime.ts";
import type { UidRanges } from "./uid-ranges.ts";

/** Serves DNS on a bound UDP socket and a listening TCP socket, which it owns from here on, until closed. */
export type ServeDns = (datagramFd: number, streamFd: number) => { close(): void };

export interface OciHost {
  readonly runtime: OciRuntime;
  readonly cgroups: CgroupHost;
  readonly volumes: Pick<TmpVolumes, "create" | "directoryOf" | "blockDeviceOf" | "resize" | "remove">;
  readonly egress: Pick<Egress, "connect" | "allowLists"> | undefined;
  readonly serveDns: ServeDns | undefined;
  readonly exports: NfsExports;
  readonly uidRanges: UidRanges;
  readonly reaper: Reaper;
  readonly root: SandboxRoot;
  /** One directory for each sandbox: its configuration, and the mark by which a later run finds what is left of it. */
  readonly bundlesDirectory: string;
  /** Empty; where mounts are put together that only some processes see. */
  readonly stageDirectory: string;
  readonly hasCgroupNamespaces: boolean;
  /** Whether sandboxes keep the hyper-threads of a core to themselves: wanted, and offered by the kernel. */
  readonly hasCoreScheduling: boolean;
  readonly architecture: "x64" | "arm64";
}
