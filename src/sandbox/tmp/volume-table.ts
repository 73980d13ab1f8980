/**
 * What every mechanism checks alike: names, sizes, which volumes live. A volume enters the table before anything is
 * made of it, so two creations of one name cannot meet.
 */
import { invariant } from "../../core/invariant.ts";
import type { TmpVolume } from "../contract.ts";
import { tmpSizeMiBMax, tmpSizeMiBMin } from "./contract.ts";

export const bytesPerMiB = 1_048_576;

export interface VolumeEntry<Extra> {
  readonly volume: TmpVolume;
  readonly extra: Extra;
  sizeMiB: number;
}

export class VolumeTable<Extra> {
  readonly #entries = new Map<string, VolumeEntry<Extra>>();
  #leftOver: number;

  /** `leftOver`: volumes of an earlier run that were removed before this table existed. */
  constructor(leftOver: number) {
    this.#leftOver = leftOver;
  }

  add(id: string, sizeMiB: number, uidBase: number, extra: Extra): VolumeEntry<Extra> {
    invariant(/^[a-z0-9-]{1,48}$/.test(id), `"${id}" is a volume's name ([a-z0-9-]{1,48})`);
    invariant(!this.#entries.has(id), `no volume ${id} exists yet`);
    const entry = { volume: { id, sizeMiB: checkedSize(sizeMiB), uidBase }, extra, sizeMiB };
    this.#entries.set(id, entry);
    return entry;
  }

  get(id: string): VolumeEntry<Extra> {
    const entry = this.#entries.get(id);
    invariant(entry !== undefined, `volume ${id} exists`);
    return entry;
  }

  /** False when there is nothing to do because the volume has that size. */
  grow(entry: VolumeEntry<Extra>, sizeMiB: number): boolean {
    checkedSize(sizeMiB);
    invariant(
      sizeMiB >= entry.sizeMiB,
      `volume ${entry.volume.id} of ${entry.sizeMiB} MiB does not shrink to ${sizeMiB}`,
    );
    return sizeMiB > entry.sizeMiB;
  }

  /** The entry, for whoever is first to remove it. */
  take(id: string): VolumeEntry<Extra> | undefined {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    return entry;
  }

  /** Each is reported once. */
  reportLeftOver(): number {
    const count = this.#leftOver;
    this.#leftOver = 0;
    return count;
  }

  values(): VolumeEntry<Extra>[] {
    return [...this.#entries.values()];
  }

  get size(): number {
    return this.#entries.size;
  }
}

function checkedSize(sizeMiB: number): number {
  invariant(
    Number.isInteger(sizeMiB) && sizeMiB >= tmpSizeMiBMin && sizeMiB <= tmpSizeMiBMax,
    `${sizeMiB} MiB is between ${tmpSizeMiBMin} and ${tmpSizeMiBMax}`,
  );
  return sizeMiB;
}
