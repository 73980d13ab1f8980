/**
 * `hearth simulate`: replays a trace through the data plane's own policies under a simulated clock, and tells what each
 * way of keeping environments warm would cost and save. Needs a running Hearth only for its recorded usage.
 */
import { access, constants, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { unreachable } from "../../core/invariant.ts";
import { readAzureTrace } from "../../simulation/azure-trace.ts";
import { frontierChart } from "../../simulation/chart.ts";
import { compare, type ComparisonOptions, type Contender } from "../../simulation/compare.ts";
import { generateTrace } from "../../simulation/generated-trace.ts";
import { amountText, type Report } from "../../simulation/tally.ts";
import { partOf, TraceError, type Trace, type TraceFunction } from "../../simulation/trace.ts";
import { parseUsageTrace } from "../../simulation/usage-trace.ts";
import { callHearth, type Connection } from "../endpoint.ts";
import { CommandError, table, type Output } from "../output.ts";

export interface SimulateOptions {
  readonly source: TraceSource;
  /** As `fixed:10m`, `hybrid:4h`, `forecast:1h` or `greedy-dual`. */
  readonly contenders: readonly Contender[];
  readonly simulation: ComparisonOptions;
  readonly chartFile?: string;
  /** Only some of the functions: every `of`th from the `nth` on. */
  readonly part?: { readonly nth: number; readonly of: number };
}

export type TraceSource =
  /** A directory in the format of the Azure data set, or a file of usage records. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "generated"; readonly functions: number; readonly days: number }
  /** What a running Hearth has recorded. */
  | { readonly kind: "recorded"; readonly connect: () => Connection };

const windows = ["5m", "10m", "20m", "1h", "4h"] as const;

/** Without a memory limit: whole frontiers. Within one windows matter little, and who makes room for whom a lot. */
export function defaultContenders(limited: boolean): string[] {
  if (limited) return ["fixed:10m", "hybrid:4h", "greedy-dual", "forecast:10m"];
  return [
    ...windows.map((each) => `fixed:${each}`),
    "hybrid:1h",
    "hybrid:4h",
    ...windows.map((each) => `forecast:${each}`),
  ];
}

export async function simulate(options: SimulateOptions, output: Output): Promise<number> {
  const chartFile = options.chartFile === undefined ? undefined : resolve(options.chartFile);
  // A simulation may take minutes: better told before than after.
  if (chartFile !== undefined) await expectWritable(chartFile);
  const whole = await traceFrom(options.source, options.simulation.seed);
  const trace = options.part === undefined ? whole : partOf(whole, options.part.nth, options.part.of);
  if (trace.functions.every(isNeverInvoked)) throw new CommandError("nothing to simulate: no function is invoked");
  const reports = await compare(options.contenders, trace, options.simulation, showProgress);
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
  if (chartFile !== undefined) {
    await writeFile(chartFile, frontierChart(reports, "Cold starts against idle memory")).catch((error: unknown) => {
      throw new CommandError(`${chartFile} was not written: ${(error as Error).message}`);
    });
    output.note(`chart: ${chartFile}`);
  }
  output.print(output.format === "json" ? JSON.stringify(reports) : reportTable(reports));
  return 0;
}

/** It can be written to, or made. */
async function expectWritable(file: string): Promise<void> {
  try {
    const isThere = await stat(file).then(
      (found) => {
        if (found.isDirectory()) throw new CommandError(`${file} is a directory: name a file for the chart`);
        return true;
      },
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return false;
        throw error;
      },
    );
    await access(isThere ? file : dirname(file), constants.W_OK);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${file} cannot be written: ${(error as Error).message}`);
  }
}

async function traceFrom(source: TraceSource, seed: number): Promise<Trace> {
  try {
    switch (source.kind) {
      case "generated":
        return generateTrace({ functions: source.functions, days: source.days, seed });
      case "recorded": {
        const recorded = await callHearth(source.connect(), "/_hearth/usage");
        return parseUsageTrace(await recorded.text(), "recorded usage");
      }
      case "path": {
        if ((await stat(source.path)).isDirectory()) return await readAzureTrace(source.path);
        return parseUsageTrace(await readFile(source.path, "utf8"), source.path);
      }
      default:
        return unreachable(source);
    }
  } catch (error) {
    if (error instanceof TraceError || (error as NodeJS.ErrnoException).code !== undefined) {
      throw new CommandError((error as Error).message);
    }
    throw error;
  }
}

function isNeverInvoked({ invocations }: TraceFunction): boolean {
  return (invocations.kind === "counted" ? invocations.minutes : invocations.atMs).length === 0;
}

function showProgress(share: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${Math.floor(share * 100)} %`);
}

function reportTable(reports: readonly Report[]): string {
  const [first] = reports;
  const rows = table<Report>(
    [
      { title: "POLICY", value: (row) => row.policy },
      { title: "COLD", value: (row) => row.coldStarts, align: "right" },
      { title: "COLD %", value: (row) => (row.coldShare * 100).toFixed(3), align: "right" },
      { title: "COLD H", value: (row) => amountText(row.coldStartHours), align: "right" },
      { title: "FN P50 %", value: (row) => percent(row.coldShareByFunction.p50), align: "right" },
      { title: "FN P75 %", value: (row) => percent(row.coldShareByFunction.p75), align: "right" },
      { title: "ALWAYS %", value: (row) => percent(row.coldShareByFunction.always), align: "right" },
      { title: "IDLE GIB H", value: (row) => amountText(row.idleGiBHours), align: "right" },
      { title: "DELAY P50", value: (row) => delay(row.startDelayMs.p50), align: "right" },
      { title: "P95", value: (row) => delay(row.startDelayMs.p95), align: "right" },
      { title: "P99", value: (row) => delay(row.startDelayMs.p99), align: "right" },
      { title: "AHEAD", value: (row) => row.prewarmed, align: "right" },
      { title: "EVICTED", value: (row) => row.evictions, align: "right" },
      { title: "SERVED", value: (row) => row.served, align: "right" },
      { title: "THROTTLED", value: (row) => row.throttled, align: "right" },
      { title: "WORKERS", value: (row) => row.workers, align: "right" },
      { title: "PEAK GIB", value: (row) => amountText(row.peakMemoryGiB), align: "right" },
    ],
    reports,
  );
  if (first === undefined) return rows;
  const paragraphs = [
    `${first.functions} functions, ${first.invocations} invocations`,
    rows,
    ...reports.flatMap(forecastLine),
  ];
  return paragraphs.join("\n\n");
}

function forecastLine({ policy, forecastErrors }: Report): string[] {
  if (forecastErrors === undefined || forecastErrors.count === 0) return [];
  const { count, withinMargin, p50 } = forecastErrors;
  const half =
    p50 === undefined ? "half of them off by more than 200 %" : `half of them off by at most ${percent(p50)} %`;
  return [`${policy}: ${count} arrivals forecast, ${percent(withinMargin)} % of them within its margin, ${half}`];
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}

function delay(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
