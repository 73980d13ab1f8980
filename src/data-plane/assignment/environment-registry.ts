/**
 * Every environment from the moment its start is asked for until it is destroyed: by id, by access key, and on its
 * worker. Ends those that were idle, or alive, for long enough.
 */
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import type { EvictionReason, LambdaMetrics } from "../../metering/metrics/lambda-metrics.ts";
import type { EnvironmentCredentials, EnvironmentId } from "../../worker/contract.ts";
import type { IdleInsight } from "../insight.ts";
import type { WorkerNode } from "../placement/worker-node.ts";
import type { DecisionKind } from "./decision-log.ts";
import type { Environment } from "./environment.ts";
import type { EnvironmentTable } from "./environment-table.ts";
import type { IdleMeter } from "./idle-meter.ts";
import type { EnvironmentKeeper } from "./keeper.ts";

/** Who a request from inside a sandbox comes from, and what it must be signed with. */
export interface EnvironmentIdentity extends Scope, EnvironmentCredentials {
  readonly id: EnvironmentId;
  readonly functionArn: string;
  /** Of the version that it runs. */
  readonly role: string;
}

export interface EvictionOrder {
  readonly neededMiB: number;
  readonly reason: EvictionReason;
  /** What an environment really holds, where that is what is needed and not what it is allowed. */
  readonly heldMiB?: (environment: Environment) => number;
  readonly countMax?: number;
}

export class EnvironmentRegistry {
  readonly #clock: Clock;
  readonly #keeper: EnvironmentKeeper;
  readonly #metrics: LambdaMetrics;
  readonly #idleMeter: IdleMeter;
  readonly #environmentLifeMsMax: number;
  readonly #onFreed: () => void;
  readonly #byId = new Map<EnvironmentId, Environment>();
  readonly #byAccessKey = new Map<string, Environment>();
  readonly #destroying = new Set<Promise<void>>();

  constructor(options: {
    readonly clock: Clock;
    readonly keeper: EnvironmentKeeper;
    readonly metrics: LambdaMetrics;
    readonly idleMeter: IdleMeter;
    readonly environmentLifeMsMax: number;
    /** Called when memory of a worker is nobody's any more, or could be given to somebody else. */
    readonly onFreed: () => void;
  }) {
    this.#clock = options.clock;
    this.#keeper = options.keeper;
    this.#metrics = options.metrics;
    this.#idleMeter = options.idleMeter;
    this.#environmentLifeMsMax = options.environmentLifeMsMax;
    this.#onFreed = options.onFreed;
  }

  get(id: EnvironmentId): EnvironmentIdentity | undefined {
    return identityOf(this.#byId.get(id));
  }

  byAccessKey(accessKeyId: string): EnvironmentIdentity | undefined {
    return identityOf(this.#byAccessKey.get(accessKeyId));
  }

  add(environment: Environment): void {
    environment.node.add(environment);
    this.#byId.set(environment.id, environment);
    this.#byAccessKey.set(environment.spec.credentials.accessKeyId, environment);
  }

  /** It never came to be, or is no more. */
  forget(environment: Environment): void {
    environment.node.remove(environment);
    this.#byId.delete(environment.id);
    this.#byAccessKey.delete(environment.spec.credentials.accessKeyId);
    this.#onFreed();
  }

  /** Starts to count its idle time; it may be gone afterwards, if somebody waits for its memory. */
  becameIdle(environment: Environment): void {
    environment.idleSinceMs = this.#clock.monotonicMs();
    this.#idleMeter.began(environment);
    if (!environment.isProvisioned) this.#keeper.becameIdle(environment);
    const endsAtMs = this.#endsAtMs(environment);
    // A timer that is under way finds the later end when it fires: going idle seldom costs a timer.
    if (environment.expiry === undefined || endsAtMs < environment.expiry.atMs) this.#armExpiry(environment, endsAtMs);
    this.#onFreed();
  }

  /** Since when it waits, and until when, as things are now; on the wall clock. */
  inspectIdle(environment: Environment): IdleInsight {
    const wallMs = this.#clock.now() - this.#clock.monotonicMs();
    // It is looked at when its timer fires, not before.
    const endsAtMs = Math.max(this.#endsAtMs(environment), environment.expiry?.atMs ?? 0);
    return {
      id: environment.id,
      isProvisioned: environment.isProvisioned,
      sinceMs: wallMs + environment.idleSinceMs,
      ...(endsAtMs < Infinity ? { endsAtMs: wallMs + endsAtMs } : {}),
    };
  }

  /** Takes no further invocation. */
  isSpent(environment: Environment): boolean {
    const ageMs = this.#clock.monotonicMs() - environment.createdAtMs;
    return ageMs >= this.#environmentLifeMsMax || environment.node.draining || environment.node.lost;
  }

  /** Has it destroyed by its worker; its memory and its credentials are free afterwards. Never rejects. */
  destroy(environment: Environment): Promise<void> {
    environment.expiry?.timer.cancel();
    this.#idleMeter.ended(environment);
    this.#keeper.gone(environment, "released");
    const destroying = environment.node.worker
      .destroyEnvironment(environment.id)
      // Rejects only when the worker is lost, and the environment with it.
      .catch(() => undefined)
      .finally(() => {
        this.forget(environment);
        this.#destroying.delete(destroying);
      });
    this.#destroying.add(destroying);
    return destroying;
  }

  /** Ends up to so many of a table's starts, the newest first. Whoever asked for them hears that they have failed. */
  giveUpStarts(table: EnvironmentTable, countMax: number): void {
    const starting = [...this.#byId.values()].filter(
      (each) => each.table === table && each.state === "starting" && !each.isProvisioned,
    );
    for (const environment of starting.slice(Math.max(0, starting.length - countMax))) {
      environment.state = "gone";
      void this.destroy(environment);
    }
  }

  /** The worker has ended it, or is itself lost. Safe to say twice. */
  ended(environment: Environment): void {
    if (environment.state === "gone") return;
    environment.expiry?.timer.cancel();
    this.#note(environment, "ended", environment.node.lost ? "worker-lost" : "by-itself");
    environment.table.remove(environment);
    this.#idleMeter.ended(environment);
    this.#keeper.gone(environment, "released");
    this.forget(environment);
  }

  endedById(id: EnvironmentId): void {
    const environment = this.#byId.get(id);
    if (environment !== undefined) this.ended(environment);
  }

  /**
   * Takes idle environments from a worker, those first that the keep-alive policy can do without best, until `neededMiB`
   * are free. What is provisioned stays.
   */
  async evict(node: WorkerNode<Environment>, { neededMiB, reason, heldMiB, countMax }: EvictionOrder): Promise<void> {
    const victims = this.#keeper.victims(node.evictable(), neededMiB, heldMiB).slice(0, countMax);
    for (const victim of victims) {
      this.#metrics.evicted(victim.spec, reason);
      this.#note(victim, "evicted", reason === "Room" ? "memory" : "memory-pressure");
    }
    await Promise.all(victims.map((each) => this.#end(each, "evicted")));
  }

  /** Takes every idle environment from a worker. */
  async clear(node: WorkerNode<Environment>): Promise<void> {
    const idle = node.idle();
    for (const each of idle) this.#note(each, "retired", "worker-draining");
    await Promise.all(idle.map((each) => this.#end(each, "released")));
  }

  /** Resolves when nothing is being destroyed any more. */
  async settled(): Promise<void> {
    while (this.#destroying.size > 0) await Promise.all(this.#destroying);
  }

  #end(environment: Environment, how: "released" | "evicted"): Promise<void> {
    environment.table.remove(environment);
    this.#keeper.gone(environment, how);
    return this.destroy(environment);
  }

  #note({ state, idleSinceMs, table }: Environment, kind: DecisionKind, reason: string): void {
    const idleMs = state === "idle" ? this.#clock.monotonicMs() - idleSinceMs : 0;
    table.decisions.note(kind, reason, this.#clock.now(), idleMs);
  }

  #armExpiry(environment: Environment, atMs: number): void {
    environment.expiry?.timer.cancel();
    const timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonicMs()), () => {
      environment.expiry = undefined;
      if (environment.state !== "idle") return;
      const endsAtMs = this.#endsAtMs(environment);
      if (this.isSpent(environment) || endsAtMs <= this.#clock.monotonicMs()) {
        this.#metrics.expired(environment.spec);
        const isSpent = this.isSpent(environment);
        this.#note(environment, isSpent ? "retired" : "expired", isSpent ? "too-old" : "keep-alive");
        void this.#end(environment, "released");
      } else this.#armExpiry(environment, endsAtMs);
    });
    environment.expiry = { timer, atMs };
  }

  /** When it is old enough, or has been idle for long enough if nobody takes it; to be asked again then. */
  #endsAtMs(environment: Environment): number {
    const oldAtMs = environment.createdAtMs + this.#environmentLifeMsMax;
    return environment.isProvisioned ? oldAtMs : Math.min(oldAtMs, this.#keeper.keepUntilMs(environment));
  }
}

function identityOf(environment: Environment | undefined): EnvironmentIdentity | undefined {
  if (environment === undefined) return undefined;
  const { id, functionArn, scope, credentials } = environment.spec;
  const { role } = environment.table.configuration;
  return { id, functionArn, role, ...scope, ...credentials };
}
