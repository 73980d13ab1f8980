/** One sandbox made by an OCI runtime, from the moment it stands until nothing of it is left. */
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { SandboxCgroup } from "../cgroup/contract.ts";
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
import * as libc from "../linux/libc.ts";
import { inNetworkNamespace } from "../linux/namespaces.ts";
import { mapOwners } from "../linux/owner-mapping.ts";
import type { Connection } from "../network/egress.ts";
import { sandboxUser } from "./config.ts";
import { blockDeviceOf } from "./block-device.ts";
import type { Container } from "./container.ts";
import { CompanionControl } from "./companion-control.ts";
import type { OciHost } from "./host.ts";
import { isNfsExport } from "./nfs-exports.ts";

/** How long killed processes may take to leave their cgroup: an uninterruptible wait for a slow disk. */
const emptyMsMax = 30_000;

export interface CompanionPipes {
  readonly orders: Writable;
  readonly notices: Readable;
  readonly output: Readable;
}

interface OciSandboxParts {
  readonly host: OciHost;
  readonly spec: SandboxSpec;
  readonly container: Container;
  readonly cgroup: SandboxCgroup;
  readonly connection: Connection | undefined;
  /** Those that nobody has taken. */
  readonly listeners: Map<number, number>;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  readonly companions: CompanionPipes | undefined;
  readonly resources: AsyncDisposableStack;
  readonly tmp: TmpVolume;
}

export class OciSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  readonly exited: Promise<SandboxExit>;
  readonly #companions: CompanionControl | undefined;
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
    this.exited = parts.container.status.then((status) => this.#exitOf(status));
    const count = parts.spec.companions?.programs.length ?? 0;
    this.#companions =
      parts.companions &&
      new CompanionControl({
        ...parts.companions,
        count,
        sandboxExited: this.exited,
        exitOf: (code) => exitOf({ code }, parts.cgroup.usage().oomKills),
      });
  }

  get companionOutput(): Readable | undefined {
    return this.#companions?.output;
  }

  get commandExited(): Promise<SandboxExit> {
    return this.#companions?.commandExited ?? this.exited;
  }

  get companionExits(): readonly Promise<SandboxExit>[] {
    return this.#companions?.exits ?? [];
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
    return this.#parts.container.start();
  }

  startCommand(): void {
    this.#companions?.startCommand();
  }

  connect(port: number): number {
    if (this.#hasExited) throw new SandboxGoneError(this.id);
    return inNetworkNamespace(this.#parts.container.networkPid, () => libc.connectToLoopback(port));
  }

  attach(mount: Mount): void {
    this.#requireAttachPoint(mount);
    this.#parts.container.attach(mount);
  }

  async share(mount: Mount): Promise<void> {
    this.#requireAttachPoint(mount);
    const { host, container } = this.#parts;
    if (isNfsExport(mount.source)) {
      const source = await host.exports.directoryOf(mount.source);
      this.#requireAttachPoint(mount);
      container.share({ ...mount, source }, undefined);
      return;
    }
    const { uid, gid } = sandboxUser;
    const { uidBase } = this.#tmp;
    using owners = await mapOwners(mount.source, { uid: uidBase + uid, gid: uidBase + gid });
    this.#requireAttachPoint(mount);
    container.share(mount, owners.userNamespace);
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
    // The shell that runs beside companions has the command as its child; killing the shell would end them all.
    const isByProxy = this.#companions !== undefined && signal === "SIGKILL";
    this.#parts.container.signal(isByProxy ? "SIGUSR2" : signal);
  }

  memoryPeakBytes(): number {
    return this.#parts.cgroup.memoryPeakBytes();
  }

  usage(): SandboxUsage {
    return this.#parts.cgroup.usage();
  }

  async destroy(options: { readonly keepTmp?: boolean } = {}): Promise<void> {
    this.#isDestroying = true;
    if (!this.#hasExited) {
      this.#parts.container.kill();
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

  #exitOf(status: libc.WaitStatus): SandboxExit {
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
export function exitOf(status: libc.WaitStatus, oomKills: number): SandboxExit {
  const number = "signal" in status ? status.signal : status.code - 128;
  const signal = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  if (signal === undefined) return { kind: "exited", code: "code" in status ? status.code : 128 + status.signal };
  if (signal === "SIGKILL" && oomKills > 0) return { kind: "out-of-memory" };
  return { kind: "signaled", signal };
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
