/** How many environments wait idle on this machine, what each takes, and how long it takes to make them. */
import assert from "node:assert/strict";

import { residentMiB } from "../../bench/lib/resident.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { pidOf } from "../support/role-pid.ts";
import { withHearth } from "./hearths.ts";
import { availableMiB, eachOf, environmentsOf, untilPoolsAreFull } from "./holder.ts";

const memoryMiB = 128;
const atOnce = 4;
/** Warm ones that are called in the end. */
const calls = 200;
const files = { "index.mjs": "export const handler = async (event) => event;" };

export interface DensityOptions {
  readonly count: number;
  readonly tell: (line: string) => void;
}

export async function runDensity({ count, tell }: DensityOptions): Promise<void> {
  const settings = { keepAlivePolicy: "fixed", keepAliveMs: 3_600_000, memoryOvercommit: 20 };
  await withHearth(settings, async (hearth) => {
    const lambda = hearth.lambda();
    const names = Array.from({ length: count }, (_, index) => `idle-${index}`);
    await eachOf(names, atOnce, async (FunctionName) =>
      createFunction(lambda, files, { FunctionName, MemorySize: memoryMiB, Timeout: 30 }),
    );
    const beforeMiB = await availableMiB();
    const startedAtMs = performance.now();
    await eachOf(names, atOnce, async (name) => invoke(lambda, name, 1));
    const tookMs = performance.now() - startedAtMs;
    const tookMiB = beforeMiB - (await availableMiB());

    const environments = await environmentsOf(hearth);
    assert.equal(environments.length, count);
    const held = environments.map(({ memoryBytes }) => memoryBytes / 1e6).toSorted((a, b) => a - b);
    const at = (share: number): string => (held[Math.floor(share * (held.length - 1))] ?? 0).toFixed(1);
    tell(
      `density: ${count} idle environments of ${memoryMiB} MB (nodejs24.x, one for each of ${count} functions) in ${(tookMs / 1000).toFixed(0)} s, ` +
        `${(count / (tookMs / 1000)).toFixed(1)} a second; each is charged ${at(0.5)} MB (median; largest ${at(1)}), ` +
        `and takes ${((tookMiB * 1.048576) / count).toFixed(1)} MB of what the machine had available`,
    );

    await untilPoolsAreFull(hearth);
    const samples: number[] = [];
    for (let call = 0; call < calls; call++) {
      const name = names[(call * 7919) % names.length] ?? "";
      const sentAtMs = performance.now();
      await invoke(lambda, name, call);
      samples.push(performance.now() - sentAtMs);
    }
    samples.sort((a, b) => a - b);
    assert.equal((await environmentsOf(hearth)).length, count);
    const [front, worker] = await Promise.all((["front", "worker"] as const).map((role) => pidOf(hearth, role)));
    tell(
      `density: ${calls} of them called one after the other: ${samples[calls >> 1]?.toFixed(1)} ms median, ${samples[Math.floor(calls * 0.99)]?.toFixed(1)} ms p99; ` +
        `front ${await residentMiB(front ?? 0)} MiB, worker ${await residentMiB(worker ?? 0)} MiB resident`,
    );
  });
}
