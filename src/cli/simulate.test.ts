import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Report } from "../simulation/tally.ts";
import { simulate, type SimulateOptions } from "./commands/simulate.ts";
import { CommandError, type Output } from "./output.ts";

const contenders: SimulateOptions["contenders"] = [
  { label: "fixed:10m", rule: { policy: "fixed", windowMs: 600_000 } },
];
const simulation: SimulateOptions["simulation"] = {
  seed: 1,
  arrivals: "spread",
  instant: false,
  memoryMiB: undefined,
  workerMemoryMiB: 65_536,
  accountConcurrency: 1000,
};

function outputTo(lines: string[], format: Output["format"]): Output {
  return { format, print: (text) => void lines.push(text), note: () => undefined };
}

function tells(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof CommandError && pattern.test(error.message);
}

test("a chart that could not be written is told before anything is read or simulated", async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "simulate-"));
  t.after(() => rmSync(scratch, { recursive: true }));
  const source = { kind: "path", path: join(scratch, "no trace") } as const;
  const run = (chartFile: string) => simulate({ source, contenders, simulation, chartFile }, outputTo([], "text"));

  await assert.rejects(
    run(join(scratch, "absent", "chart.svg")),
    tells(/absent\/chart\.svg cannot be written: ENOENT/),
  );
  await assert.rejects(run(scratch), tells(/is a directory/));
  await assert.rejects(run(join(scratch, "chart.svg")), tells(/no trace/));
});

test("served and throttled are told, in the table and as JSON, and the chart is written", async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "simulate-"));
  t.after(() => rmSync(scratch, { recursive: true }));
  const source = { kind: "generated", functions: 5, days: 1 } as const;
  const chartFile = join(scratch, "chart.svg");
  const lines: string[] = [];

  await simulate({ source, contenders, simulation, chartFile }, outputTo(lines, "json"));
  await simulate({ source, contenders, simulation }, outputTo(lines, "text"));

  const [json = "", table = ""] = lines;
  const [report] = JSON.parse(json) as Report[];
  assert(report !== undefined);
  assert.equal(report.served + report.throttled, report.invocations);
  assert.match(table, /^POLICY .* SERVED +THROTTLED/m);
  assert.match(readFileSync(chartFile, "utf8"), /^<svg/);
});
