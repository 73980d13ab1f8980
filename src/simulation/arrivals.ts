/**
 * The invocations of a trace in the order of their arrival, minute by minute. What is drawn (when within its minute, for
 * how long) depends on the seed alone, so that every policy sees the same.
 */
import { seededRandom, type Random } from "./random.ts";
import type { Quantiles, Trace, TraceFunction } from "./trace.ts";

const minuteMs = 60_000;

export interface Arrival {
  readonly functionIndex: number;
  readonly atMs: number;
  readonly durationMs: number;
}

export interface ArrivalOptions {
  readonly seed: number;
  /** `spread`: anywhere in its minute. `minute`: at the minute's start, as the published studies count. */
  readonly arrivals: "spread" | "minute";
  /** Neither invocations nor starts take time, as the published studies count. */
  readonly instant: boolean;
}

export function* arrivalsOf(trace: Trace, { seed, arrivals, instant }: ArrivalOptions): Generator<readonly Arrival[]> {
  const random = seededRandom(seed);
  const next = trace.functions.map(() => 0);
  for (let minute = 0; minute < trace.minutes; minute++) {
    const batch: Arrival[] = [];
    for (const [functionIndex, each] of trace.functions.entries()) {
      const from = next[functionIndex] ?? 0;
      const place = { functionIndex, from, minute, random, spread: arrivals === "spread", instant };
      next[functionIndex] = collect(batch, each, place);
    }
    if (arrivals === "spread") batch.sort((a, b) => a.atMs - b.atMs);
    yield batch;
  }
}

interface Place {
  readonly functionIndex: number;
  readonly from: number;
  readonly minute: number;
  readonly random: Random;
  readonly spread: boolean;
  readonly instant: boolean;
}

/** Adds a function's arrivals of that minute; returns where the next minute goes on. */
function collect(batch: Arrival[], { invocations }: TraceFunction, place: Place): number {
  const { functionIndex, minute, random, spread, instant } = place;
  let index = place.from;
  if (invocations.kind === "recorded") {
    for (; (invocations.atMs[index] ?? Infinity) < (minute + 1) * minuteMs; index++) {
      const atMs = spread ? (invocations.atMs[index] ?? 0) : minute * minuteMs;
      batch.push({ functionIndex, atMs, durationMs: instant ? 0 : (invocations.durationsMs[index] ?? 0) });
    }
    return index;
  }
  if (invocations.minutes[index] !== minute) return index;
  for (let count = invocations.counts[index] ?? 0; count > 0; count--) {
    batch.push({
      functionIndex,
      atMs: (minute + (spread ? random() : 0)) * minuteMs,
      durationMs: instant ? 0 : draw(invocations.durations, random),
    });
  }
  return index + 1;
}

/** Between two quantiles values are as likely as in a straight line. */
export function draw({ shares, values }: Quantiles, random: Random): number {
  const share = random();
  const upper = shares.findIndex((each) => each > share);
  if (upper === -1) return values.at(-1) ?? 0;
  if (upper === 0) return values[0] ?? 0;
  const [lowShare = 0, highShare = 1] = [shares[upper - 1], shares[upper]];
  const [low = 0, high = 0] = [values[upper - 1], values[upper]];
  return low + ((share - lowShare) / (highShare - lowShare)) * (high - low);
}
