/**
 * Keeps everything until its memory is wanted; then the environment goes first whose next cold start is cheapest for
 * the memory it holds. Greedy-dual size frequency: priority = clock + frequency × cost / size, where the clock is the
 * highest priority evicted so far, so that what was once busy grows old.
 * Fuerst and Sharma, "FaasCache: Keeping Serverless Computing Alive with Greedy-Dual Caching", ASPLOS 2021.
 *
 * The priority is kept per function, not per environment: those of one function differ by their last use alone, which
 * decides between equals.
 */
import { memoryOf } from "./contract.ts";
import type { Happening, IdleEnvironment, KeepAlivePolicy, KeptFunction, Outlook, Past } from "./contract.ts";
import { Remembered } from "./remembered.ts";

interface Standing {
  /** Arrivals since the function last had no environment. */
  frequency: number;
  /** Of a cold start; the mean of those seen. */
  startMs: number;
  starts: number;
  idle: number;
  inFlight: number;
  /** The clock when it last had an environment to spare; what was gained since is per MiB of what it is allowed. */
  agedFrom: number;
  priority: number;
}

export class GreedyDual implements KeepAlivePolicy {
  readonly #functions = new Remembered<Standing>(() => ({
    frequency: 0,
    startMs: 0,
    starts: 0,
    idle: 0,
    inFlight: 0,
    agedFrom: 0,
    priority: 0,
  }));
  #clock = 0;

  observe(happening: Happening, kept: KeptFunction): void {
    const standing = happening === "arrival" ? this.#functions.touch(kept) : this.#functions.find(kept.id);
    if (standing === undefined) return;
    switch (happening) {
      case "arrival":
        standing.frequency++;
        standing.inFlight++;
        break;
      case "end":
        standing.inFlight = Math.max(0, standing.inFlight - 1);
        break;
      case "idle":
        standing.idle++;
        standing.agedFrom = this.#clock;
        standing.priority = this.#clock + (standing.frequency * standing.startMs) / kept.memoryMiB;
        break;
      case "evicted":
        this.#clock = Math.max(this.#clock, standing.priority);
        this.#gone(standing);
        break;
      case "released":
        this.#gone(standing);
        break;
      case "used":
        standing.idle = Math.max(0, standing.idle - 1);
    }
  }

  observeStart(kept: KeptFunction, startMs: number): void {
    const standing = this.#functions.find(kept.id);
    if (standing === undefined) return;
    standing.starts++;
    standing.startMs += (startMs - standing.startMs) / standing.starts;
  }

  /** What starts cost; how often a function came counts only while it has environments. */
  recall(past: Past): void {
    if (past.kind !== "start") return;
    this.#functions.touch(past.kept);
    this.observeStart(past.kept, past.startMs);
  }

  keepUntilMs(): number {
    return Infinity;
  }

  outlook(): Outlook {
    return { kind: "nothing" };
  }

  worth(idle: IdleEnvironment): number {
    const standing = this.#functions.find(idle.function.id);
    if (standing === undefined) return 0;
    const { agedFrom, priority } = standing;
    return agedFrom + ((priority - agedFrom) * idle.function.memoryMiB) / memoryOf(idle);
  }

  expectation(): undefined {
    return undefined;
  }

  forget(id: string): void {
    this.#functions.forget(id);
  }

  #gone(standing: Standing): void {
    standing.idle = Math.max(0, standing.idle - 1);
    if (standing.idle === 0 && standing.inFlight === 0) standing.frequency = 0;
  }
}
