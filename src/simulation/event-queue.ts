/**
 * What is due next: by time, then by rank (small first), then in the order in which it was added, or its place
 * reserved. A binary heap.
 */
export interface Due {
  readonly atMs: number;
  readonly rank: number;
}

/** What is compared is at hand here: the queue is long, and most of a simulation's time would go into looking it up. */
interface Entry<T> extends Due {
  readonly due: T;
  readonly sequence: number;
}

export class EventQueue<T extends Due> {
  readonly #heap: Entry<T>[] = [];
  #sequence = 0;

  peek(): T | undefined {
    return this.#heap[0]?.due;
  }

  /** A place among what is due at the same time, for something that may be added later. */
  reserve(): number {
    return this.#sequence++;
  }

  add(due: T, sequence = this.reserve()): void {
    const heap = this.#heap;
    const entry = { atMs: due.atMs, rank: due.rank, sequence, due };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  take(): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const moved = heap.pop();
    if (first === undefined || moved === undefined || heap.length === 0) return first?.due;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      let child = heap[below];
      if (child === undefined) break;
      const other = heap[below + 1];
      if (other !== undefined && isBefore(other, child)) {
        child = other;
        below++;
      }
      if (isBefore(moved, child)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = moved;
    return first.due;
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.rank === b.rank ? a.sequence < b.sequence : a.rank < b.rank;
}
