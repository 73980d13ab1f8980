/** The processes of a running Hearth, for tests that kill them and measures that look at them. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import type { RunningHearth } from "./hearth.ts";

export async function pidOf(hearth: RunningHearth, role: "worker" | "front"): Promise<number> {
  for (const pid of await childrenOf(hearth)) {
    if ((await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).endsWith(`\0${role}\0`)) return pid;
  }
  throw new Error(`no ${role}`);
}

/** `kill -9` of all of it, supervisor first: nobody restarts what dies. */
export async function killHearth(hearth: RunningHearth): Promise<void> {
  const children = await childrenOf(hearth);
  const ended = once(hearth.process, "exit");
  hearth.process.kill("SIGKILL");
  for (const pid of children) process.kill(pid, "SIGKILL");
  await ended;
}

async function childrenOf({ process: { pid: parent } }: RunningHearth): Promise<number[]> {
  const entries = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    entries.map(async (entry) => {
      const status = await readFile(`/proc/${entry}/status`, "utf8").catch(() => "");
      return status.includes(`\nPPid:\t${parent}\n`) ? Number(entry) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}
