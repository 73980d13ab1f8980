/**
 * The workers in service: takes them in, notices when they are lost, and chooses one for each new environment.
 */
import { UnavailableError } from "../../core/errors.ts";
import type { Worker, WorkerListener } from "../../worker/contract.ts";
import { place } from "./placement.ts";
import { WorkerNode, type Resident } from "./worker-node.ts";

export interface AttachedWorker {
  /** Resolves when the connection is gone. */
  readonly lost: Promise<void>;
  /** As `WorkerFleet.drain`. */
  drain(): void;
}

export interface Room<R extends Resident> {
  readonly node: WorkerNode<R>;
  /** How much idle memory has to be given back first. */
  readonly evictMiB: number;
}

export interface FleetListener<R extends Resident> {
  onAttached(): void;
  /** Its residents ended with it. */
  onLost(node: WorkerNode<R>): void;
  onDraining(node: WorkerNode<R>): void;
  onEnvironmentGone(id: string): void;
}

export class WorkerFleet<R extends Resident> {
  readonly #nodes = new Set<WorkerNode<R>>();
  readonly #listener: FleetListener<R>;
  /** How many times a worker's memory may be promised. */
  readonly #overcommitFactor: number;

  constructor(options: { readonly overcommitFactor: number; readonly listener: FleetListener<R> }) {
    this.#overcommitFactor = options.overcommitFactor;
    this.#listener = options.listener;
  }

  get workers(): readonly Worker[] {
    return Array.from(this.#nodes, (node) => node.worker);
  }

  /** Whether any worker takes new environments. */
  get isOpen(): boolean {
    for (const node of this.#nodes) if (!node.draining) return true;
    return false;
  }

  /** Gives it nothing new, and ends its environments as they become idle. */
  drain(node: WorkerNode<R>): void {
    if (node.draining) return;
    node.draining = true;
    this.#listener.onDraining(node);
  }

  /**
   * `connect` makes the connection with the listener it is given. Environments that the worker still has from an
   * earlier front are destroyed: nobody knows their state.
   */
  async attach(
    connect: (listener: Pick<WorkerListener, "onEnvironmentGone" | "onDisconnected">) => Promise<Worker>,
  ): Promise<AttachedWorker> {
    const lost = Promise.withResolvers<void>();
    let node: WorkerNode<R> | undefined;
    let isLost = false;
    const worker = await connect({
      onEnvironmentGone: (id) => this.#listener.onEnvironmentGone(id),
      onDisconnected: () => {
        isLost = true;
        if (node !== undefined) this.#lose(node);
        lost.resolve();
      },
    });
    const [info, leftovers] = await Promise.all([worker.info(), worker.environments()]);
    // Not waited for: there may be hundreds. Rejects only when the worker is lost, and they with it.
    for (const { id } of leftovers) void worker.destroyEnvironment(id).catch(() => undefined);
    if (isLost) throw new UnavailableError("worker-gone", "The worker was lost while it was taken into service.");
    const attached = new WorkerNode<R>(worker, info.memoryMiB);
    node = attached;
    this.#nodes.add(attached);
    this.#listener.onAttached();
    return { lost: lost.promise, drain: () => this.drain(attached) };
  }

  /**
   * A worker for an environment of that size, and how much idle memory has to be given back first.
   * Throws `UnavailableError("no-capacity")`.
   */
  choose(memoryMiB: number): Room<R> {
    const room = this.room(memoryMiB);
    if (room === undefined) {
      throw new UnavailableError("no-capacity", `No worker has ${memoryMiB} MiB for another execution environment.`);
    }
    return room;
  }

  /** As `choose`; undefined when there is none. */
  room(memoryMiB: number): Room<R> | undefined {
    const placement = place(this.#nodes, memoryMiB, this.#overcommitFactor);
    if (placement.kind === "full") return undefined;
    return { node: placement.worker, evictMiB: placement.kind === "evict" ? placement.evictMiB : 0 };
  }

  #lose(node: WorkerNode<R>): void {
    node.lost = true;
    this.#nodes.delete(node);
    this.#listener.onLost(node);
  }
}
