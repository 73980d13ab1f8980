/** The thread that does one job on packages and ends: its job comes with it, its outcome is its only message. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import { ApiError } from "../core/errors.ts";
import { runArchiveJob } from "./archive-job.ts";
import { runMergeJob } from "./merge-job.ts";
import type { PackageJob, ThreadOutcome } from "./package-thread-runner.ts";

async function outcomeOf(job: PackageJob): Promise<ThreadOutcome> {
  try {
    return { kind: "done", summary: job.kind === "merge" ? runMergeJob(job) : await runArchiveJob(job, systemClock) };
  } catch (error) {
    if (error instanceof ApiError) return { kind: "refused", code: error.code, message: error.message };
    return { kind: "failed", message: (error as Error).message };
  }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
parentPort?.postMessage(await outcomeOf(workerData as PackageJob));
