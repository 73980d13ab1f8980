/** What a Hearth may have left on the machine: everything that its data directory's name leads to. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { instanceOf } from "../../src/roles/instance.ts";

/** Lines that name what is there; none when all is clean. `uids` are the host ids of this Hearth's sandboxes. */
export function leftoversOf(dataDirectory: string, uids: { readonly from: number; readonly to: number }): string[] {
  const { id, runDirectory } = instanceOf(dataDirectory);
  return [
    ...cgroupsNamed(`hearth-${id}`),
    ...mountsBelow([dataDirectory, runDirectory]),
    ...sandboxProcesses(uids, id).map((pid) => `process ${pid} ${describe(pid)}`),
    ...sandboxDirectories(runDirectory),
    ...linksAndTables(id),
  ];
}

function cgroupsNamed(name: string): string[] {
  const root = "/sys/fs/cgroup";
  return ["", ...readdirSync(root)].map((hierarchy) => join(root, hierarchy, name)).filter((path) => existsSync(path));
}

function mountsBelow(directories: readonly string[]): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((target) => directories.some((directory) => target.startsWith(`${directory}/`)))
    .map((target) => `mount ${target}`);
}

/** Pids. Another Hearth's sandboxes may run under the same uids; they are in cgroups of that one's name. */
export function sandboxProcesses({ from, to }: { readonly from: number; readonly to: number }, id: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      const uid = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? 0;
      return uid >= from && uid < to && !isOfAnother(pid, id) && !describe(pid).endsWith("(Z (zombie))");
    });
}

function isOfAnother(pid: string, id: string): boolean {
  try {
    const [, name = id] = /\/hearth-([^/\n]+)\//.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? [];
    return name !== id;
  } catch {
    return true; // gone by now
  }
}

function describe(pid: string): string {
  try {
    const state = /^State:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return `${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")} (${state})`;
  } catch {
    return "(gone by now)";
  }
}

function sandboxDirectories(runDirectory: string): string[] {
  const directory = join(runDirectory, "sandboxes");
  return existsSync(directory) ? readdirSync(directory).map((name) => `sandbox ${name}`) : [];
}

function linksAndTables(id: string): string[] {
  const links = execFileSync("ip", ["-o", "link"], { encoding: "utf8" }).split("\n");
  const tables = execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).split("\n");
  return [...links, ...tables].filter((line) => line.includes(id));
}
