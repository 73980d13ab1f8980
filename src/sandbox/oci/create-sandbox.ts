/**
 * Makes a sandbox, or fails and leaves nothing of it. The OCI runtime only makes namespaces, root and seccomp filter;
 * listeners, most mounts and all limits are the worker's own system calls, since each costs microseconds there and
 * milliseconds in the runtime.
 */
import { fchownSync, statSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Mount, SandboxSpec, TmpVolume } from "../contract.ts";
import * as libc from "../linux/libc.ts";
import { bindDatagramOnLoopback, bringLoopbackUp, listenOnLoopback } from "../linux/loopback.ts";
import { completeMounts } from "../linux/mounts.ts";
import type { InnerMount, MountPlan } from "../linux/mounts.ts";
import { inNetworkNamespace } from "../linux/namespaces.ts";
import type { Connection } from "../network/egress.ts";
import { blockDeviceOf } from "./block-device.ts";
import { ociConfig, sandboxUser } from "./config.ts";
import type { OciHost } from "./host.ts";
import { OciSandbox, emptyCgroup } from "./oci-sandbox.ts";
import { imageRoot } from "./root.ts";
import type { SandboxRoot } from "./root.ts";

const dnsPort = 53;

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
  using writers = new DisposableStack();
  const stdout = openOutput(tmp, undo, writers);
  const stderr = openOutput(tmp, undo, writers);
  const telemetry = openOutput(tmp, undo, writers);
  const outputs = [stdout.writer, stderr.writer, telemetry.writer] as const;
  const pid = await host.runtime.create({ id: spec.id, bundleDirectory, outputs });
  writers.dispose();

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
    stdout: stdout.stream,
    stderr: stderr.stream,
    telemetry: telemetry.stream,
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

/**
 * A real pipe of the sandbox: its read side as a stream, so that no thread waits for it, and its write side, which
 * `writers` closes once the sandbox has its copy.
 */
function openOutput(
  tmp: TmpVolume,
  undo: AsyncDisposableStack,
  writers: DisposableStack,
): { readonly stream: Readable; readonly writer: number } {
  const { read, write } = libc.pipe();
  writers.defer(() => libc.close(write));
  const stream = new Socket({ fd: read, readable: true, writable: false });
  undo.defer(() => {
    // What nobody reads has no reason to stay open; what somebody reads ends by itself.
    if (stream.readableFlowing === null && stream.listenerCount("readable") === 0) stream.destroy();
  });
  // A pipe belongs to who made it; only its owner may open it again, as programs do through /dev/stdout.
  fchownSync(write, tmp.uidBase + sandboxUser.uid, tmp.uidBase + sandboxUser.gid);
  return { stream, writer: write };
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
