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
 * Each share has its request rate as well (`request-rates.ts`).
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import { invariant } from "../../core/invariant.ts";
import type { Scope } from "../../core/identity.ts";
import type { CountedLimits, Refusal } from "./counted-limits.ts";
import { Counters, countOnDemand, dropUnused, recount, versionOf, type FunctionCounter } from "./counters.ts";
import { rateReason, RequestRates } from "./request-rates.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The right to run once. Disposing it gives the right back; a second time does nothing. */
export type Lease = Disposable;

export type Admission = { readonly admitted: true; readonly lease: Lease } | Refusal;

export interface CountingOptions {
  readonly accountConcurrency: number;
  /** Requests a second for each unit of concurrency; 0 is no limit. */
  readonly requestsPerConcurrency: number;
}

/** What is told to who found no concurrency: invocations end all the time. */
const concurrencyRetryAfterMs = 1000;

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
  readonly #rates: RequestRates;
  readonly #counters = new Counters();

  constructor({ accountConcurrency, requestsPerConcurrency }: CountingOptions) {
    this.#accountConcurrency = accountConcurrency;
    this.#rates = new RequestRates(accountConcurrency, requestsPerConcurrency);
  }

  /**
   * `functionArn` is unqualified: all versions of a function share its limits. `nowMs` is monotonic. An event that was
   * accepted, and its rate counted then, is subject to no rate when it runs.
   */
  admit(scope: Scope, functionArn: string, version: string, nowMs: number, isEvent = false): Admission {
    const counter = this.#counters.of(scope, functionArn);
    counter.forgotten = false;
    if (counter.reserved !== undefined && counter.inFlight >= counter.reserved) return overReserve;
    const known = counter.versions.get(version);
    const onDemand = known === undefined || known.inFlight >= known.provisioned;
    if (onDemand) {
      const refusal = refusalOnDemand(counter, this.#accountConcurrency);
      if (refusal !== undefined) return refusal;
    }
    if (!isEvent) {
      const refusal = this.#rates.take(counter, known, nowMs);
      if (refusal !== undefined) return refusal;
    }
    if (onDemand) countOnDemand(counter, 1);
    (known ?? versionOf(counter, version)).inFlight++;
    counter.inFlight++;
    return { admitted: true, lease: new InvocationLease(this.#release, counter, version) };
  }

  /**
   * Sets or (undefined) removes a function's reserve. What is in flight stays in flight, even beyond a reserve that
   * became smaller: the limit holds for every admission from now on.
   */
  setReserved(scope: Scope, functionArn: string, reserved: number | undefined): void {
    if (this.#counters.find(functionArn)?.reserved === reserved) return;
    recount(this.#counters.of(scope, functionArn), (changed) => {
      changed.reserved = reserved;
    });
  }

  /** Sets what the function's versions have provisioned; one that is not named has nothing. In flight as above. */
  setProvisioned(scope: Scope, functionArn: string, provisioned: ReadonlyMap<string, number>): void {
    if (this.#counters.find(functionArn) === undefined && provisioned.size === 0) return;
    recount(this.#counters.of(scope, functionArn), (changed) => {
      for (const version of provisioned.keys()) versionOf(changed, version);
      changed.onDemand = 0;
      changed.provisioned = 0;
      for (const [version, each] of changed.versions) {
        each.provisioned = provisioned.get(version) ?? 0;
        if (each.provisioned > 0) each.rate ??= new TokenBucket();
        changed.provisioned += each.provisioned;
        changed.onDemand += Math.max(0, each.inFlight - each.provisioned);
      }
      for (const version of changed.versions.keys()) dropUnused(changed, version);
    });
  }

  /** The function was deleted. What is in flight counts until it ends. */
  forget(scope: Scope, functionArn: string): void {
    this.setReserved(scope, functionArn, undefined);
    this.setProvisioned(scope, functionArn, new Map());
    const counter = this.#counters.find(functionArn);
    if (counter === undefined) return;
    counter.forgotten = true;
    if (counter.inFlight === 0) this.#counters.remove(counter);
  }

  /** What limits that version of a function that exists; takes nothing. `nowMs` is monotonic. */
  limits(scope: Scope, functionArn: string, version: string, nowMs: number): CountedLimits {
    const counter = this.#counters.of(scope, functionArn);
    const { pool, inFlight, reserved } = counter;
    const known = counter.versions.get(version);
    const provisioned = known?.provisioned ?? 0;
    const isOnDemand = known === undefined || known.inFlight >= provisioned;
    const { areLimited } = this.#rates;
    const requests = this.#rates.shared(counter, nowMs);
    const provisionedRequests = this.#rates.provisioned(known, nowMs);
    let refusal: Refusal | undefined;
    if (reserved !== undefined && inFlight >= reserved) refusal = overReserve;
    else if (isOnDemand) refusal = refusalOnDemand(counter, this.#accountConcurrency);
    const isTooFast = areLimited && requests.left + provisionedRequests.left === 0;
    return {
      refusal: refusal?.reason ?? (isTooFast ? rateReason(counter) : undefined),
      inFlight,
      accountConcurrency: this.#accountConcurrency,
      unreserved: { inUse: pool.unreservedInFlight, limit: this.#accountConcurrency - pool.setAside },
      ...(reserved === undefined ? {} : { reserved: { inUse: inFlight, limit: reserved } }),
      provisioned: { inUse: Math.min(provisioned, known?.inFlight ?? 0), limit: provisioned },
      ...(areLimited ? { requests } : {}),
      ...(areLimited && provisioned > 0 ? { provisionedRequests } : {}),
    };
  }

  /** Invocations in flight of one function. */
  inFlight(functionArn: string): number {
    return this.#counters.find(functionArn)?.inFlight ?? 0;
  }

  readonly #release = (counter: FunctionCounter, version: string): void => {
    const versionCounter = counter.versions.get(version);
    invariant(versionCounter !== undefined && versionCounter.inFlight > 0, "a lease is released once");
    versionCounter.inFlight--;
    counter.inFlight--;
    if (versionCounter.inFlight >= versionCounter.provisioned) countOnDemand(counter, -1);
    dropUnused(counter, version);
    if (counter.forgotten && counter.inFlight === 0) this.#counters.remove(counter);
  };
}

function refusalOnDemand(counter: FunctionCounter, accountConcurrency: number): Refusal | undefined {
  const { reserved, provisioned, onDemand, pool } = counter;
  if (reserved !== undefined) return onDemand >= reserved - provisioned ? overReserve : undefined;
  return pool.unreservedInFlight >= accountConcurrency - pool.setAside ? overAccount : undefined;
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
