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
import type { SandboxCgroup } from "../cgroup/contract.ts";
import type { Mount, SandboxSpec, TmpVolume } from "../contract.ts";
import { separateCores } from "../linux/core-scheduling.ts";
import * as libc from "../linux/libc.ts";
import { bindDatagramOnLoopback, bringLoopbackUp, listenOnLoopback } from "../linux/loopback.ts";
import { completeMounts } from "../linux/mounts.ts";
import type { InnerMount, MountPlan } from "../linux/mounts.ts";
import { inNetworkNamespace } from "../linux/namespaces.ts";
import type { Connection } from "../network/egress.ts";
import { blockDeviceOf } from "./block-device.ts";
import { ociConfig, sandboxUser } from "./config.ts";
import type { ConfigParts } from "./config.ts";
import { NativeContainer } from "./container.ts";
import type { Container } from "./container.ts";
import { GvisorContainer, startHolder } from "./gvisor-container.ts";
import type { OciHost } from "./host.ts";
import { OciSandbox, emptyCgroup } from "./oci-sandbox.ts";
import type { CompanionPipes } from "./oci-sandbox.ts";
import { imageRoot } from "./root.ts";
import type { SandboxRoot } from "./root.ts";
import type { CreateOrder } from "./runtime.ts";

const dnsPort = 53;

export async function createOciSandbox(host: OciHost, spec: SandboxSpec): Promise<OciSandbox> {
  if (spec.egress === "open" && host.egress === undefined) throw new Error("this worker offers sandboxes no egress");
  await using undoTmp = new AsyncDisposableStack();
  const tmp = await takeTmp(host, spec, undoTmp);
  await using undo = new AsyncDisposableStack();

  const root = spec.rootDirectory === undefined ? host.root : imageRoot(spec.rootDirectory, host.root.deviceDirectory);
  const plan = mountsOf(host, spec, root, tmp);
  const cgroup = host.cgroups.of(spec.id);
  const bundleDirectory = join(host.bundlesDirectory, spec.id);
  await mkdir(bundleDirectory, { mode: 0o700 });
  undo.defer(() => rm(bundleDirectory, { recursive: true, force: true }));
  undo.defer(() => host.runtime.forget(spec.id));
  undo.defer(() => emptyCgroup(cgroup));
  const config: Omit<ConfigParts, "mounts"> = {
    spec,
    rootDirectory: root.directory,
    deviceDirectory: root.deviceDirectory,
    uidBase: tmp.uidBase,
    cgroupsPath: cgroup.ociPath,
    hasCgroupNamespaces: host.hasCgroupNamespaces,
    architecture: host.architecture,
  };
  using writers = new DisposableStack();
  const stdout = openOutput(tmp, undo, writers);
  const stderr = openOutput(tmp, undo, writers);
  const telemetry = openOutput(tmp, undo, writers);
  const companions = spec.companions === undefined ? undefined : openCompanionPipes(tmp, undo, writers);
  const outputs = [stdout.writer, stderr.writer, telemetry.writer, ...(companions?.writers ?? [])];
  const order = { id: spec.id, bundleDirectory, input: companions?.input, outputs };
  const container =
    host.runtime.name === "runsc"
      ? createGvisor(host, { order, config, plan, cgroup, writers, undo })
      : await createNative(host, { order, config, plan, writers });
  const listeners = openListeners(host, spec, container.networkPid, undo);
  const connection = await connect(host, spec, container.networkPid, undo);
  const blockDevice = spec.limits.diskBytesPerSecond === undefined ? undefined : blockDeviceOf(host.volumes, tmp);
  cgroup.setLimits(spec.limits, blockDevice);
  undoTmp.move();
  const resources = undo.move();
  return new OciSandbox({
    host,
    spec,
    container,
    cgroup,
    connection,
    listeners,
    stdout: stdout.stream,
    stderr: stderr.stream,
    telemetry: telemetry.stream,
    companions,
    resources,
    tmp,
  });
}

interface ContainerParts {
  readonly order: CreateOrder;
  readonly config: Omit<ConfigParts, "mounts">;
  readonly plan: MountPlan;
  /** The worker's copies of the order's descriptors. */
  readonly writers: DisposableStack;
}

async function createNative(host: OciHost, { order, config, plan, writers }: ContainerParts): Promise<Container> {
  await writeFile(
    join(order.bundleDirectory, "config.json"),
    JSON.stringify(ociConfig({ ...config, mounts: plan.early })),
  );
  const pid = await host.runtime.create(order);
  writers.dispose();
  // From here on, so that an init that ends in the middle of this is collected too.
  const status = host.reaper.wait(pid);
  // Nothing of the function runs yet: whatever the init starts inherits it.
  if (host.hasCoreScheduling) separateCores(pid);
  completeMounts(pid, plan);
  return new NativeContainer({ id: order.id, runtime: host.runtime, pid, status });
}

function createGvisor(
  { runtime, reaper, stageDirectory, hasCoreScheduling }: OciHost,
  parts: ContainerParts & { readonly cgroup: SandboxCgroup; readonly undo: AsyncDisposableStack },
): Container {
  const { order, config, plan, cgroup, undo } = parts;
  // They stay with the container until it is started, or until its end.
  const writers = parts.writers.move();
  undo.defer(() => writers.dispose());
  const holderPid = startHolder();
  const container = new GvisorContainer({
    order,
    runtime,
    reaper,
    holderPid,
    stageDirectory,
    configWith: (mounts) =>
      ociConfig({
        ...config,
        rootDirectory: stageDirectory,
        deviceDirectory: join(stageDirectory, "dev"),
        mounts,
        gvisor: { networkNamespace: `/proc/${holderPid}/ns/net` },
      }),
    releaseDescriptors: () => writers.dispose(),
    // gVisor's kernel and the processes that hold the function's memory: each gets a core to itself.
    onStarted() {
      if (hasCoreScheduling) for (const pid of cgroup.processes()) separateCores(pid);
    },
  });
  try {
    // Where the holder is found and killed with whatever else is left of the sandbox.
    cgroup.makeWith(holderPid);
    container.mount([
      { source: config.rootDirectory, target: "/", isWritable: false },
      { source: config.deviceDirectory, target: "/dev", isWritable: false, hasDevices: true },
      ...plan.early,
      ...plan.late,
    ]);
    return container;
  } catch (error) {
    container.kill();
    throw error;
  }
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

/** What `companions.sh` and the worker say to each other, and what the companions write. */
function openCompanionPipes(
  tmp: TmpVolume,
  undo: AsyncDisposableStack,
  writers: DisposableStack,
): CompanionPipes & { readonly input: number; readonly writers: readonly number[] } {
  const orders = libc.pipe();
  writers.defer(() => libc.close(orders.read));
  const orderStream = new Socket({ fd: orders.write, readable: false, writable: true });
  // Who does not read any more has ended, as the sandbox tells.
  orderStream.on("error", () => undefined);
  undo.defer(() => void orderStream.destroy());
  const notices = openOutput(tmp, undo, writers);
  const output = openOutput(tmp, undo, writers);
  return {
    orders: orderStream,
    notices: notices.stream,
    output: output.stream,
    input: orders.read,
    writers: [notices.writer, output.writer],
  };
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
