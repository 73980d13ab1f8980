/**
 * What keeps environments warm: one interface for every policy, so that production and the simulator run the very same
 * objects. A policy owns no clock, no timer and no randomness: it is told what happened and when, and answers questions.
 *
 * Times are wall-clock ms (a policy may look for what comes back every hour) and never run backwards by more than the
 * clock does; a policy takes a time before the last one for the last one. What a policy remembers of a function is
 * bounded, and so is the number of functions.
 */

/** One version of a function, as a policy knows it. */
export interface KeptFunction {
  readonly id: string;
  readonly memoryMiB: number;
  /** Another policy says how long it is kept: what of it is idle is not this one's to account for. */
  readonly isKeptElsewhere?: true;
}

export type Happening =
  /** An invocation wants an environment. */
  | "arrival"
  /** An invocation is over, however it ended: one for each arrival. */
  | "end"
  /** An environment waits for its next invocation. */
  | "idle"
  /** One that waited was taken. */
  | "used"
  /** One that waited is no more, as the policy wanted or because it was too old. */
  | "released"
  /** One that waited gave its memory to others. */
  | "evicted";

export interface IdleEnvironment {
  readonly function: KeptFunction;
  /** How many idle environments of its function would be taken before it. */
  readonly rank: number;
  readonly idleSinceMs: number;
  /** What it really holds, where that is wanted and not what it is allowed. */
  readonly heldMiB?: number;
}

/** The memory that others would have in its place. */
export function memoryOf({ function: { memoryMiB }, heldMiB }: IdleEnvironment): number {
  return heldMiB ?? memoryMiB;
}

/** What is to be ready before anybody asks. */
export type Outlook =
  /** At `atMs` there should be `count` environments, those at work included. */
  | { readonly kind: "prewarm"; readonly atMs: number; readonly count: number }
  /** Nothing until then; ask again. */
  | { readonly kind: "ask-again"; readonly atMs: number }
  /** Nothing until the next arrival. */
  | { readonly kind: "nothing" };

/** What happened before a policy was there. */
export type Past =
  | { readonly kind: "arrival" | "end"; readonly kept: KeptFunction; readonly atMs: number }
  | { readonly kind: "start"; readonly kept: KeptFunction; readonly startMs: number }
  /** Nothing else happened until then. */
  | { readonly kind: "time"; readonly atMs: number };

/** When a function is wanted next, as far as a policy tells. */
export interface Expectation {
  /** Between these times it will have been wanted, likelier than not; absent when that is further off than a policy looks. */
  readonly next?: { readonly fromMs: number; readonly untilMs: number; readonly probability?: number };
  /** In such a rhythm it has come of late. */
  readonly periodMs?: number;
}

export interface KeepAlivePolicy {
  observe(happening: Happening, kept: KeptFunction, nowMs: number): void;
  /** What a start took of which somebody had, or would have had, to wait for the end. */
  observeStart(kept: KeptFunction, startMs: number): void;
  /**
   * Learns from the past, which is told in the order of time, and before anything else is. What was idle then nobody
   * knows, and none of it is there any more.
   */
  recall(past: Past): void;
  /**
   * Until when the environment is kept if nobody takes it: the question is put again at that time, and an answer that
   * is not after `nowMs` ends it. `Infinity` keeps it until its memory is wanted.
   */
  keepUntilMs(idle: IdleEnvironment, nowMs: number): number;
  /** `count` environments are alive, at work or idle. Asked after an end, a release, and when it said so. */
  outlook(kept: KeptFunction, count: number, nowMs: number): Outlook;
  /** What keeping it is worth per MiB of `memoryOf`, on a scale of the policy's own: under memory pressure the least goes first. */
  worth(idle: IdleEnvironment, nowMs: number): number;
  /** For people who ask; undefined when the policy does not forecast, or knows nothing of the function. */
  expectation(kept: KeptFunction, nowMs: number): Expectation | undefined;
  /** The function is no more. */
  forget(id: string): void;
  /** How far off its forecasts were, of a policy that says when a function comes next. */
  readonly forecastErrors?: ForecastErrors;
}

/** Forecasts whose event has come, each with the error as a share of the time that it really was. */
export interface ForecastErrors {
  readonly count: number;
  /** Share of them no further off than the policy allows for. */
  readonly withinMargin: number;
  /** The error that half of them stay within, to the next 5 %; undefined when it is above 200 %. */
  readonly p50: number | undefined;
}

/** Functions that a policy remembers; beyond it the one that was invoked longest ago is forgotten. */
export const functionsMax = 20_000;

/**
 * Which idle environments make room for `neededMiB`: the least worth first. Fewer than needed when all of them are not
 * enough.
 */
export function leastWorth<E extends IdleEnvironment>(
  policy: Pick<KeepAlivePolicy, "worth">,
  idle: Iterable<E>,
  neededMiB: number,
  nowMs: number,
): E[] {
  const candidates = Array.from(idle, (environment) => ({ environment, worth: policy.worth(environment, nowMs) }));
  const victims: E[] = [];
  for (let freedMiB = 0; freedMiB < neededMiB && candidates.length > 0;) {
    // As a rule one or two are enough: not worth sorting them all.
    let least = 0;
    for (let index = 1; index < candidates.length; index++) {
      if (goesBefore(candidates[index], candidates[least])) least = index;
    }
    const victim = candidates[least];
    const last = candidates.pop();
    if (victim === undefined || last === undefined) break;
    if (least < candidates.length) candidates[least] = last;
    victims.push(victim.environment);
    freedMiB += memoryOf(victim.environment);
  }
  return victims;
}

/** By how much more than others what is made ready has to be worth to take their memory: their start was paid for. */
const betterByFactor = 1.5;

/** Whether an environment that nobody waits for may be started in the place of these. */
export function isWorthMore(
  policy: Pick<KeepAlivePolicy, "worth">,
  newcomer: IdleEnvironment,
  others: readonly IdleEnvironment[],
  nowMs: number,
): boolean {
  const worth = policy.worth(newcomer, nowMs);
  return others.every((each) => policy.worth(each, nowMs) * betterByFactor < worth);
}

interface Candidate {
  readonly environment: IdleEnvironment;
  readonly worth: number;
}

function goesBefore(a: Candidate | undefined, b: Candidate | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.worth === b.worth ? a.environment.idleSinceMs < b.environment.idleSinceMs : a.worth < b.worth;
}
