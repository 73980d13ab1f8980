/**
 * Which worker gets a new environment: a pure function of the workers' loads.
 *
 * Memory is the bin. A worker may be promised its memory several times over, since most environments use a fraction of
 * what they are allowed and idle ones next to nothing; and its CPUs, of which every environment gets a share in proportion
 * to its memory, so that they too are a number of MiB. Best fit, so that large environments still find a worker with
 * room, among those that have the function's packages on disk if there are any.
 *
 * Promises are one thing, use another: a worker whose memory is really short gets nothing before it has some again.
 * Soft allocation, as in Agache et al., "Firecracker: Lightweight Virtualization for Serverless Applications", NSDI 2020.
 */
export interface WorkerLoad {
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Sum of what all its environments are allowed, those that start or stop included. */
  readonly committedMiB: number;
  /** The part of it that idle environments hold and could give back; provisioned ones could not. */
  readonly idleMiB: number;
  /** Takes nothing new. */
  readonly draining: boolean;
  /** Really short of memory just now. */
  readonly isShort: boolean;
  /** Whether these are on its disk. */
  holds(packages: readonly string[]): boolean;
}

/** How many times a worker's memory and CPUs may be promised. */
export interface Overcommit {
  readonly memory: number;
  readonly cpu: number;
}

export interface Wanted {
  readonly memoryMiB: number;
  /** What it runs from. */
  readonly packages: readonly string[];
}

export type Placement<W> =
  | { readonly kind: "place"; readonly worker: W }
  /** There is room once idle environments of this worker have given back `evictMiB`. */
  | { readonly kind: "evict"; readonly worker: W; readonly evictMiB: number }
  /** There would be room, but the memory of every such worker is short just now. */
  | { readonly kind: "short" }
  /** All that workers may be promised is held by environments that are not idle, or kept ready. */
  | { readonly kind: "full" }
  /** No worker could ever hold it, whatever others give back: the largest may be promised so much. */
  | { readonly kind: "too-large"; readonly offeredMiBMax: number };

/** Memory that comes with one vCPU, as on Lambda. */
export const memoryMiBPerCpu = 1769;

/** What a worker may be promised in all. */
export function offeredMiB(
  { memoryMiB, cpus }: Pick<WorkerLoad, "memoryMiB" | "cpus">,
  overcommit: Overcommit,
): number {
  return Math.min(memoryMiB * overcommit.memory, cpus * memoryMiBPerCpu * overcommit.cpu);
}

export function place<W extends WorkerLoad>(
  workers: Iterable<W>,
  wanted: Wanted,
  overcommit: Overcommit,
): Placement<W> {
  let best: { readonly worker: W; readonly leftMiB: number; readonly holds: boolean } | undefined;
  let evictable: { readonly worker: W; readonly evictMiB: number } | undefined;
  let isAnyShort = false;
  /** Of those that drain too: what comes after them is as large. */
  let offeredMiBMax: number | undefined;
  for (const worker of workers) {
    const offered = offeredMiB(worker, overcommit);
    offeredMiBMax = Math.max(offered, offeredMiBMax ?? 0);
    if (worker.draining || offered < wanted.memoryMiB) continue;
    const leftMiB = offered - worker.committedMiB - wanted.memoryMiB;
    if (leftMiB < 0 && worker.idleMiB < -leftMiB) continue;
    if (worker.isShort) {
      isAnyShort = true;
    } else if (leftMiB >= 0) {
      const holds = worker.holds(wanted.packages);
      if (best === undefined || (holds === best.holds ? leftMiB < best.leftMiB : holds)) {
        best = { worker, leftMiB, holds };
      }
    } else if (evictable === undefined || -leftMiB < evictable.evictMiB) {
      evictable = { worker, evictMiB: -leftMiB };
    }
  }
  if (best !== undefined) return { kind: "place", worker: best.worker };
  if (evictable !== undefined) return { kind: "evict", ...evictable };
  if (isAnyShort) return { kind: "short" };
  if (offeredMiBMax !== undefined && offeredMiBMax < wanted.memoryMiB) return { kind: "too-large", offeredMiBMax };
  return { kind: "full" };
}
