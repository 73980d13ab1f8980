/** From none to 100 concurrent environments of one function, 60 of them pooled; and how fast the pool fills again. */
import { Agent } from "node:http";

import { send } from "../lib/measure.ts";
import { ms, type Report } from "../lib/report.ts";
import { createHello, invokeCall, snapshot, untilPooled, withHearth } from "../targets/hearth.ts";

const environments = 100;
const pooled = 60;
const kind = { runtime: "nodejs24.x", memoryMiB: 128 } as const;

/** Holds its environment until all have begun: the handler's own time is known and taken off. */
const holdMs = 8000;

export async function burst(report: Report): Promise<void> {
  await withHearth({ poolMin: pooled, poolMax: pooled }, async (hearth) => {
    const name = await createHello(hearth, kind, {
      "index.mjs": `export const handler = async () => {
        const begunAt = Date.now();
        await new Promise((resolve) => setTimeout(resolve, ${holdMs}));
        return begunAt;
      };`,
    });
    const fillStartedAtMs = performance.now();
    await untilPooled(hearth, kind, pooled);
    const fillMs = performance.now() - fillStartedAtMs;

    const call = invokeCall(hearth, name, "{}");
    const agent = new Agent({ keepAlive: true, maxSockets: environments });
    const startedAt = Date.now();
    const begun = (await Promise.all(Array.from({ length: environments }, () => send(agent, call))))
      .map(Number)
      .toSorted((a, b) => a - b);
    agent.destroy();
    const used = (await snapshot(hearth)).environments.length;

    report.series(
      "burst",
      begun.map((at) => at - startedAt),
    );
    report.row({
      what: "0 → 100 concurrent environments",
      conditions: `${kind.runtime}, ${kind.memoryMiB} MB, ${pooled} pooled; ${used} environments made`,
      value: `60 begun after ${ms((begun[pooled - 1] ?? 0) - startedAt)}, all after ${ms((begun.at(-1) ?? 0) - startedAt)}`,
      promise: "≤ 3 s",
    });

    const refillStartedAtMs = performance.now();
    await untilPooled(hearth, kind, pooled);
    const refillMs = performance.now() - refillStartedAtMs;
    report.row({
      what: "pool fill",
      conditions: `${pooled} sandboxes of ${kind.runtime}, nothing else running; first fill, and again after the burst`,
      value: `${((pooled / fillMs) * 1000).toFixed(1)}/s; refill took ${ms(refillMs)} more after the burst ended`,
      promise: "≥ 15/s",
    });
  });
}
