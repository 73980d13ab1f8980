import assert from "node:assert/strict";
import { test } from "node:test";
import { DemandHistory } from "./demand-history.ts";
import { periodOf } from "./period.ts";

function historyOf(minutes: readonly number[]): DemandHistory {
  const history = new DemandHistory();
  for (const minute of minutes) history.mark(minute);
  return history;
}

test("arrivals at like distances have that period, a minute more or less", () => {
  assert.equal(periodOf(historyOf([1000, 1045, 1090, 1135])), 45);
  assert.equal(periodOf(historyOf([1000, 1045, 1091, 1135])), 45);
  assert.equal(periodOf(historyOf([1000, 1045, 1095, 1135])), undefined);
});

/** Four bursts, so many minutes from each other. */
function burstsEvery(minutes: number): number[] {
  return [0, 1, 2, 3].flatMap((round) => [0, 1, 4, 6].map((offset) => 5000 + round * minutes + offset));
}

test("bursts that come back every hour or every day have its period, though their distances differ", () => {
  assert.equal(periodOf(historyOf(burstsEvery(60))), 60);
  assert.equal(periodOf(historyOf(burstsEvery(1440))), 1440);
  assert.equal(periodOf(historyOf(burstsEvery(100))), undefined);
});

test("what has come too seldom, or comes at any time, has none", () => {
  const anyTime = Array.from({ length: 5000 }, (_, minute) => minute).filter((minute) => (minute * minute) % 7 < 2);

  assert.equal(periodOf(historyOf([])), undefined);
  assert.equal(periodOf(historyOf([1000, 1045, 1090])), undefined);
  assert.equal(periodOf(historyOf(anyTime)), undefined);
});
