/** Simulates one policy and ends; see `compare.ts`. */
import { parentPort, workerData } from "node:worker_threads";

import { createPolicy } from "../data-plane/scaling/keep-alive/named-policies.ts";
import type { SimulationJob, SimulationMessage } from "./compare.ts";
import { simulate } from "./simulator.ts";

/** Progress is told this many times. */
const steps = 100;

const { contender, trace, options } = workerData as SimulationJob;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
const send = (message: SimulationMessage): void => parentPort?.postMessage(message);
let told = 0;
const report = simulate(contender.label, createPolicy(contender.rule.policy, contender.rule.windowMs), trace, {
  ...options,
  onProgress(share) {
    const step = Math.floor(share * steps);
    if (step === told) return;
    told = step;
    send({ kind: "progress", share });
  },
});
send({ kind: "report", report });
