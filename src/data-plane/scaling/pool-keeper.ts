/**
 * Keeps every worker's pool targets in step with the functions that exist, soon after a change, and with recent cold
 * starts, on a slow tick: booting sandboxes in the middle of a burst would take the processors from the very requests
 * that it is for. Workers share a class's target equally.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { RuntimePack } from "../../runtimes/contract.ts";
import type { PoolInfo, PoolTarget, Worker } from "../../worker/contract.ts";
import type { PoolInsight } from "../insight.ts";
import { ColdStartDemand } from "./cold-start-demand.ts";
import { poolClassKey, poolTargets, type PoolBounds, type PoolClass } from "./pool-targets.ts";

/** Changes that follow one another within this time are sent as one. */
const settleMs = 50;
/** How often targets follow demand. */
export const tickMs = 10_000;

export type ResolveRuntime = (identifier: string) => RuntimePack | undefined;

/** The class whose pool can serve this function; undefined when it has to start from nothing. */
function poolClassOf(configuration: FunctionConfiguration, resolveRuntime: ResolveRuntime): PoolClass | undefined {
  const runtime = resolveRuntime(configuration.runtime);
  if (runtime === undefined || !runtime.poolable) return undefined;
  if (runtime.startOnlyVariables.some((name) => configuration.environment?.names.includes(name))) return undefined;
  return { runtime, memoryMiB: configuration.memoryMiB };
}

export class PoolKeeper {
  readonly #clock: Clock;
  readonly #resolveRuntime: ResolveRuntime;
  readonly #configurations: () => Iterable<FunctionConfiguration>;
  readonly #workers: () => readonly Worker[];
  readonly #bounds: PoolBounds;
  readonly #demand = new ColdStartDemand();
  readonly #sent = new WeakMap<Worker, string>();
  #timer: Timer | undefined;
  #dueAtMs = Infinity;
  #closed = false;

  constructor(options: {
    readonly clock: Clock;
    readonly resolveRuntime: ResolveRuntime;
    /** Everything that can be invoked now. */
    readonly configurations: () => Iterable<FunctionConfiguration>;
    readonly workers: () => readonly Worker[];
    readonly bounds: PoolBounds;
  }) {
    this.#clock = options.clock;
    this.#resolveRuntime = options.resolveRuntime;
    this.#configurations = options.configurations;
    this.#workers = options.workers;
    this.#bounds = options.bounds;
    this.#arm(tickMs);
  }

  /** An environment of this function is being started on demand. */
  observeColdStart(configuration: FunctionConfiguration): void {
    const poolClass = poolClassOf(configuration, this.#resolveRuntime);
    if (poolClass !== undefined) this.#demand.observe(poolClassKey(poolClass), this.#clock.now());
  }

  /** What the function's own class has ready on all workers; undefined when it starts from nothing. */
  poolOf(configuration: FunctionConfiguration, pools: readonly PoolInfo[]): PoolInsight | undefined {
    const poolClass = poolClassOf(configuration, this.#resolveRuntime);
    if (poolClass === undefined) return undefined;
    const { runtime, memoryMiB } = poolClass;
    const sum = { runtime: runtime.identifier, memoryMiB, ready: 0, target: 0, booting: 0, memoryBytes: 0 };
    for (const pool of pools) {
      if (pool.runtime !== runtime.identifier || pool.memoryMiB !== memoryMiB) continue;
      sum.ready += pool.ready;
      sum.target += pool.target;
      sum.booting += pool.booting;
      sum.memoryBytes += pool.memoryBytes;
    }
    return sum;
  }

  /** Functions or workers are not what they were. */
  changed(): void {
    this.#arm(settleMs);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    const dueAtMs = this.#clock.monotonicMs() + delayMs;
    if (this.#closed || dueAtMs >= this.#dueAtMs) return;
    this.#timer?.cancel();
    this.#dueAtMs = dueAtMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#dueAtMs = Infinity;
      this.#send();
      this.#arm(tickMs);
    });
  }

  #send(): void {
    const workers = this.#workers();
    if (workers.length === 0) return;
    const nowMs = this.#clock.now();
    const classes: PoolClass[] = [];
    for (const configuration of this.#configurations()) {
      const poolClass = poolClassOf(configuration, this.#resolveRuntime);
      if (poolClass !== undefined) classes.push(poolClass);
    }
    const targets = poolTargets(classes, (key) => this.#demand.at(key, nowMs), this.#bounds);
    const share = targets.map(({ runtime, memoryMiB, target }): PoolTarget => {
      return { runtime, memoryMiB, target: Math.ceil(target / workers.length) };
    });
    const fingerprint = JSON.stringify(share);
    for (const worker of workers) {
      if (this.#sent.get(worker) === fingerprint) continue;
      this.#sent.set(worker, fingerprint);
      // A worker that does not take its targets is asked again on the next tick, or is lost and its pool with it.
      worker.setPoolTargets(share).catch(() => this.#sent.delete(worker));
    }
  }
}
