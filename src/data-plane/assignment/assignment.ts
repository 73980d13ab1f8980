/**
 * Finds or makes the environment that runs an invocation.
 *
 * A request takes the most recently used idle environment of its function version, or waits for a start; different
 * functions share no queue. When a function changes, environments of what it was are drained: the idle ones end now,
 * the busy ones after their invocation. An invocation in flight is never broken off from here.
 */
import type { Clock } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { ScalingRate } from "../counting/scaling-rate.ts";
import type { Invocation, InvocationHandle, Worker } from "../../worker/contract.ts";
import type { EnvironmentsInsight, KeepAliveView, StartRoom } from "../insight.ts";
import type { Overcommit } from "../placement/placement.ts";
import { WorkerFleet, type AttachedWorker, type ConnectionListener } from "../placement/worker-fleet.ts";
import type { WorkerNode } from "../placement/worker-node.ts";
import type { IdleEnvironment, KeepAlivePolicy } from "../scaling/keep-alive/contract.ts";
import type { ProvisionOutcome } from "../scaling/provisioner.ts";
import { DecisionLog, type Decision, type WaitReason } from "./decision-log.ts";
import { EnvironmentRegistry, type EnvironmentIdentity } from "./environment-registry.ts";
import { EnvironmentStarter, type StarterOptions } from "./environment-starter.ts";
import { EnvironmentTable, keptAs, type TableActions } from "./environment-table.ts";
import { Environment } from "./environment.ts";
import { IdleMeter } from "./idle-meter.ts";
import { EnvironmentKeeper } from "./keeper.ts";
import { MemoryRelief } from "./memory-relief.ts";
import type { Acquired } from "./waiting-line.ts";

export interface AssignmentOptions extends StarterOptions {
  readonly keepAlive: KeepAlivePolicy;
  readonly scalingRate: ScalingRate;
  readonly environmentLifeMsMax: number;
  readonly overcommit: Overcommit;
  /** Called when workers come and go. */
  readonly onFleetChange: () => void;
  /** Called when an environment with provisioned concurrency has come or gone; see `TableActions`. */
  readonly onProvisionedChange: (configuration: FunctionConfiguration, endedAfterMs?: number) => void;
}

export class Assignment {
  readonly #clock: Clock;
  readonly #fleet: WorkerFleet<Environment>;
  readonly #registry: EnvironmentRegistry;
  readonly #keeper: EnvironmentKeeper;
  readonly #idleMeter: IdleMeter;
  readonly #starter: EnvironmentStarter;
  readonly #relief: MemoryRelief;
  readonly #actions: TableActions;
  readonly #onFleetChange: () => void;
  readonly #decisions = new DecisionLog();
  /** By unqualified ARN, then version. */
  readonly #tables = new Map<string, Map<string, EnvironmentTable>>();
  /** What can be invoked, by unqualified ARN: of these the keep-alive policy may know something, with a table or without. */
  readonly #live = new Map<string, readonly FunctionConfiguration[]>();
  #closed = false;

  constructor(options: AssignmentOptions) {
    this.#clock = options.clock;
    this.#onFleetChange = options.onFleetChange;
    this.#fleet = new WorkerFleet({
      overcommit: options.overcommit,
      listener: {
        onAttached: () => this.#onAttached(),
        onLost: (node) => this.#onLost(node),
        onDraining: (node) => void this.#registry.clear(node),
        onMeasured: (node) => this.#onMeasured(node),
        onEnvironmentGone: (id) => this.#registry.endedById(id),
      },
    });
    this.#keeper = new EnvironmentKeeper({
      clock: options.clock,
      policy: options.keepAlive,
      hasRoom: (table, newcomer) => this.#hasRoom(table, newcomer),
    });
    this.#idleMeter = new IdleMeter(options);
    this.#registry = new EnvironmentRegistry({
      ...options,
      keeper: this.#keeper,
      idleMeter: this.#idleMeter,
      onFreed: () => this.#starter.memoryIsBack(),
    });
    this.#starter = new EnvironmentStarter(options, this.#fleet, this.#registry, this.#keeper);
    this.#relief = new MemoryRelief(this.#registry);
    const { clock, scalingRate } = options;
    this.#actions = {
      mayStart: ({ scope, configuration }) => scalingRate.take(scope, configuration.functionArn, clock.monotonicMs()),
      start: (table) => void this.#starter.start(table),
      retire: (environment) => this.#retire(environment),
      becameIdle: (environment) => this.#registry.becameIdle(environment),
      isSpent: (environment) => this.#registry.isSpent(environment),
      provisionedChanged: (table, endedAfterMs) => options.onProvisionedChange(table.configuration, endedAfterMs),
    };
  }

  /** The environment is the caller's, to be used for one `invoke`. Throws or rejects with `UnavailableError`. */
  acquire(scope: Scope, configuration: FunctionConfiguration): Environment | Promise<Acquired> {
    const table = this.#find(configuration) ?? this.#open(scope, configuration);
    const acquired = table.acquire();
    if (!(acquired instanceof Environment)) return this.#awaited(table, acquired);
    table.decisions.note("warm", acquired.isProvisioned ? "provisioned" : "idle", this.#clock.now());
    this.#idleMeter.ended(acquired);
    if (!acquired.isProvisioned) {
      acquired.isCountedBusy = true;
      this.#keeper.arrived(table);
      this.#keeper.used(acquired);
    }
    return acquired;
  }

  /** What the keep-alive policy expects of a version that nobody invokes is made ready in time. */
  foresee(scope: Scope, configuration: FunctionConfiguration): void {
    if (this.#closed || !this.#keeper.expects(keptAs(configuration))) return;
    this.#keeper.watch(this.#find(configuration) ?? this.#open(scope, configuration));
  }

  /** A request for that version was turned away. */
  noteThrottled(configuration: FunctionConfiguration, reason: string, limit = ""): void {
    this.#decisions.of(configuration).note("throttled", reason, this.#clock.now(), 0, limit);
  }

  /** How a version stands, for who asks; a version that was never invoked has nothing yet. */
  inspect(
    configuration: FunctionConfiguration,
    idleShownMax: number,
  ): {
    readonly environments: EnvironmentsInsight;
    readonly keepAlive: KeepAliveView;
    readonly decisions: readonly Decision[];
    readonly room: StartRoom;
  } {
    const table = this.#find(configuration);
    const census = table?.census() ?? { idle: [], atWork: 0, starting: 0, waiting: 0, provisioned: 0 };
    const shown = census.idle.slice(0, idleShownMax);
    return {
      environments: {
        ...census,
        idle: census.idle.length,
        idleOnes: shown.map((environment) => this.#registry.inspectIdle(environment)),
      },
      keepAlive: this.#keeper.inspect(keptAs(configuration), table),
      decisions: this.#decisions.recent(configuration),
      room: this.#roomFor(configuration),
    };
  }

  /** When the provisioned environments of a version were created, those first that have been ready for longest. */
  provisionedSince(configuration: FunctionConfiguration): number[] {
    const table = this.#find(configuration);
    return table === undefined ? [] : Array.from(table.provisioned, (each) => each.createdAtMs);
  }

  /** Starts one environment ahead of demand, to be among those that are kept. Never rejects. */
  async provision(scope: Scope, configuration: FunctionConfiguration): Promise<ProvisionOutcome> {
    if (this.#closed) return { kind: "unavailable", error: closing() };
    return this.#starter.provision(this.#find(configuration) ?? this.#open(scope, configuration));
  }

  /** Ends provisioned environments of a version that are more than `max`; busy ones after their invocation. */
  keepProvisioned(scope: Scope, configuration: FunctionConfiguration, max: number): void {
    if (this.#closed) return;
    const table = this.#find(configuration) ?? (max > 0 ? this.#open(scope, configuration) : undefined);
    table?.keepProvisioned(max);
  }

  /** Runs one invocation in an acquired environment, which comes back by itself when the invocation is over. */
  invoke(environment: Environment, invocation: Invocation): InvocationHandle {
    const { table, node } = environment;
    const over = (): void => {
      if (!environment.isCountedBusy) return;
      environment.isCountedBusy = false;
      this.#keeper.ended(table);
    };
    const ended = (): void => {
      over();
      this.#registry.ended(environment);
    };
    environment.invocations++;
    let handle: InvocationHandle;
    try {
      handle = node.worker.invoke(invocation);
    } catch (error) {
      ended();
      throw error;
    }
    handle.response.then(() => table.settling(environment), ended);
    handle.report.then((report) => {
      if (report.environment === "gone") return ended();
      over();
      return table.settled(environment);
    }, ended);
    return handle;
  }

  /** Of this function only these configurations are invoked from now on. */
  retain(functionArn: string, live: readonly FunctionConfiguration[]): void {
    this.#decisions.retain(functionArn, live);
    this.#endTables(functionArn, live);
    const gone = new Set(this.#live.get(functionArn)?.map((each) => keptAs(each).id));
    for (const each of live) gone.delete(keptAs(each).id);
    for (const id of gone) this.#keeper.forget(id);
    if (live.length > 0) this.#live.set(functionArn, live);
    else this.#live.delete(functionArn);
  }

  /** Undefined when no environment has that id, or no longer. */
  environment(id: string): EnvironmentIdentity | undefined {
    return this.#registry.get(id);
  }

  /** Undefined when no living environment signs with that key. */
  credentialsOf(accessKeyId: string): EnvironmentIdentity | undefined {
    return this.#registry.byAccessKey(accessKeyId);
  }

  get workers(): readonly Worker[] {
    return this.#fleet.workers;
  }

  attach(connect: (listener: ConnectionListener) => Promise<Worker>): Promise<AttachedWorker> {
    return this.#fleet.attach(connect);
  }

  /** Turns waiters away and destroys every idle environment; busy ones go when their invocation is over. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const versions of this.#tables.values()) {
      for (const table of versions.values()) table.close(closing());
    }
    this.#tables.clear();
    this.#keeper.close();
    this.#starter.close();
    await this.#registry.settled();
  }

  async #awaited(table: EnvironmentTable, waiting: Promise<Acquired>): Promise<Acquired> {
    this.#keeper.arrived(table);
    const reason: WaitReason = table.hasEnvironments ? "all-at-work" : "no-environment";
    const sinceMs = this.#clock.monotonicMs();
    let acquired: Acquired | undefined;
    try {
      acquired = await waiting;
      return acquired;
    } catch (error) {
      table.decisions.note("failed", reason, this.#clock.now(), 0, error instanceof Error ? error.message : "");
      throw error;
    } finally {
      if (acquired instanceof Environment) {
        acquired.isCountedBusy = true;
        this.#noteWait(acquired, reason, sinceMs);
      } else this.#keeper.ended(table);
    }
  }

  #noteWait({ table, invocations, startMs, phases }: Environment, reason: WaitReason, sinceMs: number): void {
    const nowMs = this.#clock.now();
    if (invocations === 0) {
      table.decisions.note("cold", reason, nowMs, startMs, phases?.pooled === true ? "pooled" : "not pooled");
    } else table.decisions.note("waited", reason, nowMs, this.#clock.monotonicMs() - sinceMs);
  }

  /** It is in no table any more. */
  #retire(environment: Environment): void {
    const { table, node } = environment;
    const reason = table.isDraining
      ? "function-changed"
      : node.draining
        ? "worker-draining"
        : this.#registry.isSpent(environment)
          ? "too-old"
          : "not-provisioned";
    table.decisions.note("retired", reason, this.#clock.now());
    void this.#registry.destroy(environment);
  }

  /** For an environment that nobody waits for: none that is worth as much gives its memory for it. */
  #hasRoom({ kept }: EnvironmentTable, newcomer: IdleEnvironment): boolean {
    if (!this.#fleet.isOpen) return false;
    const placement = this.#fleet.room({ memoryMiB: kept.memoryMiB, packages: [] });
    if (placement.kind !== "evict") return placement.kind === "place";
    const { worker, evictMiB } = placement;
    return this.#keeper.isWorthMore(newcomer, this.#keeper.victims(worker.evictable(), evictMiB));
  }

  #roomFor({ memoryMiB }: FunctionConfiguration): StartRoom {
    if (!this.#fleet.isOpen) return { kind: "no-worker" };
    const placement = this.#fleet.room({ memoryMiB, packages: [] });
    return placement.kind === "place" || placement.kind === "evict" ? { kind: "there" } : placement;
  }

  #find({ functionArn, version, generation }: FunctionConfiguration): EnvironmentTable | undefined {
    const table = this.#tables.get(functionArn)?.get(version);
    return table?.configuration.generation === generation ? table : undefined;
  }

  #open(scope: Scope, configuration: FunctionConfiguration): EnvironmentTable {
    if (this.#closed) throw closing();
    let versions = this.#tables.get(configuration.functionArn);
    if (versions === undefined) {
      versions = new Map();
      this.#tables.set(configuration.functionArn, versions);
    }
    versions.get(configuration.version)?.drain();
    const table = new EnvironmentTable(
      scope,
      configuration,
      this.#decisions.of(configuration),
      this.#clock,
      this.#actions,
    );
    versions.set(configuration.version, table);
    return table;
  }

  #endTables(functionArn: string, live: readonly FunctionConfiguration[]): void {
    const versions = this.#tables.get(functionArn);
    if (versions === undefined) return;
    for (const [version, table] of versions) {
      const successor = live.find((each) => each.version === version);
      if (successor?.generation === table.configuration.generation) continue;
      versions.delete(version);
      this.#keeper.unwatch(table);
      if (successor !== undefined) table.drain();
      else table.close(new UnavailableError("closing", `${functionArn}:${version} is no more.`));
      this.#registry.giveUpStarts(table, table.startsToSpare);
    }
    if (versions.size === 0) this.#tables.delete(functionArn);
  }

  #onAttached(): void {
    this.#starter.wake();
    this.#onFleetChange();
  }

  #onMeasured(node: WorkerNode<Environment>): void {
    this.#relief.measured(node);
    if (!node.isShort) this.#starter.memoryIsBack();
  }

  #onLost(node: WorkerNode<Environment>): void {
    for (const environment of node.residents()) this.#registry.ended(environment);
    this.#onFleetChange();
  }
}

function closing(): UnavailableError {
  return new UnavailableError("closing", "Hearth is stopping.");
}
