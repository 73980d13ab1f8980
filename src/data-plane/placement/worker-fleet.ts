/**
 * The workers in service: takes them in, notices when they are lost, and chooses one for each new environment.
 */
import { UnavailableError } from "../../core/errors.ts";
import type { Worker, WorkerListener, WorkerStatus } from "../../worker/contract.ts";
import { place, type Overcommit, type Placement, type Wanted } from "./placement.ts";
import { WorkerNode, type Resident } from "./worker-node.ts";

export interface AttachedWorker {
  /** Resolves when the connection is gone. */
  readonly lost: Promise<void>;
  /** As `WorkerFleet.drain`. */
  drain(): void;
}

/** What the fleet hears of a worker from the worker itself. */
export type ConnectionListener = Pick<WorkerListener, "onEnvironmentGone" | "onStatus" | "onDisconnected">;

export interface FleetListener<R extends Resident> {
  onAttached(): void;
  /** Its residents ended with it. */
  onLost(node: WorkerNode<R>): void;
  onDraining(node: WorkerNode<R>): void;
  /** What is known of its memory is new. */
  onMeasured(node: WorkerNode<R>): void;
  onEnvironmentGone(id: string): void;
}

export class WorkerFleet<R extends Resident> {
  readonly #nodes = new Set<WorkerNode<R>>();
  readonly #listener: FleetListener<R>;
  readonly #overcommit: Overcommit;

  constructor(options: { readonly overcommit: Overcommit; readonly listener: FleetListener<R> }) {
    this.#overcommit = options.overcommit;
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
  async attach(connect: (listener: ConnectionListener) => Promise<Worker>): Promise<AttachedWorker> {
    const lost = Promise.withResolvers<void>();
    let node: WorkerNode<R> | undefined;
    /** Told before the worker was in service. */
    const early: WorkerStatus[] = [];
    let isLost = false;
    const worker = await connect({
      onEnvironmentGone: (id) => this.#listener.onEnvironmentGone(id),
      onStatus: (status) => {
        if (node === undefined) early.push(status);
        else this.#update(node, status);
      },
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
    const attached = new WorkerNode<R>(worker, info);
    node = attached;
    this.#nodes.add(attached);
    for (const status of early) this.#update(attached, status);
    this.#listener.onAttached();
    return { lost: lost.promise, drain: () => this.drain(attached) };
  }

  /** A worker for a new environment. */
  room(wanted: Wanted): Placement<WorkerNode<R>> {
    return place(this.#nodes, wanted, this.#overcommit);
  }

  #update(node: WorkerNode<R>, status: WorkerStatus): void {
    node.update(status);
    if (status.isDraining) this.drain(node);
    this.#listener.onMeasured(node);
  }

  #lose(node: WorkerNode<R>): void {
    node.lost = true;
    this.#nodes.delete(node);
    this.#listener.onLost(node);
  }
}
