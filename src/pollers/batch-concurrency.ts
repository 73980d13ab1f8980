/**
 * How many batches of one mapping are processed at once; pure. A standard queue begins with five and gets more while
 * messages wait; failures and throttling take some away, each success gives one back up to where it began.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
 */
import type { MappingSettings } from "../control-plane/event-source-mappings/mapping-record.ts";

/** Batches of a mapping without limits of its own. */
const batchesMax = 1250;
const firstBatches = 5;
/** Batches that a mapping may have more after a minute of messages waiting. */
const growthPerMinute = 300;
const provisionedGrowthPerMinute = 1000;
/** Batches that one provisioned poller processes at once. */
const batchesPerPoller = 10;
/** Of what is allowed, what one failed batch takes away, but at least one. */
const failureShare = 0.1;
/** Failures in a row without a pause. */
const failuresWithoutPause = 5;
const firstPauseMs = 50;
/** Between batches of a function that does nothing but fail, in ms. */
const pauseMsMax = 1000;

export interface BatchLimits {
  readonly min: number;
  readonly start: number;
  readonly max: number;
  readonly growthPerMinute: number;
}

export interface BatchConcurrency {
  /** Not always whole: what has grown of the next one counts. */
  readonly allowed: number;
  readonly failuresInRow: number;
}

export function batchLimitsOf({ pollers, maximumConcurrency }: MappingSettings, isFifo: boolean): BatchLimits {
  if (pollers !== undefined) {
    const min = pollers.minimum * batchesPerPoller;
    const max = pollers.maximum * batchesPerPoller;
    return { min, start: min, max, growthPerMinute: provisionedGrowthPerMinute };
  }
  const max = Math.min(maximumConcurrency ?? batchesMax, batchesMax);
  // Of a FIFO queue the groups are the limit: none has two batches in flight.
  return { min: 1, start: isFifo ? max : Math.min(firstBatches, max), max, growthPerMinute };
}

export function initialConcurrency({ start }: BatchLimits): BatchConcurrency {
  return { allowed: start, failuresInRow: 0 };
}

export function batchesAllowed({ allowed }: BatchConcurrency): number {
  return Math.floor(allowed);
}

/** Within limits that have changed. */
export function withinLimits(now: BatchConcurrency, { min, max }: BatchLimits): BatchConcurrency {
  return { ...now, allowed: Math.min(Math.max(now.allowed, min), max) };
}

/** All that were allowed were processed for `durationMs`, and messages still wait. */
export function afterBacklog(now: BatchConcurrency, limits: BatchLimits, durationMs: number): BatchConcurrency {
  // Who has been taken something away gets it back by successes.
  if (now.allowed < limits.start) return now;
  const grown = now.allowed + (limits.growthPerMinute * durationMs) / 60_000;
  return { ...now, allowed: Math.min(grown, limits.max) };
}

/** Nothing has come for a while. */
export function afterQuiet(now: BatchConcurrency, { start }: BatchLimits): BatchConcurrency {
  return { ...now, allowed: Math.min(now.allowed, start) };
}

export function afterSuccess(now: BatchConcurrency, { start }: BatchLimits): BatchConcurrency {
  const allowed = now.allowed < start ? Math.min(now.allowed + 1, start) : now.allowed;
  return { allowed, failuresInRow: 0 };
}

export function afterFailure(now: BatchConcurrency, { min }: BatchLimits): BatchConcurrency {
  const allowed = Math.max(min, now.allowed - Math.max(1, now.allowed * failureShare));
  return { allowed, failuresInRow: now.failuresInRow + 1 };
}

/** `admitted` are the mapping's batches that the function was running when one more was refused. */
export function afterThrottle(now: BatchConcurrency, { min }: BatchLimits, admitted: number): BatchConcurrency {
  return { ...now, allowed: Math.max(min, Math.min(now.allowed, admitted)) };
}

/** Before more is read, in ms. */
export function pauseAfterFailures({ failuresInRow }: BatchConcurrency): number {
  const beyond = failuresInRow - failuresWithoutPause;
  return beyond <= 0 ? 0 : Math.min(firstPauseMs * 2 ** (beyond - 1), pauseMsMax);
}
