/**
 * Which worker gets a new environment. Memory is the bin: a worker offers its memory times an over-commit factor,
 * since most environments use a fraction of what they are allowed and idle ones next to nothing. Best fit, so that
 * large environments still find a worker with room. A pure function of the workers' loads.
 */
export interface WorkerLoad {
  readonly memoryMiB: number;
  /** Sum of what all its environments are allowed, those that start or stop included. */
  readonly committedMiB: number;
  /** The part of it that idle environments hold and could give back; provisioned ones could not. */
  readonly idleMiB: number;
  /** Takes nothing new. */
  readonly draining: boolean;
}

export type Placement<W> =
  | { readonly kind: "place"; readonly worker: W }
  /** There is room once idle environments of this worker have given back `evictMiB`. */
  | { readonly kind: "evict"; readonly worker: W; readonly evictMiB: number }
  | { readonly kind: "full" };

export function place<W extends WorkerLoad>(
  workers: Iterable<W>,
  memoryMiB: number,
  overcommitFactor: number,
): Placement<W> {
  let best: { readonly worker: W; readonly leftMiB: number } | undefined;
  let evictable: { readonly worker: W; readonly evictMiB: number } | undefined;
  for (const worker of workers) {
    if (worker.draining) continue;
    const leftMiB = worker.memoryMiB * overcommitFactor - worker.committedMiB - memoryMiB;
    if (leftMiB >= 0) {
      if (best === undefined || leftMiB < best.leftMiB) best = { worker, leftMiB };
    } else if (worker.idleMiB >= -leftMiB && (evictable === undefined || -leftMiB < evictable.evictMiB)) {
      evictable = { worker, evictMiB: -leftMiB };
    }
  }
  if (best !== undefined) return { kind: "place", worker: best.worker };
  if (evictable !== undefined) return { kind: "evict", ...evictable };
  return { kind: "full" };
}
