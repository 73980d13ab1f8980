/**
 * Tells the keep-alive policy what happens to environments, and does what it says: how long each idle one stays, which
 * make room, and what is started before anybody asks. Environments with provisioned concurrency, and what they serve,
 * are none of its business.
 *
 * The policy knows a version of a function, whatever its code: what it has learned outlives a deployment. Its times are
 * the wall clock's; those of environments the monotonic clock's.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { KeepAliveView } from "../insight.ts";
import {
  isWorthMore,
  leastWorth,
  type IdleEnvironment,
  type KeepAlivePolicy,
  type KeptFunction,
} from "../scaling/keep-alive/contract.ts";
import type { EnvironmentTable } from "./environment-table.ts";
import type { Environment } from "./environment.ts";

/** After an attempt to make something ready, none for the same function for so long. */
const restMs = 1000;
/** After one for which there was no memory. */
const refusedRestMs = 60_000;
/** Longest timer; what is further off is asked for again then. */
const timerMsMax = 86_400_000;

export class EnvironmentKeeper {
  readonly #clock: Clock;
  readonly #policy: KeepAlivePolicy;
  readonly #hasRoom: (table: EnvironmentTable, newcomer: IdleEnvironment) => boolean;
  /** Tables of which the policy wants to be asked again. */
  readonly #watches = new Map<EnvironmentTable, Timer>();

  constructor(options: {
    readonly clock: Clock;
    readonly policy: KeepAlivePolicy;
    /** Whether one more environment would find memory without taking it from its betters. */
    readonly hasRoom: (table: EnvironmentTable, newcomer: IdleEnvironment) => boolean;
  }) {
    this.#clock = options.clock;
    this.#policy = options.policy;
    this.#hasRoom = options.hasRoom;
  }

  /** An invocation wants an environment. */
  arrived(table: EnvironmentTable): void {
    this.#policy.observe("arrival", table.kept, this.#clock.now());
  }

  /** It is over, or has found none. */
  ended(table: EnvironmentTable): void {
    this.#policy.observe("end", table.kept, this.#clock.now());
  }

  /** What the start of an environment took. */
  started({ table, startMs }: Environment): void {
    this.#policy.observeStart(table.kept, startMs);
  }

  becameIdle(environment: Environment): void {
    environment.isCountedIdle = true;
    this.#policy.observe("idle", environment.table.kept, this.#clock.now());
  }

  used(environment: Environment): void {
    this.#leaves(environment, "used");
  }

  /** It is no more, whatever it did; safe to say again. */
  gone(environment: Environment, how: "released" | "evicted"): void {
    if (this.#leaves(environment, how)) this.#look(environment.table, 0);
  }

  /** Until when it is kept if nobody takes it, on the monotonic clock; ask again then. */
  keepUntilMs(environment: Environment): number {
    const nowMs = this.#clock.now();
    return this.#clock.monotonicMs() + this.#policy.keepUntilMs(this.#idle(environment, nowMs), nowMs) - nowMs;
  }

  /** What the policy has in mind for a version, whether anything was opened for it yet or not. */
  inspect(kept: KeptFunction, table: EnvironmentTable | undefined): KeepAliveView {
    const nowMs = this.#clock.now();
    const keptUntilMs = this.#policy.keepUntilMs({ function: kept, rank: 0, idleSinceMs: nowMs }, nowMs);
    // Nothing is made ready while nobody waits to ask for it: until the last idle environment has gone.
    const isWatched = table !== undefined && this.#watches.has(table);
    const outlook = isWatched ? this.#policy.outlook(kept, table.alive, nowMs) : undefined;
    const expectation = this.#policy.expectation(kept, nowMs);
    return {
      ...(keptUntilMs < Infinity ? { keptUntilMs } : {}),
      ...(outlook?.kind === "prewarm" ? { prewarm: { atMs: outlook.atMs, count: outlook.count } } : {}),
      ...(expectation === undefined ? {} : { expectation }),
    };
  }

  /** Those that make room for `neededMiB`: of what they are allowed, or of what they really hold if that is told. */
  victims(
    idle: readonly Environment[],
    neededMiB: number,
    heldMiB?: (environment: Environment) => number,
  ): Environment[] {
    const nowMs = this.#clock.now();
    const candidates = idle.map((environment) => ({
      environment,
      ...this.#idle(environment, nowMs),
      ...(heldMiB === undefined ? {} : { heldMiB: heldMiB(environment) }),
    }));
    return leastWorth(this.#policy, candidates, neededMiB, nowMs).map(({ environment }) => environment);
  }

  /** Whether something of that kind, not yet there, is worth more than each of these. */
  isWorthMore(newcomer: IdleEnvironment, idle: readonly Environment[]): boolean {
    const nowMs = this.#clock.now();
    return isWorthMore(
      this.#policy,
      newcomer,
      idle.map((environment) => this.#idle(environment, nowMs)),
      nowMs,
    );
  }

  /** Whether it would have anything made ready for a function without environments. */
  expects(kept: KeptFunction): boolean {
    return this.#policy.outlook(kept, 0, this.#clock.now()).kind !== "nothing";
  }

  /** Asks the policy from now on what is to be made ready for it. */
  watch(table: EnvironmentTable): void {
    this.#look(table, 0);
  }

  /** Nothing more is made ready for it. */
  unwatch(table: EnvironmentTable): void {
    this.#watches.get(table)?.cancel();
    this.#watches.delete(table);
  }

  /** That version is no more, or not of that size. */
  forget(id: string): void {
    this.#policy.forget(id);
  }

  close(): void {
    for (const table of this.#watches.keys()) this.unwatch(table);
  }

  #leaves(environment: Environment, how: "used" | "released" | "evicted"): boolean {
    if (!environment.isCountedIdle) return false;
    environment.isCountedIdle = false;
    this.#policy.observe(how, environment.table.kept, this.#clock.now());
    return true;
  }

  /** Asks what is to be made ready, and when; not before `waitMs` are over. */
  #look(table: EnvironmentTable, waitMs: number): void {
    this.unwatch(table);
    if (table.isDraining) return;
    const nowMs = this.#clock.now();
    const outlook = this.#policy.outlook(table.kept, table.alive, nowMs);
    if (outlook.kind === "nothing") return;
    const timer = this.#clock.after(Math.min(timerMsMax, Math.max(waitMs, outlook.atMs - nowMs)), () =>
      this.#act(table),
    );
    this.#watches.set(table, timer);
  }

  #act(table: EnvironmentTable): void {
    this.#watches.delete(table);
    if (table.isDraining) return;
    const nowMs = this.#clock.now();
    const kept = table.kept;
    const outlook = this.#policy.outlook(kept, table.alive, nowMs);
    let waitMs = 0;
    if (outlook.kind === "prewarm" && outlook.atMs <= nowMs) {
      waitMs = restMs;
      while (table.alive < outlook.count) {
        if (!this.#hasRoom(table, { function: kept, rank: table.alive, idleSinceMs: nowMs })) {
          waitMs = refusedRestMs;
          table.decisions.note("not-prewarmed", "memory", nowMs);
          break;
        }
        table.decisions.note("prewarmed", "forecast", nowMs);
        table.startAhead();
      }
    }
    this.#look(table, waitMs);
  }

  #idle(environment: Environment, nowMs: number): IdleEnvironment {
    return {
      function: environment.table.kept,
      rank: environment.table.rankOf(environment),
      idleSinceMs: nowMs - (this.#clock.monotonicMs() - environment.idleSinceMs),
    };
  }
}
