/**
 * Makes runtime processes: for the pool, before their function is known, and for one function. Names the sandboxes so
 * that they are unique on this machine over restarts of the worker.
 */
import type { Clock } from "../../core/clock.ts";
import type { RuntimePack } from "../../runtimes/contract.ts";
import type { SandboxDriver, TmpVolume } from "../../sandbox/contract.ts";
import type { EnvironmentSpec } from "../contract.ts";
import type { RuntimeApiServer } from "../runtime-api/server.ts";
import { RuntimeProcess, type ProcessListener } from "./runtime-process.ts";
import {
  functionSandbox,
  layersRoot,
  limitsFor,
  pooledSandbox,
  specialisation,
  taskRoot,
  type SandboxPolicy,
} from "./sandbox-plan.ts";

export interface RuntimeFactoryOptions {
  readonly driver: SandboxDriver;
  readonly api: RuntimeApiServer;
  readonly clock: Clock;
  readonly policy: SandboxPolicy;
  /** Distinguishes the sandboxes of this run; `[a-z0-9]{1,16}`. */
  readonly runId: string;
  /** The front's unix socket for requests from inside sandboxes. */
  readonly frontSocket: string;
}

export class RuntimeFactory {
  readonly #options: RuntimeFactoryOptions;
  #made = 0;

  constructor(options: RuntimeFactoryOptions) {
    this.#options = options;
  }

  /** A sandbox for any function of this runtime and memory size; nothing runs in it yet. */
  createPooled(runtime: RuntimePack, memoryMiB: number, listener: ProcessListener): Promise<RuntimeProcess> {
    const { driver, api, clock, policy } = this.#options;
    const sandbox = pooledSandbox(this.#nextId(), runtime, memoryMiB, policy);
    return RuntimeProcess.create({ driver, api, clock, sandbox, pooled: true, listener });
  }

  /** A sandbox for one function; nothing runs in it yet. */
  create(spec: EnvironmentSpec, listener: ProcessListener, volume: TmpVolume | undefined): Promise<RuntimeProcess> {
    const { driver, api, clock, policy } = this.#options;
    const sandbox = functionSandbox(this.#nextId(), spec, policy, volume);
    return RuntimeProcess.create({ driver, api, clock, sandbox, pooled: false, listener });
  }

  /** Gives a pooled sandbox, whose memory size is the function's, the function's code, layers and `/tmp` size. */
  furnish(process: RuntimeProcess, spec: EnvironmentSpec): void {
    const { sandbox } = process;
    sandbox.attach({ source: spec.codeDirectory, target: taskRoot });
    if (spec.layersDirectory !== undefined) sandbox.attach({ source: spec.layersDirectory, target: layersRoot });
    if (sandbox.tmp.sizeMiB !== spec.ephemeralStorageMiB) sandbox.setTmpSize(spec.ephemeralStorageMiB);
  }

  /** False when the pooled runtime is not waiting any more. */
  specialise(process: RuntimeProcess, spec: EnvironmentSpec): boolean {
    return process.specialise(specialisation(spec));
  }

  openEndpoint(process: RuntimeProcess, spec: EnvironmentSpec): void {
    process.openEndpoint(spec.id, this.#options.frontSocket);
  }

  /** The init phase is over: CPU in proportion to memory from here on. */
  limitCpu(process: RuntimeProcess, spec: EnvironmentSpec): void {
    process.setLimits(limitsFor(this.#options.policy, spec.memoryMiB, "invoke"));
  }

  removeTmp(volume: TmpVolume): Promise<void> {
    return this.#options.driver.removeTmp(volume);
  }

  #nextId(): string {
    this.#made += 1;
    return `${this.#options.runId}-${this.#made.toString(36)}`;
  }
}
