/** What is due next: by time, then by rank (small first), then in the order in which it was added. A binary heap. */
export interface Due {
  readonly atMs: number;
  readonly rank: number;
}

interface Entry<T> {
  readonly due: T;
  readonly sequence: number;
}

export class EventQueue<T extends Due> {
  readonly #heap: Entry<T>[] = [];
  #sequence = 0;

  peek(): T | undefined {
    return this.#heap[0]?.due;
  }

  add(due: T): void {
    const heap = this.#heap;
    const entry = { due, sequence: this.#sequence++ };
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

function isBefore<T extends Due>(a: Entry<T>, b: Entry<T>): boolean {
  const [x, y] = [a.due, b.due];
  if (x.atMs !== y.atMs) return x.atMs < y.atMs;
  return x.rank === y.rank ? a.sequence < b.sequence : x.rank < y.rank;
}
