/**
 * Makes runtime processes: for the pool, before their function is known, and for one function. Names the sandboxes so
 * that they are unique on this machine over restarts of the worker.
 */
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";

import type { Clock } from "../../core/clock.ts";
import { ApiError, UnavailableError } from "../../core/errors.ts";
import { Gate } from "../../core/gate.ts";
import type { RuntimePack } from "../../runtimes/contract.ts";
import type { Mount, SandboxDriver, TmpVolume } from "../../sandbox/contract.ts";
import type { EnvironmentSpec } from "../contract.ts";
import { ByteBudget } from "../extensions/byte-budget.ts";
import { extensionFilesOf } from "../extensions/extension-files.ts";
import type { FunctionIdentity } from "../extensions/wire.ts";
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

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (EFSMountFailureException) */
async function share({ sandbox }: RuntimeProcess, fileSystem: Mount): Promise<void> {
  try {
    await sandbox.share(fileSystem);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `The Lambda function couldn't mount the configured Amazon EFS file system at ${fileSystem.target}: ${why}`;
    throw new UnavailableError("no-capacity", message, { cause: new ApiError("EFSMountFailureException", message) });
  }
}

function restrictEgress({ sandbox }: RuntimeProcess, { egressRanges }: EnvironmentSpec): void {
  if (egressRanges !== undefined) sandbox.restrictEgress(egressRanges);
}

/**
 * Sandboxes of functions that are made at once. The OCI runtime works on half as many, so that it never waits; beyond
 * that each would only get slower, and a function that wants one would wait for all that another one wants.
 */
const createsAtOnceMax = 4 * availableParallelism();

/** What all environments together keep for subscribers that are slow to take it. */
const telemetryBytesMax = 134_217_728;

export class RuntimeFactory {
  readonly #options: RuntimeFactoryOptions;
  readonly #shared = { budget: new ByteBudget(telemetryBytesMax), newId: () => randomUUID() };
  readonly #creates = new Gate(createsAtOnceMax);
  #made = 0;

  constructor(options: RuntimeFactoryOptions) {
    this.#options = options;
  }

  /** A sandbox for any function of this runtime and memory size; nothing runs in it yet. */
  createPooled(runtime: RuntimePack, memoryMiB: number, listener: ProcessListener): Promise<RuntimeProcess> {
    const { driver, api, clock, policy } = this.#options;
    const sandbox = pooledSandbox(this.#nextId(), runtime, memoryMiB, policy);
    const extensions = { files: [], ...this.#shared };
    return RuntimeProcess.create({
      driver,
      api,
      clock,
      sandbox,
      pooled: true,
      listener,
      extensions,
      identity: undefined,
    });
  }

  /** A sandbox for one function; nothing runs in it yet. Rejects when it is not wanted any more once it is its turn. */
  create(
    spec: EnvironmentSpec,
    listener: ProcessListener,
    volume: TmpVolume | undefined,
    isWanted: () => boolean,
  ): Promise<RuntimeProcess> {
    return this.#creates.run(() => {
      if (isWanted()) return this.#create(spec, listener, volume);
      return Promise.reject(new UnavailableError("closing", `environment ${spec.id} was given up`));
    }, spec.functionArn);
  }

  async #create(
    spec: EnvironmentSpec,
    listener: ProcessListener,
    volume: TmpVolume | undefined,
  ): Promise<RuntimeProcess> {
    const { driver, api, clock, policy } = this.#options;
    if (spec.egressRanges !== undefined) await driver.prepareEgressList(spec.egressRanges);
    const files = extensionFilesOf(spec.layersDirectory);
    const sandbox = functionSandbox(this.#nextId(), spec, { policy, volume, extensions: files });
    const extensions = { files, ...this.#shared };
    const identity = identityOf(spec);
    const process = await RuntimeProcess.create({
      driver,
      api,
      clock,
      sandbox,
      pooled: false,
      listener,
      extensions,
      identity,
    });
    try {
      for (const fileSystem of spec.fileSystems ?? []) await share(process, fileSystem);
      restrictEgress(process, spec);
      return process;
    } catch (error) {
      // The `/tmp` of a former runtime stays with its environment.
      await process.destroy({ keepTmp: volume !== undefined });
      throw error;
    }
  }

  /** Whether a pooled sandbox can become this function's at once. */
  canFurnish({ egressRanges, fileSystems = [], layersDirectory }: EnvironmentSpec): boolean {
    if (fileSystems.length > 0 || extensionFilesOf(layersDirectory).length > 0) return false;
    return egressRanges === undefined || this.#options.driver.hasEgressList(egressRanges);
  }

  /**
   * Gives a pooled sandbox, whose memory size is the function's, the function's code, layers, `/tmp` size and egress; of
   * what `canFurnish` allows.
   */
  furnish(process: RuntimeProcess, spec: EnvironmentSpec): void {
    const { sandbox } = process;
    restrictEgress(process, spec);
    sandbox.attach({ source: spec.codeDirectory, target: taskRoot });
    if (spec.layersDirectory !== undefined) sandbox.attach({ source: spec.layersDirectory, target: layersRoot });
    if (sandbox.tmp.sizeMiB !== spec.ephemeralStorageMiB) sandbox.setTmpSize(spec.ephemeralStorageMiB);
  }

  /** False when the pooled runtime is not waiting any more. */
  specialise(process: RuntimeProcess, spec: EnvironmentSpec): boolean {
    return process.specialise(specialisation(spec), identityOf(spec));
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

function identityOf({ functionName, functionVersion, handler, scope }: EnvironmentSpec): FunctionIdentity {
  return { functionName, functionVersion, handler, accountId: scope.account };
}
