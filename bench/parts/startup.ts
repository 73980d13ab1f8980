/**
 * From `hearth up` to ready, and what its processes hold while idle, before and after work. The first start is not
 * counted: it fills the compile cache.
 */
import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startHearth, type RunningHearth } from "../../test/support/hearth.ts";
import { figuresOf, send } from "../lib/measure.ts";
import { ms, type Report } from "../lib/report.ts";
import { createHello, invokeCall } from "../targets/hearth.ts";

const starts = 7;
const invocations = 2000;
/** The second figure shows whether the first one was the end of it. */
const rounds = 2;

export async function startup(report: Report): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-bench-"));
  const times: number[] = [];
  const memoryTexts: string[] = [];
  for (let index = -1; index < starts; index += 1) {
    const startedAtMs = performance.now();
    await using hearth = await startHearth({ dataDirectory });
    if (index >= 0) times.push(performance.now() - startedAtMs);
    if (index < starts - 1) continue;
    const pid = hearth.process.pid ?? 0;
    memoryTexts.push(idleMemory(pid));
    for await (const _ of work(hearth)) memoryTexts.push(idleMemory(pid));
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
  for (const [round, value] of memoryTexts.entries()) {
    report.row({
      what: "resident memory of Hearth's processes",
      conditions: round === 0 ? "just started, idle" : `idle after ${round * invocations} invocations`,
      value,
      promise: "front and worker ≤ 150 MB, flat",
    });
  }
}

/** Yields after each round of invocations of one function, one after the other. */
async function* work(hearth: RunningHearth): AsyncGenerator<void> {
  const call = invokeCall(hearth, await createHello(hearth, { runtime: "nodejs24.x", memoryMiB: 1769 }), "{}");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < invocations; index += 1) await send(agent, call);
    yield;
  }
  agent.destroy();
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
