/**
 * A container of `runsc`: its processes are gVisor's, and the host sees two of its own, the sentry (gVisor's kernel, with
 * the function's code in it) and the gofer, which opens files for the sentry. What the worker does inside other
 * containers it does here around them. A process, the holder, has the network namespace and the mounts from before the
 * start on:
 *
 * - The sentry joins the network namespace (`--network=host`): its sockets are the host kernel's, in that namespace.
 *   Listeners and egress are those of any other container.
 * - The root is put together in the holder's mount namespace, where sources may lie that the gofer's user cannot reach
 *   otherwise. gVisor sees three mounts of files: the root, read-only, `/dev` and `/tmp`.
 * - Code is attached in the gofer's mount namespace, below the root that it serves. gVisor's root is `shared`, which means
 *   that names are looked up anew each time, so that the function sees the mount.
 * - The runtime hands extra descriptors on only to what it runs at once: it is started with the command.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sendKill, unlessGone } from "../cgroup/files.ts";
import type { Mount } from "../contract.ts";
import type { WaitStatus } from "../linux/libc.ts";
import { attachInto, mountInto } from "../linux/mounts.ts";
import type { InnerMount } from "../linux/mounts.ts";
import { inNewNamespaces } from "../linux/namespaces.ts";
import { spawnProcess } from "../linux/spawn.ts";
import type { Container, ContainerSignal } from "./container.ts";
import type { Reaper } from "./reaper.ts";
import type { CreateOrder, OciRuntime } from "./runtime.ts";

/** Where the gofer has the sandbox's root. */
const goferRoot = "/root";

export interface GvisorParts {
  readonly order: CreateOrder;
  readonly runtime: OciRuntime;
  readonly reaper: Reaper;
  readonly holderPid: number;
  /** An empty directory of the host that other users may enter; the root is put together over it. */
  readonly stageDirectory: string;
  /** The OCI configuration with these mounts. */
  readonly configWith: (mounts: readonly InnerMount[]) => object;
  /** Closes the worker's copies of the order's descriptors. */
  readonly releaseDescriptors: () => void;
  /** Called when gVisor's processes are there. */
  readonly onStarted: () => void;
}

interface GvisorProcesses {
  readonly sentryPid: number;
  readonly goferPid: number;
}

/** A process with new namespaces for a container's network and mounts; the caller collects it. */
export function startHolder(): number {
  return inNewNamespaces(() =>
    spawnProcess({ program: "/bin/sleep", args: ["infinity"], environment: {}, outputs: [] }),
  );
}

export class GvisorContainer implements Container {
  readonly networkPid: number;
  readonly status: Promise<WaitStatus>;
  readonly #parts: GvisorParts;
  readonly #writable: InnerMount[] = [];
  #isStarted = false;
  #processes: GvisorProcesses | undefined;
  #sentryStatus: WaitStatus | undefined;

  constructor(parts: GvisorParts) {
    this.#parts = parts;
    this.networkPid = parts.holderPid;
    this.status = parts.reaper.wait(parts.holderPid).then((status) => this.#sentryStatus ?? status);
  }

  /** Puts the root together from all mounts but `/proc`, itself the first. */
  mount(mounts: readonly InnerMount[]): void {
    mountInto(
      this.networkPid,
      mounts.map((mount) => ({ ...mount, target: this.#staged(mount.target) })),
    );
    // gVisor lets nobody write but in mounts that it knows.
    for (const { target, isWritable } of mounts) {
      if (isWritable) this.#writable.push({ source: this.#staged(target), target, isWritable });
    }
  }

  async start(): Promise<void> {
    const { order, runtime, reaper, releaseDescriptors, onStarted, configWith, holderPid } = this.#parts;
    this.#isStarted = true;
    writeFileSync(join(order.bundleDirectory, "config.json"), JSON.stringify(configWith(this.#writable)));
    const sentryPid = await runtime.create(order, holderPid);
    releaseDescriptors();
    onStarted();
    const sentry = reaper.wait(sentryPid);
    const goferPid = goferPidOf(runtime.stateFileOf(order.id));
    const leaders = [...groupsOf(sentryPid), ...groupsOf(goferPid)];
    this.#processes = { sentryPid, goferPid };
    void this.#followEnd(sentry, goferPid, leaders);
  }

  attach(mount: Mount): void {
    if (this.#processes !== undefined) {
      attachInto(this.#processes.goferPid, { ...mount, target: join(goferRoot, mount.target) });
      return;
    }
    if (this.#isStarted) throw new Error("the sandbox is being started");
    attachInto(this.networkPid, { ...mount, target: this.#staged(mount.target) });
  }

  /** gVisor makes files as a user of its own before it gives them away, whom a mount with mapped owners does not know. */
  share(): void {
    throw new Error("runsc shares no writable directories with sandboxes: use runc or crun");
  }

  signal(signal: ContainerSignal): void {
    if (this.#processes === undefined || this.#sentryStatus !== undefined) return;
    // The init hands every signal on to the command, but for SIGKILL, which ends both.
    if (signal === "SIGKILL") sendKill(this.#processes.sentryPid);
    else this.#parts.runtime.signal(this.#parts.order.id, signal);
  }

  kill(): void {
    if (this.#processes === undefined) sendKill(this.networkPid);
    else if (this.#sentryStatus === undefined) sendKill(this.#processes.sentryPid);
  }

  #staged(target: string): string {
    return join(this.#parts.stageDirectory, target);
  }

  /** The gofer and the processes that hold the function's memory end with the sentry; then they are the worker's to collect. */
  async #followEnd(sentry: Promise<WaitStatus>, goferPid: number, leaders: readonly number[]): Promise<void> {
    const { reaper } = this.#parts;
    this.#sentryStatus = await sentry;
    await reaper.wait(goferPid);
    await Promise.all(leaders.map((leader) => reaper.waitForGroup(leader)));
    sendKill(this.networkPid);
  }
}

function goferPidOf(stateFile: string): number {
  return (JSON.parse(readFileSync(stateFile, "utf8")) as { readonly goferPid: number }).goferPid;
}

/**
 * Leaders of the process groups that gVisor leaves behind: one holds the function's memory, in as many processes as there
 * are inside, others have helped at the start.
 */
function groupsOf(pid: number): number[] {
  const children = unlessGone(() =>
    readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    ),
  );
  return (children ?? []).filter((child) => unlessGone(() => sessionOf(child)) === child);
}

/** The sixth field; the second is a name in parentheses. */
function sessionOf(pid: number): number {
  const [, , , session] = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "").split(" ");
  return Number(session);
}
