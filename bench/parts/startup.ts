/** From `hearth up` to ready, and what its processes hold while idle. The first start is not counted: it fills the compile cache. */
import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startHearth } from "../../test/support/hearth.ts";
import { figuresOf } from "../lib/measure.ts";
import { ms, type Report } from "../lib/report.ts";

const starts = 7;

export async function startup(report: Report): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-bench-"));
  const times: number[] = [];
  let memoryText = "";
  for (let index = -1; index < starts; index += 1) {
    const startedAtMs = performance.now();
    await using hearth = await startHearth({ dataDirectory });
    if (index >= 0) times.push(performance.now() - startedAtMs);
    memoryText = idleMemory(hearth.process.pid ?? 0);
  }
  await rm(dataDirectory, { recursive: true });
  const figures = figuresOf(times);
  report.series("startup", times);
  report.row({
    what: "start of Hearth",
    conditions: `later starts, until it says that it listens, ${starts} times`,
    value: `p50 ${ms(figures.p50)}, slowest ${ms(figures.max)}`,
    promise: "≤ 1 s",
  });
  report.row({
    what: "resident memory of Hearth's processes",
    conditions: "just started, idle",
    value: memoryText,
    promise: "front and worker ≤ 150 MB",
  });
}

/** RSS and, since they share the Node binary's pages, PSS by role. */
function idleMemory(supervisorPid: number): string {
  const children = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => statusOf(pid, "PPid") === supervisorPid);
  const roles = [["supervisor", String(supervisorPid)] as const, ...children.map((pid) => [roleOf(pid), pid] as const)];
  return roles
    .map(
      ([role, pid]) => `${role} ${Math.round(statusOf(pid, "VmRSS") / 1000)} MB (PSS ${Math.round(pssOf(pid) / 1000)})`,
    )
    .join(", ");
}

function statusOf(pid: string, field: string): number {
  try {
    return Number(new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return Number.NaN;
  }
}

function pssOf(pid: string): number {
  return Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

function roleOf(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").at(-2) ?? "";
}
