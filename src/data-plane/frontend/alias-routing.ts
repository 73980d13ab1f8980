/**
 * Which version an invocation of an alias runs: the additional version with the probability of its weight, else the first.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
 */
import type { AliasRecord } from "../../core/function-record.ts";

/** `draw` makes a number from 0 up to 1; it is only asked when there is a choice. */
export function drawVersion({ functionVersion, additionalVersionWeights }: AliasRecord, draw: () => number): string {
  const additional = Object.entries(additionalVersionWeights);
  if (additional.length === 0) return functionVersion;
  let left = draw();
  for (const [version, weight] of additional) {
    if (left < weight) return version;
    left -= weight;
  }
  return functionVersion;
}
