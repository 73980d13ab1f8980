/** What the default policy promises over others, on traces that none of them has seen. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { KeepAlivePolicyName } from "../config/keep-alive.ts";
import { createPolicy } from "../data-plane/scaling/keep-alive/named-policies.ts";
import { generateTrace } from "./generated-trace.ts";
import { simulate } from "./simulator.ts";
import type { Report } from "./tally.ts";

const minuteMs = 60_000;

function play(policy: KeepAlivePolicyName, windowMs: number, seed: number, memoryMiB?: number): Report {
  const trace = generateTrace({ functions: 40, days: 1, seed });
  return simulate(policy, createPolicy(policy, windowMs), trace, {
    seed,
    arrivals: "spread",
    instant: true,
    memoryMiB,
    workerMemoryMiB: 65_536,
    accountConcurrency: 1_000_000,
  });
}

test("forecast: with the idle memory of a fixed window there are far fewer cold starts", () => {
  let fixedCold = 0;
  let forecastCold = 0;
  for (const seed of [11, 12, 13]) {
    const fixed = play("fixed", 10 * minuteMs, seed);
    const forecast = play("forecast", 10 * minuteMs, seed);
    assert(forecast.idleGiBHours < 1.05 * fixed.idleGiBHours, `seed ${seed}`);
    fixedCold += fixed.coldStarts;
    forecastCold += forecast.coldStarts;
  }
  assert(forecastCold < 0.6 * fixedCold, `${forecastCold} of ${fixedCold}`);
});

test("forecast: in scarce memory cold starts take less time than with greedy-dual", () => {
  let greedyHours = 0;
  let forecastHours = 0;
  for (const seed of [21, 22, 23]) {
    greedyHours += play("greedy-dual", 0, seed, 3072).coldStartHours;
    forecastHours += play("forecast", 10 * minuteMs, seed, 3072).coldStartHours;
  }
  assert(forecastHours < greedyHours, `${forecastHours} against ${greedyHours}`);
});
