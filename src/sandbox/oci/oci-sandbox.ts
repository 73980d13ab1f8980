/** One sandbox made by an OCI runtime, from the moment it stands until nothing of it is left. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { SandboxCgroup } from "../cgroup/contract.ts";
import { sendKill } from "../cgroup/files.ts";
import { SandboxGoneError } from "../contract.ts";
import type {
  Mount,
  Sandbox,
  SandboxExit,
  SandboxId,
  SandboxLimits,
  SandboxSpec,
  SandboxUsage,
  TmpVolume,
} from "../contract.ts";
import type { WaitStatus } from "../linux/libc.ts";
import { attachInto, shareInto } from "../linux/mounts.ts";
import { mapOwners } from "../linux/owner-mapping.ts";
import type { Connection } from "../network/egress.ts";
import { sandboxUser } from "./config.ts";
import { blockDeviceOf } from "./block-device.ts";
import type { OciHost } from "./host.ts";

/** How long killed processes may take to leave their cgroup: an uninterruptible wait for a slow disk. */
const emptyMsMax = 30_000;

interface OciSandboxParts {
  readonly host: OciHost;
  readonly spec: SandboxSpec;
  readonly pid: number;
  readonly cgroup: SandboxCgroup;
  readonly connection: Connection | undefined;
  /** Those that nobody has taken. */
  readonly listeners: Map<number, number>;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  readonly status: Promise<WaitStatus>;
  readonly resources: AsyncDisposableStack;
  readonly tmp: TmpVolume;
}

export class OciSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  readonly exited: Promise<SandboxExit>;
  readonly #parts: OciSandboxParts;
  #tmp: TmpVolume;
  #networkBytesPerSecond: number | undefined;
  #hasExited = false;
  #isDestroying = false;

  constructor(parts: OciSandboxParts) {
    this.id = parts.spec.id;
    this.stdout = parts.stdout;
    this.stderr = parts.stderr;
    this.telemetry = parts.telemetry;
    this.#parts = parts;
    this.#tmp = parts.tmp;
    this.#networkBytesPerSecond = parts.spec.limits.networkBytesPerSecond;
    this.exited = parts.status.then((status) => this.#exitOf(status));
  }

  get tmp(): TmpVolume {
    return this.#tmp;
  }

  takeListener(port: number): number {
    const fd = this.#parts.listeners.get(port);
    if (fd === undefined && this.#parts.spec.listenPorts.includes(port)) {
      throw new Error(`the listener of port ${port} was taken before`);
    }
    if (fd === undefined) throw new Error(`port ${port} is not one that sandbox ${this.id} listens on`);
    this.#parts.listeners.delete(port);
    return fd;
  }

  start(): Promise<void> {
    return this.#parts.host.runtime.start(this.id, this.exited);
  }

  attach(mount: Mount): void {
    this.#requireAttachPoint(mount);
    attachInto(this.#parts.pid, mount);
  }

  async share(mount: Mount): Promise<void> {
    this.#requireAttachPoint(mount);
    const { uid, gid } = sandboxUser;
    const { uidBase } = this.#tmp;
    using owners = await mapOwners(mount.source, { uid: uidBase + uid, gid: uidBase + gid });
    this.#requireAttachPoint(mount);
    shareInto(this.#parts.pid, mount, owners.userNamespace);
  }

  restrictEgress(ranges: readonly string[]): void {
    const { connection, host } = this.#parts;
    if (this.#hasExited) throw new SandboxGoneError(this.id);
    if (connection === undefined || host.egress === undefined) return;
    connection.restrict(host.egress.allowLists.get(ranges));
  }

  setLimits(limits: SandboxLimits): void {
    const { host, cgroup, connection } = this.#parts;
    const blockDevice = limits.diskBytesPerSecond === undefined ? undefined : blockDeviceOf(host.volumes, this.#tmp);
    cgroup.setLimits(limits, blockDevice);
    if (limits.networkBytesPerSecond === this.#networkBytesPerSecond) return;
    if (!this.#hasExited) connection?.setBandwidth(limits.networkBytesPerSecond);
    this.#networkBytesPerSecond = limits.networkBytesPerSecond;
  }

  setTmpSize(sizeMiB: number): void {
    this.#parts.host.volumes.resize(this.#tmp, sizeMiB);
    this.#tmp = { ...this.#tmp, sizeMiB };
  }

  freeze(): void {
    this.#parts.cgroup.freeze();
  }

  thaw(): void {
    this.#parts.cgroup.thaw();
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#hasExited) return;
    try {
      process.kill(commandOf(this.#parts.pid), signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  usage(): SandboxUsage {
    return this.#parts.cgroup.usage();
  }

  async destroy(options: { readonly keepTmp?: boolean } = {}): Promise<void> {
    this.#isDestroying = true;
    if (!this.#hasExited) {
      // The kernel ends everything in a pid namespace with its init.
      sendKill(this.#parts.pid);
      this.#parts.cgroup.thaw();
    }
    // What does not die is reported when the cgroup is emptied.
    await Promise.race([this.exited, delay(emptyMsMax, undefined, { ref: false })]);
    await this.#parts.resources.disposeAsync();
    if (options.keepTmp) return;
    await removeTmp(this.#parts.host, this.#tmp);
  }

  #requireAttachPoint(mount: Mount): void {
    if (!this.#parts.spec.attachPoints.includes(mount.target)) {
      throw new Error(`${mount.target} is not an attach point of sandbox ${this.id}`);
    }
    if (this.#hasExited) throw new SandboxGoneError(this.id);
  }

  #exitOf(status: WaitStatus): SandboxExit {
    this.#hasExited = true;
    if (this.#isDestroying) return { kind: "destroyed" };
    return exitOf(status, this.#parts.cgroup.usage().oomKills);
  }
}

export async function removeTmp(host: OciHost, volume: TmpVolume): Promise<void> {
  await host.volumes.remove(volume);
  host.uidRanges.release(volume.uidBase);
}

/**
 * What the init's end says of the command: tini exits with the command's code, or with 128 and the number of the signal
 * that ended it, as shells do.
 */
export function exitOf(status: WaitStatus, oomKills: number): SandboxExit {
  const number = "signal" in status ? status.signal : status.code - 128;
  const signal = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  if (signal === undefined) return { kind: "exited", code: "code" in status ? status.code : 128 + status.signal };
  if (signal === "SIGKILL" && oomKills > 0) return { kind: "out-of-memory" };
  return { kind: "signaled", signal };
}

/** The first child of the sandbox's init; the init itself as long as it has none. */
function commandOf(initPid: number): number {
  const children = readFileSync(`/proc/${initPid}/task/${initPid}/children`, "utf8");
  const [first = ""] = children.split(" ");
  return first === "" ? initPid : Number(first);
}

/** Kills what runs in a cgroup, waits for its end and removes the cgroup. */
export async function emptyCgroup(cgroup: SandboxCgroup): Promise<void> {
  const startedAtMs = performance.now();
  for (let pollMs = 1; !cgroup.remove(); pollMs = Math.min(50, pollMs * 2)) {
    cgroup.kill();
    if (performance.now() - startedAtMs > emptyMsMax) {
      throw new Error(`processes of ${cgroup.ociPath} are still there ${emptyMsMax} ms after they were killed`);
    }
    await delay(pollMs);
  }
}
