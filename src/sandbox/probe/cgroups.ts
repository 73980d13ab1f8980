/** Control groups: which hierarchy the host has, and whether what limits a sandbox is there. */
import { parseMountInfo, type MountPoint } from "../tmp/mounts.ts";
import { failure, ok, warning, type Check, type ProbedHost } from "./check.ts";

export type CgroupMode = "v1" | "hybrid" | "v2" | "none";

const needed = ["cpu", "memory", "pids"] as const;

export interface CgroupView {
  readonly mode: CgroupMode;
  readonly controllers: readonly string[];
}

/** From the mounts alone, and for v2 the list at its root. */
export function cgroupView(host: ProbedHost): CgroupView {
  const mounts = parseMountInfo(host.read("/proc/self/mountinfo") ?? "");
  const unified = mounts.find(({ type }) => type === "cgroup2");
  const versionOne = mounts.filter(({ type }) => type === "cgroup");
  if (versionOne.length === 0) {
    if (unified === undefined) return { mode: "none", controllers: [] };
    return { mode: "v2", controllers: words(host.read(`${unified.directory}/cgroup.controllers`)) };
  }
  const controllers = versionOne.flatMap(controllersOf);
  return { mode: unified === undefined ? "v1" : "hybrid", controllers };
}

/** A version 1 hierarchy is mounted under the names of its controllers: `cpu,cpuacct`. */
function controllersOf({ directory }: MountPoint): string[] {
  return (directory.split("/").at(-1) ?? "").split(",");
}

function words(text: string | undefined): string[] {
  return (text ?? "")
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
}

export function cgroupChecks(host: ProbedHost): Check[] {
  const view = cgroupView(host);
  if (view.mode === "none") {
    return [failure("cgroups", "none is mounted", "mount -t cgroup2 none /sys/fs/cgroup")];
  }
  return [limits(view), freezer(view), diskLimits(view)];
}

function limits({ mode, controllers: present }: CgroupView): Check {
  const missing = needed.filter((controller) => !present.includes(controller));
  const detail = `${mode}, with ${present.join(", ")}`;
  if (missing.length === 0) return ok("cgroups", detail);
  return failure("cgroups", `${detail}; without ${missing.join(" and ")} sandboxes are not limited`);
}

function freezer({ mode, controllers: present }: CgroupView): Check {
  const name = "freezer";
  if (mode === "v2") return ok(name, "part of v2");
  return present.includes("freezer")
    ? ok(name, "its own hierarchy")
    : failure(
        name,
        "missing: environments cannot be stopped between invocations",
        "mount -t cgroup -o freezer none /sys/fs/cgroup/freezer",
      );
}

function diskLimits({ mode, controllers: present }: CgroupView): Check {
  const name = "disk bandwidth";
  if (mode === "v2" && present.includes("io")) return ok(name, "can be capped for each sandbox");
  if (mode !== "v2" && present.includes("blkio")) {
    return warning(name, "can be capped for reads and direct writes only: on cgroup v1 delayed writes escape");
  }
  return warning(name, "cannot be capped: no io controller");
}
