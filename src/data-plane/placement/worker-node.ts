/**
 * A connected worker and what it holds.
 */
import { lowMarkMiB, memoryPressure } from "../../core/memory-pressure.ts";
import type { Worker, WorkerInfo, WorkerStatus } from "../../worker/contract.ts";
import type { WorkerLoad } from "./placement.ts";

/** Something that takes memory of a worker. */
export interface Resident {
  readonly memoryMiB: number;
  readonly state: string;
  /** Kept ready whether it is used or not: it makes no room for others. */
  readonly isProvisioned: boolean;
}

/** What a start takes until it shows in what is measured: a booted runtime and its function's init. */
const startMiB = 32;

export class WorkerNode<R extends Resident> implements WorkerLoad {
  readonly worker: Worker;
  readonly memoryMiB: number;
  readonly cpus: number;
  draining = false;
  /** The connection is gone; everything that was here is too. */
  lost = false;
  readonly #residents = new Set<R>();
  #committedMiB = 0;
  #packages: ReadonlySet<string> = new Set();
  /** When last measured; unknown before. */
  #availableMiB: number | undefined;
  #missingMiB = 0;
  #startsSinceMeasured = 0;

  constructor(worker: Worker, { memoryMiB, cpus }: Pick<WorkerInfo, "memoryMiB" | "cpus">) {
    this.worker = worker;
    this.memoryMiB = memoryMiB;
    this.cpus = cpus;
  }

  get committedMiB(): number {
    return this.#committedMiB;
  }

  /** Counted when asked for: only a full worker is asked. */
  get idleMiB(): number {
    return this.evictable().reduce((sum, each) => sum + each.memoryMiB, 0);
  }

  /** What idle environments have to give back until memory is not short any more, as last measured. */
  get missingMiB(): number {
    return this.#missingMiB;
  }

  /** Was measured to be, or will be when what has been started since is there. */
  get isShort(): boolean {
    if (this.#missingMiB > 0) return true;
    if (this.#availableMiB === undefined) return false;
    return this.#availableMiB - this.#startsSinceMeasured * startMiB < lowMarkMiB(this.memoryMiB);
  }

  holds(packages: readonly string[]): boolean {
    return packages.every((name) => this.#packages.has(name));
  }

  /** What the worker has told. */
  update(status: WorkerStatus): void {
    if (status.packages !== undefined) this.#packages = new Set(status.packages);
    this.#missingMiB = memoryPressure(this.memoryMiB, status, this.#missingMiB > 0).missingMiB;
    this.#availableMiB = status.availableMiB;
    this.#startsSinceMeasured = 0;
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
    this.#startsSinceMeasured++;
    this.#residents.add(resident);
    this.#committedMiB += resident.memoryMiB;
  }

  remove(resident: R): void {
    if (this.#residents.delete(resident)) this.#committedMiB -= resident.memoryMiB;
  }
}
