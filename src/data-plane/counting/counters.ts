/**
 * What is counted: accounts in a region, their functions and these functions' versions, each from its first use to its
 * last, with the sums over what belongs to it.
 */
import type { Scope } from "../../core/identity.ts";
import { TokenBucket } from "./token-bucket.ts";

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
export interface VersionCounter {
  inFlight: number;
  /** How many of them run on provisioned concurrency, if there are as many. */
  provisioned: number;
  /** Of what is provisioned; undefined until there was some. */
  rate: TokenBucket | undefined;
}

export interface FunctionCounter {
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

export class Counters {
  readonly #pools = new Map<string, Pool>();
  readonly #functions = new Map<string, FunctionCounter>();

  find(functionArn: string): FunctionCounter | undefined {
    return this.#functions.get(functionArn);
  }

  of(scope: Scope, functionArn: string): FunctionCounter {
    return this.#functions.get(functionArn) ?? this.#add(scope, functionArn);
  }

  remove(counter: FunctionCounter): void {
    const { pool } = counter;
    pool.functions.delete(counter);
    if (pool.functions.size === 0) this.#pools.delete(pool.key);
    this.#functions.delete(counter.functionArn);
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
}

export function versionOf(counter: FunctionCounter, version: string): VersionCounter {
  let found = counter.versions.get(version);
  if (found === undefined) {
    found = { inFlight: 0, provisioned: 0, rate: undefined };
    counter.versions.set(version, found);
  }
  return found;
}

/** Versions come and go: one without anything is not kept. */
export function dropUnused(counter: FunctionCounter, version: string): void {
  const versionCounter = counter.versions.get(version);
  if (versionCounter?.inFlight === 0 && versionCounter.provisioned === 0) counter.versions.delete(version);
}

/** One more, or one less, on demand. */
export function countOnDemand(counter: FunctionCounter, by: 1 | -1): void {
  counter.onDemand += by;
  if (counter.reserved === undefined) counter.pool.unreservedInFlight += by;
}

/** A change of limits: what the function takes of its account is counted again. */
export function recount(counter: FunctionCounter, change: (counter: FunctionCounter) => void): void {
  const { pool } = counter;
  pool.setAside -= setAsideFor(counter);
  if (counter.reserved === undefined) pool.unreservedInFlight -= counter.onDemand;
  change(counter);
  pool.setAside += setAsideFor(counter);
  if (counter.reserved === undefined) pool.unreservedInFlight += counter.onDemand;
}

/** What nobody else in the account may use. */
function setAsideFor({ reserved, provisioned }: FunctionCounter): number {
  return reserved ?? provisioned;
}
