/**
 * Promises a machine's memory and CPUs many times over. While what is really used fits, no environment ends; when invocations
 * come to use so much that it does not, idle environments do, and nothing else.
 */
import assert from "node:assert/strict";
import { cpus, totalmem } from "node:os";
import { setTimeout } from "node:timers/promises";

import { memoryMiBPerCpu } from "../../src/data-plane/placement/placement.ts";
import type { RunningHearth } from "../support/hearth.ts";
import { quietSettings, withHearth } from "./hearths.ts";
import { availableMiB, createHolder, eachOf, environmentsOf, evictionsOf, hold, outOfMemoryKills } from "./holder.ts";

/** Of every function. */
const functionMiB = 3008;
/** Invocations that come to use much. */
const eaters = 6;
const eaterMiB = 2400;
/** And such as only run meanwhile. */
const witnesses = 4;
const witnessMs = 30_000;
/** What the idle environments hold together, of what is available. */
const idleShare = 0.45;
const atOnce = 4;
const sampleMs = 50;

export interface PromiseOptions {
  readonly factor: number;
  readonly tell: (line: string) => void;
}

/** Throws when something ended that should not have. */
export async function runPromise({ factor, tell }: PromiseOptions): Promise<void> {
  const machineMiB = Math.floor(totalmem() / 2 ** 20);
  const count = Math.floor((machineMiB * factor) / functionMiB);
  const cpuFactor = Math.ceil((count * functionMiB) / memoryMiBPerCpu / cpus().length);
  const settings = { ...quietSettings, memoryOvercommit: factor, cpuOvercommit: Math.max(factor, cpuFactor) };
  await withHearth(settings, async (hearth) => {
    const sleepers = await createAll(hearth, "sleeper", count - eaters - witnesses);
    const hungry = await createAll(hearth, "eater", eaters);
    const watching = await createAll(hearth, "witness", witnesses);
    const killsBefore = await outOfMemoryKills();
    const lambda = hearth.lambda();

    const leftMiB = await availableMiB();
    const holdMiB = Math.floor((leftMiB * idleShare) / sleepers.length);
    const ids = new Map<string, string>();
    await eachOf(sleepers, atOnce, async (name) => ids.set(name, await hold(lambda, name, { holdMiB, keep: true })));
    await eachOf([...hungry, ...watching], atOnce, async (name) => hold(lambda, name));
    const promisedGiB = (count * functionMiB) / 1024;
    tell(
      `${factor} ×: ${count} environments of ${functionMiB} MB: ${promisedGiB.toFixed(0)} GiB promised on ${(machineMiB / 1024).toFixed(1)}, ` +
        `${((count * functionMiB) / memoryMiBPerCpu / cpus().length).toFixed(0)} × the CPUs; ${await usedText(leftMiB)} really used`,
    );

    await eachOf(sleepers, atOnce, async (name) => assert.equal(await hold(lambda, name), ids.get(name)));
    assert.deepEqual(await evictionsOf(hearth), { room: 0, memory: 0 });
    assert.equal((await environmentsOf(hearth)).length, count);
    tell(`${factor} ×: use fits: each environment has served again, none has ended`);

    const lowest = sampleLowest();
    const inFlight = [
      ...watching.map((name) => hold(lambda, name, { ms: witnessMs })),
      ...hungry.map((name) => hold(lambda, name, { holdMiB: eaterMiB, ms: witnessMs / 2 })),
    ];
    await Promise.all(inFlight);
    const lowestMiB = await lowest.stop();
    const left = new Set((await environmentsOf(hearth)).map(({ name }) => name));
    const gone = [...sleepers, ...hungry, ...watching].filter((name) => !left.has(name));
    const evictions = await evictionsOf(hearth);
    tell(
      `${factor} ×: past it: ${eaters} invocations took ${eaterMiB} MB each, all ${inFlight.length} in flight were answered; ` +
        `${gone.length} idle environments ended, ${left.size} stayed; at the least ${lowestMiB} MiB were available`,
    );
    assert(gone.length > 0, "not all of it fitted, so idle ones had to go");
    assert.deepEqual(evictions, { room: 0, memory: gone.length });
    assert.equal(await outOfMemoryKills(), killsBefore);

    const [back] = gone;
    assert(back !== undefined);
    await hold(lambda, back);
    tell(`${factor} ×: one that had to go starts again`);
  });
}

/** Uses more in flight than may be: new environments wait, then are throttled, and start when there is memory again. */
export async function runShortage(tell: (line: string) => void): Promise<void> {
  const limitMiB = 4096;
  const eaten = { count: 3, eachMiB: 1280 } as const;
  await withHearth({ ...quietSettings, workerMemoryMiB: limitMiB, memoryOvercommit: 20 }, async (hearth) => {
    const hungry = await createAll(hearth, "eater", eaten.count);
    const [late = ""] = await createAll(hearth, "late", 1);
    const lambda = hearth.lambda();
    const inFlight = Promise.all(hungry.map((name) => hold(lambda, name, { holdMiB: eaten.eachMiB, ms: 20_000 })));
    while ((await usedMiB(hearth)) < eaten.count * eaten.eachMiB) await setTimeout(sampleMs);
    // The worker has told of it by then.
    await setTimeout(1000);

    const startedAtMs = performance.now();
    const refusal = await hold(lambda, late).then(
      () => "started",
      (error: unknown) => (error instanceof Error ? error.name : String(error)),
    );
    const waitedMs = performance.now() - startedAtMs;
    await inFlight;
    assert.equal(refusal, "TooManyRequestsException");
    await hold(lambda, late);
    tell(
      `short: ${eaten.count * eaten.eachMiB} of ${limitMiB} MiB in flight, nothing idle: a new environment waited ${(waitedMs / 1000).toFixed(1)} s ` +
        "and was throttled; all in flight were answered, then it started",
    );
  });
}

async function usedMiB(hearth: RunningHearth): Promise<number> {
  return (await environmentsOf(hearth)).reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) / 2 ** 20;
}

async function createAll(hearth: RunningHearth, kind: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  const lambda = hearth.lambda();
  await eachOf(names, atOnce, async (name) => createHolder(lambda, functionMiB, name));
  return names;
}

async function usedText(beforeMiB: number): Promise<string> {
  return `${((beforeMiB - (await availableMiB())) / 1024).toFixed(1)} GiB`;
}

function sampleLowest(): { stop(): Promise<number> } {
  let lowest = Number.POSITIVE_INFINITY;
  const stopped = new AbortController();
  const sampling = (async () => {
    while (!stopped.signal.aborted) {
      lowest = Math.min(lowest, await availableMiB());
      await setTimeout(sampleMs);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await sampling;
      return lowest;
    },
  };
}
