/**
 * The environments of one function version in one generation: who is idle, who waits, what is being started.
 *
 * Promises: an environment is handed to one taker at a time; the most recently used idle one goes first; whoever waits
 * is served in the order of arrival by whatever environment frees or starts first; there are always as many starts
 * under way (or environments about to be free) as there are waiters, so that none is forgotten.
 *
 * What may not be started, because the function grows too fast, turns away who came last: those who have waited for
 * longer have a start under way, or an environment about to be free.
 *
 * Environments with provisioned concurrency are taken before the others and kept up to the number that was asked for;
 * beyond it the oldest go first.
 *
 * It decides only. Starting and destroying is done by the `TableActions` it was given.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { UnavailableError } from "../../core/errors.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { KeptFunction } from "../scaling/keep-alive/contract.ts";
import type { DecisionRing } from "./decision-log.ts";
import type { Environment } from "./environment.ts";
import { WaitingLine, type Acquired, type StartRefusal } from "./waiting-line.ts";

export interface TableActions {
  /** Takes the right to start one more environment: 0 when it was there, else the time in ms until it may be. */
  mayStart(table: EnvironmentTable): number;
  /** Begins to start an environment; ends in `started`, `startFailed` or a successful `giveUpStart`, once. */
  start(table: EnvironmentTable): void;
  /** The environment is in no table any more: it has to be destroyed. */
  retire(environment: Environment): void;
  /** The environment entered the idle stack. */
  becameIdle(environment: Environment): void;
  /** Whether the environment has reached its maximum life. */
  isSpent(environment: Environment): boolean;
  /**
   * A provisioned environment has come, or has gone without `keepProvisioned` or `drain` having asked for it;
   * `endedAfterMs` says how long it was ready, if it ended by itself.
   */
  provisionedChanged(table: EnvironmentTable, endedAfterMs?: number): void;
}

/**
 * How long a request waits for an environment that has answered and is about to be free, before another one is
 * started: as long as a start has taken of late, within these bounds. Who waits that long has lost at most as much
 * again, and a client that calls again the moment it has its answer does not make its function grow.
 */
export const settleGraceMsMin = 5;
export const settleGraceMsMax = 1000;
/** Weight of the newest start in the running mean. */
const startWeight = 0.25;

/** A version as keep-alive policies know it, whatever its code. */
export function keptAs({
  functionArn,
  version,
  memoryMiB,
}: Pick<FunctionConfiguration, "functionArn" | "version" | "memoryMiB">): KeptFunction {
  return { id: `${functionArn}:${version}/${memoryMiB}`, memoryMiB };
}

/** Who is what at a moment. */
export interface TableCensus {
  /** Provisioned ones among them. The one that is taken next is first. */
  readonly idle: readonly Environment[];
  readonly atWork: number;
  readonly starting: number;
  readonly waiting: number;
  /** Ready, whatever they do now. */
  readonly provisioned: number;
}

export class EnvironmentTable {
  readonly scope: Scope;
  readonly configuration: FunctionConfiguration;
  /** Its version as the keep-alive policy knows it. */
  readonly kept: KeptFunction;
  /** What is decided about its version is noted here. */
  readonly decisions: DecisionRing;
  readonly #clock: Clock;
  readonly #actions: TableActions;
  /** The most recently used is last. */
  readonly #idle: Environment[] = [];
  readonly #idleProvisioned: Environment[] = [];
  /** Whatever they do now, in the order in which they came. */
  readonly #provisioned = new Set<Environment>();
  #provisionedMax = 0;
  /** Those of the others that have started and are alive. */
  readonly #onDemand = new Set<Environment>();
  readonly #waiters: WaitingLine;
  #starting = 0;
  #settling = 0;
  /** Running mean of how long starts take. */
  #startMs: number | undefined;
  /** Fires when a waiter has waited long enough for environments that are about to be free. */
  #grace: Timer | undefined;
  #draining = false;

  constructor(
    scope: Scope,
    configuration: FunctionConfiguration,
    decisions: DecisionRing,
    clock: Clock,
    actions: TableActions,
  ) {
    this.scope = scope;
    this.configuration = configuration;
    this.decisions = decisions;
    this.kept = keptAs(configuration);
    this.#clock = clock;
    this.#actions = actions;
    this.#waiters = new WaitingLine(clock, () => {
      this.#grace?.cancel();
      this.#grace = undefined;
    });
  }

  /** The environment is the caller's until it is `settled` or removed. Rejects with `UnavailableError`. */
  acquire(): Environment | Promise<Acquired> {
    const environment = this.#idleProvisioned.pop() ?? this.#idle.pop();
    if (environment === undefined) {
      const waiting = this.#waiters.join();
      this.#supply();
      return waiting;
    }
    environment.state = "busy";
    return environment;
  }

  /** Environments that are not provisioned, those included that are being started. */
  get alive(): number {
    return this.#onDemand.size + this.#starting;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** Started and alive, whatever they do now. */
  get hasEnvironments(): boolean {
    return this.#onDemand.size + this.#provisioned.size > 0;
  }

  census(): TableCensus {
    const idle = [...this.#idle, ...this.#idleProvisioned].toReversed();
    return {
      idle,
      atWork: this.#onDemand.size + this.#provisioned.size - idle.length,
      starting: this.#starting,
      waiting: this.#waiters.size,
      provisioned: this.#provisioned.size,
    };
  }

  /** How many idle environments would be taken before this one. */
  rankOf(environment: Environment): number {
    return Math.max(0, this.#idle.length - 1 - this.#idle.lastIndexOf(environment));
  }

  /** Starts one that nobody waits for yet. */
  startAhead(): void {
    if (!this.#draining) this.#start();
  }

  /** Ready and alive, those first that have been so for longest. */
  get provisioned(): ReadonlySet<Environment> {
    return this.#provisioned;
  }

  /** One that was started ahead of demand. */
  provision(environment: Environment): void {
    this.#startMs = this.#meanStart(environment);
    this.#provisioned.add(environment);
    this.#offer(environment);
    this.#actions.provisionedChanged(this);
  }

  /** Keeps so many from now on. */
  keepProvisioned(max: number): void {
    this.#provisionedMax = max;
    for (const environment of this.#surplus()) {
      if (environment.state !== "idle") continue;
      this.#unstack(environment);
      this.#retire(environment);
    }
  }

  /** True while a start is worth repeating: somebody waits whom no other start will serve. */
  get needsStart(): boolean {
    return this.#waiters.size >= this.#starting;
  }

  /** Starts under way that would serve nobody. */
  get startsToSpare(): number {
    return Math.max(0, this.#starting - this.#waiters.size);
  }

  /** Takes back a start under way, if it would serve nobody; then neither `started` nor `startFailed` is to follow. */
  giveUpStart(): boolean {
    if (this.startsToSpare === 0) return false;
    this.#starting--;
    return true;
  }

  started(environment: Environment): void {
    this.#starting--;
    this.#onDemand.add(environment);
    this.#startMs = this.#meanStart(environment);
    this.#offer(environment);
  }

  /** Whoever has waited longest is told, unless enough other starts are under way. */
  startFailed(why: UnavailableError | StartRefusal): void {
    this.#starting--;
    if (this.#waiters.size > this.#starting + this.#settling) this.#waiters.turnAwayLongest(why);
  }

  /** The invocation is answered; the environment will be free in a moment. */
  settling(environment: Environment): void {
    if (environment.state !== "busy") return;
    environment.state = "settling";
    this.#settling++;
  }

  /** The invocation is over and the environment free. */
  settled(environment: Environment): void {
    if (environment.state === "gone") return;
    if (environment.state === "settling") this.#settling--;
    this.#offer(environment);
  }

  /** Takes the environment out for good, in whatever state it is; whoever counted on it is served otherwise. */
  remove(environment: Environment): void {
    if (environment.state === "idle") this.#unstack(environment);
    if (environment.state === "settling") this.#settling--;
    const wasProvisioned = this.#provisioned.has(environment);
    this.#leave(environment);
    if (wasProvisioned) this.#actions.provisionedChanged(this, this.#readyMs(environment));
    this.#supply();
  }

  /** From now on nothing is kept idle; whoever waits is still served. */
  drain(): void {
    this.#draining = true;
    for (const environment of [...this.#idle.splice(0), ...this.#idleProvisioned.splice(0)]) this.#retire(environment);
  }

  /** `drain`, and whoever waits is turned away. */
  close(error: UnavailableError): void {
    this.drain();
    this.#waiters.failAll(error);
  }

  #offer(environment: Environment): void {
    if (this.#actions.isSpent(environment)) {
      this.#retire(environment);
      if (environment.isProvisioned) this.#actions.provisionedChanged(this);
      this.#supply();
      return;
    }
    if (this.#waiters.serve(environment)) {
      environment.state = "busy";
      return;
    }
    if (this.#draining || (environment.isProvisioned && this.#surplus().includes(environment))) {
      this.#retire(environment);
      return;
    }
    environment.state = "idle";
    this.#stackOf(environment).push(environment);
    this.#actions.becameIdle(environment);
  }

  /** Provisioned ones beyond what is kept. */
  #surplus(): Environment[] {
    const count = this.#provisioned.size - this.#provisionedMax;
    return count > 0 ? [...this.#provisioned].slice(0, count) : [];
  }

  #stackOf(environment: Environment): Environment[] {
    return environment.isProvisioned ? this.#idleProvisioned : this.#idle;
  }

  #unstack(environment: Environment): void {
    const stack = this.#stackOf(environment);
    stack.splice(stack.indexOf(environment), 1);
  }

  #retire(environment: Environment): void {
    this.#leave(environment);
    this.#actions.retire(environment);
  }

  #leave(environment: Environment): void {
    environment.state = "gone";
    this.#provisioned.delete(environment);
    this.#onDemand.delete(environment);
  }

  /** How long it was ready; undefined for what goes with its worker. */
  #readyMs({ node, createdAtMs, startMs }: Environment): number | undefined {
    return node.draining || node.lost ? undefined : this.#clock.monotonicMs() - createdAtMs - startMs;
  }

  #meanStart({ startMs }: Environment): number {
    return (this.#startMs ?? startMs) * (1 - startWeight) + startMs * startWeight;
  }

  /** Starts what the waiters need: those beyond the environments about to be free, and those who have waited for one. */
  #supply(): void {
    const graceMs = Math.min(settleGraceMsMax, Math.max(settleGraceMsMin, this.#startMs ?? 0));
    const { count: impatient, nextInMs } = this.#waiters.waitedFor(graceMs);
    const wanted = Math.max(this.#waiters.size - this.#settling, impatient);
    while (this.#starting < wanted) {
      const retryAfterMs = this.#actions.mayStart(this);
      if (retryAfterMs > 0) {
        const count = this.#waiters.size - this.#settling - this.#starting;
        this.#waiters.refuseLatest(count, { limit: "scaling rate", retryAfterMs });
        break;
      }
      this.#start();
    }
    if (nextInMs === undefined || this.#waiters.size <= this.#starting || this.#grace !== undefined) return;
    this.#grace = this.#clock.after(nextInMs, () => {
      this.#grace = undefined;
      this.#supply();
    });
  }

  #start(): void {
    this.#starting++;
    this.#actions.start(this);
  }
}
