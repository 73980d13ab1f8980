/** The processes of a running Hearth, for tests that kill them and measures that look at them. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { RunningHearth } from "./hearth.ts";

const pollMs = 5;

export async function pidOf(hearth: RunningHearth, role: "worker" | "front"): Promise<number> {
  for (const pid of await childrenOf(hearth)) {
    if ((await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).endsWith(`\0${role}\0`)) return pid;
  }
  throw new Error(`no ${role}`);
}

/** `kill -9` of all of it; resolves when nothing of it runs any more. */
export async function killHearth(hearth: RunningHearth): Promise<void> {
  const ended = once(hearth.process, "exit");
  // So that it starts nothing while its children are counted.
  hearth.process.kill("SIGSTOP");
  const children = await childrenOf(hearth);
  hearth.process.kill("SIGKILL");
  for (const pid of children) process.kill(pid, "SIGKILL");
  await ended;
  while ((await Promise.all(children.map(isRunning))).includes(true)) await setTimeout(pollMs);
}

/** A process that nobody has waited for yet runs no more. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tZ");
  return !status.includes("State:\tZ");
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
