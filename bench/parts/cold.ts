/** Cold starts through the official SDK: from the pool, and with no pool at all. Every sample is a function never run before. */
import { InvokeCommand } from "@aws-sdk/client-lambda";

import type { RunningHearth } from "../../test/support/hearth.ts";
import { figuresOf } from "../lib/measure.ts";
import { ms, type Report } from "../lib/report.ts";
import { createHello, untilPooled, withHearth, type FunctionKind } from "../targets/hearth.ts";

const kinds: readonly FunctionKind[] = [
  { runtime: "nodejs24.x", memoryMiB: 128 },
  { runtime: "nodejs24.x", memoryMiB: 1769 },
  { runtime: "python3.11", memoryMiB: 128 },
  { runtime: "python3.11", memoryMiB: 1769 },
];

const poolSize = 4;
const pooledSamples = 100;
const unpooledSamples = 20;

export async function cold(report: Report): Promise<void> {
  await withHearth({ poolMin: poolSize, poolMax: poolSize }, async (hearth) => {
    for (const kind of kinds) {
      const figures = await samplesOf(
        hearth,
        kind,
        pooledSamples,
        () => untilPooled(hearth, kind, poolSize),
        report,
        "pooled",
      );
      row(report, kind, "from the pool", figures, "p50 ≤ 5 ms, p99 ≤ 25 ms");
    }
  });
  await withHearth({ poolMin: 0, poolMax: 0 }, async (hearth) => {
    for (const kind of kinds) {
      const figures = await samplesOf(hearth, kind, unpooledSamples, async () => {}, report, "unpooled");
      row(report, kind, "no pool", figures, "p50 ≤ 200 ms");
    }
  });
}

async function samplesOf(
  hearth: RunningHearth,
  kind: FunctionKind,
  count: number,
  ready: () => Promise<void>,
  report: Report,
  series: string,
) {
  const lambda = hearth.lambda();
  const names: string[] = [];
  // One more to warm the client's own code and connection.
  for (let index = 0; index <= count; index += 1) names.push(await createHello(hearth, kind));
  const samples: number[] = [];
  for (const [index, name] of names.entries()) {
    await ready();
    const startedAtMs = performance.now();
    await lambda.send(new InvokeCommand({ FunctionName: name, Payload: Buffer.from("{}") }));
    if (index > 0) samples.push(performance.now() - startedAtMs);
  }
  report.series(`cold ${series} ${kind.runtime} ${kind.memoryMiB}`, samples);
  return figuresOf(samples);
}

function row(
  report: Report,
  kind: FunctionKind,
  how: string,
  figures: ReturnType<typeof figuresOf>,
  promise: string,
): void {
  report.row({
    what: "cold start",
    conditions: `${kind.runtime}, ${kind.memoryMiB} MB, ${how}, through the SDK, ${figures.count} functions`,
    value: `p50 ${ms(figures.p50)}, p99 ${ms(figures.p99)}`,
    promise,
  });
}
