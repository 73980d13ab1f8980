/**
 * What a Hearth holds just now, counted by kind: what its page of metrics says, and what the kernel says of its
 * processes, sandboxes, mounts and network. At rest it holds the same as at its start.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { send } from "../../bench/lib/measure.ts";
import { instanceOf } from "../../src/roles/instance.ts";
import { uidsOf, type RunningHearth } from "../support/hearth.ts";
import { sandboxProcesses } from "../support/leftovers.ts";
import { pidOf } from "../support/role-pid.ts";

/** Numbers by what they count. */
export type Inventory = Readonly<Record<string, number>>;

/** Of what there is now; counters, and what processes take of the machine, are no part of it. */
const gauges = ["hearth_concurrent_executions", "hearth_environments", "hearth_pool_sandboxes"] as const;

export async function inventoryOf(hearth: RunningHearth): Promise<Inventory> {
  const { id, runDirectory } = instanceOf(hearth.dataDirectory);
  const [front, worker, page] = await Promise.all([pidOf(hearth, "front"), pidOf(hearth, "worker"), metricsOf(hearth)]);
  return {
    ...Object.fromEntries(gauges.map((name) => [name, sumOf(page, name)])),
    "functions that metrics know": seriesOf(page, "hearth_concurrent_executions").length,
    "sandbox processes": sandboxProcesses(uidsOf(hearth), id).length,
    cgroups: cgroupsBelow(`hearth-${id}`),
    mounts: lines(readFileSync(`/proc/${worker}/mountinfo`, "utf8")),
    links: execFileSync("ip", ["-o", "link"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(id)).length,
    ...filterElements(id),
    "loop devices": loopDevicesOf(hearth.dataDirectory),
    "sandbox directories": entriesOf(join(runDirectory, "sandboxes")),
    "states of the OCI runtime": entriesOf(join(runDirectory, "runtime")),
    ...descriptorsOf("front", front),
    ...descriptorsOf("worker", worker),
  };
}

/** What a Hearth that was used once goes on holding: descriptors of its processes, and lists of its packet filter. */
export function isKept(kind: string): boolean {
  return /^(?:front:|worker:|filter) /.test(kind);
}

/** What there is more of than there was, one line each. */
export function surplusOf(now: Inventory, start: Inventory): string[] {
  return Object.entries(now)
    .filter(([kind, count]) => count > (start[kind] ?? 0))
    .map(([kind, count]) => `${kind}: ${count}, at the start ${start[kind] ?? 0}`);
}

export async function metricsOf({ endpoint }: RunningHearth): Promise<string> {
  // A connection of its own, which is closed by then.
  const agent = new Agent({ keepAlive: false });
  return send(agent, { url: new URL("/metrics", endpoint), method: "GET", headers: {}, body: "" });
}

/** Of all series of one name, or of those with one label. */
export function sumOf(page: string, name: string, label?: string): number {
  return seriesOf(page, name, label).reduce((sum, value) => sum + value, 0);
}

function seriesOf(page: string, name: string, label = ""): number[] {
  const series = new RegExp(`^${name}(?:\\{.*${label}.*\\})? (\\S+)$`, "gm");
  return Array.from(page.matchAll(series), ([, value]) => Number(value));
}

function lines(text: string): number {
  return text.split("\n").length - 1;
}

function cgroupsBelow(name: string): number {
  const root = "/sys/fs/cgroup";
  return ["", ...readdirSync(root)].reduce((sum, hierarchy) => sum + directoriesBelow(join(root, hierarchy, name)), 0);
}

/** They come and go meanwhile. */
function directoriesBelow(directory: string): number {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .reduce((sum, { name }) => sum + 1 + directoriesBelow(join(directory, name)), 0);
  } catch {
    return 0;
  }
}

function entriesOf(directory: string): number {
  return existsSync(directory) ? readdirSync(directory).length : 0;
}

interface FilterObject {
  readonly set?: { readonly table: string; readonly name: string; readonly elem?: readonly unknown[] };
  readonly map?: { readonly table: string; readonly name: string; readonly elem?: readonly unknown[] };
}

/** Sets, maps and what is in them. The kernel forgets the connections of an address in its own time. */
function filterElements(id: string): Inventory {
  const ruleset = execFileSync("nft", ["-j", "list", "ruleset"], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const { nftables } = JSON.parse(ruleset) as { readonly nftables: readonly FilterObject[] };
  const own = nftables.map(({ set, map }) => set ?? map).filter((each) => each?.table.includes(id) === true);
  const elements = own
    .filter((each) => each?.name.startsWith("connections") !== true)
    .reduce((sum, each) => sum + (each?.elem?.length ?? 0), 0);
  return { "filter sets": own.length, "filter elements": elements };
}

function loopDevicesOf(dataDirectory: string): number {
  return readdirSync("/sys/block").filter((name) => {
    const file = `/sys/block/${name}/loop/backing_file`;
    try {
      return name.startsWith("loop") && readFileSync(file, "utf8").startsWith(dataDirectory);
    } catch {
      return false; // free
    }
  }).length;
}

/** Of each kind, and namespaces that nothing else may hold: `net:[…]` is one by descriptor. */
function descriptorsOf(role: string, pid: number): Inventory {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(`/proc/${pid}/fd/${fd}`);
    if (kind !== undefined) counts[`${role}: ${kind}`] = (counts[`${role}: ${kind}`] ?? 0) + 1;
  }
  return counts;
}

function kindOf(path: string): string | undefined {
  try {
    const target = readlinkSync(path);
    return target.startsWith("/") ? "files" : target.replace(/:\[\d+\]$/, "");
  } catch {
    return undefined; // closed by now
  }
}
