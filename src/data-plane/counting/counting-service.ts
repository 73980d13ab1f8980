/**
 * Grants the right to run one invocation, so that no account and no function exceeds its concurrency limits.
 * In memory and synchronous.
 *
 * A function with reserved concurrency draws from its own reserve: that is both its ceiling and what nobody else can
 * take from it. All others share what the account has left. An account's limit holds per region.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
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
  /** In flight in functions without a reserve. */
  unreservedInFlight: number;
  /** Sum of all reserves. */
  reserved: number;
}

interface FunctionCounter {
  readonly pool: Pool;
  readonly functionArn: string;
  inFlight: number;
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
  admit(scope: Scope, functionArn: string): Admission {
    const counter = this.#functions.get(functionArn) ?? this.#add(scope, functionArn);
    counter.forgotten = false;
    const { pool } = counter;
    if (counter.reserved === undefined) {
      if (pool.unreservedInFlight >= this.#accountConcurrency - pool.reserved) return overAccount;
      pool.unreservedInFlight++;
    } else if (counter.inFlight >= counter.reserved) {
      return overReserve;
    }
    counter.inFlight++;
    return { admitted: true, lease: new InvocationLease(this.#release, counter) };
  }

  /**
   * Sets or (undefined) removes a function's reserve. What is in flight stays in flight, even beyond a reserve that
   * became smaller: the limit holds for every admission from now on.
   */
  setReserved(scope: Scope, functionArn: string, reserved: number | undefined): void {
    const counter = this.#functions.get(functionArn);
    if (counter?.reserved === reserved) return;
    const changed = counter ?? this.#add(scope, functionArn);
    const { pool } = changed;
    if (changed.reserved === undefined) pool.unreservedInFlight -= changed.inFlight;
    pool.reserved += (reserved ?? 0) - (changed.reserved ?? 0);
    changed.reserved = reserved;
    if (reserved === undefined) pool.unreservedInFlight += changed.inFlight;
  }

  /** The function was deleted. What is in flight counts until it ends. */
  forget(scope: Scope, functionArn: string): void {
    this.setReserved(scope, functionArn, undefined);
    const counter = this.#functions.get(functionArn);
    if (counter === undefined) return;
    counter.forgotten = true;
    if (counter.inFlight === 0) this.#remove(counter);
  }

  /** Invocations in flight of one function. */
  inFlight(functionArn: string): number {
    return this.#functions.get(functionArn)?.inFlight ?? 0;
  }

  readonly #release = (counter: FunctionCounter): void => {
    invariant(counter.inFlight > 0, "a lease is released once");
    counter.inFlight--;
    if (counter.reserved === undefined) counter.pool.unreservedInFlight--;
    if (counter.forgotten && counter.inFlight === 0) this.#remove(counter);
  };

  #add(scope: Scope, functionArn: string): FunctionCounter {
    const key = `${scope.account}/${scope.region}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { key, functions: new Set(), unreservedInFlight: 0, reserved: 0 };
      this.#pools.set(key, pool);
    }
    const counter: FunctionCounter = { pool, functionArn, inFlight: 0, reserved: undefined, forgotten: false };
    pool.functions.add(counter);
    this.#functions.set(functionArn, counter);
    return counter;
  }

  #remove(counter: FunctionCounter): void {
    const { pool } = counter;
    pool.functions.delete(counter);
    if (pool.functions.size === 0) this.#pools.delete(pool.key);
    this.#functions.delete(counter.functionArn);
  }
}

class InvocationLease implements Lease {
  readonly #release: (counter: FunctionCounter) => void;
  #counter: FunctionCounter | undefined;

  constructor(release: (counter: FunctionCounter) => void, counter: FunctionCounter) {
    this.#release = release;
    this.#counter = counter;
  }

  [Symbol.dispose](): void {
    const counter = this.#counter;
    if (counter === undefined) return;
    this.#counter = undefined;
    this.#release(counter);
  }
}
