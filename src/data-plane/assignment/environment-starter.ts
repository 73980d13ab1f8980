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
import type { Placement } from "../placement/placement.ts";
import type { WorkerNode } from "../placement/worker-node.ts";
import type { RandomBytes } from "./credentials.ts";
import type { EnvironmentRegistry } from "./environment-registry.ts";
import type { EnvironmentTable } from "./environment-table.ts";
import { Environment } from "./environment.ts";
import type { ProvisionOutcome } from "../scaling/provisioner.ts";
import type { EnvironmentKeeper } from "./keeper.ts";
import { specOf, type LaunchPlan, type LaunchPlanner } from "./launch-plan.ts";
import { MemoryLine, type LineOutcome } from "./memory-line.ts";
import type { StartRefusal } from "./waiting-line.ts";

/** Attempts to start one environment before a waiter is told. */
export const startAttemptsMax = 3;
/** Wait before the second attempt; doubles with each further one. A new worker ends it early. */
export const startRetryMs = 100;
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
  /** Starts on demand that wait for memory. */
  readonly #starved: MemoryLine<Environment | NoRoom>;
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
    this.#starved = new MemoryLine(options.clock);
    this.#fleet = fleet;
    this.#registry = registry;
  }

  /** Never rejects: the table learns how it ended, unless the start was taken back from it. */
  async start(table: EnvironmentTable): Promise<void> {
    let environment: Environment | "unwanted";
    try {
      this.#options.onColdStart(table.configuration);
      environment = await this.#startRepeatedly(table);
    } catch (error) {
      const isRefused = error instanceof MemoryShortage;
      table.startFailed(isRefused ? memoryRefusal : asUnavailable(error, table.configuration.functionArn));
      return;
    }
    if (environment === "unwanted") return;
    this.#keeper.started(environment);
    table.started(environment);
  }

  /**
   * Starts one environment ahead of demand, without a second attempt or a wait for memory: whoever asked decides about
   * that. Never rejects; the table has it when its init phase succeeded.
   */
  async provision(table: EnvironmentTable): Promise<ProvisionOutcome> {
    try {
      const plan = await this.#options.planner.plan(table.scope, table.configuration);
      const provisioned = { ...plan, initializationType: "provisioned-concurrency" } as const;
      const createdAtMs = this.#clock.monotonicMs();
      await this.#workerArrives();
      const environment = this.#claim(table, provisioned, createdAtMs);
      if (!(environment instanceof Environment)) throw noRoom(environment, plan.memoryMiB);
      await this.#create(environment);
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

  /** There may be memory that was not there before: starts that wait for some look again. */
  memoryIsBack(): void {
    this.#starved.feed();
  }

  /** No further attempts. */
  close(): void {
    this.#closed = true;
    for (const wake of this.#sleepers) wake();
    this.#starved.close();
  }

  async #startRepeatedly(table: EnvironmentTable): Promise<Environment | "unwanted"> {
    const plan = await this.#options.planner.plan(table.scope, table.configuration);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#startOnce(table, plan);
      } catch (error) {
        if (!(error instanceof UnavailableError) || attempt === startAttemptsMax) throw error;
        if (refusalBehind(error) !== undefined || error.reason === "busy") throw error;
        if (error.reason === "no-capacity") await this.#pause(startRetryMs * 2 ** (attempt - 1));
        if (this.#closed || !table.needsStart) throw error;
      }
    }
  }

  async #startOnce(table: EnvironmentTable, plan: LaunchPlan): Promise<Environment | "unwanted"> {
    const sinceMs = this.#clock.monotonicMs();
    await this.#workerArrives();
    let claimed: LineOutcome<Environment | NoRoom> = this.#claim(table, plan, sinceMs);
    if (!(claimed instanceof Environment) && claimed.kind !== "too-large") {
      claimed = await this.#starved.join({
        memoryMiB: plan.memoryMiB,
        sinceMs,
        giveUp: () => table.giveUpStart(),
        claim: () => {
          const found = this.#claim(table, plan, sinceMs);
          return found instanceof Environment || found.kind === "too-large" ? found : undefined;
        },
      });
    }
    if (claimed === "unwanted") return claimed;
    if (claimed === "late") throw new MemoryShortage();
    if (!(claimed instanceof Environment)) throw noRoom(claimed, plan.memoryMiB);
    await this.#create(claimed);
    return claimed;
  }

  /** Chooses a worker and takes the memory there at once, before anybody else sees the same room. */
  #claim(table: EnvironmentTable, plan: LaunchPlan, createdAtMs: number): Environment | NoRoom {
    const room = this.#fleet.room({ memoryMiB: plan.memoryMiB, packages: packagesOf(plan) });
    if (room.kind !== "place" && room.kind !== "evict") return room;
    const spec = specOf(plan, table.configuration, this.#options.random, this.#clock.now());
    const environment = new Environment(spec, table, room.worker, createdAtMs);
    // Registered before it exists: its own init code may already call Hearth with its credentials.
    this.#registry.add(environment);
    // Memory is promised several times over: the start need not wait until the evicted ones are gone.
    if (room.kind === "evict") void this.#registry.evict(room.worker, { neededMiB: room.evictMiB, reason: "Room" });
    return environment;
  }

  async #create(environment: Environment): Promise<void> {
    const { spec, node } = environment;
    try {
      // While the start waited for its turn.
      if (hasEnded(environment)) throw new UnavailableError("worker-gone", "It ended before it was started.");
      const ready = await node.worker.createEnvironment(spec);
      if (hasEnded(environment)) throw new UnavailableError("worker-gone", "It ended as soon as it had started.");
      environment.phases = ready.phases;
      this.#options.metrics.environmentStarted(spec, ready.phases);
      environment.initialized = ready.initialized;
      environment.startMs = this.#clock.monotonicMs() - environment.createdAtMs;
    } catch (error) {
      this.#registry.forget(environment);
      // One that was given up says nothing of its worker.
      if (!hasEnded(environment)) await this.#learnFrom(error, node, spec.memoryMiB);
      throw error;
    }
  }

  /** A worker with less memory than was thought gets some back, one that stops is asked no more. */
  async #learnFrom(error: unknown, node: WorkerNode<Environment>, memoryMiB: number): Promise<void> {
    if (!(error instanceof UnavailableError) || refusalBehind(error) !== undefined) return;
    if (error.reason === "no-capacity") await this.#registry.evict(node, { neededMiB: memoryMiB, reason: "Room" });
    if (error.reason === "closing") this.#fleet.drain(node);
  }

  /** At once if there is one. */
  async #workerArrives(): Promise<void> {
    if (this.#fleet.isOpen) return;
    await this.#pause(workerWaitMsMax);
    if (!this.#fleet.isOpen) throw new UnavailableError("worker-gone", "No worker takes new execution environments.");
  }

  /** Ends early when a worker arrives or everything closes. */
  #pause(durationMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => {
      timer.cancel();
      this.#sleepers.delete(wake);
      resolve();
    };
    const timer = this.#clock.after(durationMs, wake);
    this.#sleepers.add(wake);
    return promise;
  }
}

const memoryRefusal: StartRefusal = { limit: "memory", retryAfterMs: memoryRetryMs };

class MemoryShortage extends UnavailableError {
  constructor() {
    super("busy", "Memory is short, and no idle execution environment is left that could give any.");
  }
}

/** Why there is none, now or ever. */
type NoRoom = Exclude<Placement<WorkerNode<Environment>>, { readonly kind: "place" | "evict" }>;

function noRoom(placement: NoRoom, memoryMiB: number): UnavailableError {
  switch (placement.kind) {
    case "short":
      return new MemoryShortage();
    case "full":
      return new UnavailableError("no-capacity", `No worker has ${memoryMiB} MiB for another execution environment.`);
    case "too-large": {
      const largest = `the largest may be promised ${Math.floor(placement.offeredMiBMax)} MiB`;
      const message = `No worker can hold an execution environment of ${memoryMiB} MiB: ${largest}.`;
      return new UnavailableError("no-capacity", message);
    }
    default:
      return unreachable(placement);
  }
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
