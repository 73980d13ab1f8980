/**
 * Isolation: a sandbox runs one tree of untrusted processes, limited and cut off from the host and from every other
 * sandbox. Every driver passes `test/contract/sandbox.ts`.
 *
 * Life: `create` (everything made, nothing running) → `start` → any of `freeze`/`thaw`/`attach`/`setLimits` →
 * `destroy`. `destroy` is safe in every state and when called twice; after it every other call throws `SandboxGoneError`.
 * `exited` resolves once, when the last process of the sandbox is gone, also after `destroy`.
 */
import type { Readable } from "node:stream";

export type SandboxId = string;

/**
 * Connections that may wait to be accepted, on a listener of a sandbox: an SDK's client opens 50. Each is taken by the
 * worker at once, whatever a function that floods it sends.
 */
export const listenBacklog = 64;

export interface Mount {
  /** Absolute path on the host. */
  readonly source: string;
  /** Absolute path inside; always read-only, nosuid, nodev. */
  readonly target: string;
}

export interface SandboxLimits {
  readonly memoryMiB: number;
  /** Share of CPU in thousandths of a vCPU: weight in `share` mode, ceiling in `quota` mode. */
  readonly cpuMilli: number;
  /** `share` is work-conserving (soft allocation); `quota` caps as Lambda does; `unlimited` is for the init phase. */
  readonly cpuMode: "share" | "quota" | "unlimited";
  /** Bytes per second for reads and for writes of the disk behind `/tmp`; undefined leaves it open. */
  readonly diskBytesPerSecond?: number;
  /** Bytes per second in each direction of egress; undefined leaves it open. */
  readonly networkBytesPerSecond?: number;
}

/** A quota-bound directory that is mounted at `/tmp`; it can outlive a sandbox that is restarted. */
export interface TmpVolume {
  readonly id: string;
  readonly sizeMiB: number;
  /** First host uid of the 65,536 that own it; a sandbox that mounts it runs in the same range. */
  readonly uidBase: number;
}

/** Programs that run beside the command, as extensions do; the sandbox lives on when the command or one of them ends. */
export interface Companions {
  /** Absolute paths inside, 1 to `companionsMax`; started without arguments when the sandbox is, in this order. */
  readonly programs: readonly string[];
  /** Variables of the sandbox's environment that only the command gets. */
  readonly hiddenVariables: readonly string[];
}

/** Lambda's limit for extensions. */
export const companionsMax = 10;

export interface SandboxSpec {
  /** Unique on this machine, `[a-z0-9-]{1,48}`. */
  readonly id: SandboxId;
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** With companions, the command itself waits for `startCommand`. */
  readonly companions?: Companions;
  /** Besides the read-only user space of the host. */
  readonly mounts: readonly Mount[];
  /** Root file system of an image instead of the host's user space. */
  readonly rootDirectory?: string;
  /** Empty directories that exist read-only at start, so that `attach` can mount over them later. */
  readonly attachPoints: readonly string[];
  readonly limits: SandboxLimits;
  /** Size of a new `/tmp`, or the volume of a sandbox that was restarted. */
  readonly tmp: { readonly sizeMiB: number } | { readonly volume: TmpVolume };
  /** TCP ports on the sandbox's own 127.0.0.1 that the worker will serve; bound and listening before `start`. */
  readonly listenPorts: readonly number[];
  /** `open`: egress with the driver's rules; `none`: loopback only. */
  readonly egress: "open" | "none";
}

export type SandboxExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signaled"; readonly signal: string }
  /** The kernel killed a process of the sandbox for its memory limit. */
  | { readonly kind: "out-of-memory" }
  | { readonly kind: "destroyed" };

export interface SandboxUsage {
  readonly memoryBytes: number;
  /** Highest since the sandbox was created. */
  readonly memoryPeakBytes: number;
  readonly cpuMs: number;
  /** Threads count too, as they do against the limit of 1024. */
  readonly processes: number;
  readonly oomKills: number;
}

export interface Sandbox {
  readonly id: SandboxId;
  readonly tmp: TmpVolume;
  /** What the processes write, as raw bytes through real pipes; ends when the last writer is gone. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Descriptor 3 inside: framed log records of the runtimes (see `worker/logs/frame-parser.ts`). */
  readonly telemetry: Readable;
  /** What the companions write to stdout and stderr; a line of up to 4096 bytes that is written at once stays whole. */
  readonly companionOutput: Readable | undefined;
  readonly exited: Promise<SandboxExit>;
  /** Resolves when the command has ended, which ends the sandbox too unless it has companions. */
  readonly commandExited: Promise<SandboxExit>;
  /** Of each companion, in the order of the specification; `destroyed` for one that the sandbox's end took along. */
  readonly companionExits: readonly Promise<SandboxExit>[];
  /**
   * A listening descriptor for one of `listenPorts`, for `server.listen({ fd, backlog: listenBacklog })`. The caller owns
   * it from here on; each port is handed out once.
   */
  takeListener(port: number): number;
  /** Runs the command, or the companions where there are any. */
  start(): Promise<void>;
  /** Runs the command beside its companions, once; after `start`. */
  startCommand(): void;
  /**
   * A descriptor that is connected to a port of the sandbox's own 127.0.0.1; the caller owns it. Throws when nobody
   * accepts connections there now.
   */
  connect(port: number): number;
  /**
   * Mounts a host directory read-only at an attach point; takes well under a millisecond. A process whose working
   * directory is the attach point goes on seeing the empty directory until it enters it again.
   */
  attach(mount: Mount): void;
  /**
   * Mounts a directory, writable, at an attach point. What the sandbox's user owns in a directory of the host belongs to
   * that directory's owner there, who must not be root. `server:/export` is mounted from an NFS server, which sees the
   * sandbox's own uid. Rejects when the directory is missing or its file system cannot map owners.
   */
  share(mount: Mount): Promise<void>;
  /**
   * From now on egress reaches these ranges and nothing else: see `network/allow-lists.ts`. The list must have been
   * prepared by the driver; a sandbox without egress stays closed.
   */
  restrictEgress(ranges: readonly string[]): void;
  /** Throws when the memory in use cannot be brought below a lower limit. */
  setLimits(limits: SandboxLimits): void;
  /** Changes the size that `/tmp` may grow to. */
  setTmpSize(sizeMiB: number): void;
  /**
   * Stops every process before it next runs its own code; idempotent. Does not wait for that: on a busy machine a wait
   * would stop the worker too.
   */
  freeze(): void;
  thaw(): void;
  /** To the command (not to the sandbox's init); thaws nothing. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
  usage(): SandboxUsage;
  /** Highest memory use since the sandbox was created: one figure of `usage`, at a fraction of its cost. */
  memoryPeakBytes(): number;
  /** Kills everything, frozen or not, and removes every trace; keeps the `/tmp` volume if asked. */
  destroy(options?: { readonly keepTmp?: boolean }): Promise<void>;
}

/** What the machine has left for sandboxes, measured. */
export interface HostMemory {
  /** What it could give without ending anything: free, or held by caches that can be dropped. */
  readonly availableBytes: number;
  /** Share of the last ten seconds in which something stood still for want of memory, 0 to 1; undefined if not measured. */
  readonly stalledShare: number | undefined;
}

export interface RecoveryReport {
  readonly sandboxes: number;
  readonly mounts: number;
  readonly cgroups: number;
  readonly links: number;
  readonly volumes: number;
}

export interface SandboxDriver {
  readonly name: string;
  create(spec: SandboxSpec): Promise<Sandbox>;
  removeTmp(volume: TmpVolume): Promise<void>;
  /** Makes a list of ranges known, so that restricting a sandbox to it takes no time. */
  prepareEgressList(ranges: readonly string[]): Promise<void>;
  hasEgressList(ranges: readonly string[]): boolean;
  hostMemory(): HostMemory;
  /** What all sandboxes hold together, without file cache that nobody would miss. */
  usedMemoryBytes(): number;
  /** Removes what a crashed run left: processes, mounts, cgroups, namespaces, links, volumes. Before the first create. */
  recover(): Promise<RecoveryReport>;
  /** Destroys every sandbox. */
  close(): Promise<void>;
}

export class SandboxGoneError extends Error {
  constructor(id: SandboxId) {
    super(`sandbox ${id} is gone`);
    this.name = "SandboxGoneError";
  }
}
