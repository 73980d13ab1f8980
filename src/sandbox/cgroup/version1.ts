/**
 * cgroups v1 and the hybrid layout: a directory for each controller, and a named or unified hierarchy beside them that
 * only holds the processes.
 *
 * Two traps. A frozen process does not take SIGKILL until it is thawed. And `memory.limit` may not exceed
 * `memory.memsw.limit`, so the order of writing depends on the direction.
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SandboxLimits, SandboxUsage } from "../contract.ts";
import { tasksMax } from "./contract.ts";
import type { CgroupHost, SandboxCgroup } from "./contract.ts";
import { cpuPeriodUs, cpuPlan } from "./cpu.ts";
import * as files from "./files.ts";

/** Mounted hierarchies by controller; `all` holds each directory once, those without controllers too. */
export interface Hierarchies {
  readonly memory: string;
  readonly cpu: string;
  readonly cpuacct: string;
  readonly pids: string;
  readonly freezer: string;
  /** Absent when the kernel has no block I/O controller. */
  readonly blkio: string | undefined;
  readonly all: readonly string[];
}

export class Version1Host implements CgroupHost {
  readonly version: "v1" | "hybrid";
  readonly #hierarchies: Hierarchies;
  readonly #parent: string;

  constructor(hierarchies: Hierarchies, parent: string, isHybrid: boolean) {
    this.#hierarchies = hierarchies;
    this.#parent = parent;
    this.version = isHybrid ? "hybrid" : "v1";
  }

  of(id: string): SandboxCgroup {
    return new Version1Cgroup(this.#hierarchies, join("/", this.#parent, id));
  }

  memoryBytes(): number {
    const directory = join(this.#hierarchies.memory, this.#parent);
    const held = files.unlessGone(() => {
      const bytes = files.readNumber(join(directory, "memory.usage_in_bytes"));
      return bytes - files.readField(join(directory, "memory.stat"), "total_inactive_file");
    });
    // It comes with the first sandbox.
    return held ?? 0;
  }

  /** Version 2 has it. */
  memoryPressure(): undefined {
    return undefined;
  }

  close(): void {
    for (const hierarchy of this.#hierarchies.all) files.removeDirectory(join(hierarchy, this.#parent));
  }
}

class Version1Cgroup implements SandboxCgroup {
  readonly ociPath: string;
  readonly #hierarchies: Hierarchies;
  /** What the limit files hold, so that an unchanged limit costs nothing. */
  readonly #written = new Map<string, string>();
  readonly #freezer: files.SwitchFile;
  readonly #memoryPeak: files.GaugeFile;
  #memoryBytes = Number.POSITIVE_INFINITY;

  constructor(hierarchies: Hierarchies, path: string) {
    this.#hierarchies = hierarchies;
    this.ociPath = path;
    this.#freezer = new files.SwitchFile(this.#file("freezer", "freezer.state"));
    this.#memoryPeak = new files.GaugeFile(this.#file("memory", "memory.max_usage_in_bytes"));
  }

  makeWith(pid: number): void {
    const { memory, cpu, cpuacct, pids, freezer, blkio = freezer } = this.#hierarchies;
    for (const hierarchy of new Set([memory, cpu, cpuacct, pids, freezer, blkio])) {
      const directory = join(hierarchy, this.ociPath);
      mkdirSync(directory, { recursive: true });
      files.writeValue(join(directory, "cgroup.procs"), String(pid));
    }
  }

  setLimits(limits: SandboxLimits, blockDevice: string | undefined): void {
    this.#limitMemory(limits.memoryMiB * 2 ** 20);
    this.#write("pids", "pids.max", String(tasksMax));
    const { weightMilli, quotaUs = -1 } = cpuPlan(limits);
    this.#write("cpu", "cpu.shares", String(sharesOf(weightMilli)));
    this.#write("cpu", "cpu.cfs_period_us", String(cpuPeriodUs));
    this.#write("cpu", "cpu.cfs_quota_us", String(quotaUs));
    this.#limitDisk(limits.diskBytesPerSecond, blockDevice);
  }

  freeze(): void {
    this.#freezer.write("FROZEN");
  }

  thaw(): void {
    files.unlessGone(() => this.#freezer.write("THAWED"));
  }

  usage(): SandboxUsage {
    return {
      memoryBytes: files.readNumber(this.#file("memory", "memory.usage_in_bytes")),
      memoryPeakBytes: this.memoryPeakBytes(),
      cpuMs: files.readNumber(this.#file("cpuacct", "cpuacct.usage")) / 1e6,
      processes: files.readNumber(this.#file("pids", "pids.current")),
      oomKills: files.readField(this.#file("memory", "memory.oom_control"), "oom_kill"),
    };
  }

  memoryPeakBytes(): number {
    return this.#memoryPeak.read();
  }

  processes(): number[] {
    // Every hierarchy: a runtime that was killed while it made the sandbox may have filled some of them only.
    const pids = this.#hierarchies.all.flatMap((hierarchy) =>
      files.readProcesses(join(hierarchy, this.ociPath, "cgroup.procs")),
    );
    return [...new Set(pids)];
  }

  kill(): void {
    for (const pid of this.processes()) files.sendKill(pid);
    this.thaw();
  }

  remove(): boolean {
    this.#freezer.close();
    this.#memoryPeak.close();
    let isGone = true;
    for (const hierarchy of this.#hierarchies.all) {
      isGone = files.removeDirectory(join(hierarchy, this.ociPath)) && isGone;
    }
    return isGone;
  }

  #limitMemory(bytes: number): void {
    const writes = [
      () => this.#write("memory", "memory.limit_in_bytes", String(bytes)),
      // Memory and swap together: the same, so that nothing swaps. Kernels without swap accounting lack the file.
      () => files.unlessGone(() => this.#write("memory", "memory.memsw.limit_in_bytes", String(bytes))),
    ];
    const isShrinking = bytes < this.#memoryBytes;
    for (const write of isShrinking ? writes : writes.toReversed()) write();
    this.#memoryBytes = bytes;
  }

  #limitDisk(bytesPerSecond: number | undefined, blockDevice: string | undefined): void {
    if (this.#hierarchies.blkio === undefined || blockDevice === undefined) {
      if (bytesPerSecond !== undefined) throw new Error("this host cannot limit the disk bandwidth of a sandbox");
      return;
    }
    // 0 takes the limit away.
    const value = `${blockDevice} ${bytesPerSecond ?? 0}`;
    if (bytesPerSecond === undefined && !this.#written.has("blkio.throttle.read_bps_device")) return;
    this.#write("blkio", "blkio.throttle.read_bps_device", value);
    this.#write("blkio", "blkio.throttle.write_bps_device", value);
  }

  #write(controller: "memory" | "cpu" | "pids" | "blkio", name: string, value: string): void {
    if (this.#written.get(name) === value) return;
    files.writeValue(this.#file(controller, name), value);
    this.#written.set(name, value);
  }

  #file(controller: keyof Omit<Hierarchies, "all">, name: string): string {
    return join(this.#hierarchies[controller] ?? "", this.ociPath, name);
  }
}

/** 1024 is the kernel's default; it takes 2 to 262144. */
function sharesOf(weightMilli: number): number {
  return Math.min(262_144, Math.max(2, Math.round((weightMilli * 1024) / 1000)));
}
