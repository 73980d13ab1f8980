/**
 * The rhythm in which a function has come of late, to be told to people; forecasts look at more than that.
 */
import { lagsMinutes, type DemandHistory } from "./demand-history.ts";

/** How often in a row something has to come back before it is called a period. */
const returns = 3;

/** Distances that differ by so much of their mean, or by a minute, are alike. */
const alikeWithin = 0.05;

/** In minutes: the distance between the last arrivals if they were alike, else a lag at which there always was one. */
export function periodOf(history: Pick<DemandHistory, "gaps" | "has" | "lastMinute">): number | undefined {
  const { gaps } = history;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const spread = Math.max(...gaps) - Math.min(...gaps);
  if (Math.min(...gaps) > 0 && spread <= Math.max(1, alikeWithin * mean)) return Math.round(mean);
  return lagsMinutes.find((lag) => comesBack(history, lag));
}

/** There was demand at each of the last returns, and none half-way between: else it would come at any time. */
function comesBack(history: Pick<DemandHistory, "has" | "lastMinute">, lag: number): boolean {
  for (let round = 1; round <= returns; round++) {
    if (!history.has(history.lastMinute - round * lag)) return false;
    if (history.has(history.lastMinute - Math.floor((round - 0.5) * lag))) return false;
  }
  return true;
}
