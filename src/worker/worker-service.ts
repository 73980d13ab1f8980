/**
 * The worker: owns the execution environments of one machine and the pool of booted runtimes, and does what the front
 * asks of it. It decides nothing about who runs when, keeps nothing on disk, and never reads the control plane's records.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

import type { Clock } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import type { MemoryReading } from "../core/memory-pressure.ts";
import type { PackageListing } from "../packages/package-listing.ts";
import type { SandboxDriver } from "../sandbox/contract.ts";
import type {
  EnvironmentId,
  EnvironmentInfo,
  EnvironmentReady,
  EnvironmentSpec,
  Invocation,
  InvocationHandle,
  PoolInfo,
  PoolTarget,
  Worker,
  WorkerInfo,
  WorkerListener,
} from "./contract.ts";
import { Environment } from "./environment/environment.ts";
import { RuntimeFactory } from "./environment/runtime-factory.ts";
import type { RuntimeSource } from "./environment/runtime-slot.ts";
import type { SandboxPolicy } from "./environment/sandbox-plan.ts";
import { mustStartUnpooled } from "./environment/variables.ts";
import { EnvironmentLog } from "./logs/environment-log.ts";
import { WarmPool } from "./pool/warm-pool.ts";
import { RuntimeApiServer } from "./runtime-api/server.ts";
import { StatusWatch } from "./status-watch.ts";

/** Environments on one machine: each holds some ten descriptors, of which a process without CAP_SYS_RESOURCE has 20,000. */
export const environmentsMax = 1800;

/** Environments that are removed at once: each takes processes of its own to clear away. */
const removalsMax = 16;
/** Environments that are described within one turn. */
const infosPerTurn = 16;
/** Pooled runtimes that give way each time when memory is found to be short: some 50 MB. */
const shedAtOnce = 4;
const bytesPerMiB = 1_048_576;

export interface WorkerOptions {
  readonly driver: SandboxDriver;
  readonly clock: Clock;
  readonly policy: SandboxPolicy;
  /** The front's unix socket for requests from inside sandboxes. */
  readonly frontSocket: string;
  /** Log output of one environment beyond which lines are dropped. */
  readonly logBytesPerSecond: number;
  /** Distinguishes this run's sandboxes on this machine; `[a-z0-9]{1,16}`. */
  readonly runId: string;
  readonly version: string;
  /** Of this machine, or what of it environments may really use together. */
  readonly memoryMiB: number;
  /** Whether `memoryMiB` is less than the machine has. */
  readonly isMemoryLimited: boolean;
  readonly cpus: number;
  /** The directories of unpacked code on this machine. */
  readonly packages: Pick<PackageListing, "all" | "changes">;
  /** For the owner's log. */
  readonly report: (text: string) => void;
}

export interface WorkerService extends Worker {
  /** Who hears of logs and of environments that end by themselves; one at a time. */
  setListener(listener: WorkerListener | undefined): void;
  /** Destroys every environment and keeps the pool: a new front does not know the environments of the former one. */
  reset(): Promise<void>;
  /** Takes nothing new, lets running invocations end, then destroys every environment. */
  drain(): Promise<void>;
  /** Destroys everything at once, the pool included. The driver stays open: it is its maker's. */
  close(): Promise<void>;
}

export function createWorker(options: WorkerOptions): WorkerService {
  return new LocalWorker(options);
}

class LocalWorker implements WorkerService {
  readonly #options: WorkerOptions;
  readonly #pool: WarmPool;
  readonly #runtimes: RuntimeSource;
  readonly #environments = new Map<EnvironmentId, Environment>();
  readonly #status: StatusWatch;
  #listener: WorkerListener | undefined;
  /** While memory is short. */
  #poolHold: Disposable | undefined;
  #isClosing = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { driver, clock, policy, runId, frontSocket, cpus, report } = options;
    const factory = new RuntimeFactory({ driver, api: new RuntimeApiServer(), clock, policy, runId, frontSocket });
    const pool = new WarmPool({
      clock,
      create: (runtime, memoryMiB, listener) => factory.createPooled(runtime, memoryMiB, listener),
      bootsMax: cpus,
      report,
    });
    this.#pool = pool;
    this.#runtimes = {
      takePooled: (spec) =>
        mustStartUnpooled(spec) || !factory.canFurnish(spec) ? undefined : pool.take(spec.runtime, spec.memoryMiB),
      create: async (spec, listener, volume, isWanted) => {
        using _hold = pool.holdRefill();
        return await factory.create(spec, listener, volume, isWanted);
      },
      furnish: (process, spec) => factory.furnish(process, spec),
      specialise: (process, spec) => factory.specialise(process, spec),
      openEndpoint: (process, spec) => factory.openEndpoint(process, spec),
      limitCpu: (process, spec) => factory.limitCpu(process, spec),
      removeTmp: (volume) => factory.removeTmp(volume),
    };
    const { memoryMiB, packages } = options;
    this.#status = new StatusWatch({
      clock,
      memoryMiB,
      read: () => this.#readMemory(),
      packages: (all) => (all ? packages.all() : packages.changes()),
      isDraining: () => this.#isClosing,
      onShortage: (isShort) => this.#onShortage(isShort),
    });
  }

  setListener(listener: WorkerListener | undefined): void {
    this.#listener = listener;
    this.#status.setListener(listener === undefined ? undefined : (status) => listener.onStatus(status));
  }

  info(): Promise<WorkerInfo> {
    const { version, driver, memoryMiB, cpus } = this.#options;
    return Promise.resolve({ version, sandboxDriver: driver.name, memoryMiB, cpus });
  }

  createEnvironment(spec: EnvironmentSpec): Promise<EnvironmentReady> {
    if (this.#isClosing) return Promise.reject(new UnavailableError("closing", "this worker is being drained"));
    if (this.#environments.has(spec.id)) return Promise.reject(new Error(`environment ${spec.id} exists already`));
    if (this.#environments.size >= environmentsMax) {
      const text = `this worker runs at most ${environmentsMax} environments`;
      return Promise.reject(new UnavailableError("no-capacity", text));
    }
    const { clock, logBytesPerSecond, report } = this.#options;
    const environment = new Environment({
      spec,
      clock,
      log: new EnvironmentLog({
        spec,
        clock,
        bytesPerSecond: logBytesPerSecond,
        onBatch: (batch) => this.#listener?.onLogs(batch),
      }),
      runtimes: this.#runtimes,
      report,
      onGone: (reason) => this.#listener?.onEnvironmentGone(spec.id, reason),
      onEnd: () => this.#environments.delete(spec.id),
    });
    this.#environments.set(spec.id, environment);
    return environment.ready;
  }

  invoke(invocation: Invocation): InvocationHandle {
    const { environmentId } = invocation;
    if (this.#isClosing) return refusal(new UnavailableError("closing", "this worker is being drained"));
    const environment = this.#environments.get(environmentId);
    const handle = environment?.invoke(invocation);
    if (handle !== undefined) return handle;
    const state = environment === undefined ? "does not exist" : `is ${environment.phase}`;
    return refusal(new UnavailableError("no-capacity", `environment ${environmentId} ${state}; nothing ran`));
  }

  async destroyEnvironment(id: EnvironmentId): Promise<void> {
    await this.#environments.get(id)?.destroy();
  }

  setPoolTargets(targets: readonly PoolTarget[]): Promise<void> {
    if (!this.#isClosing) this.#pool.setTargets(targets);
    return Promise.resolve();
  }

  async environments(): Promise<EnvironmentInfo[]> {
    const infos: EnvironmentInfo[] = [];
    for (const environment of this.#environments.values()) {
      // Each reads a cgroup: invocations go on in between.
      if (infos.length % infosPerTurn === infosPerTurn - 1) await nextTurn();
      infos.push(environment.info());
    }
    return infos;
  }

  pools(): Promise<PoolInfo[]> {
    return Promise.resolve(this.#pool.info());
  }

  async reset(): Promise<void> {
    await forEachLimited([...this.#environments.values()], (environment) => environment.destroy());
  }

  #readMemory(): MemoryReading {
    const { driver, memoryMiB, isMemoryLimited } = this.#options;
    const { availableBytes, stalledShare } = driver.hostMemory();
    const hostMiB = Math.floor(availableBytes / bytesPerMiB);
    const leftMiB = isMemoryLimited ? memoryMiB - Math.ceil(driver.usedMemoryBytes() / bytesPerMiB) : hostMiB;
    return {
      availableMiB: Math.max(0, Math.min(hostMiB, leftMiB)),
      ...(stalledShare === undefined ? {} : { stalledShare }),
    };
  }

  /** What waits in the pool belongs to nobody: it gives way, and comes back when there is memory again. */
  #onShortage(isShort: boolean): void {
    if (isShort) {
      this.#poolHold ??= this.#pool.holdRefill();
      this.#pool.shed(shedAtOnce);
    } else {
      this.#poolHold?.[Symbol.dispose]();
      this.#poolHold = undefined;
    }
  }

  async #destroyAtOnce(): Promise<void> {
    await forEachLimited([...this.#environments.values()], (environment) => environment.destroy("at-once"));
  }

  async drain(): Promise<void> {
    this.#isClosing = true;
    this.#status.changed();
    await Promise.all([...this.#environments.values()].map((environment) => environment.idle()));
    await this.reset();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#status.close();
    await Promise.all([this.#destroyAtOnce(), this.#pool.close()]);
  }
}

async function forEachLimited<T>(items: T[], act: (item: T) => Promise<void>): Promise<void> {
  const next = async (): Promise<void> => {
    for (let item = items.pop(); item !== undefined; item = items.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: removalsMax }, next));
}

function refusal(reason: UnavailableError): InvocationHandle {
  const { promise, reject } = Promise.withResolvers<never>();
  // Nobody has to listen to both.
  promise.catch(() => undefined);
  reject(reason);
  return { response: promise, report: promise };
}
