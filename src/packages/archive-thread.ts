/** The thread that works on one archive and ends: its job comes with it, its outcome is its only message. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import { ApiError } from "../core/errors.ts";
import { runArchiveJob, type ArchiveJob } from "./archive-job.ts";
import type { ThreadOutcome } from "./archive-thread-runner.ts";

async function outcomeOf(job: ArchiveJob): Promise<ThreadOutcome> {
  try {
    return { kind: "done", summary: await runArchiveJob(job, systemClock) };
  } catch (error) {
    if (error instanceof ApiError) return { kind: "refused", code: error.code, message: error.message };
    return { kind: "failed", message: (error as Error).message };
  }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
parentPort?.postMessage(await outcomeOf(workerData as ArchiveJob));
