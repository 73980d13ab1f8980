/**
 * How the disk that logs may take is shared: groups that take less than an equal share keep everything, the others are
 * cut to one level. A function that floods thereby loses its own oldest events and nobody else's.
 */

/** The level to which the largest are cut so that the sum is within `budgetBytes`; `Infinity` when it already is. */
export function fairLevel(sizes: readonly number[], budgetBytes: number): number {
  const ascending = sizes.toSorted((a, b) => a - b);
  let leftBytes = budgetBytes;
  for (const [index, size] of ascending.entries()) {
    const share = leftBytes / (ascending.length - index);
    if (size > share) return Math.floor(share);
    leftBytes -= size;
  }
  return Infinity;
}
