/**
 * Many different functions that are called at once, for the first time, while a booted sandbox stands ready for each;
 * beside it what one such cold start takes of the processors when nothing else runs.
 */
import { Agent } from "node:http";
import { availableParallelism } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { RunningHearth } from "../../test/support/hearth.ts";
import { send } from "../lib/measure.ts";
import { processorTimeOf } from "../lib/processor-time.ts";
import { createHello, invokeCall, untilPooled } from "./hearth.ts";

const kind = { runtime: "nodejs24.x", memoryMiB: 128 } as const;

/** One after the other, within the pause before the pool fills again. */
const startsInARow = 3;
const samples = 5;
/** By then what has come up at the last start is compiled. */
const warmups = 2;
/** A Hearth at rest takes less of the processors than this in that time. */
const restMs = 100;
const restMsMax = 2;

export interface ColdBurst {
  /** Of the processors, for one cold start alone. */
  readonly costMs: number;
  /** From the first call to the last answer. */
  readonly takenMs: number;
  /** What `functions` cold starts take when they share all processors and leave none idle. */
  readonly idealMs: number;
}

/** The pool must be kept at `functions` or more. */
export async function coldBurst(hearth: RunningHearth, functions: number): Promise<ColdBurst> {
  const names: string[] = [];
  for (let count = functions + (warmups + samples) * startsInARow; count > 0; count--) {
    names.push(await createHello(hearth, kind));
  }
  const agent = new Agent({ keepAlive: true });
  const call = (name: string): Promise<string> => send(agent, invokeCall(hearth, name, "{}"));
  const processorTime = await processorTimeOf(hearth);
  const rested = async (): Promise<void> => {
    await untilPooled(hearth, kind, functions);
    await untilResting(processorTime);
  };

  const costs: number[] = [];
  for (let sample = -warmups; sample < samples; sample++) {
    await rested();
    const beganMs = processorTime();
    for (const name of names.splice(0, startsInARow)) await call(name);
    if (sample >= 0) costs.push((processorTime() - beganMs) / startsInARow);
  }
  const costMs = costs.toSorted((a, b) => a - b)[Math.floor(samples / 2)] ?? NaN;

  await rested();
  const beganAtMs = performance.now();
  await Promise.all(names.map(call));
  const takenMs = performance.now() - beganAtMs;
  agent.destroy();
  return { costMs, takenMs, idealMs: (functions * costMs) / availableParallelism() };
}

async function untilResting(processorTime: () => number): Promise<void> {
  for (;;) {
    const before = processorTime();
    await setTimeout(restMs);
    if (processorTime() - before <= restMsMax) return;
  }
}
