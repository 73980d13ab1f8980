/** What a process holds in memory, as the kernel counts it. */
import { readFile } from "node:fs/promises";

export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/\nVmRSS:\s*(\d+) kB/.exec(status)?.[1]) / 1024);
}
