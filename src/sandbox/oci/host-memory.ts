/**
 * How much memory the machine has for sandboxes, and whether it is under pressure.
 *
 * Pressure is the kernel's stall information (PSI): of the sandboxes' cgroup where the kernel keeps it for cgroups, else of
 * the whole machine. https://docs.kernel.org/accounting/psi.html
 */
import { readFileSync } from "node:fs";
import { readPressure } from "../cgroup/files.ts";
import type { CgroupHost } from "../cgroup/contract.ts";
import type { HostMemory } from "../contract.ts";

export function readHostMemory(cgroups: Pick<CgroupHost, "memoryPressure">): HostMemory {
  return {
    availableBytes: availableBytesOf(readFileSync("/proc/meminfo", "utf8")),
    stalledShare: stalledShareOf(cgroups.memoryPressure() ?? readPressure("/proc/pressure/memory")),
  };
}

/** `MemAvailable`, of /proc/meminfo. */
export function availableBytesOf(meminfo: string): number {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo) ?? [];
  if (kibibytes === undefined) throw new Error("/proc/meminfo does not say what memory is available");
  return Number(kibibytes) * 1024;
}

/** Of `some avg10=1.25 …`, a percentage. */
export function stalledShareOf(pressure: string | undefined): number | undefined {
  const [, percent] = /^some avg10=([\d.]+)/m.exec(pressure ?? "") ?? [];
  return percent === undefined ? undefined : Number(percent) / 100;
}
