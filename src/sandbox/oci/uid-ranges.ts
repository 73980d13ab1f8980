/** Ranges of host uids, one for each `/tmp` volume and the sandbox that uses it; given out lowest first. */
import { UnavailableError } from "../../core/errors.ts";
import { idsPerSandbox } from "./config.ts";

/** The last uid but the one that means "none". */
const uidMax = 2 ** 32 - 2;

export class UidRanges {
  readonly #first: number;
  readonly #used = new Set<number>();

  constructor(first: number) {
    this.#first = first;
  }

  take(): number {
    let base = this.#first;
    while (this.#used.has(base)) base += idsPerSandbox;
    if (base + idsPerSandbox - 1 > uidMax) {
      throw new UnavailableError("no-capacity", `every uid range from ${this.#first} on is in use`);
    }
    this.#used.add(base);
    return base;
  }

  release(base: number): void {
    this.#used.delete(base);
  }
}
