/** Fifty different functions that are called at once for the first time, a booted sandbox ready for each. */
import { ms, type Report } from "../lib/report.ts";
import { coldBurst } from "../targets/cold-burst.ts";
import { withHearth } from "../targets/hearth.ts";

const functions = 50;
const factor = 2;

export async function many(report: Report): Promise<void> {
  await withHearth({ poolMin: functions, poolMax: functions }, async (hearth) => {
    const burst = await coldBurst(hearth, functions);
    report.series("many", burst);
    report.row({
      what: `${functions} different functions started at once`,
      conditions: `nodejs24.x, 128 MB, all from the pool; one alone takes ${ms(burst.costMs)} of a processor`,
      value: `all answered after ${ms(burst.takenMs)}, ${(burst.takenMs / burst.idealMs).toFixed(2)} × ${ms(burst.idealMs)}`,
      promise: `≤ ${factor} × (${functions} × the processor time of one ÷ cores)`,
    });
  });
}
