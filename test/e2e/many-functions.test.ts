/** Cold starts of different functions do not wait for each other: they share the processors, and leave none idle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { coldBurst } from "../../bench/targets/cold-burst.ts";
import { startHearth } from "../support/hearth.ts";

const functions = 50;
/** Promised are 2, on a machine that does nothing else (`bench/parts/many.ts`); in a line they would be far beyond it. */
const factorMax = 10;

test(`${functions} different functions called at once start together when the pool is full`, async (context) => {
  await using hearth = await startHearth({ settings: { poolMin: functions, poolMax: functions } });

  const { costMs, takenMs, idealMs } = await coldBurst(hearth, functions);

  const said = `${takenMs.toFixed(0)} ms, ${(takenMs / idealMs).toFixed(2)} × ${idealMs.toFixed(0)} ms; one alone takes ${costMs.toFixed(1)} ms of a processor`;
  context.diagnostic(said);
  assert(takenMs <= factorMax * idealMs, said);
});
