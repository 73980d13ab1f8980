/**
 * How many events of one function are processed at once; pure. It grows with demand: enough to work off what waits within
 * `drainWithinMs`, up to what the counting service admits. But it grows only as fast as the machine shows that it can:
 * by one with each invocation that ends, by a few a second while none does, and not at all where environments come slowly. A backlog that asked for all its
 * environments at once would have the machine start environments and do nothing else, and the longer that took, the more
 * it would ask for. Who is refused knows how many were admitted, and asks for no
 * more until a while has passed; so synchronous callers of the function are not crowded out by attempts that fail, and
 * few events pay with a back-off for finding the limit.
 */

/** As many are always worth a try: a function's first environments start at once. */
const concurrencyMin = 10;
/** The account's concurrency on Lambda; bounds what one function's events hold in memory. */
export const concurrencyMax = 1000;
/** What waits should be worked off within this time, in ms. */
const drainWithinMs = 1000;
/** More at once after a second in which all that were allowed were taken: as of event source mappings, 300 a minute. */
const growthPerSecond = 5;
/** After a refusal no more are tried for this long, in ms; then this much more each time it is reconsidered. */
const probeAfterMs = 3000;
const probeFactor = 1.25;
/** A function that became slower is noticed little by little, one that became faster at once. */
const drift = 1.001;
/** Waiting longer for an environment, in ms, says that the machine has more to do than it can. */
const waitedMsMax = 1000;
/** Of those in flight, what may stay then. */
const keptShare = 0.75;

export interface Demand {
  /** Events that could be processed now, those that are included. */
  readonly outstanding: number;
  /** About what the fastest of the last invocations took; before there was one, how long the oldest has been running. */
  readonly durationMs: number;
}

/** What was learned about the limits that others set. */
export interface Ceiling {
  readonly concurrency: number;
  readonly refusedAtMs: number;
}

export const noCeiling: Ceiling = { concurrency: concurrencyMax, refusedAtMs: -Infinity };

/** What is allowed when a backlog begins. */
export const firstAllowed = concurrencyMin;

export function allowedAfterInvocation(allowed: number): number {
  return Math.min(allowed + 1, concurrencyMax);
}

/** All that were allowed were taken for a second. */
export function allowedAfterSecond(allowed: number): number {
  return Math.min(allowed + growthPerSecond, concurrencyMax);
}

export function concurrencyFor({ outstanding, durationMs }: Demand, allowed: number, ceiling: Ceiling): number {
  const wanted = Math.ceil((outstanding * durationMs) / drainWithinMs);
  return Math.min(Math.max(wanted, concurrencyMin), allowed, ceiling.concurrency);
}

/** `admitted` are the function's other events in flight when one was refused. */
export function ceilingAfterRefusal(ceiling: Ceiling, admitted: number, nowMs: number): Ceiling {
  return { concurrency: Math.max(1, Math.min(ceiling.concurrency, admitted)), refusedAtMs: nowMs };
}

/** An invocation has waited for its environment, beside `inFlight` others. */
export function ceilingAfterWait(ceiling: Ceiling, waitedMs: number, inFlight: number, nowMs: number): Ceiling {
  if (waitedMs <= waitedMsMax) return ceiling;
  return ceilingAfterRefusal(ceiling, Math.max(concurrencyMin, Math.floor(inFlight * keptShare)), nowMs);
}

export function ceilingReconsidered(ceiling: Ceiling, nowMs: number): Ceiling {
  if (nowMs - ceiling.refusedAtMs < probeAfterMs) return ceiling;
  return { ...ceiling, concurrency: Math.min(concurrencyMax, Math.ceil(ceiling.concurrency * probeFactor)) };
}

/**
 * The duration to reckon with after an invocation took `sampleMs`. Not the mean: on a machine that is busy with the
 * function itself the mean rises with concurrency, and concurrency would rise with the mean.
 */
export function durationAfter(durationMs: number | undefined, sampleMs: number): number {
  return durationMs === undefined ? sampleMs : Math.min(durationMs * drift, sampleMs);
}
