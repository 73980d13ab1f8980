/** What the default policy promises over others, on traces that none of them has seen. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { KeepAlivePolicyName } from "../config/keep-alive.ts";
import { createPolicy } from "../data-plane/scaling/keep-alive/named-policies.ts";
import { generateTrace } from "./generated-trace.ts";
import { simulate, type SimulationOptions } from "./simulator.ts";
import type { Report } from "./tally.ts";
import type { Trace } from "./trace.ts";

const minuteMs = 60_000;

function play(policy: KeepAlivePolicyName, windowMs: number, seed: number, memoryMiB?: number): Report {
  const trace = generateTrace({ functions: 40, days: 1, seed });
  return run(policy, windowMs, trace, { seed, instant: true, memoryMiB });
}

function run(
  policy: KeepAlivePolicyName,
  windowMs: number,
  trace: Trace,
  options: Pick<SimulationOptions, "seed" | "instant" | "memoryMiB">,
): Report {
  return simulate(policy, createPolicy(policy, windowMs), trace, {
    ...options,
    arrivals: "spread",
    workerMemoryMiB: 65_536,
    accountConcurrency: 1_000_000,
  });
}

/** A day of one function, each of whose minutes with demand has so many invocations. */
function alone(minutes: readonly number[], count: number): Trace {
  const invocations = {
    kind: "counted",
    minutes: Uint32Array.from(minutes),
    counts: Uint32Array.from(minutes, () => count),
    durations: { shares: [0, 1], values: [200, 400] },
  } as const;
  return { functions: [{ id: "alone", memoryMiB: 128, startMs: 500, invocations }], minutes: 1440, startedAtMs: 0 };
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

test("forecast: the rhythm of a function that is alone is found within a few rounds, with the memory of the window", () => {
  for (const periodMinutes of [30, 60]) {
    const trace = alone(
      Array.from({ length: 1440 / periodMinutes }, (_, round) => round * periodMinutes),
      1,
    );
    for (const seed of [1, 2, 3]) {
      const options = { seed, instant: false, memoryMiB: undefined };
      const fixed = run("fixed", 10 * minuteMs, trace, options);
      const forecast = run("forecast", 10 * minuteMs, trace, options);
      assert(forecast.coldStarts <= 6, `${forecast.coldStarts} cold starts, every ${periodMinutes} minutes`);
      assert(forecast.idleGiBHours < 1.05 * fixed.idleGiBHours, `${forecast.idleGiBHours} of ${fixed.idleGiBHours}`);
    }
  }
});

test("forecast: a burst after which nothing comes does not cost twice the memory of the window", () => {
  const trace = alone([600], 20_000);
  for (const seed of [1, 2, 3]) {
    const options = { seed, instant: false, memoryMiB: undefined };
    const fixed = run("fixed", 10 * minuteMs, trace, options);
    const forecast = run("forecast", 10 * minuteMs, trace, options);
    assert(forecast.idleGiBHours < 2 * fixed.idleGiBHours, `${forecast.idleGiBHours} of ${fixed.idleGiBHours}`);
  }
});
