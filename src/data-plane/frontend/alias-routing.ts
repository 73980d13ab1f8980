/**
 * Which version an invocation of an alias runs: the additional version with the probability of its weight, else the first.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
 */
import type { AliasRecord } from "../../core/function-record.ts";

/** What part of an alias's invocations a version gets: above 0, up to 1. */
export interface VersionShare {
  readonly version: string;
  readonly weight: number;
}

/** Weights are given in decimals: this many digits hide what arithmetic makes of them. */
const weightDigits = 12;

/** Every version that an invocation of the alias may run, the likeliest first. */
export function sharesOf({ functionVersion, additionalVersionWeights }: AliasRecord): VersionShare[] {
  const additional = Object.entries(additionalVersionWeights).map(([version, weight]) => ({ version, weight }));
  const given = additional.reduce((sum, { weight }) => sum + weight, 0);
  const first = { version: functionVersion, weight: Number((1 - given).toFixed(weightDigits)) };
  return [first, ...additional].filter(({ weight }) => weight > 0).toSorted((a, b) => b.weight - a.weight);
}

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
