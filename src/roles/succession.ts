/**
 * One Hearth has a data directory at a time. One whose supervisor was killed ends by itself, within `orphanPatienceMs`;
 * who starts meanwhile waits for it, and is refused only by a Hearth that runs.
 */
import { ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DirectoryInUseError } from "../engine/errors.ts";
import { tryLock } from "../sandbox/linux/libc.ts";
import type { Instance } from "./instance.ts";

/** Time for a role without a supervisor to stop by itself. What it leaves then, the next start clears away. */
export const orphanPatienceMs = 10_000;
/** A role that ends may need a moment more for its exit, on a busy machine. */
const successionMsMax = 2 * orphanPatienceMs;
const pollMs = 20;

/**
 * Held until this process ends, however it ends. Taken by the worker before anything else: what a second worker of the
 * same data directory would clear away as left over is what the first one runs.
 */
export async function lockInstance({ dataDirectory, runDirectory }: Instance): Promise<void> {
  const path = join(runDirectory, "worker.lock");
  const fd = openSync(path, "a+");
  const untilMs = Date.now() + successionMsMax;
  while (!tryLock(fd)) {
    const supervisor = Number(readFileSync(path, "utf8"));
    if (isRunning(supervisor) || Date.now() >= untilMs) {
      throw new Error(`${dataDirectory} is in use by another Hearth. Stop that one, or choose another with --data-dir`);
    }
    await setTimeout(pollMs);
  }
  ftruncateSync(fd);
  writeSync(fd, String(process.ppid));
}

/** Opens what a former run may still hold; whether that one runs or ends, the worker's lock decides. */
export async function openAfterFormer<T>(open: () => Promise<T>, stopping: AbortSignal): Promise<T> {
  const untilMs = Date.now() + successionMsMax;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof DirectoryInUseError) || stopping.aborted || Date.now() >= untilMs) throw error;
    }
    await setTimeout(pollMs);
  }
}

/** 0 stands for nobody: a lock that was taken a moment ago, by a process that has not written its name yet. */
function isRunning(pid: number): boolean {
  try {
    return pid === 0 || process.kill(pid, 0);
  } catch {
    return false;
  }
}
