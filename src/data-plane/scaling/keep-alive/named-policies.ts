/** The policies by name, as settings and the simulator know them. */
import { unreachable } from "../../../core/invariant.ts";
import type { KeepAlivePolicy } from "./contract.ts";
import { FixedWindow } from "./fixed-window.ts";
import { Forecast } from "./forecast.ts";
import { GreedyDual } from "./greedy-dual.ts";
import { HybridHistogram } from "./hybrid-histogram.ts";

export const policyNames = ["forecast", "fixed", "hybrid", "greedy-dual"] as const;
export type PolicyName = (typeof policyNames)[number];

/**
 * `windowMs` is how long `fixed` keeps everything, whose idle memory is the budget of `forecast`, and how far the
 * histogram of `hybrid` reaches. `greedy-dual` has none.
 */
export function createPolicy(name: PolicyName, windowMs: number): KeepAlivePolicy {
  switch (name) {
    case "forecast":
      return new Forecast({ budgetWindowMs: windowMs });
    case "fixed":
      return new FixedWindow(windowMs);
    case "hybrid":
      return new HybridHistogram({ rangeMinutes: Math.max(1, Math.round(windowMs / 60_000)) });
    case "greedy-dual":
      return new GreedyDual();
    default:
      return unreachable(name);
  }
}
