/**
 * Gives memory back to a worker whose memory is really short: idle environments end, in the order in which the keep-alive
 * policy can do without them for what they really hold, until what was missing is there. What runs an invocation, starts,
 * or is provisioned stays. A round is over when its environments are gone; what is measured after that begins the next.
 */
import type { WorkerNode } from "../placement/worker-node.ts";
import type { EnvironmentRegistry } from "./environment-registry.ts";
import type { Environment } from "./environment.ts";

/** Environments that end in one round: a second's work of one worker, after which it is looked whether that was enough. */
export const victimsPerRoundMax = 64;

/** Taken for what an environment holds if nobody knows: nothing holds less. */
const heldMiBMin = 1;
const bytesPerMiB = 1_048_576;

export class MemoryRelief {
  readonly #registry: Pick<EnvironmentRegistry, "evict">;
  readonly #underway = new WeakSet<WorkerNode<Environment>>();

  constructor(registry: Pick<EnvironmentRegistry, "evict">) {
    this.#registry = registry;
  }

  /** The worker has told what memory it has left. */
  measured(node: WorkerNode<Environment>): void {
    if (node.missingMiB === 0 || this.#underway.has(node) || node.evictable().length === 0) return;
    this.#underway.add(node);
    // It fails when the worker is lost, and everything in it.
    void this.#relieve(node)
      .catch(() => undefined)
      .finally(() => this.#underway.delete(node));
  }

  async #relieve(node: WorkerNode<Environment>): Promise<void> {
    const infos = await node.worker.environments();
    const heldMiB = new Map(infos.map(({ id, memoryBytes }) => [id, memoryBytes / bytesPerMiB]));
    await this.#registry.evict(node, {
      neededMiB: node.missingMiB,
      reason: "MemoryPressure",
      heldMiB: ({ id }) => Math.max(heldMiBMin, heldMiB.get(id) ?? heldMiBMin),
      countMax: victimsPerRoundMax,
    });
  }
}
