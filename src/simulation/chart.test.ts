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

test("a policy without cold starts, or without idle memory, is on that axis, hollow, and that is said", () => {
  const chart = frontierChart(
    [report("fixed:0s", 1000, 0), report("fixed:1h", 300, 400), report("fixed:24h", 0, 4000)],
    "Cold",
  );

  const hollow = [...chart.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="4" fill="none"/g)];
  assert.deepEqual(
    hollow.map(([, x, y]) => [Number(x) === 74, Number(y) === 400]),
    [
      [true, false],
      [false, true],
    ],
  );
  assert.match(chart, /<title>fixed:0s: 1000 cold starts, 0 GiB hours<\/title>/);
  assert.match(chart, /<polyline [^>]*points="[\d.]+,[\d.]+"/);
  assert.match(chart, /hollow, on an axis: none at all/);
  assert.doesNotMatch(frontierChart([report("fixed:1h", 300, 400)], "Cold"), /hollow/);
});

test("small amounts are told with their digits, in what is pointed at and along the axes", () => {
  const chart = frontierChart([report("fixed:1m", 3, 0.0123456), report("fixed:2m", 2, 0.0166)], "Cold");

  assert.match(chart, /<title>fixed:1m: 3 cold starts, 0\.0123 GiB hours<\/title>/);
  assert.match(chart, /text-anchor="middle">0\.015<\/text>/);
});

test("with nothing at all there is no line and no number that is none", () => {
  assert.doesNotMatch(frontierChart([report("fixed:0s", 0, 0)], "none"), /NaN|Infinity|<polyline/);
});
