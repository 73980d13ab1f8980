/** Runs one job on packages in a thread of its own. */
import { Worker } from "node:worker_threads";
import { ApiError } from "../core/errors.ts";
import { unreachable } from "../core/invariant.ts";
import type { ArchiveJob, ArchiveSummary } from "./archive-job.ts";
import type { MergeJob } from "./merge-job.ts";

export type PackageJob = ArchiveJob | MergeJob;

/** Errors do not cross threads whole. */
export type ThreadOutcome =
  | { readonly kind: "done"; readonly summary: ArchiveSummary }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };

/** Of the thread's heap, in MiB: the plan of the largest archive takes a fraction; the archive itself lies outside. */
const heapMiBMax = 512;

export async function runInThread(job: PackageJob): Promise<ArchiveSummary> {
  const outcome = await new Promise<ThreadOutcome>((resolve, reject) => {
    // A copy of its own to hand over: a view would take all of the buffer that it is a view of.
    const own = job.kind === "merge" ? job : { ...job, zip: new Uint8Array(job.zip) };
    const thread = new Worker(new URL("package-thread.ts", import.meta.url), {
      workerData: own,
      transferList: own.kind === "merge" ? [] : [own.zip.buffer],
      resourceLimits: { maxOldGenerationSizeMb: heapMiBMax },
    });
    thread.once("message", resolve);
    thread.once("error", reject);
    // After its message, or without one.
    thread.once("exit", (code) => reject(new Error(`the thread that works on packages ended with code ${code}`)));
  });
  switch (outcome.kind) {
    case "done":
      return outcome.summary;
    case "refused":
      throw new ApiError(outcome.code, outcome.message);
    case "failed":
      throw new Error(outcome.message);
    default:
      return unreachable(outcome);
  }
}
