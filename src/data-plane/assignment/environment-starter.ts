/**
 * Brings one environment into being: chooses a worker, makes room there, asks for the environment, and tries again a
 * bounded number of times, on the next worker when the first is lost.
 */
import type { Clock } from "../../core/clock.ts";
import { refusalBehind, UnavailableError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { LambdaMetrics } from "../../metering/metrics/lambda-metrics.ts";
import type { WorkerFleet } from "../placement/worker-fleet.ts";
import { packagesOf } from "../placement/packages.ts";
import type { WorkerNode } from "../placement/worker-node.ts";
import type { RandomBytes } from "./credentials.ts";
import type { EnvironmentRegistry } from "./environment-registry.ts";
import type { EnvironmentTable } from "./environment-table.ts";
import { Environment } from "./environment.ts";
import type { ProvisionOutcome } from "../scaling/provisioner.ts";
import type { EnvironmentKeeper } from "./keeper.ts";
import { specOf, type LaunchPlan, type LaunchPlanner } from "./launch-plan.ts";
import type { StartRefusal } from "./waiting-line.ts";

/** Attempts to start one environment before a waiter is told. */
export const startAttemptsMax = 3;
/** Wait before the second attempt; doubles with each further one. A new worker ends it early. */
export const startRetryMs = 100;
/** How long a start waits where memory is really short, until idle environments have given some back or others have ended. */
export const memoryWaitMsMax = 10_000;
/** When who waited for it in vain may come again: nobody knows when there will be memory, and it is measured more often. */
const memoryRetryMs = 1000;
/** How long a start waits for a worker to connect: a supervisor restarts one within a second or two. */
export const workerWaitMsMax = 10_000;

export interface StarterOptions {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly planner: LaunchPlanner;
  readonly metrics: LambdaMetrics;
  /** Called for every start on demand. */
  readonly onColdStart: (configuration: FunctionConfiguration) => void;
}

export class EnvironmentStarter {
  readonly #options: StarterOptions;
  readonly #clock: Clock;
  readonly #fleet: WorkerFleet<Environment>;
  readonly #registry: EnvironmentRegistry;
  readonly #keeper: EnvironmentKeeper;
  readonly #sleepers = new Set<() => void>();
  /** Those that wait for memory. */
  readonly #starved = new Set<() => void>();
  #closed = false;

  constructor(
    options: StarterOptions,
    fleet: WorkerFleet<Environment>,
    registry: EnvironmentRegistry,
    keeper: EnvironmentKeeper,
  ) {
    this.#options = options;
    this.#keeper = keeper;
    this.#clock = options.clock;
    this.#fleet = fleet;
    this.#registry = registry;
  }

  /** Never rejects: the table learns how it ended. */
  async start(table: EnvironmentTable): Promise<void> {
    let environment: Environment;
    try {
      this.#options.onColdStart(table.configuration);
      environment = await this.#startRepeatedly(table);
    } catch (error) {
      const isRefused = error instanceof MemoryShortage;
      table.startFailed(isRefused ? memoryRefusal : asUnavailable(error, table.configuration.functionArn));
      return;
    }
    this.#keeper.started(environment);
    table.started(environment);
  }

  /**
   * Starts one environment ahead of demand, without a second attempt: whoever asked decides about that. Never rejects;
   * the table has it when its init phase succeeded.
   */
  async provision(table: EnvironmentTable): Promise<ProvisionOutcome> {
    try {
      const plan = await this.#options.planner.plan(table.scope, table.configuration);
      const provisioned = { ...plan, initializationType: "provisioned-concurrency" } as const;
      const environment = await this.#startOnce(table, provisioned, () => true);
      if (!environment.initialized) {
        environment.state = "gone";
        void this.#registry.destroy(environment);
        table.decisions.note("not-provisioned", "init", this.#clock.now());
        return { kind: "init-failed" };
      }
      table.decisions.note("provisioned", "wanted", this.#clock.now(), environment.startMs);
      table.provision(environment);
      return { kind: "ready" };
    } catch (error) {
      const unavailable = asUnavailable(error, table.configuration.functionArn);
      table.decisions.note("not-provisioned", "start", this.#clock.now(), 0, unavailable.message);
      return { kind: "unavailable", error: unavailable };
    }
  }

  /** A worker has come: starts that wait for one go on. */
  wake(): void {
    for (const wake of this.#sleepers) wake();
    this.memoryIsBack();
  }

  /** Starts that wait for memory look again. */
  memoryIsBack(): void {
    for (const wake of this.#starved) wake();
  }

  /** No further attempts. */
  close(): void {
    this.#closed = true;
    this.wake();
  }

  async #startRepeatedly(table: EnvironmentTable): Promise<Environment> {
    const plan = await this.#options.planner.plan(table.scope, table.configuration);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#startOnce(table, plan, () => table.needsStart);
      } catch (error) {
        if (!(error instanceof UnavailableError) || attempt === startAttemptsMax) throw error;
        if (refusalBehind(error) !== undefined || error.reason === "busy") throw error;
        if (error.reason === "no-capacity") await this.#pause(startRetryMs * 2 ** (attempt - 1));
        if (this.#closed || !table.needsStart) throw error;
      }
    }
  }

  async #startOnce(table: EnvironmentTable, plan: LaunchPlan, isWanted: () => boolean): Promise<Environment> {
    const createdAtMs = this.#clock.monotonicMs();
    if (!this.#fleet.isOpen) await this.#workerArrives();
    let room = this.#room(plan);
    while (room === undefined) {
      await this.#starve(createdAtMs, isWanted);
      room = this.#room(plan);
    }
    // At once, before anybody else sees the same room.
    const { node, evictMiB } = room;
    const spec = specOf(plan, table.configuration, this.#options.random, this.#clock.now());
    const environment = new Environment(spec, table, node, createdAtMs);
    // Registered before it exists: its own init code may already call Hearth with its credentials.
    this.#registry.add(environment);
    try {
      // Memory is promised several times over: the start need not wait until the evicted ones are gone.
      if (evictMiB > 0) void this.#registry.evict(node, { neededMiB: evictMiB, reason: "Room" });
      const ready = await node.worker.createEnvironment(spec);
      if (hasEnded(environment)) throw new UnavailableError("worker-gone", "It ended as soon as it had started.");
      environment.phases = ready.phases;
      this.#options.metrics.environmentStarted(spec, ready.phases);
      environment.initialized = ready.initialized;
      environment.startMs = this.#clock.monotonicMs() - createdAtMs;
      return environment;
    } catch (error) {
      this.#registry.forget(environment);
      // One that was given up says nothing of its worker.
      if (!hasEnded(environment)) await this.#learnFrom(error, node, plan.memoryMiB);
      throw error;
    }
  }

  /** A worker with less memory than was thought gets some back, one that stops is asked no more. */
  async #learnFrom(error: unknown, node: WorkerNode<Environment>, memoryMiB: number): Promise<void> {
    if (!(error instanceof UnavailableError) || refusalBehind(error) !== undefined) return;
    if (error.reason === "no-capacity") await this.#registry.evict(node, { neededMiB: memoryMiB, reason: "Room" });
    if (error.reason === "closing") this.#fleet.drain(node);
  }

  /** Undefined while memory is short. Throws when no worker is large enough, however much its idle environments give back. */
  #room(plan: LaunchPlan): Room | undefined {
    const placement = this.#fleet.room({ memoryMiB: plan.memoryMiB, packages: packagesOf(plan) });
    switch (placement.kind) {
      case "place":
        return { node: placement.worker, evictMiB: 0 };
      case "evict":
        return { node: placement.worker, evictMiB: placement.evictMiB };
      case "short":
        return undefined;
      case "full": {
        const message = `No worker has ${plan.memoryMiB} MiB for another execution environment.`;
        throw new UnavailableError("no-capacity", message);
      }
      default:
        return unreachable(placement);
    }
  }

  /** Waits until there may be memory again; for so long in all, and only while the environment is wanted. */
  async #starve(sinceMs: number, isWanted: () => boolean): Promise<void> {
    const leftMs = memoryWaitMsMax - (this.#clock.monotonicMs() - sinceMs);
    if (leftMs <= 0 || this.#closed || !isWanted()) {
      throw new MemoryShortage();
    }
    await this.#pause(leftMs, this.#starved);
  }

  async #workerArrives(): Promise<void> {
    await this.#pause(workerWaitMsMax);
    if (!this.#fleet.isOpen) throw new UnavailableError("worker-gone", "No worker takes new execution environments.");
  }

  /** Ends early when a worker arrives or everything closes. */
  #pause(durationMs: number, sleepers = this.#sleepers): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => {
      timer.cancel();
      sleepers.delete(wake);
      resolve();
    };
    const timer = this.#clock.after(durationMs, wake);
    sleepers.add(wake);
    return promise;
  }
}

const memoryRefusal: StartRefusal = { limit: "memory", retryAfterMs: memoryRetryMs };

class MemoryShortage extends UnavailableError {
  constructor() {
    super("busy", "Memory is short, and no idle execution environment is left that could give any.");
  }
}

interface Room {
  readonly node: WorkerNode<Environment>;
  /** How much idle environments have to give back first. */
  readonly evictMiB: number;
}

/** It may have ended, alone or with its worker, before the answer to its start was read. */
function hasEnded(environment: Environment): boolean {
  return environment.state === "gone" || environment.node.lost;
}

function asUnavailable(error: unknown, functionArn: string): UnavailableError {
  if (error instanceof UnavailableError) return error;
  return new UnavailableError("no-capacity", `No execution environment of ${functionArn} could be started.`, {
    cause: error,
  });
}
