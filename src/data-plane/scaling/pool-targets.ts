/**
 * How many booted sandboxes of each class (runtime, memory) should stand ready. A pure function of the classes in use
 * and of the recent demand for cold starts: a class that is used at all has a few, one that has just seen a burst has
 * as many as that burst took, and forgets it within minutes.
 */
import type { PoolTarget } from "../../worker/contract.ts";

/** A class of sandboxes that functions can start from. */
export type PoolClass = Pick<PoolTarget, "runtime" | "memoryMiB">;

export interface PoolBounds {
  /** Ready sandboxes of every class in use. */
  readonly min: number;
  /** Most ready sandboxes of one class. */
  readonly max: number;
}

/**
 * Most ready sandboxes of all classes together, unless one class alone is allowed more. At 15 MiB each this is 4 GiB;
 * functions of very many different memory sizes would otherwise hold a pool each.
 */
export const readySandboxesMax = 256;

export function poolClassKey(each: PoolClass): string {
  return `${each.runtime.identifier}/${each.memoryMiB}`;
}

/**
 * One target for every class in use. Where the sum is bounded, classes with the most demand are served first.
 * `demandOf` is the decayed number of recent cold starts by class key.
 */
export function poolTargets(
  classes: Iterable<PoolClass>,
  demandOf: (classKey: string) => number,
  bounds: PoolBounds,
): PoolTarget[] {
  const distinct = new Map<string, PoolClass & { readonly demand: number }>();
  for (const { runtime, memoryMiB } of classes) {
    const key = poolClassKey({ runtime, memoryMiB });
    if (!distinct.has(key)) distinct.set(key, { runtime, memoryMiB, demand: demandOf(key) });
  }

  let left = Math.max(readySandboxesMax, bounds.max);
  return [...distinct.values()]
    .toSorted((a, b) => b.demand - a.demand)
    .map(({ runtime, memoryMiB, demand }) => {
      const wanted = Math.min(bounds.max, bounds.min + Math.round(demand));
      const target = Math.min(wanted, left);
      left -= target;
      return { runtime, memoryMiB, target };
    });
}

/** Time after which a cold start counts half. */
export const demandHalfLifeMs = 60_000;
/** Below this a class has no demand worth remembering. */
const demandFloor = 0.01;

/** Cold starts by class, each fading with `demandHalfLifeMs`. */
export class ColdStartDemand {
  readonly #byClass = new Map<string, { value: number; atMs: number }>();

  observe(classKey: string, nowMs: number): void {
    const demand = this.#byClass.get(classKey);
    if (demand === undefined) {
      this.#byClass.set(classKey, { value: 1, atMs: nowMs });
      return;
    }
    demand.value = faded(demand, nowMs) + 1;
    demand.atMs = nowMs;
  }

  at(classKey: string, nowMs: number): number {
    const demand = this.#byClass.get(classKey);
    if (demand === undefined) return 0;
    const value = faded(demand, nowMs);
    if (value < demandFloor) this.#byClass.delete(classKey);
    return value;
  }
}

function faded(demand: { readonly value: number; readonly atMs: number }, nowMs: number): number {
  return demand.value * 2 ** (-(nowMs - demand.atMs) / demandHalfLifeMs);
}
