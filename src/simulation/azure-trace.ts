/**
 * Reads traces in the format of the Azure Functions data set of 2019 (Shahrad et al., USENIX ATC 2020;
 * https://github.com/Azure/AzurePublicDataset): invocations per function and minute, execution times per function,
 * memory per application. A directory holds one or more days; which file is what is seen from its first line, so names
 * do not matter, except that days follow one another in the order of their names. Files may be compressed (`.gz`).
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";

import { TraceError, type Quantiles, type Trace, type TraceFunction } from "./trace.ts";

const minutesPerDay = 1440;
/** The data set says at which minute of which day it begins, not when that was: a midnight. */
const startedAtMs = Date.UTC(2019, 6, 15);
/** Of applications and functions whose rows are missing: near the medians of the data set. */
const defaultMemoryMiB = 140;
const defaultDurations: Quantiles = { shares: [0, 1], values: [100, 1000] };
/**
 * The data set has no cold starts. A function's longest execution is its likeliest one: what it took beyond the mean is
 * taken for the cold start, within these bounds.
 */
const startMsMin = 50;
const startMsMax = 30_000;
/** Files of the public data set have less than 150 MB. */
const fileBytesMax = 1_073_741_824;
/** Of one function; all that come within a minute are held in memory. */
const invocationsPerMinuteMax = 10_000_000;

interface Row {
  readonly cells: readonly string[];
  readonly columns: ReadonlyMap<string, number>;
  /** Where it stands. */
  readonly file: string;
}

interface Counting {
  readonly app: string;
  lastDay: number;
  readonly minutes: number[];
  readonly counts: number[];
}

/** @throws TraceError */
export async function readAzureTrace(directory: string): Promise<Trace> {
  const counted = new Map<string, Counting>();
  const durations = new Map<string, { readonly quantiles: Quantiles; readonly startMs: number }>();
  const memory = new Map<string, number>();
  let days = 0;
  for (const file of (await filesIn(directory)).toSorted()) {
    const lines = (await textOf(file)).split(/\r?\n/);
    const titles = (lines.shift() ?? "").replace(/^\uFEFF/, "").split(",");
    const columns = new Map(titles.map((title, index) => [title, index]));
    const rows = function* (): Generator<Row> {
      for (const [index, line] of lines.entries()) {
        if (line === "") continue;
        const cells = line.split(",");
        if (cells.length < titles.length) {
          throw new TraceError(`${file}: line ${index + 2} has ${cells.length} cells, the titles are ${titles.length}`);
        }
        yield { cells, columns, file: basename(file) };
      }
    };
    const firstMinute = columns.get("1") ?? columns.get("1_minute");
    if (firstMinute !== undefined) {
      for (const row of rows()) count(counted, row, firstMinute, days);
      days++;
    } else if (columns.has("percentile_Average_50")) {
      for (const row of rows()) durations.set(functionOf(row), durationsIn(row));
    } else if (columns.has("AverageAllocatedMb")) {
      for (const row of rows()) memory.set(appOf(row), numberIn(row, "AverageAllocatedMb"));
    }
  }
  if (days === 0) throw new TraceError(`${directory}: no file has invocations per minute (columns 1 to 1440)`);
  const functions = Array.from(counted, ([id, { app, minutes, counts }]): TraceFunction => {
    const known = durations.get(id);
    return {
      id,
      memoryMiB: memory.get(app) ?? defaultMemoryMiB,
      startMs: known?.startMs ?? startMsMin,
      invocations: {
        kind: "counted",
        minutes: Uint32Array.from(minutes),
        counts: Uint32Array.from(counts),
        durations: known?.quantiles ?? defaultDurations,
      },
    };
  });
  return { functions, minutes: days * minutesPerDay, startedAtMs };
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw new TraceError((error as Error).message);
  });
  return names.filter((name) => /\.csv(\.gz)?$/.test(name)).map((name) => join(directory, name));
}

async function textOf(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > fileBytesMax) throw new TraceError(`${file} has more than ${fileBytesMax} bytes`);
  const content = await readFile(file);
  try {
    return (file.endsWith(".gz") ? gunzipSync(content, { maxOutputLength: fileBytesMax }) : content).toString();
  } catch (error) {
    throw new TraceError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function count(counted: Map<string, Counting>, row: Row, firstMinute: number, day: number): void {
  const id = functionOf(row);
  let counting = counted.get(id);
  if (counting?.lastDay === day) throw new TraceError(`${row.file}: function ${id} has two rows`);
  if (counting !== undefined) counting.lastDay = day;
  for (let minute = 0; minute < minutesPerDay; minute++) {
    const cell = row.cells[firstMinute + minute];
    if (cell === undefined || cell === "0" || cell === "") continue;
    const invocations = Number(cell);
    if (!Number.isSafeInteger(invocations) || invocations < 0) {
      throw new TraceError(`${row.file}: '${cell}' is no number of invocations`);
    }
    if (invocations > invocationsPerMinuteMax) {
      throw new TraceError(
        `${row.file}: ${cell} invocations in a minute; at most ${invocationsPerMinuteMax} can be read`,
      );
    }
    if (counting === undefined) {
      counting = { app: appOf(row), lastDay: day, minutes: [], counts: [] };
      counted.set(id, counting);
    }
    counting.minutes.push(day * minutesPerDay + minute);
    counting.counts.push(invocations);
  }
}

function durationsIn(row: Row): { readonly quantiles: Quantiles; readonly startMs: number } {
  const shares = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1];
  const raw = shares.map((share) => numberIn(row, `percentile_Average_${share * 100}`));
  // Averages of percentiles are not always in order.
  let highest = 0;
  const values = raw.map((value) => (highest = Math.max(highest, value)));
  const beyondMean = numberIn(row, "Maximum") - numberIn(row, "Average");
  return { quantiles: { shares, values }, startMs: Math.min(startMsMax, Math.max(startMsMin, beyondMean)) };
}

function appOf(row: Row): string {
  return `${textIn(row, "HashOwner")}/${textIn(row, "HashApp")}`;
}

function functionOf(row: Row): string {
  return `${appOf(row)}/${textIn(row, "HashFunction")}`;
}

function textIn({ cells, columns, file }: Row, column: string): string {
  const index = columns.get(column);
  if (index === undefined) throw new TraceError(`${file} has no column ${column}`);
  return cells[index] ?? "";
}

function numberIn(row: Row, column: string): number {
  const text = textIn(row, column);
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new TraceError(`${row.file}: bad value in column ${column}`);
  }
  return value;
}
