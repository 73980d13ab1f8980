/**
 * A connected worker and what it holds.
 */
import type { Worker } from "../../worker/contract.ts";
import type { WorkerLoad } from "./placement.ts";

/** Something that takes memory of a worker. */
export interface Resident {
  readonly memoryMiB: number;
  readonly state: string;
  /** Kept ready whether it is used or not: it makes no room for others. */
  readonly isProvisioned: boolean;
}

export class WorkerNode<R extends Resident> implements WorkerLoad {
  readonly worker: Worker;
  readonly memoryMiB: number;
  draining = false;
  /** The connection is gone; everything that was here is too. */
  lost = false;
  readonly #residents = new Set<R>();
  #committedMiB = 0;

  constructor(worker: Worker, memoryMiB: number) {
    this.worker = worker;
    this.memoryMiB = memoryMiB;
  }

  get committedMiB(): number {
    return this.#committedMiB;
  }

  /** Counted when asked for: only a full worker is asked. */
  get idleMiB(): number {
    return this.evictable().reduce((sum, each) => sum + each.memoryMiB, 0);
  }

  residents(): R[] {
    return [...this.#residents];
  }

  idle(): R[] {
    return this.residents().filter((each) => each.state === "idle");
  }

  /** Those that may give their memory to others. */
  evictable(): R[] {
    return this.idle().filter((each) => !each.isProvisioned);
  }

  add(resident: R): void {
    this.#residents.add(resident);
    this.#committedMiB += resident.memoryMiB;
  }

  remove(resident: R): void {
    if (this.#residents.delete(resident)) this.#committedMiB -= resident.memoryMiB;
  }
}
