/**
 * Booted runtimes that wait for a function, for each runtime pack and memory size (a V8 heap limit is fixed when the
 * process starts). A runtime that was taken never comes back; the pool boots another, off the path: few at once, and
 * none while a function waits for a sandbox of its own.
 *
 * Boots that keep failing are tried ever more seldom and reported; functions then start without the pool.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { RuntimePack } from "../../runtimes/contract.ts";
import type { PoolInfo, PoolTarget } from "../contract.ts";
import type { ProcessListener, RuntimeProcess } from "../environment/runtime-process.ts";
import { PoolCost } from "./pool-cost.ts";

/** A boot that has not reached its long poll by then has failed. */
export const bootTimeoutMs = 20_000;
/** After its boot a runtime has this long to finish what it does in the background; then it is frozen. */
export const settleMs = 1000;
/** After a runtime was taken: its function is started by then, and the next boot does not slow it. */
export const refillDelayMs = 25;
export const retryPauseMsMin = 500;
export const retryPauseMsMax = 60_000;
/** Classes that are remembered for their counts; a machine has a handful. */
const classesMax = 256;
/** What a failed boot wrote, in its report. */
const outputLengthMax = 2000;

export interface WarmPoolOptions {
  readonly clock: Clock;
  /** Makes a sandbox for the pool; nothing runs in it yet. */
  readonly create: (runtime: RuntimePack, memoryMiB: number, listener: ProcessListener) => Promise<RuntimeProcess>;
  /** Boots at once; beyond the number of CPUs they only slow each other. */
  readonly bootsMax: number;
  /** For the owner's log. */
  readonly report: (text: string) => void;
}

interface PoolClass {
  readonly runtime: RuntimePack;
  readonly memoryMiB: number;
  target: number;
  readonly ready: RuntimeProcess[];
  readonly freezeTimers: Map<RuntimeProcess, Timer>;
  readonly cost: PoolCost<RuntimeProcess>;
  booting: number;
  hits: number;
  misses: number;
  /** Failed boots in a row. */
  failures: number;
  /** Monotonic; no boot before. */
  retryAtMs: number;
}

export class WarmPool {
  readonly #options: WarmPoolOptions;
  readonly #classes = new Map<string, PoolClass>();
  readonly #removals = new Set<Promise<void>>();
  readonly #boots = new Set<Promise<void>>();
  #retryTimer: Timer | undefined;
  #refillTimer: Timer | undefined;
  #coldStarts = 0;
  #isClosed = false;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
  }

  /** Replaces all targets: a class that is not listed is emptied. */
  setTargets(targets: readonly PoolTarget[]): void {
    const wanted = new Map(targets.map((target) => [keyOf(target.runtime, target.memoryMiB), target]));
    for (const [key, entry] of this.#classes) entry.target = wanted.get(key)?.target ?? 0;
    for (const [key, { runtime, memoryMiB, target }] of wanted) {
      if (runtime.poolable) this.#classOf(key, runtime, memoryMiB).target = target;
    }
    for (const entry of this.#classes.values()) {
      for (const surplus of entry.ready.splice(entry.target)) this.#remove(entry, surplus);
    }
    this.#refill();
  }

  /** A runtime that waits for its function, thawed; undefined when there is none. */
  take(runtime: RuntimePack, memoryMiB: number): RuntimeProcess | undefined {
    const key = keyOf(runtime, memoryMiB);
    const entry = this.#classes.get(key);
    const process = entry?.ready.pop();
    if (entry !== undefined && process !== undefined) {
      entry.hits += 1;
      entry.freezeTimers.get(process)?.cancel();
      entry.freezeTimers.delete(process);
      process.thaw();
      entry.cost.releases(process);
      this.#refillTimer ??= this.#options.clock.after(refillDelayMs, () => {
        this.#refillTimer = undefined;
        this.#refill();
      });
      return process;
    }
    if (runtime.poolable && (entry !== undefined || this.#classes.size < classesMax)) {
      this.#classOf(key, runtime, memoryMiB).misses += 1;
    }
    return undefined;
  }

  /** While a function waits for a sandbox of its own, no boot is begun. */
  holdRefill(): Disposable {
    this.#coldStarts += 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#coldStarts -= 1;
        this.#refill();
      },
    };
  }

  /** Gives the memory of some that wait to others, of the classes that have most; they come back when they may. */
  shed(count: number): void {
    for (let left = count; left > 0; left--) {
      const [fullest] = [...this.#classes.values()].toSorted((a, b) => b.ready.length - a.ready.length);
      const process = fullest?.ready.pop();
      if (fullest === undefined || process === undefined) return;
      this.#remove(fullest, process);
    }
  }

  info(): PoolInfo[] {
    return Array.from(this.#classes.values(), ({ runtime, memoryMiB, target, ready, booting, hits, misses, cost }) => ({
      runtime: runtime.identifier,
      memoryMiB,
      target,
      ready: ready.length,
      booting,
      hits,
      misses,
      ...cost.info(),
    }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    this.#refillTimer?.cancel();
    for (const entry of this.#classes.values()) {
      entry.target = 0;
      for (const process of entry.ready.splice(0)) this.#remove(entry, process);
    }
    await Promise.all(this.#boots);
    await Promise.all(this.#removals);
  }

  #classOf(key: string, runtime: RuntimePack, memoryMiB: number): PoolClass {
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const entry: PoolClass = {
      runtime,
      memoryMiB,
      target: 0,
      ready: [],
      freezeTimers: new Map(),
      cost: new PoolCost(this.#options.clock),
      booting: 0,
      hits: 0,
      misses: 0,
      failures: 0,
      retryAtMs: 0,
    };
    this.#classes.set(key, entry);
    return entry;
  }

  #refill(): void {
    while (!this.#isClosed && this.#coldStarts === 0 && this.#boots.size < this.#options.bootsMax) {
      const entry = this.#neediest();
      if (entry === undefined) break;
      const boot = this.#boot(entry).finally(() => {
        this.#boots.delete(boot);
        this.#refill();
      });
      this.#boots.add(boot);
    }
    this.#forgetEmpty();
  }

  /** The class that has the smallest part of what it should have. */
  #neediest(): PoolClass | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    const filled = (entry: PoolClass): number => (entry.ready.length + entry.booting) / entry.target;
    let neediest: PoolClass | undefined;
    let retryAtMs = Infinity;
    for (const entry of this.#classes.values()) {
      if (entry.ready.length + entry.booting >= entry.target) continue;
      if (entry.retryAtMs > nowMs) retryAtMs = Math.min(retryAtMs, entry.retryAtMs);
      else if (neediest === undefined || filled(entry) < filled(neediest)) neediest = entry;
    }
    this.#retryTimer?.cancel();
    this.#retryTimer =
      retryAtMs === Infinity ? undefined : this.#options.clock.after(retryAtMs - nowMs, () => this.#refill());
    return neediest;
  }

  async #boot(entry: PoolClass): Promise<void> {
    entry.booting += 1;
    const { clock, create } = this.#options;
    const sinceMs = clock.monotonicMs();
    const booted = Promise.withResolvers<void>();
    let process: RuntimeProcess | undefined;
    const timer = clock.after(bootTimeoutMs, () => booted.reject(new Error(`not ready after ${bootTimeoutMs} ms`)));
    const ended = (reason: string): void => {
      booted.reject(new Error(reason));
      if (process !== undefined) this.#onEnded(entry, process);
    };
    // Rejected while nobody waits yet, if the sandbox ends before it was started.
    booted.promise.catch(() => undefined);
    try {
      process = await create(entry.runtime, entry.memoryMiB, {
        onBooted: () => booted.resolve(),
        onNext: () => ended("it asked for an invocation before it had a function"),
        onResult: () => undefined,
        onInitError: ({ payload }) => ended(payload.toString("utf8").slice(0, outputLengthMax)),
        onRuntimeDone: () => undefined,
        onExtensionsDone: () => undefined,
        onExtensionFailure: () => undefined,
        onSubscription: () => undefined,
        onFlood: () => ended("it floods its API"),
        onExit: (exit) => ended(`it ended: ${JSON.stringify(exit)}`),
      });
      await process.start();
      await booted.promise;
      entry.failures = 0;
      entry.cost.booted(sinceMs, cpuMsOf(process));
      this.#admit(entry, process);
    } catch (error) {
      entry.cost.booted(sinceMs, cpuMsOf(process));
      this.#onBootFailed(entry, error, process);
    } finally {
      timer.cancel();
      entry.booting -= 1;
    }
  }

  #admit(entry: PoolClass, process: RuntimeProcess): void {
    // The target may have fallen meanwhile.
    if (entry.ready.length >= entry.target) {
      this.#remove(entry, process);
      return;
    }
    entry.ready.push(process);
    entry.cost.holds(process);
    entry.freezeTimers.set(
      process,
      this.#options.clock.after(settleMs, () => {
        entry.freezeTimers.delete(process);
        process.freeze();
        entry.cost.holds(process);
      }),
    );
  }

  /** One that waited died: its place is filled again, at the pace of failed boots. */
  #onEnded(entry: PoolClass, process: RuntimeProcess): void {
    const index = entry.ready.indexOf(process);
    if (index === -1) return;
    entry.ready.splice(index, 1);
    this.#onBootFailed(entry, new Error("a waiting runtime ended"), process);
    this.#refill();
  }

  #onBootFailed(entry: PoolClass, error: unknown, process: RuntimeProcess | undefined): void {
    const { clock, report } = this.#options;
    entry.failures += 1;
    const pauseMs = Math.min(retryPauseMsMax, retryPauseMsMin * 2 ** (entry.failures - 1));
    entry.retryAtMs = clock.monotonicMs() + pauseMs;
    const reason = error instanceof Error ? error.message : String(error);
    const output = process?.earlyOutput.trim().slice(0, outputLengthMax);
    const what = `${entry.runtime.identifier} with ${entry.memoryMiB} MB`;
    report(
      `a pooled ${what} did not boot (${entry.failures} in a row, next try in ${pauseMs} ms): ${reason}` +
        (output ? `; it wrote: ${output}` : ""),
    );
    if (process !== undefined) this.#remove(entry, process);
  }

  #remove(entry: PoolClass, process: RuntimeProcess): void {
    entry.freezeTimers.get(process)?.cancel();
    entry.freezeTimers.delete(process);
    entry.cost.releases(process);
    const removal = process
      .destroy({ keepTmp: false })
      .catch((error: unknown) => this.#options.report(`a pooled sandbox was not removed: ${String(error)}`))
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  /** Classes that nobody wants any more and that have nothing to tell. */
  #forgetEmpty(): void {
    if (this.#classes.size < classesMax) return;
    for (const [key, entry] of this.#classes) {
      if (entry.target === 0 && entry.ready.length === 0 && entry.booting === 0) this.#classes.delete(key);
    }
  }
}

/** 0 when there is no sandbox, or none any more. */
function cpuMsOf(process: RuntimeProcess | undefined): number {
  try {
    return process?.sandbox.usage().cpuMs ?? 0;
  } catch {
    return 0;
  }
}

/** A pack is part of the key as a whole: a runtime that was registered anew is another class. */
function keyOf(runtime: RuntimePack, memoryMiB: number): string {
  return `${memoryMiB} ${JSON.stringify(runtime)}`;
}
