/**
 * From a function's configuration to what a worker needs to make an environment of it: the runtime pack, the unpacked
 * code, names and credentials.
 */
import { UnavailableError } from "../../core/errors.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Blobs, Digest } from "../../engine/contract.ts";
import type { PackageStore } from "../../packages/contract.ts";
import type { EnvironmentSpec } from "../../worker/contract.ts";
import type { ResolveRuntime } from "../scaling/pool-keeper.ts";
import { logStreamName, newCredentials, newEnvironmentId, type RandomBytes } from "./credentials.ts";

/** A spec but for what differs from one environment to the next. */
export type LaunchPlan = Omit<EnvironmentSpec, "id" | "logging" | "credentials">;

export class LaunchPlanner {
  readonly #resolveRuntime: ResolveRuntime;
  readonly #packages: Pick<PackageStore, "find" | "unpack">;
  readonly #blobs: Pick<Blobs, "get">;
  /** One unpacking per package, however many environments wait for it. */
  readonly #unpacking = new Map<Digest, Promise<string>>();

  constructor(options: {
    readonly resolveRuntime: ResolveRuntime;
    readonly packages: Pick<PackageStore, "find" | "unpack">;
    readonly blobs: Pick<Blobs, "get">;
  }) {
    this.#resolveRuntime = options.resolveRuntime;
    this.#packages = options.packages;
    this.#blobs = options.blobs;
  }

  /** Rejects with `UnavailableError` when the runtime or the code is not here. */
  async plan(scope: Scope, configuration: FunctionConfiguration): Promise<LaunchPlan> {
    const runtime = this.#resolveRuntime(configuration.runtime);
    if (runtime === undefined) {
      throw new UnavailableError("no-capacity", `The runtime ${configuration.runtime} is not available here.`);
    }
    return {
      scope,
      functionName: configuration.name,
      functionVersion: configuration.version,
      functionArn: configuration.functionArn,
      handler: configuration.handler,
      runtime,
      memoryMiB: configuration.memoryMiB,
      ephemeralStorageMiB: configuration.ephemeralStorageMiB,
      timeoutMs: configuration.timeoutSeconds * 1000,
      environment: configuration.environment,
      codeDirectory:
        this.#packages.find(configuration.codeDigest) ?? (await this.#unpack(configuration.codeDigest, configuration)),
      initializationType: "on-demand",
    };
  }

  /** Code that is durable but not unpacked: after a restore, or on a disk that lost its packages. */
  #unpack(digest: Digest, configuration: FunctionConfiguration): Promise<string> {
    const running = this.#unpacking.get(digest);
    if (running !== undefined) return running;
    const unpacking = this.#blobs
      .get(digest)
      .then((zip) => {
        if (zip === undefined) {
          throw new UnavailableError("no-capacity", `The code of ${configuration.functionArn} is not in the store.`);
        }
        return this.#packages.unpack(digest, zip);
      })
      .finally(() => this.#unpacking.delete(digest));
    this.#unpacking.set(digest, unpacking);
    return unpacking;
  }
}

/** A new environment's names and credentials. */
export function specOf(
  plan: LaunchPlan,
  configuration: FunctionConfiguration,
  random: RandomBytes,
  nowMs: number,
): EnvironmentSpec {
  const id = newEnvironmentId(random);
  return {
    ...plan,
    id,
    logging: { ...configuration.logging, stream: logStreamName(id, configuration.version, nowMs) },
    credentials: newCredentials(random),
  };
}
