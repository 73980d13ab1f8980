/**
 * A trace from Hearth's own usage records: when each invocation began, how long it ran, and what starts really took. A
 * version of a function counts as a function, as it does for the environments.
 */
import type { UsageRecord } from "../metering/usage-record.ts";
import { TraceError, type Trace, type TraceFunction } from "./trace.ts";

const minuteMs = 60_000;
/** Of functions of which no start was recorded, when none was of any. */
const defaultStartMs = 200;
/** A day has 1440; beyond a year something is wrong with the clocks. */
const minutesMax = 527_040;

interface Recording {
  memoryMiB: number;
  startsMs: number[];
  readonly invocations: { readonly atMs: number; readonly durationMs: number }[];
}

/**
 * From lines of JSON, in any order.
 *
 * @throws TraceError
 */
export function parseUsageTrace(text: string, source: string): Trace {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return usageTrace(lines.map((line, index) => parseRecord(line, `${source}, line ${index + 1}`)));
}

/** @throws TraceError */
export function usageTrace(records: readonly UsageRecord[]): Trace {
  let firstMs = Infinity;
  let lastMs = -Infinity;
  for (const record of records) {
    // An invocation arrives before it waits.
    firstMs = Math.min(firstMs, record.startedAtMs - record.queueMs);
    lastMs = Math.max(lastMs, record.startedAtMs);
  }
  if (firstMs === Infinity) throw new TraceError("no invocation is recorded");
  // Whole minutes of the wall clock, for whatever comes at the same minute of each hour.
  const startedAtMs = Math.floor(firstMs / minuteMs) * minuteMs;
  const minutes = Math.floor((lastMs - startedAtMs) / minuteMs) + 1;
  if (minutes > minutesMax) throw new TraceError(`the records are of more than ${minutesMax} minutes`);

  const recordings = new Map<string, Recording>();
  for (const record of records) {
    const id = [record.account, record.region, record.functionName, record.functionVersion].join(":");
    let recording = recordings.get(id);
    if (recording === undefined) {
      recording = { memoryMiB: 0, startsMs: [], invocations: [] };
      recordings.set(id, recording);
    }
    recording.memoryMiB = record.memorySizeMiB;
    if (record.phases !== undefined) recording.startsMs.push(startMsOf(record.phases));
    recording.invocations.push({
      atMs: record.startedAtMs - record.queueMs - startedAtMs,
      durationMs: record.handlerMs,
    });
  }
  const typicalStartMs = median([...recordings.values()].flatMap(({ startsMs }) => startsMs)) ?? defaultStartMs;
  const functions = Array.from(recordings, ([id, { memoryMiB, startsMs, invocations }]): TraceFunction => {
    const ordered = invocations.toSorted((a, b) => a.atMs - b.atMs);
    return {
      id,
      memoryMiB,
      startMs: median(startsMs) ?? typicalStartMs,
      invocations: {
        kind: "recorded",
        atMs: Float64Array.from(ordered, ({ atMs }) => atMs),
        durationsMs: Float64Array.from(ordered, ({ durationMs }) => durationMs),
      },
    };
  });
  return { functions, minutes, startedAtMs };
}

function startMsOf({ sandboxMs, codeMs, runtimeMs, initMs }: NonNullable<UsageRecord["phases"]>): number {
  return sandboxMs + codeMs + runtimeMs + initMs;
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function parseRecord(line: string, place: string): UsageRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new TraceError(`${place}: ${(error as Error).message}`);
  }
  const record = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<string, unknown>>;
  for (const name of ["account", "region", "functionName", "functionVersion"]) {
    if (typeof record[name] !== "string") throw new TraceError(`${place}: ${name} is missing`);
  }
  for (const name of ["startedAtMs", "queueMs", "handlerMs", "memorySizeMiB"]) {
    if (!isDuration(record[name])) throw new TraceError(`${place}: ${name} is missing, or no number`);
  }
  const { phases } = record;
  if (phases !== undefined) {
    const parts = (typeof phases === "object" && phases !== null ? phases : {}) as Partial<Record<string, unknown>>;
    if (!["sandboxMs", "codeMs", "runtimeMs", "initMs"].every((name) => isDuration(parts[name]))) {
      throw new TraceError(`${place}: phases lack a time`);
    }
  }
  return value as UsageRecord;
}

function isDuration(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
