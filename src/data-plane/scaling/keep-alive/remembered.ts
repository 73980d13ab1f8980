/** What is remembered of each function, for as many functions as there is room for. */
import { functionsMax, type KeptFunction } from "./contract.ts";

interface Entry<T> {
  readonly memory: T;
  touched: number;
}

export class Remembered<T> {
  readonly #create: (kept: KeptFunction) => T;
  readonly #max: number;
  readonly #byId = new Map<string, Entry<T>>();
  #touches = 0;

  constructor(create: (kept: KeptFunction) => T, max = functionsMax) {
    this.#create = create;
    this.#max = max;
  }

  /** In the order in which they were first touched. */
  *all(): Generator<T> {
    for (const { memory } of this.#byId.values()) yield memory;
  }

  find(id: string): T | undefined {
    return this.#byId.get(id)?.memory;
  }

  /** Makes it the last one to be forgotten. */
  touch(kept: KeptFunction): T {
    let entry = this.#byId.get(kept.id);
    if (entry === undefined) {
      if (this.#byId.size >= this.#max) this.#shrink();
      entry = { memory: this.#create(kept), touched: 0 };
      this.#byId.set(kept.id, entry);
    }
    entry.touched = ++this.#touches;
    return entry.memory;
  }

  forget(id: string): void {
    this.#byId.delete(id);
  }

  /** Forgets the tenth that was touched longest ago: seldom, for it looks at all of them. */
  #shrink(): void {
    const oldest = [...this.#byId].toSorted(([, a], [, b]) => a.touched - b.touched);
    for (const [id] of oldest.slice(0, Math.ceil(this.#max / 10))) this.#byId.delete(id);
  }
}
