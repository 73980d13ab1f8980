/** Finds out from the mounts which layout of cgroups the host has. */
import type { CgroupHost } from "./contract.ts";
import { Version1Host } from "./version1.ts";
import type { Hierarchies } from "./version1.ts";
import { Version2Host } from "./version2.ts";

interface CgroupMount {
  readonly directory: string;
  readonly type: "cgroup" | "cgroup2";
  readonly options: readonly string[];
}

/** `mounts` is the text of /proc/self/mounts; `parent` names the cgroup that all sandboxes lie in. */
export function openCgroups(mounts: string, parent: string): CgroupHost {
  const found = cgroupMounts(mounts);
  const directoryOf = (controller: string): string | undefined =>
    found.find(({ type, options }) => type === "cgroup" && options.includes(controller))?.directory;
  const needed = (controller: string): string => {
    const directory = directoryOf(controller);
    if (directory === undefined) throw new Error(`the cgroup controller ${controller} is not mounted`);
    return directory;
  };

  const unified = found.find(({ type }) => type === "cgroup2");
  const hasVersion1 = directoryOf("memory") !== undefined;
  if (!hasVersion1 && unified !== undefined) return new Version2Host(unified.directory, parent);
  if (!hasVersion1) throw new Error("no cgroups are mounted");
  const hierarchies: Hierarchies = {
    memory: needed("memory"),
    cpu: needed("cpu"),
    cpuacct: needed("cpuacct"),
    pids: needed("pids"),
    freezer: needed("freezer"),
    blkio: directoryOf("blkio"),
    all: found.map(({ directory }) => directory),
  };
  return new Version1Host(hierarchies, parent, unified !== undefined);
}

/** Where the unified hierarchy of a hybrid host is mounted. */
export function unifiedOfHybrid(mounts: string): string | undefined {
  const found = cgroupMounts(mounts);
  const isHybrid = found.some(({ type }) => type === "cgroup");
  return isHybrid ? found.find(({ type }) => type === "cgroup2")?.directory : undefined;
}

function cgroupMounts(mounts: string): CgroupMount[] {
  return mounts.split("\n").flatMap((line) => {
    const [, directory, type, options = ""] = line.split(" ");
    if (directory === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
    return [{ directory, type, options: options.split(",") }];
  });
}
