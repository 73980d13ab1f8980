/**
 * Grants the right to run one invocation, so that no account and no function exceeds its concurrency limits.
 * In memory and synchronous; time is an argument.
 *
 * A version with provisioned concurrency runs its first invocations on that; what goes beyond (the spill-over), like
 * everything that runs on demand, draws from the function's reserve, or, where the function has none, from what the
 * account has left for all such functions. A reserve is both a ceiling and what nobody else can take. Provisioned
 * concurrency is part of its function's reserve, or else is taken from the account; so a function that has provisioned
 * all that it reserved runs nothing on demand. An account's limit holds per region.
 *
 * Each share of concurrency has its request rate: ten requests a second for each environment that may run, so that short
 * functions reach it before they reach their concurrency. A version's provisioned concurrency, the rest of its function's
 * reserve, and what the account has left for functions without one, each is a share; what goes beyond the first draws
 * from the second or third. Together they are ten times the account's concurrency.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import { invariant } from "../../core/invariant.ts";
import type { Scope } from "../../core/identity.ts";
import type { ThrottleReason } from "../frontend/contract.ts";
import type { CountedLimits, RequestRoom } from "./counted-limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The right to run once. Disposing it gives the right back; a second time does nothing. */
export type Lease = Disposable;

export type Admission =
  | { readonly admitted: true; readonly lease: Lease }
  /** `retryAfterMs`: of a rate, when it will let one through; of concurrency nobody knows, and it is a guess. */
  | { readonly admitted: false; readonly reason: ThrottleReason; readonly retryAfterMs: number };

type Refusal = Extract<Admission, { readonly admitted: false }>;

export interface CountingOptions {
  readonly accountConcurrency: number;
  /** Requests a second for each unit of concurrency; 0 is no limit. */
  readonly requestsPerConcurrency: number;
}

/** A share's rate is its requests of one second, which fills again within a second. */
const rateRefillMs = 1000;
/** What is told to who found no concurrency: invocations end all the time. */
const concurrencyRetryAfterMs = 1000;
/** To who found a rate of nothing, which only another configuration changes. */
const retryAfterMsMax = 60_000;

/** One account in one region. */
interface Pool {
  readonly key: string;
  readonly functions: Set<FunctionCounter>;
  /** In flight on demand in functions without a reserve. */
  unreservedInFlight: number;
  /** Sum of all reserves, and of what functions without a reserve have provisioned. */
  setAside: number;
  /** Of functions without a reserve. */
  readonly rate: TokenBucket;
}

/** One version, or `$LATEST`. */
interface VersionCounter {
  inFlight: number;
  /** How many of them run on provisioned concurrency, if there are as many. */
  provisioned: number;
  /** Of what is provisioned; undefined until there was some. */
  rate: TokenBucket | undefined;
}

interface FunctionCounter {
  readonly pool: Pool;
  readonly functionArn: string;
  /** Those that have something in flight or provisioned. */
  readonly versions: Map<string, VersionCounter>;
  inFlight: number;
  /** Those in flight that are more than their version has provisioned. */
  onDemand: number;
  /** Sum over the versions. */
  provisioned: number;
  reserved: number | undefined;
  /** Of the reserve, without what is provisioned. */
  readonly rate: TokenBucket;
  /** The function was deleted: its counter goes with its last lease, unless one of that name is invoked again. */
  forgotten: boolean;
}

const overAccount: Refusal = {
  admitted: false,
  reason: "ConcurrentInvocationLimitExceeded",
  retryAfterMs: concurrencyRetryAfterMs,
};
const overReserve: Refusal = {
  admitted: false,
  reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  retryAfterMs: concurrencyRetryAfterMs,
};

export class CountingService {
  readonly #accountConcurrency: number;
  readonly #requestsPerConcurrency: number;
  readonly #pools = new Map<string, Pool>();
  readonly #functions = new Map<string, FunctionCounter>();

  constructor(options: CountingOptions) {
    this.#accountConcurrency = options.accountConcurrency;
    this.#requestsPerConcurrency = options.requestsPerConcurrency;
  }

  /**
   * `functionArn` is unqualified: all versions of a function share its limits. `nowMs` is monotonic. An event that was
   * accepted, and its rate counted then, is subject to no rate when it runs.
   */
  admit(scope: Scope, functionArn: string, version: string, nowMs: number, isEvent = false): Admission {
    const counter = this.#functions.get(functionArn) ?? this.#add(scope, functionArn);
    counter.forgotten = false;
    if (counter.reserved !== undefined && counter.inFlight >= counter.reserved) return overReserve;
    const known = counter.versions.get(version);
    const onDemand = known === undefined || known.inFlight >= known.provisioned;
    if (onDemand) {
      const refusal = refusalOnDemand(counter, this.#accountConcurrency);
      if (refusal !== undefined) return refusal;
    }
    if (!isEvent && this.#requestsPerConcurrency > 0) {
      const refusal = this.#refusalByRate(counter, known, nowMs);
      if (refusal !== undefined) return refusal;
    }
    if (onDemand) count(counter, 1);
    (known ?? versionOf(counter, version)).inFlight++;
    counter.inFlight++;
    return { admitted: true, lease: new InvocationLease(this.#release, counter, version) };
  }

  /**
   * Sets or (undefined) removes a function's reserve. What is in flight stays in flight, even beyond a reserve that
   * became smaller: the limit holds for every admission from now on.
   */
  setReserved(scope: Scope, functionArn: string, reserved: number | undefined): void {
    const counter = this.#functions.get(functionArn);
    if (counter?.reserved === reserved) return;
    this.#change(counter ?? this.#add(scope, functionArn), (changed) => {
      changed.reserved = reserved;
    });
  }

  /** Sets what the function's versions have provisioned; one that is not named has nothing. In flight as above. */
  setProvisioned(scope: Scope, functionArn: string, provisioned: ReadonlyMap<string, number>): void {
    const counter = this.#functions.get(functionArn);
    if (counter === undefined && provisioned.size === 0) return;
    this.#change(counter ?? this.#add(scope, functionArn), (changed) => {
      for (const version of provisioned.keys()) versionOf(changed, version);
      changed.onDemand = 0;
      changed.provisioned = 0;
      for (const [version, each] of changed.versions) {
        each.provisioned = provisioned.get(version) ?? 0;
        if (each.provisioned > 0) each.rate ??= new TokenBucket();
        changed.provisioned += each.provisioned;
        changed.onDemand += Math.max(0, each.inFlight - each.provisioned);
      }
      for (const version of changed.versions.keys()) this.#tidy(changed, version);
    });
  }

  /** The function was deleted. What is in flight counts until it ends. */
  forget(scope: Scope, functionArn: string): void {
    this.setReserved(scope, functionArn, undefined);
    this.setProvisioned(scope, functionArn, new Map());
    const counter = this.#functions.get(functionArn);
    if (counter === undefined) return;
    counter.forgotten = true;
    if (counter.inFlight === 0) this.#remove(counter);
  }

  /** What limits that version of a function that exists; takes nothing. `nowMs` is monotonic. */
  limits(scope: Scope, functionArn: string, version: string, nowMs: number): CountedLimits {
    const counter = this.#functions.get(functionArn) ?? this.#add(scope, functionArn);
    const { pool, inFlight, reserved } = counter;
    const known = counter.versions.get(version);
    const provisioned = known?.provisioned ?? 0;
    const isOnDemand = known === undefined || known.inFlight >= provisioned;
    const factor = this.#requestsPerConcurrency;
    const own = factor * provisioned;
    const requests = requestRoom(rateOf(counter), this.#sharedRequests(counter), nowMs);
    const provisionedRequests = requestRoom(known?.rate, own, nowMs);
    let refusal: Refusal | undefined;
    if (reserved !== undefined && inFlight >= reserved) refusal = overReserve;
    else if (isOnDemand) refusal = refusalOnDemand(counter, this.#accountConcurrency);
    const isTooFast = factor > 0 && requests.left + provisionedRequests.left === 0;
    return {
      refusal: refusal?.reason ?? (isTooFast ? rateReason(counter) : undefined),
      inFlight,
      accountConcurrency: this.#accountConcurrency,
      unreserved: { inUse: pool.unreservedInFlight, limit: this.#accountConcurrency - pool.setAside },
      ...(reserved === undefined ? {} : { reserved: { inUse: inFlight, limit: reserved } }),
      provisioned: { inUse: Math.min(provisioned, known?.inFlight ?? 0), limit: provisioned },
      ...(factor > 0 ? { requests } : {}),
      ...(factor > 0 && provisioned > 0 ? { provisionedRequests } : {}),
    };
  }

  /** Invocations in flight of one function. */
  inFlight(functionArn: string): number {
    return this.#functions.get(functionArn)?.inFlight ?? 0;
  }

  /** Takes one request from its share, or says why not. */
  #refusalByRate(counter: FunctionCounter, version: VersionCounter | undefined, nowMs: number): Admission | undefined {
    const ownRate = version?.rate;
    const ownMax = version === undefined ? 0 : this.#requestsPerConcurrency * version.provisioned;
    if (ownRate?.take(ownMax, rateRefillMs, nowMs) === true) return undefined;

    const rate = rateOf(counter);
    const max = this.#sharedRequests(counter);
    if (rate.take(max, rateRefillMs, nowMs)) return undefined;

    const ownWaitMs = ownRate?.waitMs(ownMax, rateRefillMs, nowMs) ?? Infinity;
    return {
      admitted: false,
      reason: rateReason(counter),
      retryAfterMs: Math.min(retryAfterMsMax, ownWaitMs, rate.waitMs(max, rateRefillMs, nowMs)),
    };
  }

  /** Requests a second that its versions have beside what is provisioned. */
  #sharedRequests({ reserved, provisioned, pool }: FunctionCounter): number {
    const share = reserved === undefined ? this.#accountConcurrency - pool.setAside : reserved - provisioned;
    return this.#requestsPerConcurrency * Math.max(0, share);
  }

  readonly #release = (counter: FunctionCounter, version: string): void => {
    const versionCounter = counter.versions.get(version);
    invariant(versionCounter !== undefined && versionCounter.inFlight > 0, "a lease is released once");
    versionCounter.inFlight--;
    counter.inFlight--;
    if (versionCounter.inFlight >= versionCounter.provisioned) count(counter, -1);
    this.#tidy(counter, version);
    if (counter.forgotten && counter.inFlight === 0) this.#remove(counter);
  };

  /** A change of limits: what the function takes of its account is counted again. */
  #change(counter: FunctionCounter, change: (counter: FunctionCounter) => void): void {
    const { pool } = counter;
    pool.setAside -= setAsideFor(counter);
    if (counter.reserved === undefined) pool.unreservedInFlight -= counter.onDemand;
    change(counter);
    pool.setAside += setAsideFor(counter);
    if (counter.reserved === undefined) pool.unreservedInFlight += counter.onDemand;
  }

  #add(scope: Scope, functionArn: string): FunctionCounter {
    const key = `${scope.account}/${scope.region}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { key, functions: new Set(), unreservedInFlight: 0, setAside: 0, rate: new TokenBucket() };
      this.#pools.set(key, pool);
    }
    const counter: FunctionCounter = {
      pool,
      functionArn,
      versions: new Map(),
      inFlight: 0,
      onDemand: 0,
      provisioned: 0,
      reserved: undefined,
      rate: new TokenBucket(),
      forgotten: false,
    };
    pool.functions.add(counter);
    this.#functions.set(functionArn, counter);
    return counter;
  }

  /** Versions come and go: one without anything is not kept. */
  #tidy(counter: FunctionCounter, version: string): void {
    const versionCounter = counter.versions.get(version);
    if (versionCounter?.inFlight === 0 && versionCounter.provisioned === 0) counter.versions.delete(version);
  }

  #remove(counter: FunctionCounter): void {
    const { pool } = counter;
    pool.functions.delete(counter);
    if (pool.functions.size === 0) this.#pools.delete(pool.key);
    this.#functions.delete(counter.functionArn);
  }
}

function versionOf(counter: FunctionCounter, version: string): VersionCounter {
  let found = counter.versions.get(version);
  if (found === undefined) {
    found = { inFlight: 0, provisioned: 0, rate: undefined };
    counter.versions.set(version, found);
  }
  return found;
}

function refusalOnDemand(counter: FunctionCounter, accountConcurrency: number): Refusal | undefined {
  const { reserved, provisioned, onDemand, pool } = counter;
  if (reserved !== undefined) return onDemand >= reserved - provisioned ? overReserve : undefined;
  return pool.unreservedInFlight >= accountConcurrency - pool.setAside ? overAccount : undefined;
}

function rateOf({ reserved, rate, pool }: FunctionCounter): TokenBucket {
  return reserved === undefined ? pool.rate : rate;
}

function rateReason({ reserved }: FunctionCounter): ThrottleReason {
  return reserved === undefined ? "FunctionInvocationRateLimitExceeded" : "ReservedFunctionInvocationRateLimitExceeded";
}

function requestRoom(rate: TokenBucket | undefined, perSecond: number, nowMs: number): RequestRoom {
  return { left: rate?.left(perSecond, rateRefillMs, nowMs) ?? 0, perSecond };
}

/** One more, or one less, on demand. */
function count(counter: FunctionCounter, by: 1 | -1): void {
  counter.onDemand += by;
  if (counter.reserved === undefined) counter.pool.unreservedInFlight += by;
}

/** What nobody else in the account may use. */
function setAsideFor({ reserved, provisioned }: FunctionCounter): number {
  return reserved ?? provisioned;
}

class InvocationLease implements Lease {
  readonly #release: (counter: FunctionCounter, version: string) => void;
  readonly #version: string;
  #counter: FunctionCounter | undefined;

  constructor(release: (counter: FunctionCounter, version: string) => void, counter: FunctionCounter, version: string) {
    this.#release = release;
    this.#counter = counter;
    this.#version = version;
  }

  [Symbol.dispose](): void {
    const counter = this.#counter;
    if (counter === undefined) return;
    this.#counter = undefined;
    this.#release(counter, this.#version);
  }
}
