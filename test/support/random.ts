/** Numbers that a seed repeats. */
import { createHash } from "node:crypto";

/** In [0, 1). */
export function randomOf(seed: number): () => number {
  let count = 0;
  return () => createHash("sha256").update(`${seed}/${count++}`).digest().readUInt32BE() / 2 ** 32;
}

export function pick<T>(random: () => number, values: readonly [T, ...T[]]): T {
  return values[Math.floor(random() * values.length)] ?? values[0];
}
