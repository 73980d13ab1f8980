/**
 * Each share of concurrency has its request rate: ten requests a second for each environment that may run, so that short
 * functions reach it before they reach their concurrency. A version's provisioned concurrency, the rest of its function's
 * reserve, and what the account has left for functions without one, each is a share; what goes beyond the first draws
 * from the second or third. Together they are ten times the account's concurrency.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 */
import type { ThrottleReason } from "../frontend/contract.ts";
import type { Refusal, RequestRoom } from "./counted-limits.ts";
import type { FunctionCounter, VersionCounter } from "./counters.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** A share's rate is its requests of one second, which fills again within a second. */
const refillMs = 1000;
/** Told to who found a rate of nothing, which only another configuration changes. */
const retryAfterMsMax = 60_000;

export class RequestRates {
  readonly #accountConcurrency: number;
  readonly #requestsPerConcurrency: number;

  /** `requestsPerConcurrency`: a second, for each unit of concurrency; 0 is no limit. */
  constructor(accountConcurrency: number, requestsPerConcurrency: number) {
    this.#accountConcurrency = accountConcurrency;
    this.#requestsPerConcurrency = requestsPerConcurrency;
  }

  get areLimited(): boolean {
    return this.#requestsPerConcurrency > 0;
  }

  /** Takes one request from its share, or says why not. */
  take(counter: FunctionCounter, version: VersionCounter | undefined, nowMs: number): Refusal | undefined {
    if (!this.areLimited) return undefined;
    const ownRate = version?.rate;
    const ownMax = this.#provisionedRequests(version);
    if (ownRate?.take(ownMax, refillMs, nowMs) === true) return undefined;

    const rate = sharedRate(counter);
    const max = this.#sharedRequests(counter);
    if (rate.take(max, refillMs, nowMs)) return undefined;

    const ownWaitMs = ownRate?.waitMs(ownMax, refillMs, nowMs) ?? Infinity;
    return {
      admitted: false,
      reason: rateReason(counter),
      retryAfterMs: Math.min(retryAfterMsMax, ownWaitMs, rate.waitMs(max, refillMs, nowMs)),
    };
  }

  /** Of what invocations on demand draw on. */
  shared(counter: FunctionCounter, nowMs: number): RequestRoom {
    return room(sharedRate(counter), this.#sharedRequests(counter), nowMs);
  }

  /** Of what is provisioned. */
  provisioned(version: VersionCounter | undefined, nowMs: number): RequestRoom {
    return room(version?.rate, this.#provisionedRequests(version), nowMs);
  }

  #provisionedRequests(version: VersionCounter | undefined): number {
    return this.#requestsPerConcurrency * (version?.provisioned ?? 0);
  }

  /** Requests a second that the function's versions have beside what is provisioned. */
  #sharedRequests({ reserved, provisioned, pool }: FunctionCounter): number {
    const share = reserved === undefined ? this.#accountConcurrency - pool.setAside : reserved - provisioned;
    return this.#requestsPerConcurrency * Math.max(0, share);
  }
}

/** Why a request of the function is too much for the rate that it draws on. */
export function rateReason({ reserved }: FunctionCounter): ThrottleReason {
  return reserved === undefined ? "FunctionInvocationRateLimitExceeded" : "ReservedFunctionInvocationRateLimitExceeded";
}

function sharedRate({ reserved, rate, pool }: FunctionCounter): TokenBucket {
  return reserved === undefined ? pool.rate : rate;
}

function room(rate: TokenBucket | undefined, perSecond: number, nowMs: number): RequestRoom {
  return { left: rate?.left(perSecond, refillMs, nowMs) ?? 0, perSecond };
}
