/**
 * The cgroups of sandboxes, whatever the host's version of them: one cgroup for each sandbox below a parent of
 * Hearth's. The OCI runtime makes them; here they are limited, frozen, measured, emptied and removed. Everything is
 * synchronous, a few file reads and writes of microseconds each.
 */
import type { SandboxLimits, SandboxUsage } from "../contract.ts";

/** As on Lambda: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const tasksMax = 1024;

export interface SandboxCgroup {
  /** `linux.cgroupsPath` of the OCI configuration. */
  readonly ociPath: string;
  /** Makes it, with a process in it: for a runtime that wants it limited before it fills it. */
  makeWith(pid: number): void;
  /** `blockDevice` is `major:minor` of the disk behind `/tmp`. */
  setLimits(limits: SandboxLimits, blockDevice: string | undefined): void;
  /** Returns at once; each process stops before it next runs its own code. */
  freeze(): void;
  thaw(): void;
  usage(): SandboxUsage;
  /** The same figure as in `usage`, for whoever asks often: one read. */
  memoryPeakBytes(): number;
  /** Host pids of everything in it. */
  processes(): number[];
  /** Sends SIGKILL to everything in it, frozen or not; whoever must be gone waits for `processes` to be empty. */
  kill(): void;
  /** Removes it; true when nothing of it is left, false while something still runs or ends in it. */
  remove(): boolean;
}

export interface CgroupHost {
  readonly version: "v1" | "hybrid" | "v2";
  /** The cgroup of a sandbox; makes nothing. */
  of(id: string): SandboxCgroup;
  /** What all sandboxes hold together, without file cache that nobody would miss. */
  memoryBytes(): number;
  /** Text of the pressure stall information of all sandboxes together; undefined where the kernel keeps none for cgroups. */
  memoryPressure(): string | undefined;
  /** Removes the parent cgroup if it is empty. */
  close(): void;
}
