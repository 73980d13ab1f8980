/**
 * One sandbox made by an OCI runtime. The runtime only makes namespaces, root and seccomp filter; listeners, most mounts
 * and all limits are the worker's own system calls, since each costs microseconds there and a process or milliseconds
 * in the runtime.
 */
import { fchownSync, readFileSync, statSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { CgroupHost, SandboxCgroup } from "../cgroup/contract.ts";
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
import * as libc from "../linux/libc.ts";
import { bindDatagramOnLoopback, bringLoopbackUp, listenOnLoopback } from "../linux/loopback.ts";
import { attachInto, completeMounts } from "../linux/mounts.ts";
import type { InnerMount, MountPlan } from "../linux/mounts.ts";
import { inNetworkNamespace } from "../linux/namespaces.ts";
import type { Connection, Egress } from "../network/egress.ts";
import type { TmpVolumes } from "../tmp/volumes.ts";
import { blockDeviceOf } from "./block-device.ts";
import { ociConfig, sandboxUser } from "./config.ts";
import type { Reaper } from "./reaper.ts";
import { imageRoot } from "./root.ts";
import type { SandboxRoot } from "./root.ts";
import type { OciRuntime } from "./runtime.ts";
import type { UidRanges } from "./uid-ranges.ts";

/** How long killed processes may take to leave their cgroup: an uninterruptible wait for a slow disk. */
const emptyMsMax = 30_000;

const dnsPort = 53;

/** Serves DNS on a bound UDP socket and a listening TCP socket, which it owns from here on, until closed. */
export type ServeDns = (datagramFd: number, streamFd: number) => { close(): void };

/** What all sandboxes of a driver share. */
export interface OciHost {
  readonly runtime: OciRuntime;
  readonly cgroups: CgroupHost;
  readonly volumes: Pick<TmpVolumes, "create" | "directoryOf" | "blockDeviceOf" | "resize" | "remove">;
  readonly egress: Pick<Egress, "connect"> | undefined;
  readonly serveDns: ServeDns | undefined;
  readonly uidRanges: UidRanges;
  readonly reaper: Reaper;
  readonly root: SandboxRoot;
  /** One directory for each sandbox: its configuration, and the mark by which a later run finds what is left of it. */
  readonly bundlesDirectory: string;
  readonly hasCgroupNamespaces: boolean;
  readonly architecture: "x64" | "arm64";
}

export async function createOciSandbox(host: OciHost, spec: SandboxSpec): Promise<OciSandbox> {
  if (spec.egress === "open" && host.egress === undefined) throw new Error("this worker offers sandboxes no egress");
  await using undoTmp = new AsyncDisposableStack();
  const tmp = await takeTmp(host, spec, undoTmp);
  await using undo = new AsyncDisposableStack();

  const root = spec.rootDirectory === undefined ? host.root : imageRoot(spec.rootDirectory, host.root.deviceDirectory);
  const mounts = mountsOf(host, spec, root, tmp);
  const cgroup = host.cgroups.of(spec.id);
  const bundleDirectory = join(host.bundlesDirectory, spec.id);
  await mkdir(bundleDirectory, { mode: 0o700 });
  undo.defer(() => rm(bundleDirectory, { recursive: true, force: true }));
  const config = ociConfig({
    spec,
    rootDirectory: root.directory,
    deviceDirectory: root.deviceDirectory,
    uidBase: tmp.uidBase,
    cgroupsPath: cgroup.ociPath,
    mounts: mounts.early,
    hasCgroupNamespaces: host.hasCgroupNamespaces,
    architecture: host.architecture,
  });
  await writeFile(join(bundleDirectory, "config.json"), JSON.stringify(config));

  undo.defer(() => host.runtime.forget(spec.id));
  undo.defer(() => emptyCgroup(cgroup));
  const outputs = [libc.pipe(), libc.pipe(), libc.pipe()] as const;
  // A pipe belongs to who made it; only its owner may open it again, as programs do through /dev/stdout.
  for (const { write } of outputs) fchownSync(write, tmp.uidBase + sandboxUser.uid, tmp.uidBase + sandboxUser.gid);
  const stdout = outputStream(outputs[0].read, undo);
  const stderr = outputStream(outputs[1].read, undo);
  const telemetry = outputStream(outputs[2].read, undo);
  let pid: number;
  try {
    const writers: readonly [number, number, number] = [outputs[0].write, outputs[1].write, outputs[2].write];
    pid = await host.runtime.create({ id: spec.id, bundleDirectory, outputs: writers });
  } finally {
    for (const { write } of outputs) libc.close(write);
  }

  // From here on, so that an init that ends in the middle of this is collected too.
  const status = host.reaper.wait(pid);
  const listeners = openListeners(host, spec, pid, undo);
  completeMounts(pid, mounts);
  const connection = await connect(host, spec, pid, undo);
  const blockDevice = spec.limits.diskBytesPerSecond === undefined ? undefined : blockDeviceOf(host.volumes, tmp);
  cgroup.setLimits(spec.limits, blockDevice);
  undoTmp.move();
  const resources = undo.move();
  return new OciSandbox({
    host,
    spec,
    pid,
    cgroup,
    connection,
    listeners,
    stdout,
    stderr,
    telemetry,
    status,
    resources,
    tmp,
  });
}

async function takeTmp(host: OciHost, spec: SandboxSpec, undo: AsyncDisposableStack): Promise<TmpVolume> {
  if ("volume" in spec.tmp) return spec.tmp.volume;
  const uidBase = host.uidRanges.take();
  undo.defer(() => host.uidRanges.release(uidBase));
  const { volume } = await host.volumes.create(spec.id, spec.tmp.sizeMiB, uidBase);
  undo.defer(() => host.volumes.remove(volume));
  return volume;
}

/**
 * The runtime enters the working directory while it makes the sandbox, so what lies on the way to it must be mounted
 * then (`early`). All else is moved in afterwards.
 */
function mountsOf(host: OciHost, spec: SandboxSpec, root: SandboxRoot, tmp: TmpVolume): MountPlan {
  for (const point of spec.attachPoints) root.ensureMountPoint(point, "directory");
  for (const { source, target } of spec.mounts) {
    root.ensureMountPoint(target, statSync(source).isDirectory() ? "directory" : "file");
  }
  const all: InnerMount[] = [
    ...root.userSpace.map((mount) => ({ ...mount, isWritable: false })),
    { source: host.volumes.directoryOf(tmp), target: "/tmp", isWritable: true },
    ...spec.mounts.map((mount) => ({ ...mount, isWritable: false })),
  ];
  const leadsToWorkingDirectory = ({ target }: Mount): boolean =>
    spec.workingDirectory === target || spec.workingDirectory.startsWith(`${target}/`);
  return {
    early: all.filter((mount) => leadsToWorkingDirectory(mount)),
    late: all.filter((mount) => !leadsToWorkingDirectory(mount)),
  };
}

function outputStream(fd: number, undo: AsyncDisposableStack): Readable {
  const stream = new Socket({ fd, readable: true, writable: false });
  undo.defer(() => {
    // What nobody reads has no reason to stay open; what somebody reads ends by itself.
    if (stream.readableFlowing === null && stream.listenerCount("readable") === 0) stream.destroy();
  });
  return stream;
}

function openListeners(host: OciHost, spec: SandboxSpec, pid: number, undo: AsyncDisposableStack): Map<number, number> {
  const listeners = new Map<number, number>();
  const dnsSockets: number[] = [];
  undo.defer(() => {
    for (const fd of [...listeners.values(), ...dnsSockets]) libc.close(fd);
    listeners.clear();
  });
  const serveDns = spec.egress === "open" ? host.serveDns : undefined;
  inNetworkNamespace(pid, () => {
    bringLoopbackUp();
    for (const port of spec.listenPorts) listeners.set(port, listenOnLoopback(port).fd);
    if (serveDns === undefined) return;
    dnsSockets.push(bindDatagramOnLoopback(dnsPort).fd);
    dnsSockets.push(listenOnLoopback(dnsPort).fd);
  });
  const [datagrams, streams] = dnsSockets.splice(0);
  if (datagrams !== undefined && streams !== undefined) {
    const server = serveDns?.(datagrams, streams);
    undo.defer(() => server?.close());
  }
  return listeners;
}

async function connect(
  host: OciHost,
  spec: SandboxSpec,
  pid: number,
  undo: AsyncDisposableStack,
): Promise<Connection | undefined> {
  if (spec.egress === "none") return undefined;
  const connection = await host.egress?.connect(spec.id, pid, spec.limits.networkBytesPerSecond);
  undo.defer(() => connection?.disconnect());
  return connection;
}

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
  readonly status: Promise<libc.WaitStatus>;
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
    if (!this.#parts.spec.attachPoints.includes(mount.target)) {
      throw new Error(`${mount.target} is not an attach point of sandbox ${this.id}`);
    }
    if (this.#hasExited) throw new SandboxGoneError(this.id);
    attachInto(this.#parts.pid, mount);
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
