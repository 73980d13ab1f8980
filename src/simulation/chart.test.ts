import assert from "node:assert/strict";
import { test } from "node:test";

import { frontierChart } from "./chart.ts";
import { Tally, type Report } from "./tally.ts";

function report(policy: string, coldStarts: number, idleGiBHours: number): Report {
  const empty = new Tally(0).report(policy, { functions: [], minutes: 0, startedAtMs: 0 });
  return { ...empty, coldStarts, idleGiBHours };
}

test("each policy is a point, those of one kind a line, and the more cold starts the higher", () => {
  const chart = frontierChart(
    [report("fixed:10m", 1000, 200), report("fixed:1h", 300, 400), report("forecast:10m", 250, 200)],
    "Cold & idle",
  );

  assert.match(chart, /^<svg .*>\n/);
  assert.match(chart, /<title>Cold &amp; idle<\/title>/);
  assert.equal(chart.match(/<polyline/g)?.length, 2);
  assert.match(chart, /<title>fixed:1h: 300 cold starts, 400 GiB hours<\/title>/);
  const heights = [...chart.matchAll(/<circle cx="[\d.]+" cy="([\d.]+)" r="4"/g)].map(([, y]) => Number(y));
  const [first = 0, second = 0, third = 0] = heights;
  assert(first < second && second < third);
});

test("with nothing to show there is an empty chart", () => {
  assert.doesNotMatch(frontierChart([report("fixed:0s", 0, 0)], "none"), /NaN|Infinity|<polyline/);
});
