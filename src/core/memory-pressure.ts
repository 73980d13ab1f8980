/**
 * When a machine's memory is short, judged by what it could still give: environments are promised far more memory than
 * there is, since most use a fraction of theirs. Short memory is relieved, by ending idle environments, before the kernel
 * would have to kill something. A pure function of what was measured, with two marks so that it does not flutter: memory
 * is short below the lower one, and until it is above the upper one again.
 */
export interface MemoryReading {
  /** What environments could still take, before anything has to be killed. */
  readonly availableMiB: number;
  /**
   * Share of the last ten seconds in which something stood still for want of memory, 0 to 1 (the kernel's pressure stall
   * information); undefined where the kernel does not measure it.
   */
  readonly stalledShare?: number;
}

export interface MemoryPressure {
  readonly isShort: boolean;
  /** What has to be given back until it is not short any more; 0 when it is not. */
  readonly missingMiB: number;
}

/** Parts of the memory at which it becomes short, and at which it is so no longer. */
const lowShare = 1 / 16;
const highShare = 1 / 12;
/** Of `lowShare`: on large machines the reserve need not grow, since it has to last for a moment only. */
const lowMiBMax = 2048;
/**
 * Stalls count only below twice the lower mark: a function that thrashes at its own limit stalls too, and that somebody
 * else gives up memory does not help it.
 */
const stalledShareMin = 0.1;
const stallMarkFactor = 2;
/** What is given back at least, when stalls alone ask for it. */
const stallReliefMiB = 64;
/** Near its lower mark memory is looked at more often. */
const nearFactor = 4;

/** Below this much available memory it is short. */
export function lowMarkMiB(memoryMiB: number): number {
  return Math.min(memoryMiB * lowShare, lowMiBMax);
}

/** Whether memory could become short within moments. */
export function isNearShortage(memoryMiB: number, { availableMiB }: MemoryReading): boolean {
  return availableMiB < lowMarkMiB(memoryMiB) * nearFactor;
}

/** `wasShort` is what was said before. */
export function memoryPressure(memoryMiB: number, reading: MemoryReading, wasShort: boolean): MemoryPressure {
  const { availableMiB, stalledShare = 0 } = reading;
  const lowMiB = lowMarkMiB(memoryMiB);
  const highMiB = (lowMiB * highShare) / lowShare;
  if (availableMiB < (wasShort ? highMiB : lowMiB)) return { isShort: true, missingMiB: highMiB - availableMiB };
  const isStalling = stalledShare >= stalledShareMin && availableMiB < lowMiB * stallMarkFactor;
  return isStalling ? { isShort: true, missingMiB: stallReliefMiB } : { isShort: false, missingMiB: 0 };
}
