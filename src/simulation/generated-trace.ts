/**
 * Traces that look like those of a large provider, for judging policies without one at hand. Only published
 * distributions go into them (Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, sections 3.2 to 3.6; cold
 * starts: Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025):
 *
 * - how often a function is invoked is spread over many orders of magnitude: 45 % of the applications at most once an
 *   hour, 81 % at most once a minute;
 * - 16 % of the functions have a timer; of the others some come evenly at random, some in bursts, following the day;
 * - execution times, memory and start times have the distributions that were fitted there.
 */
import { normal, seededRandom, type Random } from "./random.ts";
import type { Quantiles, Trace, TraceFunction } from "./trace.ts";

const timerShare = 0.16;
const burstyShare = 0.35;
/** Of how much weight the usual periods are, in minutes. */
const timerPeriods: readonly (readonly [minutes: number, weight: number])[] = [
  [1, 2],
  [5, 4],
  [10, 2],
  [15, 2],
  [30, 1],
  [60, 3],
  [1440, 2],
];
/** Natural logarithm of invocations per hour: what the two shares above say of a normal distribution. */
const rateLogMean = 0.51;
const rateLogDeviation = 4.08;
/** Beyond it a function is always warm, and only costs time to simulate. */
const ratePerHourMax = 1200;
/** Natural logarithm of seconds. */
const durationLogMean = -0.38;
const durationLogDeviation = 2.36;
/** How much the executions of one function differ from each other, beside how much functions do. */
const ownDurationDeviation = 0.5;
const durationMsMax = 600_000;
/** A Burr distribution, in MiB. */
const memory = { shape: 11.652, tail: 0.221, scaleMiB: 107.083, minMiB: 16, maxMiB: 3008 } as const;
/** A log-normal distribution with mean 3.24 s and deviation 7.10 s. */
const startLogMean = 0.295;
const startLogDeviation = 1.325;
const startMsMin = 20;
const startMsMax = 60_000;
/** Nights are quieter by this share. */
const dayAmplitude = 0.5;
/** Bursts: invocations in each, and how long they last. */
const burstInvocations = 12;
const burstMinutes = 6;
const minutesPerDay = 1440;
/** A Monday. */
const startedAtMs = Date.UTC(2024, 0, 1);

export interface GeneratedTraceOptions {
  readonly functions: number;
  readonly days: number;
  readonly seed: number;
}

export function generateTrace({ functions, days, seed }: GeneratedTraceOptions): Trace {
  const random = seededRandom(seed);
  const minutes = days * minutesPerDay;
  return {
    functions: Array.from({ length: functions }, (_, index) => generateFunction(`generated-${index}`, minutes, random)),
    minutes,
    startedAtMs,
  };
}

function generateFunction(id: string, minutes: number, random: Random): TraceFunction {
  const counts = new Map<number, number>();
  const kind = random();
  if (kind < timerShare) fillTimer(counts, minutes, random);
  else fillRandom(counts, minutes, random, kind < timerShare + burstyShare);
  const ordered = [...counts].toSorted(([a], [b]) => a - b);
  return {
    id,
    memoryMiB: drawMemoryMiB(random),
    startMs: bounded(1000 * Math.exp(startLogMean + startLogDeviation * normal(random)), startMsMin, startMsMax),
    invocations: {
      kind: "counted",
      minutes: Uint32Array.from(ordered, ([minute]) => minute),
      counts: Uint32Array.from(ordered, ([, count]) => count),
      durations: drawDurations(random),
    },
  };
}

function fillTimer(counts: Map<number, number>, minutes: number, random: Random): void {
  let weight = random() * timerPeriods.reduce((sum, [, each]) => sum + each, 0);
  const [period] = timerPeriods.find(([, each]) => (weight -= each) < 0) ?? [60];
  for (let minute = Math.floor(random() * period); minute < minutes; minute += period) counts.set(minute, 1);
}

function fillRandom(counts: Map<number, number>, minutes: number, random: Random, bursty: boolean): void {
  const perHour = Math.min(ratePerHourMax, Math.exp(rateLogMean + rateLogDeviation * normal(random)));
  const peakMinute = random() * minutesPerDay;
  const startsPerMinute = perHour / 60 / (bursty ? burstInvocations : 1);
  for (let minute = 0; minute < minutes; minute++) {
    const ofDay = 1 + dayAmplitude * Math.cos((2 * Math.PI * (minute - peakMinute)) / minutesPerDay);
    for (let starts = drawCount(startsPerMinute * ofDay, random); starts > 0; starts--) {
      const invocations = bursty ? 1 + Math.floor(-Math.log(1 - random()) * burstInvocations) : 1;
      for (let index = 0; index < invocations; index++) {
        const at = minute + (index === 0 ? 0 : Math.floor(random() * burstMinutes));
        if (at < minutes) counts.set(at, (counts.get(at) ?? 0) + 1);
      }
    }
  }
}

/** From a Poisson distribution. */
function drawCount(mean: number, random: Random): number {
  const least = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > least; product *= random()) count++;
  return count;
}

function drawMemoryMiB(random: Random): number {
  const drawn = memory.scaleMiB * ((1 - random()) ** (-1 / memory.tail) - 1) ** (1 / memory.shape);
  return Math.round(bounded(drawn, memory.minMiB, memory.maxMiB));
}

function drawDurations(random: Random): Quantiles {
  const medianMs = 1000 * Math.exp(durationLogMean + durationLogDeviation * normal(random));
  // The quantiles of a normal distribution at these shares.
  const deviations = [-3, -2.326, -0.674, 0, 0.674, 2.326, 3];
  return {
    shares: [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1],
    values: deviations.map((each) => bounded(medianMs * Math.exp(each * ownDurationDeviation), 1, durationMsMax)),
  };
}

function bounded(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, value));
}
