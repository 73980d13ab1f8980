/**
 * Sandboxes as OCI containers of `runc`, `crun` or `runsc` (gVisor), for a worker that runs as root. Everything that a run
 * makes can be found by the next one from `stateDirectory` alone: each sandbox has a directory there before anything else
 * of it exists, and its cgroup, runtime state and processes are reached by its name.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openCgroups } from "../cgroup/open.ts";
import type { HostMemory, RecoveryReport, Sandbox, SandboxSpec, TmpVolume } from "../contract.ts";
import { offersCoreScheduling } from "../linux/core-scheduling.ts";
import * as libc from "../linux/libc.ts";
import type { Egress } from "../network/egress.ts";
import { SafeDriver } from "../safe-driver.ts";
import type { TmpVolumes } from "../tmp/volumes.ts";
import { createOciSandbox } from "./create-sandbox.ts";
import { readHostMemory } from "./host-memory.ts";
import type { OciHost, ServeDns } from "./host.ts";
import { NfsExports } from "./nfs-exports.ts";
import { emptyCgroup, removeTmp } from "./oci-sandbox.ts";
import { Reaper } from "./reaper.ts";
import { prepareRoot } from "./root.ts";
import { OciRuntime } from "./runtime.ts";
import type { OciRuntimeName } from "./runtime.ts";
import { UidRanges } from "./uid-ranges.ts";

export interface OciDriverOptions {
  readonly runtime: OciRuntimeName;
  /** Of this driver alone; every directory above must be passable for other users (o+x). */
  readonly stateDirectory: string;
  /** First host uid of the sandboxes' ranges. */
  readonly uidBase: number;
  readonly volumes: Pick<TmpVolumes, "create" | "directoryOf" | "blockDeviceOf" | "resize" | "remove" | "recover">;
  /** Without it, sandboxes that ask for egress are refused. */
  readonly egress?: Pick<Egress, "connect" | "recover" | "allowLists">;
  /** Answers on 127.0.0.1:53 of sandboxes with egress; they have no DNS without it. */
  readonly serveDns?: ServeDns;
  /** The cgroup that all sandboxes lie in. */
  readonly cgroupParent?: string;
  /** Whether the hyper-threads of a core run one sandbox at a time, where the kernel offers it; they do unless told. */
  readonly coreScheduling?: boolean;
}

export class OciDriver extends SafeDriver {
  readonly name: string;
  readonly #options: OciDriverOptions;
  readonly #host: OciHost;
  readonly #lock: number;

  /** Throws when the host lacks something, or another process uses the state directory. */
  constructor(options: OciDriverOptions) {
    super();
    this.name = options.runtime;
    this.#options = options;
    const { stateDirectory, cgroupParent = "hearth" } = options;
    const bundlesDirectory = join(stateDirectory, "sandboxes");
    const runtimeDirectory = join(stateDirectory, "runtime");
    const stageDirectory = join(stateDirectory, "stage");
    mkdirSync(bundlesDirectory, { recursive: true });
    mkdirSync(stageDirectory, { recursive: true, mode: 0o755 });
    mkdirSync(runtimeDirectory, { recursive: true, mode: 0o711 });
    this.#lock = openSync(join(stateDirectory, "lock"), "w");
    try {
      if (!libc.tryLock(this.#lock)) throw new Error(`another process uses the sandboxes of ${stateDirectory}`);
      const reaper = new Reaper();
      this.#host = {
        runtime: new OciRuntime(options.runtime, runtimeDirectory, reaper),
        cgroups: openCgroups(readFileSync("/proc/self/mounts", "utf8"), cgroupParent),
        volumes: options.volumes,
        egress: options.egress,
        serveDns: options.serveDns,
        exports: new NfsExports(join(stateDirectory, "nfs")),
        uidRanges: new UidRanges(options.uidBase),
        reaper,
        root: prepareRoot(stateDirectory),
        bundlesDirectory,
        stageDirectory,
        hasCoreScheduling: (options.coreScheduling ?? true) && offersCoreScheduling(),
        hasCgroupNamespaces: existsSync("/proc/self/ns/cgroup"),
        architecture: process.arch === "arm64" ? "arm64" : "x64",
      };
    } catch (error) {
      closeSync(this.#lock);
      throw error;
    }
  }

  protected override async removeLeftovers(): Promise<RecoveryReport> {
    const { bundlesDirectory, cgroups, runtime } = this.#host;
    await runtime.killStrays();
    await this.#host.exports.recover();
    const leftOver = readdirSync(bundlesDirectory);
    // What runs uses the rest: first it ends, then its links and volumes go.
    await Promise.all(leftOver.map((id) => emptyCgroup(cgroups.of(id))));
    for (const id of leftOver) {
      await runtime.forget(id);
      rmSync(join(bundlesDirectory, id), { recursive: true, force: true });
    }
    const links = (await this.#options.egress?.recover()) ?? 0;
    const volumes = await this.#options.volumes.recover();
    // Mounts exist in the sandboxes' own namespaces only and are gone with them.
    return { sandboxes: leftOver.length, mounts: 0, cgroups: leftOver.length, links, volumes };
  }

  protected override make(spec: SandboxSpec): Promise<Sandbox> {
    return createOciSandbox(this.#host, spec);
  }

  protected override removeVolume(volume: TmpVolume): Promise<void> {
    return removeTmp(this.#host, volume);
  }

  override async prepareEgressList(ranges: readonly string[]): Promise<void> {
    await this.#options.egress?.allowLists.open(ranges);
  }

  override hasEgressList(ranges: readonly string[]): boolean {
    return this.#options.egress?.allowLists.has(ranges) ?? true;
  }

  override hostMemory(): HostMemory {
    return readHostMemory(this.#host.cgroups);
  }

  override usedMemoryBytes(): number {
    return this.#host.cgroups.memoryBytes();
  }

  protected override async shutDown(): Promise<void> {
    await this.#host.exports.recover();
    this.#host.reaper.close();
    this.#host.cgroups.close();
    closeSync(this.#lock);
  }
}
