/**
 * How many booted sandboxes of each class (runtime, memory) should stand ready: a pure function of the classes in use and
 * of what they are asked for. A class that is used at all has a few, for a steady trickle; one that sees many starts now
 * has as many more; and one whose starts come in bursts, with silence in between, keeps what a burst takes.
 * docs/decisions/pool-sizes.md
 */
import type { PoolTarget } from "../../worker/contract.ts";
import type { ClassDemand } from "./cold-start-demand.ts";

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

/** One target for every class in use. Where the sum is bounded, classes that want most are served first. */
export function poolTargets(
  classes: Iterable<PoolClass>,
  demandOf: (classKey: string) => ClassDemand,
  { min, max }: PoolBounds,
): PoolTarget[] {
  const targets = new Map<string, PoolTarget>();
  for (const { runtime, memoryMiB } of classes) {
    const key = poolClassKey({ runtime, memoryMiB });
    if (targets.has(key)) continue;
    const { recent, burst } = demandOf(key);
    targets.set(key, { runtime, memoryMiB, target: Math.min(max, Math.max(min + Math.round(recent), burst)) });
  }

  let left = Math.max(readySandboxesMax, max);
  return [...targets.values()]
    .toSorted((a, b) => b.target - a.target)
    .map(({ runtime, memoryMiB, target: wanted }) => {
      const target = Math.min(wanted, left);
      left -= target;
      return { runtime, memoryMiB, target };
    });
}
