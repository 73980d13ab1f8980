/**
 * How many environments each version is to have ahead of demand, and what to do about it. Pure functions.
 *
 * A configuration of a version is about that version; one of an alias is about what the alias points to. An alias that
 * splits its traffic over two versions splits its environments by the same weights, so that their sum, which is what
 * counts against the limits, stays what was asked for.
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import { latestVersion, type AliasRecord, type ProvisionedConcurrencyRecord } from "../../core/function-record.ts";

/** Environments by version. */
export type Shares = ReadonlyMap<string, number>;

/** `alias` is that of the configuration's name, if there is one. */
export function sharesOf(
  { qualifier, requested }: ProvisionedConcurrencyRecord,
  alias: AliasRecord | undefined,
): Shares {
  if (/^\d+$/.test(qualifier)) return new Map([[qualifier, requested]]);
  // `$LATEST` has no provisioned concurrency: it changes under the environments.
  if (alias === undefined || alias.functionVersion === latestVersion) return new Map();
  const shares = new Map<string, number>();
  let left = requested;
  for (const [version, weight] of Object.entries(alias.additionalVersionWeights)) {
    const share = Math.min(left, Math.round(requested * weight));
    if (share > 0) shares.set(version, share);
    left -= share;
  }
  if (left > 0) shares.set(alias.functionVersion, left + (shares.get(alias.functionVersion) ?? 0));
  return shares;
}

/** What is no longer wanted in `before`, once `after` is what is wanted. */
export function surplusOf(before: Shares, after: Shares): Shares {
  const surplus = new Map<string, number>();
  for (const [version, count] of before) {
    const less = count - (after.get(version) ?? 0);
    if (less > 0) surplus.set(version, less);
  }
  return surplus;
}

export function totalOf(all: Iterable<Shares>): Map<string, number> {
  const total = new Map<string, number>();
  for (const shares of all) {
    for (const [version, count] of shares) total.set(version, (total.get(version) ?? 0) + count);
  }
  return total;
}

/** Starts of one version that fail one after the other before its configuration has failed. */
export const attemptsMax = 3;
/** Wait after the first failure; doubles with each further one. */
const retryMsMin = 1000;
/**
 * Wait before a version that has failed is tried again: a service that its init needs, or a machine that was full, may
 * be back. Differs from AWS, which leaves it failed until somebody asks anew.
 */
const failedRetryMs = 300_000;

/** How long no environment is started after so many failures in a row. */
export function restMs(failures: number): number {
  return failures >= attemptsMax ? failedRetryMs : retryMsMin * 2 ** (failures - 1);
}

/**
 * When an environment ends so soon after its start, the next start waits as after a failure: otherwise a function that
 * dies as soon as it is ready would be started over and over.
 */
export const earlyEndMs = 1000;

/** Share of an environment's life after which its successor is started, so that there is no gap. */
const freshShare = 0.9;
/** The successor needs no longer than this: an init phase of 15 minutes at most. */
const replacementLeadMsMax = 900_000;

/** For how long an environment counts; afterwards it serves until its successor is there, or its life ends. */
export function freshMs(environmentLifeMsMax: number): number {
  return Math.max(environmentLifeMsMax * freshShare, environmentLifeMsMax - replacementLeadMsMax);
}

/** The provisioned environments of one version, as they are. */
export interface Stock {
  /** How many are wanted. */
  readonly target: number;
  /** How many more are kept until others have taken their place. */
  readonly held: number;
  /** Initialised, and not about to end. */
  readonly fresh: number;
  readonly starting: number;
  readonly failures: number;
  /** Whether it rests after a failure. */
  readonly resting: boolean;
}

/** How many to start now, and how many to keep at most. After a failure one is tried at a time. */
export function decide({ target, held, fresh, starting, failures, resting }: Stock): {
  readonly start: number;
  readonly keep: number;
} {
  const missing = resting ? 0 : Math.max(0, target - fresh - starting);
  const startMax = failures === 0 ? missing : starting === 0 ? 1 : 0;
  return { start: Math.min(missing, startMax), keep: target + held };
}
