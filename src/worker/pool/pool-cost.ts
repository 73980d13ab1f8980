/**
 * What one class of the pool costs: the memory that its waiting runtimes hold, that memory times how long they hold it,
 * and the boots that fill it.
 *
 * Memory is what is really used, not what is configured: nobody is promised the rest, and a waiting runtime for 3008 MB
 * takes what one for 128 MB does. It is read when a runtime has booted and again when it is frozen, after which it takes
 * no more: taking one and telling the cost read nothing.
 */
import type { Clock } from "../../core/clock.ts";
import type { PoolInfo } from "../contract.ts";

export class PoolCost<Runtime extends { memoryBytes(): number }> {
  readonly #clock: Clock;
  readonly #held = new Map<Runtime, number>();
  #memoryBytes = 0;
  #memoryByteSeconds = 0;
  /** What was held until then is counted; monotonic. */
  #countedAtMs = 0;
  #boots = 0;
  #bootMs = 0;
  #bootCpuMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It waits from now on; or it waits already, and its memory is another. */
  holds(runtime: Runtime): void {
    const bytes = runtime.memoryBytes();
    this.#count();
    this.#memoryBytes += bytes - (this.#held.get(runtime) ?? 0);
    this.#held.set(runtime, bytes);
  }

  /** Safe to say of one that was not held. */
  releases(runtime: Runtime): void {
    const bytes = this.#held.get(runtime);
    if (bytes === undefined) return;
    this.#held.delete(runtime);
    this.#count();
    this.#memoryBytes -= bytes;
  }

  /** A boot ended, well or not; `sinceMs` is monotonic. */
  booted(sinceMs: number, cpuMs: number): void {
    this.#boots += 1;
    this.#bootMs += this.#clock.monotonicMs() - sinceMs;
    this.#bootCpuMs += cpuMs;
  }

  info(): Pick<PoolInfo, "memoryBytes" | "memoryByteSeconds" | "boots" | "bootMs" | "bootCpuMs"> {
    this.#count();
    return {
      memoryBytes: this.#memoryBytes,
      memoryByteSeconds: this.#memoryByteSeconds,
      boots: this.#boots,
      bootMs: this.#bootMs,
      bootCpuMs: this.#bootCpuMs,
    };
  }

  #count(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#memoryByteSeconds += (this.#memoryBytes * (nowMs - this.#countedAtMs)) / 1000;
    this.#countedAtMs = nowMs;
  }
}
