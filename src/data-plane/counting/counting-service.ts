/**
 * Grants the right to run one invocation, so that no account and no function exceeds its concurrency limits.
 * In memory and synchronous.
 *
 * A version with provisioned concurrency runs its first invocations on that; what goes beyond (the spill-over), like
 * everything that runs on demand, draws from the function's reserve, or, where the function has none, from what the
 * account has left for all such functions. A reserve is both a ceiling and what nobody else can take. Provisioned
 * concurrency is part of its function's reserve, or else is taken from the account; so a function that has provisioned
 * all that it reserved runs nothing on demand. An account's limit holds per region.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import { invariant } from "../../core/invariant.ts";
import type { Scope } from "../../core/identity.ts";
import type { ThrottleReason } from "../frontend/contract.ts";

/** The right to run once. Disposing it gives the right back; a second time does nothing. */
export type Lease = Disposable;

export type Admission =
  | { readonly admitted: true; readonly lease: Lease }
  | { readonly admitted: false; readonly reason: ThrottleReason };

/** One account in one region. */
interface Pool {
  readonly key: string;
  readonly functions: Set<FunctionCounter>;
  /** In flight on demand in functions without a reserve. */
  unreservedInFlight: number;
  /** Sum of all reserves, and of what functions without a reserve have provisioned. */
  setAside: number;
}

/** One version, or `$LATEST`. */
interface VersionCounter {
  inFlight: number;
  /** How many of them run on provisioned concurrency, if there are as many. */
  provisioned: number;
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
  /** The function was deleted: its counter goes with its last lease, unless one of that name is invoked again. */
  forgotten: boolean;
}

const overAccount: Admission = { admitted: false, reason: "ConcurrentInvocationLimitExceeded" };
const overReserve: Admission = { admitted: false, reason: "ReservedFunctionConcurrentInvocationLimitExceeded" };

export class CountingService {
  readonly #accountConcurrency: number;
  readonly #pools = new Map<string, Pool>();
  readonly #functions = new Map<string, FunctionCounter>();

  constructor(options: { readonly accountConcurrency: number }) {
    this.#accountConcurrency = options.accountConcurrency;
  }

  /** `functionArn` is unqualified: all versions of a function share its limits. */
  admit(scope: Scope, functionArn: string, version: string): Admission {
    const counter = this.#functions.get(functionArn) ?? this.#add(scope, functionArn);
    counter.forgotten = false;
    if (counter.reserved !== undefined && counter.inFlight >= counter.reserved) return overReserve;
    const known = counter.versions.get(version);
    const onDemand = known === undefined || known.inFlight >= known.provisioned;
    if (onDemand) {
      const refusal = refusalOnDemand(counter, this.#accountConcurrency);
      if (refusal !== undefined) return refusal;
      count(counter, 1);
    }
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

  /** Invocations in flight of one function. */
  inFlight(functionArn: string): number {
    return this.#functions.get(functionArn)?.inFlight ?? 0;
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
      pool = { key, functions: new Set(), unreservedInFlight: 0, setAside: 0 };
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
    found = { inFlight: 0, provisioned: 0 };
    counter.versions.set(version, found);
  }
  return found;
}

function refusalOnDemand(counter: FunctionCounter, accountConcurrency: number): Admission | undefined {
  const { reserved, provisioned, onDemand, pool } = counter;
  if (reserved !== undefined) return onDemand >= reserved - provisioned ? overReserve : undefined;
  return pool.unreservedInFlight >= accountConcurrency - pool.setAside ? overAccount : undefined;
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
