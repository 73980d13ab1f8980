/**
 * From a function's configuration to what a worker needs to make an environment of it: the runtime pack, the unpacked
 * code, names and credentials.
 */
import { UnavailableError } from "../../core/errors.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Blobs, Digest } from "../../engine/contract.ts";
import { ensureTree, type TreeStore } from "../../packages/ensure-tree.ts";
import type { EnvironmentSpec } from "../../worker/contract.ts";
import type { ResolveRuntime } from "../scaling/pool-keeper.ts";
import type { RuntimePins } from "./runtime-pins.ts";
import type { FindSurroundings } from "./surroundings.ts";
import { logStreamName, newCredentials, newEnvironmentId, type RandomBytes } from "./credentials.ts";

/** A spec but for what differs from one environment to the next. */
export type LaunchPlan = Omit<EnvironmentSpec, "id" | "logging" | "credentials">;

export class LaunchPlanner {
  readonly #resolveRuntime: ResolveRuntime;
  readonly #packages: TreeStore;
  readonly #blobs: Pick<Blobs, "get">;
  readonly #surroundings: FindSurroundings;
  readonly #pins: Pick<RuntimePins, "require">;
  /** By digests: one unpacking, however many environments wait for it. */
  readonly #unpacking = new Map<string, Promise<string>>();

  constructor(options: {
    readonly resolveRuntime: ResolveRuntime;
    readonly packages: TreeStore;
    readonly blobs: Pick<Blobs, "get">;
    readonly surroundings: FindSurroundings;
    readonly pins: Pick<RuntimePins, "require">;
  }) {
    this.#resolveRuntime = options.resolveRuntime;
    this.#packages = options.packages;
    this.#blobs = options.blobs;
    this.#surroundings = options.surroundings;
    this.#pins = options.pins;
  }

  /** Rejects with `UnavailableError` when the runtime, the code or something that the owner must map is not here. */
  async plan(scope: Scope, configuration: FunctionConfiguration): Promise<LaunchPlan> {
    const runtime = this.#resolveRuntime(configuration.runtime);
    if (runtime === undefined) {
      throw new UnavailableError("no-capacity", `The runtime ${configuration.runtime} is not available here.`);
    }
    this.#pins.require(scope, configuration, runtime);
    const layers = (configuration.layers ?? []).map(({ digest }) => digest);
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
      ...this.#surroundings(configuration),
      codeDirectory: await this.#directoryOf([configuration.codeDigest], configuration),
      ...(layers.length === 0 ? {} : { layersDirectory: await this.#directoryOf(layers, configuration) }),
      initializationType: "on-demand",
    };
  }

  /** From memory, unless it is durable but not unpacked: after a restore, or on a disk that lost its packages. */
  async #directoryOf(digests: readonly Digest[], { functionArn }: FunctionConfiguration): Promise<string> {
    const present = this.#packages.findMerged(digests);
    if (present !== undefined) return present;
    const id = digests.join();
    const running = this.#unpacking.get(id);
    if (running !== undefined) return running;
    const unpacking = ensureTree(this.#packages, (digest) => this.#blobs.get(digest), digests)
      .then((directory) => {
        if (directory !== undefined) return directory;
        throw new UnavailableError("no-capacity", `The code of ${functionArn} is not in the store.`);
      })
      .finally(() => this.#unpacking.delete(id));
    this.#unpacking.set(id, unpacking);
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
