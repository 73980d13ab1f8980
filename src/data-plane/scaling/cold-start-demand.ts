/**
 * What a class of sandboxes is asked for: the starts of just now, each fading within minutes, and the sizes of the bursts
 * of the last day. The first tells how many come at the moment, the second how many come at once after a silence.
 */

/** Time after which a start counts half. */
export const demandHalfLifeMs = 60_000;
/** Below this a class has no demand worth remembering. */
const demandFloor = 0.01;

/** Starts within this time are one burst: a pool gives them what it has, and is filled again when the next comes. */
export const burstMs = 10_000;
/** Bursts are forgotten after a day: what comes once a day is remembered until it comes again. */
export const rememberedHours = 24;
const hourMs = 3_600_000;
/** The share of the remembered starts that is to find a sandbox ready; what other shares cost: docs/decisions/pool-sizes.md. */
const coveredShare = 0.75;

export interface ClassDemand {
  /** Starts of just now. */
  readonly recent: number;
  /** The fewest sandboxes that, standing there at each burst of the last day, three of four of its starts would have found ready. */
  readonly burst: number;
}

const none: ClassDemand = { recent: 0, burst: 0 };

/** By class key. */
export class ColdStartDemand {
  readonly #byClass = new Map<string, { readonly fading: FadingCount; readonly bursts: BurstSizes }>();

  observe(classKey: string, nowMs: number): void {
    let demand = this.#byClass.get(classKey);
    if (demand === undefined) {
      demand = { fading: new FadingCount(), bursts: new BurstSizes() };
      this.#byClass.set(classKey, demand);
    }
    demand.fading.add(nowMs);
    demand.bursts.add(nowMs);
  }

  at(classKey: string, nowMs: number): ClassDemand {
    const demand = this.#byClass.get(classKey);
    if (demand === undefined) return none;
    const recent = demand.fading.at(nowMs);
    const burst = demand.bursts.covering(coveredShare, nowMs);
    if (recent < demandFloor && burst === 0) this.#byClass.delete(classKey);
    return { recent, burst };
  }
}

class FadingCount {
  #value = 0;
  #atMs = 0;

  add(nowMs: number): void {
    this.#value = this.at(nowMs) + 1;
    this.#atMs = nowMs;
  }

  at(nowMs: number): number {
    return this.#value * 2 ** (-(nowMs - this.#atMs) / demandHalfLifeMs);
  }
}

/** How many bursts there were of each size, by the hour in which they began. */
class BurstSizes {
  readonly #hours = new Map<number, Map<number, number>>();
  #begunAtMs = -Infinity;
  #size = 0;

  add(nowMs: number): void {
    if (nowMs - this.#begunAtMs >= burstMs) {
      this.#remember();
      this.#begunAtMs = nowMs;
    }
    this.#size += 1;
  }

  /** 0 when nothing is remembered. */
  covering(share: number, nowMs: number): number {
    if (nowMs - this.#begunAtMs >= burstMs) this.#remember();
    const oldestHour = Math.floor(nowMs / hourMs) - rememberedHours;
    const countOf = new Map<number, number>();
    let starts = 0;
    let left = 0;
    for (const [hour, sizes] of this.#hours) {
      if (hour < oldestHour) {
        this.#hours.delete(hour);
        continue;
      }
      for (const [size, count] of sizes) {
        countOf.set(size, (countOf.get(size) ?? 0) + count);
        starts += size * count;
        left += count;
      }
    }
    // One sandbox more serves one start more of each burst that is at least as large.
    let ready = 0;
    for (let covered = 0; covered < share * starts; ready++) {
      left -= countOf.get(ready) ?? 0;
      covered += left;
    }
    return ready;
  }

  #remember(): void {
    if (this.#size === 0) return;
    const hour = Math.floor(this.#begunAtMs / hourMs);
    const sizes = this.#hours.get(hour) ?? new Map<number, number>();
    sizes.set(this.#size, (sizes.get(this.#size) ?? 0) + 1);
    this.#hours.set(hour, sizes);
    this.#size = 0;
  }
}
