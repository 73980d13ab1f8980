/** The highest memory use of an environment, over all of its runtimes. */
import type { Clock } from "../../core/clock.ts";
import type { RuntimeProcess } from "./runtime-process.ts";

/**
 * Reading a cgroup costs as much as a third of a short invocation. The figure of an invocation that follows another
 * within this time is as old as that: the peak only ever rises, so the next report has it.
 */
const memoryReadIntervalMs = 50;

export class MemoryPeak {
  readonly #clock: Clock;
  #bytes = 0;
  #readAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  read(process: RuntimeProcess | undefined, how: "always" | "now-and-then"): void {
    const nowMs = this.#clock.monotonicMs();
    if (how === "now-and-then" && nowMs - this.#readAtMs < memoryReadIntervalMs) return;
    this.#readAtMs = nowMs;
    this.#bytes = Math.max(this.#bytes, process?.peakMemoryBytes() ?? 0);
  }
}
