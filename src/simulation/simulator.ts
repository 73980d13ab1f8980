/**
 * Replays a trace through the data plane's own policies (admission, placement, keep-alive) under a simulated clock.
 *
 * As in the data plane: an invocation takes the most recently used idle environment of its function, or waits for
 * whichever frees or starts first; one start for each that waits. With a memory budget there is one worker of that
 * size, and idle environments make room in the order that the policy says; an environment that finds no room waits for
 * it; what is larger than the whole budget is refused. Without a budget there are as many workers as are needed.
 *
 * At the same instant what ends or is made ready comes before arrivals, and arrivals before what is given up.
 */
import { settings } from "../config/settings.ts";
import { defaultRegion, type Scope } from "../core/identity.ts";
import { CountingService } from "../data-plane/counting/counting-service.ts";
import { createScalingRate, type ScalingRate, type ScalingRateName } from "../data-plane/counting/scaling-rate.ts";
import { place } from "../data-plane/placement/placement.ts";
import { isWorthMore, leastWorth, type KeepAlivePolicy } from "../data-plane/scaling/keep-alive/contract.ts";
import { arrivalsOf, type Arrival, type ArrivalOptions } from "./arrivals.ts";
import { EventQueue } from "./event-queue.ts";
import { SimulatedEnvironment, SimulatedFunction, type Running, type SimulatedWorker } from "./simulated-function.ts";
import { Tally, type Report } from "./tally.ts";
import type { Trace } from "./trace.ts";

export interface SimulationOptions extends ArrivalOptions {
  /** The one worker's memory; undefined: as many workers as are needed. */
  readonly memoryMiB: number | undefined;
  /** Of each worker, when there are as many as are needed. */
  readonly workerMemoryMiB: number;
  readonly accountConcurrency: number;
  /** How fast functions get environments; undefined: as fast as they need them. */
  readonly scalingRate?: ScalingRateName;
  /** Where they are: the classic scaling rate has another burst in each. */
  readonly region?: string;
  /** Called as simulated time goes on, with the share of the trace that is done. */
  readonly onProgress?: (share: number) => void;
}

type Event = { readonly atMs: number; readonly rank: number } & (
  | { readonly kind: "ready" | "end" | "expiry"; readonly environment: SimulatedEnvironment }
  | { readonly kind: "outlook"; readonly of: SimulatedFunction }
);

/** Before and after the arrivals of an instant. */
const earlyRank = 0;
const lateRank = 1;
const minuteMs = 60_000;
/** After an attempt to make something ready, none for the same function for so long. */
const outlookRestMs = 1000;
/** After one that was refused its memory. */
const refusedRestMs = 60_000;
/** Nothing is promised that is not there, and CPU is not looked at: traces do not tell what of it they used. */
const onlyMemoryOnce = { memory: 1, cpu: 1 } as const;
const account = "000000000000";
const version = "$LATEST";

export function simulate(name: string, policy: KeepAlivePolicy, trace: Trace, options: SimulationOptions): Report {
  return new Simulator(policy, trace, options).run().report(name, trace);
}

class Simulator {
  readonly #policy: KeepAlivePolicy;
  readonly #trace: Trace;
  readonly #options: SimulationOptions;
  readonly #scope: Scope;
  readonly #counting: CountingService;
  readonly #scalingRate: ScalingRate | undefined;
  readonly #tally: Tally;
  readonly #functions: readonly SimulatedFunction[];
  readonly #workers = new Set<SimulatedWorker>();
  readonly #events = new EventQueue<Event>();
  /** Starts that wait for memory, in the order in which they were asked for. */
  readonly #starved = new Set<SimulatedFunction>();
  readonly #endMs: number;
  #nowMs = 0;
  #memoryMiB = 0;

  constructor(policy: KeepAlivePolicy, trace: Trace, options: SimulationOptions) {
    this.#policy = policy;
    this.#trace = trace;
    this.#options = options;
    const { accountConcurrency, scalingRate, region = defaultRegion } = options;
    this.#scope = { account, region };
    const requestsPerConcurrency = settings.requestsPerConcurrency.default;
    const environmentsPerTenSeconds = settings.environmentsPerTenSeconds.default;
    this.#counting = new CountingService({ accountConcurrency, requestsPerConcurrency });
    if (scalingRate !== undefined) {
      this.#scalingRate = createScalingRate({ scalingRate, environmentsPerTenSeconds, accountConcurrency });
    }
    this.#tally = new Tally(trace.functions.length);
    this.#functions = trace.functions.map((each, index) => new SimulatedFunction(index, each, options.instant));
    this.#endMs = trace.minutes * minuteMs;
    if (options.memoryMiB !== undefined) this.#addWorker(options.memoryMiB);
  }

  run(): Tally {
    let minute = 0;
    for (const batch of arrivalsOf(this.#trace, this.#options)) {
      for (const arrival of batch) {
        this.#advance(arrival.atMs, earlyRank);
        this.#arrive(arrival);
      }
      this.#options.onProgress?.(++minute / this.#trace.minutes);
    }
    this.#advance(this.#endMs, lateRank);
    // What was admitted is served; nothing is kept beyond the end.
    while (this.#next(Infinity, earlyRank));
    for (const worker of this.#workers) for (const environment of worker.idle) this.#countIdle(environment);
    this.#tally.forecastErrors = this.#policy.forecastErrors;
    return this.#tally;
  }

  /** Everything before that time, and what is due at it up to that rank. */
  #advance(untilMs: number, rank: number): void {
    while (this.#next(untilMs, rank));
    this.#nowMs = untilMs;
  }

  #next(untilMs: number, rank: number): boolean {
    const event = this.#events.peek();
    if (event === undefined || event.atMs > untilMs || (event.atMs === untilMs && event.rank > rank)) return false;
    this.#events.take();
    if (event.atMs > this.#endMs && (event.kind === "expiry" || event.kind === "outlook")) return true;
    this.#nowMs = event.atMs;
    switch (event.kind) {
      case "ready":
        this.#ready(event.environment);
        break;
      case "end":
        this.#end(event.environment);
        break;
      case "expiry":
        if (event.environment.lookedAtMs === event.atMs) this.#expiryIsDue(event.environment);
        break;
      case "outlook":
        if (event.of.outlookAtMs === event.atMs) this.#act(event.of);
    }
    return true;
  }

  #arrive({ functionIndex, durationMs }: Arrival): void {
    const owner = this.#functions[functionIndex];
    if (owner === undefined) return;
    this.#tally.arrival(functionIndex);
    if (owner.kept.memoryMiB > (this.#options.memoryMiB ?? Infinity)) {
      this.#tally.throttled++;
      return;
    }
    const admission = this.#counting.admit(this.#scope, owner.kept.id, version, this.#nowMs);
    if (!admission.admitted) {
      this.#tally.throttled++;
      return;
    }
    this.#policy.observe("arrival", owner.kept, this.#nowMs);
    const running = { arrivedAtMs: this.#nowMs, durationMs, lease: admission.lease };
    const environment = owner.idle.at(-1);
    if (environment !== undefined) {
      this.#takeIdle(environment);
      this.#policy.observe("used", owner.kept, this.#nowMs);
      this.#begin(environment, running);
      return;
    }
    if (owner.waiting.length >= owner.starting && !this.#mayStart(owner)) {
      running.lease[Symbol.dispose]();
      this.#policy.observe("end", owner.kept, this.#nowMs);
      this.#tally.throttled++;
      return;
    }
    this.#tally.cold(functionIndex, this.#trace.functions[functionIndex]?.startMs ?? 0);
    owner.waiting.push(running);
    if (owner.waiting.length > owner.starting) this.#start(owner);
  }

  #mayStart({ kept }: SimulatedFunction): boolean {
    return this.#scalingRate === undefined || this.#scalingRate.take(this.#scope, kept.id, this.#nowMs) === 0;
  }

  #begin(environment: SimulatedEnvironment, running: Running): void {
    this.#tally.delay(this.#nowMs - running.arrivedAtMs);
    environment.running = running;
    if (running.durationMs === 0) this.#end(environment);
    else this.#events.add({ kind: "end", atMs: this.#nowMs + running.durationMs, rank: earlyRank, environment });
  }

  #end(environment: SimulatedEnvironment): void {
    const { owner, running } = environment;
    if (running === undefined) return;
    running.lease[Symbol.dispose]();
    environment.running = undefined;
    this.#tally.busy(owner.kept.memoryMiB, running.durationMs);
    this.#policy.observe("end", owner.kept, this.#nowMs);
    this.#offer(environment);
  }

  #ready(environment: SimulatedEnvironment): void {
    const { owner } = environment;
    owner.starting--;
    this.#policy.observeStart(owner.kept, this.#trace.functions[owner.index]?.startMs ?? 0);
    this.#offer(environment);
  }

  #offer(environment: SimulatedEnvironment): void {
    const { owner, worker } = environment;
    const longest = owner.waiting.shift();
    if (longest !== undefined) return this.#begin(environment, longest);
    environment.isIdle = true;
    environment.idleSinceMs = this.#nowMs;
    owner.idle.push(environment);
    worker.idle.add(environment);
    worker.idleMiB += owner.kept.memoryMiB;
    this.#policy.observe("idle", owner.kept, this.#nowMs);
    // Not given up before the arrivals of this instant.
    this.#expire(environment, Math.max(this.#nowMs, this.#policy.keepUntilMs(environment, this.#nowMs)));
    this.#feed();
  }

  /** Asks whether the idle environment is kept, and until when. */
  #review(environment: SimulatedEnvironment): void {
    const untilMs = this.#policy.keepUntilMs(environment, this.#nowMs);
    if (untilMs <= this.#nowMs) {
      this.#remove(environment);
      this.#policy.observe("released", environment.owner.kept, this.#nowMs);
      this.#look(environment.owner);
      this.#feed();
    } else {
      this.#expire(environment, untilMs);
    }
  }

  #expire(environment: SimulatedEnvironment, atMs: number): void {
    environment.expiresAtMs = atMs;
    if (atMs !== environment.lastExpiryMs) {
      environment.lastExpiryMs = atMs;
      environment.lastExpiryPlace = this.#events.reserve();
    }
    // What is under way finds the later time when it is due: to become idle seldom costs an event.
    if (atMs >= environment.lookedAtMs) return;
    environment.lookedAtMs = atMs;
    this.#events.add({ kind: "expiry", atMs, rank: lateRank, environment }, environment.lastExpiryPlace);
  }

  #expiryIsDue(environment: SimulatedEnvironment): void {
    environment.lookedAtMs = Infinity;
    if (!environment.isIdle) return;
    if (environment.expiresAtMs > this.#nowMs) this.#expire(environment, environment.expiresAtMs);
    else this.#review(environment);
  }

  /** Asks what is to be made ready, and when. */
  #look(of: SimulatedFunction, earliestMs = this.#nowMs): void {
    const outlook = this.#policy.outlook(of.kept, of.alive, this.#nowMs);
    of.outlookAtMs = outlook.kind === "nothing" ? Infinity : Math.max(outlook.atMs, earliestMs);
    if (of.outlookAtMs < Infinity) {
      this.#events.add({ kind: "outlook", atMs: of.outlookAtMs, rank: earlyRank, of });
    }
  }

  #act(of: SimulatedFunction): void {
    const outlook = this.#policy.outlook(of.kept, of.alive, this.#nowMs);
    let restMs = outlookRestMs;
    if (outlook.kind === "prewarm" && outlook.atMs <= this.#nowMs) {
      while (of.alive < outlook.count && this.#launch(of, "prewarm")) this.#tally.prewarmed++;
      if (of.alive < outlook.count) restMs = refusedRestMs;
    }
    this.#look(of, this.#nowMs + restMs);
  }

  #start(owner: SimulatedFunction): void {
    if (this.#launch(owner, "demand")) return;
    this.#starved.add(owner);
  }

  /** Memory may be free: starts that wait for it go on, those first that have waited for longest. */
  #feed(): void {
    for (const owner of this.#starved) {
      while (owner.waiting.length > owner.starting) if (!this.#launch(owner, "demand")) return;
      this.#starved.delete(owner);
    }
  }

  /** Begins to start an environment; false when there is no room. What is made ready does not take it from its betters. */
  #launch(owner: SimulatedFunction, reason: "demand" | "prewarm"): boolean {
    const worker = this.#room(owner, reason);
    if (worker === undefined) return false;
    const { memoryMiB } = owner.kept;
    const environment = new SimulatedEnvironment(owner, worker);
    owner.alive++;
    owner.starting++;
    if (worker.committedMiB === 0) this.#countWorkers(worker);
    worker.committedMiB += memoryMiB;
    this.#memoryMiB += memoryMiB;
    this.#tally.memoryMiBMax = Math.max(this.#tally.memoryMiBMax, this.#memoryMiB);
    if (owner.startMs === 0) this.#ready(environment);
    else this.#events.add({ kind: "ready", atMs: this.#nowMs + owner.startMs, rank: earlyRank, environment });
    return true;
  }

  #room({ kept, alive }: SimulatedFunction, reason: "demand" | "prewarm"): SimulatedWorker | undefined {
    const placement = place(this.#workers, { memoryMiB: kept.memoryMiB, packages: [] }, onlyMemoryOnce);
    if (placement.kind === "place") return placement.worker;
    if (this.#options.memoryMiB === undefined) {
      return this.#addWorker(Math.max(this.#options.workerMemoryMiB, kept.memoryMiB));
    }
    if (placement.kind !== "evict") return undefined;
    const victims = leastWorth(this.#policy, placement.worker.idle, placement.evictMiB, this.#nowMs);
    if (reason === "prewarm") {
      const newcomer = { function: kept, rank: alive, idleSinceMs: this.#nowMs };
      if (!isWorthMore(this.#policy, newcomer, victims, this.#nowMs)) return undefined;
    }
    for (const victim of victims) {
      this.#remove(victim);
      this.#tally.evictions++;
      this.#policy.observe("evicted", victim.owner.kept, this.#nowMs);
      this.#look(victim.owner);
    }
    return placement.worker;
  }

  /** Ends an idle environment. */
  #remove(environment: SimulatedEnvironment): void {
    const { owner, worker } = environment;
    this.#takeIdle(environment);
    owner.alive--;
    worker.committedMiB -= owner.kept.memoryMiB;
    this.#memoryMiB -= owner.kept.memoryMiB;
  }

  #takeIdle(environment: SimulatedEnvironment): void {
    const { owner, worker } = environment;
    this.#countIdle(environment);
    environment.isIdle = false;
    environment.expiresAtMs = Infinity;
    worker.idle.delete(environment);
    worker.idleMiB -= owner.kept.memoryMiB;
    owner.idle.splice(owner.idle.lastIndexOf(environment), 1);
  }

  #countIdle({ owner, idleSinceMs }: SimulatedEnvironment): void {
    this.#tally.idle(owner.kept.memoryMiB, Math.min(this.#nowMs, this.#endMs) - Math.min(idleSinceMs, this.#endMs));
  }

  #addWorker(memoryMiB: number): SimulatedWorker {
    const worker: SimulatedWorker = {
      memoryMiB,
      committedMiB: 0,
      idleMiB: 0,
      idle: new Set(),
      cpus: Number.POSITIVE_INFINITY,
      draining: false,
      isShort: false,
      holds: () => true,
    };
    this.#workers.add(worker);
    return worker;
  }

  /** `starting` is about to hold something. Workers that hold nothing are not needed. */
  #countWorkers(starting: SimulatedWorker): void {
    let needed = 0;
    for (const worker of this.#workers) if (worker === starting || worker.committedMiB > 0) needed++;
    this.#tally.workersMax = Math.max(this.#tally.workersMax, needed);
  }
}
