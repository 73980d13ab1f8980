/**
 * In which minutes of the last days a function needed so many environments at once, and what has followed from what:
 * the memory behind a forecast, 2 KiB whatever happens.
 */

/** Minutes that are remembered one by one: three days and an hour, since a day ago is asked for three times over. */
export const minutesRemembered = 4384;

/** The cells of what is counted for one function alone; see `forecaster.ts` for their meaning. */
export const ageCells = 120;
export const rhythmCells = 216;
export const phaseCells = 60;
export const lagsMinutes = [15, 30, 60, 240, 1440] as const;
export const lagCells = 16;
export const ownCells = ageCells + rhythmCells + phaseCells + lagsMinutes.length * lagCells;

/** Outcomes counted in a cell before all are halved: what is long past counts less. */
const outcomesMax = 250;

/** What the views said of a minute with demand, to be learned from when the minute is over; see `forecaster.ts`. */
export interface Lesson {
  readonly biasClass: number;
  readonly cells: Int32Array;
  readonly trusts: Int32Array;
  readonly inputs: Float64Array;
}

export class DemandHistory {
  readonly #minutes = new Uint32Array(minutesRemembered / 32);
  readonly #outcomes = new Uint8Array(ownCells);
  readonly #hits = new Uint8Array(ownCells);
  /** The last minute with demand; -1 before the first. */
  lastMinute = -1;
  /** Minutes with demand, in all. */
  active = 0;
  /** Minutes between the last ones with demand: the newest distance first, 0 where there was none. */
  readonly gaps: [number, number, number] = [0, 0, 0];
  /** Running geometric mean of the distances; 1 before the first. */
  meanGap = 1;
  /** Everything before this minute has been learned from. */
  learnedUntil = 0;
  lesson: Lesson | undefined;

  /** Whether there was demand in that minute; false for what is beyond memory or still to come. */
  has(minute: number): boolean {
    if (minute < 0 || minute > this.lastMinute || minute <= this.lastMinute - minutesRemembered) return false;
    const bit = minute % minutesRemembered;
    return (((this.#minutes[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  /** `minute` is after `lastMinute`. */
  mark(minute: number): void {
    if (this.lastMinute >= 0) {
      const gap = minute - this.lastMinute;
      const [newest, second] = this.gaps;
      this.gaps[2] = second;
      this.gaps[1] = newest;
      this.gaps[0] = gap;
      this.meanGap = newest === 0 ? gap : this.meanGap ** 0.7 * gap ** 0.3;
    }
    const clearFrom = Math.max(this.lastMinute + 1, minute - minutesRemembered + 1);
    for (let each = clearFrom; each < minute; each++) this.#set(each, false);
    this.#set(minute, true);
    this.lastMinute = minute;
    this.active++;
  }

  outcomes(cell: number): number {
    return this.#outcomes[cell] ?? 0;
  }

  hits(cell: number): number {
    return this.#hits[cell] ?? 0;
  }

  count(cell: number, hit: boolean): void {
    if (this.outcomes(cell) >= outcomesMax) {
      this.#outcomes[cell] = this.outcomes(cell) >>> 1;
      this.#hits[cell] = this.hits(cell) >>> 1;
    }
    this.#outcomes[cell] = this.outcomes(cell) + 1;
    if (hit) this.#hits[cell] = this.hits(cell) + 1;
  }

  #set(minute: number, value: boolean): void {
    const bit = minute % minutesRemembered;
    const word = bit >>> 5;
    const mask = 1 << (bit & 31);
    const before = this.#minutes[word] ?? 0;
    this.#minutes[word] = value ? before | mask : before & ~mask;
  }
}
