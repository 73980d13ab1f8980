import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuntimePack } from "../../runtimes/contract.ts";
import { ColdStartDemand, demandHalfLifeMs, poolTargets, readySandboxesMax } from "./pool-targets.ts";

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

test("every class in use has the minimum ready, however many functions share it", () => {
  const classes = [
    { runtime: node, memoryMiB: 128 },
    { runtime: node, memoryMiB: 128 },
    { runtime: python, memoryMiB: 128 },
  ];

  assert.deepEqual(
    poolTargets(classes, () => 0, bounds).map(({ runtime, target }) => [runtime.identifier, target]),
    [
      ["nodejs24.x", 2],
      ["python3.11", 2],
    ],
  );
});

test("a burst of cold starts raises its class up to the maximum, and is forgotten by halves", () => {
  const demand = new ColdStartDemand();
  const at = (nowMs: number): number | undefined =>
    poolTargets([{ runtime: node, memoryMiB: 128 }], (key) => demand.at(key, nowMs), bounds)[0]?.target;

  for (let start = 0; start < 20; start++) demand.observe("nodejs24.x/128", 0);

  assert.equal(at(0), 22);
  assert.equal(at(demandHalfLifeMs), 12);
  assert.equal(at(demandHalfLifeMs * 20), 2);
  for (let start = 0; start < 500; start++) demand.observe("nodejs24.x/128", 0);
  assert.equal(at(0), 64);
});

test("functions of very many memory sizes do not fill the machine with ready sandboxes; demand is served first", () => {
  const classes = Array.from({ length: 1000 }, (_, index) => ({ runtime: node, memoryMiB: 128 + index }));

  const targets = poolTargets(classes, (key) => (key.endsWith("/1127") ? 10 : 0), bounds);

  assert.equal(
    targets.reduce((sum, each) => sum + each.target, 0),
    readySandboxesMax,
  );
  assert.equal(targets.find((each) => each.memoryMiB === 1127)?.target, 12);
});
