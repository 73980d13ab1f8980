/** What a Hearth has taken of the processors: its front, its worker and everything in its sandboxes. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { instanceOf } from "../../src/roles/instance.ts";
import type { RunningHearth } from "../../test/support/hearth.ts";
import { pidOf } from "../../test/support/role-pid.ts";

const nsPerMs = 1_000_000;
const usPerMs = 1000;

/** Reads the time in ms that was taken so far. OCI runtimes, which make sandboxes ahead of demand, are not in it. */
export async function processorTimeOf(hearth: RunningHearth): Promise<() => number> {
  const pids = await Promise.all([pidOf(hearth, "front"), pidOf(hearth, "worker")]);
  const sandboxes = cgroupTime(`hearth-${instanceOf(hearth.dataDirectory).id}`);
  return () => pids.reduce((sum, pid) => sum + processMs(pid), sandboxes());
}

/** To the nanosecond, where `/proc/PID/stat` counts ticks. */
function processMs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const [ns = "0"] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
    return sum + Number(ns) / nsPerMs;
  }, 0);
}

function cgroupTime(name: string): () => number {
  const root = "/sys/fs/cgroup";
  const found = ["", ...readdirSync(root)].map((hierarchy) => join(root, hierarchy, name));
  const version1 = found.map((directory) => join(directory, "cpuacct.usage")).find((file) => existsSync(file));
  if (version1 !== undefined) return () => Number(readFileSync(version1, "utf8")) / nsPerMs;
  const version2 = found
    .map((directory) => join(directory, "cpu.stat"))
    .find((file) => existsSync(file) && readFileSync(file, "utf8").includes("usage_usec"));
  if (version2 === undefined) throw new Error("no cgroup counts the time of the sandboxes");
  return () => Number(/usage_usec (\d+)/.exec(readFileSync(version2, "utf8"))?.[1]) / usPerMs;
}
