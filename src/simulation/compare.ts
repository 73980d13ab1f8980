/** Simulates several policies over one trace, each in a thread of its own, as many at a time as there are processors. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import type { KeepAliveRule } from "../config/keep-alive.ts";
import type { SimulationOptions } from "./simulator.ts";
import type { Report } from "./tally.ts";
import type { Trace } from "./trace.ts";

export interface Contender {
  /** As it is called in the report. */
  readonly label: string;
  readonly rule: KeepAliveRule;
}

export type ComparisonOptions = Omit<SimulationOptions, "onProgress">;

export interface SimulationJob {
  readonly contender: Contender;
  readonly trace: Trace;
  readonly options: ComparisonOptions;
}

export type SimulationMessage =
  | { readonly kind: "progress"; readonly share: number }
  | { readonly kind: "report"; readonly report: Report };

/** In the order of the contenders; `onProgress` hears which share of all the work is done. */
export async function compare(
  contenders: readonly Contender[],
  trace: Trace,
  options: ComparisonOptions,
  onProgress: (share: number) => void = () => undefined,
): Promise<Report[]> {
  const shares = contenders.map(() => 0);
  const reports: Report[] = [];
  const queue = [...contenders.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, contender] = next;
      reports[index] = await runInThread({ contender, trace, options }, (share) => {
        shares[index] = share;
        onProgress(shares.reduce((sum, each) => sum + each, 0) / shares.length);
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), contenders.length) }, work));
  return reports;
}

function runInThread(job: SimulationJob, onProgress: (share: number) => void): Promise<Report> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("simulation-thread.ts", import.meta.url), { workerData: job });
    thread.on("message", (message: SimulationMessage) => {
      if (message.kind === "report") resolve(message.report);
      else onProgress(message.share);
    });
    thread.once("error", reject);
    // After its report, or without one.
    thread.once("exit", (code) => reject(new Error(`the simulation ended with code ${code}`)));
  });
}
