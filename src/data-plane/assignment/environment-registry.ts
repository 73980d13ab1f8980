/**
 * Every environment from the moment its start is asked for until it is destroyed: by id, by access key, and on its
 * worker. Ends those that were idle, or alive, for long enough.
 */
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import type { EnvironmentCredentials, EnvironmentId } from "../../worker/contract.ts";
import type { WorkerNode } from "../placement/worker-node.ts";
import { leastRecentlyUsed, type KeepAlivePolicy } from "../scaling/keep-alive.ts";
import type { Environment } from "./environment.ts";

/** Who a request from inside a sandbox comes from, and what it must be signed with. */
export interface EnvironmentIdentity extends Scope, EnvironmentCredentials {
  readonly id: EnvironmentId;
  readonly functionArn: string;
  /** Of the version that it runs. */
  readonly role: string;
}

export class EnvironmentRegistry {
  readonly #clock: Clock;
  readonly #keepAlive: KeepAlivePolicy;
  readonly #environmentLifeMsMax: number;
  readonly #byId = new Map<EnvironmentId, Environment>();
  readonly #byAccessKey = new Map<string, Environment>();
  readonly #destroying = new Set<Promise<void>>();

  constructor(options: {
    readonly clock: Clock;
    readonly keepAlive: KeepAlivePolicy;
    readonly environmentLifeMsMax: number;
  }) {
    this.#clock = options.clock;
    this.#keepAlive = options.keepAlive;
    this.#environmentLifeMsMax = options.environmentLifeMsMax;
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
  }

  /** Starts to count its idle time. */
  becameIdle(environment: Environment): void {
    environment.idleSinceMs = this.#clock.monotonicMs();
    // A timer that is under way finds the later end when it fires: going idle costs no timer.
    if (environment.expiry === undefined) this.#armExpiry(environment);
  }

  /** Takes no further invocation. */
  isSpent(environment: Environment): boolean {
    const ageMs = this.#clock.monotonicMs() - environment.createdAtMs;
    return ageMs >= this.#environmentLifeMsMax || environment.node.draining || environment.node.lost;
  }

  /** Has it destroyed by its worker; its memory and its credentials are free afterwards. Never rejects. */
  destroy(environment: Environment): Promise<void> {
    environment.expiry?.cancel();
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

  /** The worker has ended it, or is itself lost. Safe to say twice. */
  ended(environment: Environment): void {
    if (environment.state === "gone") return;
    environment.expiry?.cancel();
    this.forget(environment);
    environment.table.remove(environment);
  }

  endedById(id: EnvironmentId): void {
    const environment = this.#byId.get(id);
    if (environment !== undefined) this.ended(environment);
  }

  /**
   * Takes idle environments from a worker, those unused for longest first, until `neededMiB` are free. What is
   * provisioned stays.
   */
  async evict(node: WorkerNode<Environment>, neededMiB: number): Promise<void> {
    await Promise.all(leastRecentlyUsed(node.evictable(), neededMiB).map((each) => this.#end(each)));
  }

  /** Takes every idle environment from a worker. */
  async clear(node: WorkerNode<Environment>): Promise<void> {
    await Promise.all(node.idle().map((each) => this.#end(each)));
  }

  /** Resolves when nothing is being destroyed any more. */
  async settled(): Promise<void> {
    while (this.#destroying.size > 0) await Promise.all(this.#destroying);
  }

  #end(environment: Environment): Promise<void> {
    environment.table.remove(environment);
    return this.destroy(environment);
  }

  #armExpiry(environment: Environment): void {
    const dueAtMs = Math.min(
      environment.idleSinceMs + this.#keepMs(environment),
      environment.createdAtMs + this.#environmentLifeMsMax,
    );
    environment.expiry = this.#clock.after(Math.max(0, dueAtMs - this.#clock.monotonicMs()), () => {
      environment.expiry = undefined;
      if (environment.state !== "idle") return;
      if (this.isSpent(environment) || this.#hasIdledLongEnough(environment)) void this.#end(environment);
      else this.#armExpiry(environment);
    });
  }

  #hasIdledLongEnough(environment: Environment): boolean {
    return this.#clock.monotonicMs() - environment.idleSinceMs >= this.#keepMs(environment);
  }

  #keepMs(environment: Environment): number {
    return environment.isProvisioned ? Infinity : this.#keepAlive.keepMs(environment);
  }
}

function identityOf(environment: Environment | undefined): EnvironmentIdentity | undefined {
  if (environment === undefined) return undefined;
  const { id, functionArn, scope, credentials } = environment.spec;
  const { role } = environment.table.configuration;
  return { id, functionArn, role, ...scope, ...credentials };
}
