/** A function of a trace while it is simulated: its environments, and who waits for them. */
import type { Lease } from "../data-plane/counting/counting-service.ts";
import type { WorkerLoad } from "../data-plane/placement/placement.ts";
import type { IdleEnvironment, KeptFunction } from "../data-plane/scaling/keep-alive/contract.ts";
import type { TraceFunction } from "./trace.ts";

export interface SimulatedWorker extends WorkerLoad {
  committedMiB: number;
  /** Of those in `idle`. */
  idleMiB: number;
  readonly idle: Set<SimulatedEnvironment>;
}

/** An invocation that is admitted. */
export interface Running {
  readonly arrivedAtMs: number;
  readonly durationMs: number;
  readonly lease: Lease;
}

export class SimulatedEnvironment implements IdleEnvironment {
  readonly owner: SimulatedFunction;
  readonly worker: SimulatedWorker;
  idleSinceMs = 0;
  isIdle = false;
  /** When the question whether to keep it is due; never while it works. */
  expiresAtMs = Infinity;
  /** When that is looked at next. */
  lookedAtMs = Infinity;
  /** For when it was last put, whether it works or not, and its place among all that are due then. */
  lastExpiryMs = Infinity;
  lastExpiryPlace = 0;
  running: Running | undefined;

  constructor(owner: SimulatedFunction, worker: SimulatedWorker) {
    this.owner = owner;
    this.worker = worker;
  }

  get function(): KeptFunction {
    return this.owner.kept;
  }

  get rank(): number {
    const { idle } = this.owner;
    return idle.length - 1 - idle.lastIndexOf(this);
  }
}

export class SimulatedFunction {
  readonly index: number;
  readonly kept: KeptFunction;
  readonly startMs: number;
  /** The most recently used is last. */
  readonly idle: SimulatedEnvironment[] = [];
  /** In the order of arrival. */
  readonly waiting: Running[] = [];
  /** Environments that exist or are being started. */
  alive = 0;
  /** Starts under way or waiting for memory. */
  starting = 0;
  /** When the policy's outlook is asked for next. */
  outlookAtMs = Infinity;

  constructor(index: number, { id, memoryMiB, startMs }: TraceFunction, takesNoTime: boolean) {
    this.index = index;
    this.kept = { id, memoryMiB };
    this.startMs = takesNoTime ? 0 : startMs;
  }
}
