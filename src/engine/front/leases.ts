/**
 * Leases in the memory of one process, for engines whose data directory belongs to one process anyway: they end with
 * it, and its successor starts with none taken.
 */
import { UnavailableError } from "../../core/errors.ts";
import type { Clock } from "../../core/clock.ts";
import type { Key, Lease, Leases } from "../contract.ts";
import { encodeKey } from "../keys.ts";
import { requireNonNegative } from "../limits.ts";
import type { Lifetime } from "./lifetime.ts";

/** Leases held at once, expired ones included until room is needed. */
const leasesMax = 100_000;

interface Holding {
  expiresAtMs: number;
}

export class ProcessLeases implements Leases {
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #holdings = new Map<string, Holding>();

  constructor(clock: Clock, lifetime: Lifetime) {
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  async acquire(name: Key, owner: string, ttlMs: number): Promise<Lease | undefined> {
    this.#lifetime.requireOpen();
    requireNonNegative("ttlMs", ttlMs);
    const encoded = encodeKey(name);
    const held = this.#holdings.get(encoded);
    if (held && !this.#isExpired(held)) return undefined;
    if (this.#holdings.size >= leasesMax) this.#sweep();
    const holding = { expiresAtMs: this.#clock.monotonicMs() + ttlMs };
    this.#holdings.set(encoded, holding);
    const isHeld = (): boolean => this.#holdings.get(encoded) === holding && !this.#isExpired(holding);
    return {
      name,
      owner,
      renew: async () => {
        this.#lifetime.requireOpen();
        if (!isHeld()) return false;
        holding.expiresAtMs = this.#clock.monotonicMs() + ttlMs;
        return true;
      },
      release: async () => {
        this.#lifetime.requireOpen();
        if (this.#holdings.get(encoded) === holding) this.#holdings.delete(encoded);
      },
    };
  }

  #isExpired(holding: Holding): boolean {
    return holding.expiresAtMs <= this.#clock.monotonicMs();
  }

  #sweep(): void {
    for (const [name, holding] of this.#holdings) if (this.#isExpired(holding)) this.#holdings.delete(name);
    if (this.#holdings.size >= leasesMax) throw new UnavailableError("busy", `${leasesMax} leases are held`);
  }
}
