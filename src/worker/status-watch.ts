/**
 * Tells the front how its worker is: what memory is left, which packages are on disk, whether it takes anything new. Told
 * at once, then twice a second, and more often where memory is about to become short: what is promised several times over
 * can be asked for within a second.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { isNearShortage, memoryPressure, type MemoryReading } from "../core/memory-pressure.ts";
import type { WorkerStatus } from "./contract.ts";

export const statusIntervalMs = 500;
/** Where memory is about to become short, or is. */
export const nearStatusIntervalMs = 100;

export interface StatusWatchOptions {
  readonly clock: Clock;
  /** What environments may really use together. */
  readonly memoryMiB: number;
  readonly read: () => MemoryReading;
  /** Names of the packages on disk if they have changed since this was last called with `false`; all of them with `true`. */
  readonly packages: (all: boolean) => readonly string[] | undefined;
  readonly isDraining: () => boolean;
  /** Called whenever memory was found to be short, and once when it is so no longer. */
  readonly onShortage: (isShort: boolean) => void;
}

export class StatusWatch {
  readonly #options: StatusWatchOptions;
  #tell: ((status: WorkerStatus) => void) | undefined;
  #timer: Timer | undefined;
  #isShort = false;

  constructor(options: StatusWatchOptions) {
    this.#options = options;
    this.#look(true);
  }

  /** Who is told from now on; undefined for nobody. */
  setListener(tell: ((status: WorkerStatus) => void) | undefined): void {
    this.#tell = tell;
    this.#look(true);
  }

  /** Something has changed that must not wait. */
  changed(): void {
    this.#look(false);
  }

  close(): void {
    this.#tell = undefined;
    this.#timer?.cancel();
  }

  #look(isNew: boolean): void {
    const { clock, memoryMiB, read, packages, isDraining, onShortage } = this.#options;
    const reading = read();
    const { isShort } = memoryPressure(memoryMiB, reading, this.#isShort);
    if (isShort || this.#isShort) onShortage(isShort);
    this.#isShort = isShort;
    if (this.#tell !== undefined) {
      const names = packages(isNew);
      this.#tell({ ...reading, isDraining: isDraining(), ...(names === undefined ? {} : { packages: names }) });
    }
    this.#timer?.cancel();
    const isNear = isShort || isNearShortage(memoryMiB, reading);
    this.#timer = clock.after(isNear ? nearStatusIntervalMs : statusIntervalMs, () => this.#look(false));
  }
}
