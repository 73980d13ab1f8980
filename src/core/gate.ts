/**
 * Lets a bounded number of tasks run at once; the others wait, in the order in which they came. Where tasks belong to
 * parties, the parties that wait take turns, however many tasks each has: one that has a hundred delays another by what is
 * under way, and not by its hundred.
 */
export class Gate {
  #free: number;
  /** By party, in the order in which the parties are served. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(atOnceMax: number) {
    this.#free = atOnceMax;
  }

  /** Settles as the task does. */
  async run<T>(task: () => Promise<T>, party = ""): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turnOf(party);
    try {
      return await task();
    } finally {
      this.#handOver();
    }
  }

  #turnOf(party: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const line = this.#waiting.get(party);
    if (line === undefined) this.#waiting.set(party, [resolve]);
    else line.push(resolve);
    return promise;
  }

  /** To the party that is next, which goes to the end; nobody who comes in between overtakes. */
  #handOver(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    const [party, line] = next;
    this.#waiting.delete(party);
    const begin = line.shift();
    if (line.length > 0) this.#waiting.set(party, line);
    begin?.();
  }
}
