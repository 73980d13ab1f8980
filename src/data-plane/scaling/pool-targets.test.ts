import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuntimePack } from "../../runtimes/contract.ts";
import { ColdStartDemand, burstMs, demandHalfLifeMs, rememberedHours } from "./cold-start-demand.ts";
import { poolTargets, readySandboxesMax } from "./pool-targets.ts";

const node: RuntimePack = {
  identifier: "nodejs24.x",
  family: "nodejs",
  version: "24.0.0",
  mounts: [],
  argv: ["node"],
  environment: {},
  poolable: true,
  startOnlyVariables: [],
};
const python: RuntimePack = { ...node, identifier: "python3.11", family: "python" };
const bounds = { min: 2, max: 64 };

const hourMs = 3_600_000;

/** The target of one class, after starts at these times. */
function targetAfter(startsAtMs: readonly number[], nowMs: number): number | undefined {
  const demand = new ColdStartDemand();
  for (const atMs of startsAtMs) demand.observe("nodejs24.x/128", atMs);
  return poolTargets([{ runtime: node, memoryMiB: 128 }], (key) => demand.at(key, nowMs), bounds)[0]?.target;
}

const burst = (size: number, atMs: number): number[] => Array.from({ length: size }, () => atMs);

test("every class in use has the minimum ready, however many functions share it", () => {
  const classes = [
    { runtime: node, memoryMiB: 128 },
    { runtime: node, memoryMiB: 128 },
    { runtime: python, memoryMiB: 128 },
  ];

  assert.deepEqual(
    poolTargets(classes, () => ({ recent: 0, burst: 0 }), bounds).map(({ runtime, target }) => [
      runtime.identifier,
      target,
    ]),
    [
      ["nodejs24.x", 2],
      ["python3.11", 2],
    ],
  );
});

test("starts of just now raise their class up to the maximum", () => {
  assert.equal(targetAfter(burst(20, 0), 0), 22);
  assert.equal(targetAfter(burst(500, 0), 0), 64);
});

test("a steady trickle, or starts that come one by one, keep the minimum", () => {
  const oneAnHour = Array.from({ length: 24 }, (_, hour) => hour * hourMs);

  assert.equal(targetAfter(oneAnHour, 23 * hourMs + 20 * demandHalfLifeMs), 2);
});

test("a burst after silence finds what the last one took, within a day", () => {
  const begins = 5 * hourMs;
  const spread = Array.from({ length: 20 }, (_, index) => begins + (index * burstMs) / 20);

  assert.equal(targetAfter(spread, begins + 20 * demandHalfLifeMs), 15);
  assert.equal(targetAfter(spread, begins + rememberedHours * hourMs), 15);
  assert.equal(targetAfter(spread, begins + (rememberedHours + 1) * hourMs), 2);
});

test("three of four starts of the day are covered, not all of the one burst that was far larger", () => {
  const bursts = Array.from({ length: 20 }, (_, index) => burst(10, index * hourMs)).flat();

  assert.equal(targetAfter(bursts, 21 * hourMs), 8);
  assert.equal(targetAfter([...bursts, ...burst(40, 20 * hourMs)], 21 * hourMs), 9);
});

test("functions of very many memory sizes do not fill the machine with ready sandboxes; demand is served first", () => {
  const classes = Array.from({ length: 1000 }, (_, index) => ({ runtime: node, memoryMiB: 128 + index }));

  const targets = poolTargets(classes, (key) => ({ recent: key.endsWith("/1127") ? 10 : 0, burst: 0 }), bounds);

  assert.equal(
    targets.reduce((sum, each) => sum + each.target, 0),
    readySandboxesMax,
  );
  assert.equal(targets.find((each) => each.memoryMiB === 1127)?.target, 12);
});
