/**
 * cgroups v2: one directory for each sandbox, all controllers in it. SIGKILL ends frozen processes too, and
 * `cgroup.kill` (Linux 5.14) takes all of them at once.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SandboxLimits, SandboxUsage } from "../contract.ts";
import { tasksMax } from "./contract.ts";
import type { CgroupHost, SandboxCgroup } from "./contract.ts";
import { cpuPeriodUs, cpuPlan } from "./cpu.ts";
import * as files from "./files.ts";

const controllersNeeded = ["cpu", "memory", "pids"] as const;

export class Version2Host implements CgroupHost {
  readonly version = "v2";
  readonly #root: string;
  readonly #parent: string;

  /** `root` is where the hierarchy is mounted. Makes the parent and hands the controllers down to its children. */
  constructor(root: string, parent: string) {
    this.#root = root;
    this.#parent = parent;
    const available = files.readValue(join(root, "cgroup.controllers")).split(" ");
    const missing = controllersNeeded.filter((controller) => !available.includes(controller));
    if (missing.length > 0) throw new Error(`cgroup v2 lacks the controllers ${missing.join(", ")}`);
    const wanted = [...controllersNeeded, "io"].filter((controller) => available.includes(controller));
    const enable = wanted.map((controller) => `+${controller}`).join(" ");
    mkdirSync(join(root, parent), { recursive: true });
    for (const directory of [root, join(root, parent)]) {
      files.writeValue(join(directory, "cgroup.subtree_control"), enable);
    }
  }

  of(id: string): SandboxCgroup {
    return new Version2Cgroup(this.#root, join("/", this.#parent, id));
  }

  memoryBytes(): number {
    const directory = join(this.#root, this.#parent);
    const held = files.unlessGone(() => {
      const bytes = files.readNumber(join(directory, "memory.current"));
      return bytes - files.readField(join(directory, "memory.stat"), "inactive_file");
    });
    // It comes with the first sandbox.
    return held ?? 0;
  }

  memoryPressure(): string | undefined {
    return files.readPressure(join(this.#root, this.#parent, "memory.pressure"));
  }

  close(): void {
    files.removeDirectory(join(this.#root, this.#parent));
  }
}

class Version2Cgroup implements SandboxCgroup {
  readonly ociPath: string;
  readonly #directory: string;
  readonly #written = new Map<string, string>();
  readonly #freezer: files.SwitchFile;
  readonly #memoryPeak: files.GaugeFile;

  constructor(root: string, path: string) {
    this.ociPath = path;
    this.#directory = join(root, path);
    this.#freezer = new files.SwitchFile(this.#file("cgroup.freeze"));
    this.#memoryPeak = new files.GaugeFile(this.#file("memory.peak"));
  }

  makeWith(pid: number): void {
    mkdirSync(this.#directory, { recursive: true });
    files.writeValue(this.#file("cgroup.procs"), String(pid));
  }

  setLimits(limits: SandboxLimits, blockDevice: string | undefined): void {
    this.#write("memory.max", String(limits.memoryMiB * 2 ** 20));
    // Absent on kernels without swap.
    files.unlessGone(() => this.#write("memory.swap.max", "0"));
    this.#write("pids.max", String(tasksMax));
    const { weightMilli, quotaUs = "max" } = cpuPlan(limits);
    this.#write("cpu.weight", String(weightOf(weightMilli)));
    this.#write("cpu.max", `${quotaUs} ${cpuPeriodUs}`);
    this.#limitDisk(limits.diskBytesPerSecond, blockDevice);
  }

  freeze(): void {
    this.#freezer.write("1");
  }

  thaw(): void {
    files.unlessGone(() => this.#freezer.write("0"));
  }

  usage(): SandboxUsage {
    return {
      memoryBytes: this.#memoryBytes(),
      memoryPeakBytes: this.memoryPeakBytes(),
      cpuMs: files.readField(this.#file("cpu.stat"), "usage_usec") / 1000,
      processes: files.readNumber(this.#file("pids.current")),
      oomKills: files.readField(this.#file("memory.events"), "oom_kill"),
    };
  }

  memoryPeakBytes(): number {
    // Linux 5.19; before it the kernel keeps no peak, and what is used now is the best that is known.
    return files.unlessGone(() => this.#memoryPeak.read()) ?? this.#memoryBytes();
  }

  processes(): number[] {
    return files.readProcesses(this.#file("cgroup.procs"));
  }

  kill(): void {
    const atOnce = this.#file("cgroup.kill");
    if (existsSync(atOnce)) {
      files.unlessGone(() => files.writeValue(atOnce, "1"));
      return;
    }
    for (const pid of this.processes()) files.sendKill(pid);
  }

  remove(): boolean {
    this.#freezer.close();
    this.#memoryPeak.close();
    return files.removeDirectory(this.#directory);
  }

  #memoryBytes(): number {
    return files.readNumber(this.#file("memory.current"));
  }

  #limitDisk(bytesPerSecond: number | undefined, blockDevice: string | undefined): void {
    if (bytesPerSecond === undefined && !this.#written.has("io.max")) return;
    if (blockDevice === undefined || !existsSync(this.#file("io.max"))) {
      throw new Error("this host cannot limit the disk bandwidth of a sandbox");
    }
    const value = bytesPerSecond ?? "max";
    this.#write("io.max", `${blockDevice} rbps=${value} wbps=${value}`);
  }

  #write(name: string, value: string): void {
    if (this.#written.get(name) === value) return;
    files.writeValue(this.#file(name), value);
    this.#written.set(name, value);
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }
}

/** 100 is the kernel's default; it takes 1 to 10000. */
function weightOf(weightMilli: number): number {
  return Math.min(10_000, Math.max(1, Math.round(weightMilli / 10)));
}
