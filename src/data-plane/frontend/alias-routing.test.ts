import assert from "node:assert/strict";
import { test } from "node:test";
import type { AliasRecord } from "../../core/function-record.ts";
import { drawVersion, sharesOf } from "./alias-routing.ts";

const alias = (additionalVersionWeights: Record<string, number>): AliasRecord => ({
  name: "live",
  functionVersion: "1",
  description: "",
  additionalVersionWeights,
  revisionId: "r",
});

test("an alias of one version draws nothing", () => {
  assert.equal(
    drawVersion(alias({}), () => assert.fail("there is nothing to choose")),
    "1",
  );
});

const drawn = (weight: number, value: number): string => drawVersion(alias({ 2: weight }), () => value);

test("the additional version gets its share, to the edges", () => {
  assert.deepEqual([drawn(0.25, 0), drawn(0.25, 0.249), drawn(0.25, 0.25), drawn(0.25, 0.999)], ["2", "2", "1", "1"]);
  assert.deepEqual([drawn(0, 0), drawn(1, 0.999999)], ["1", "2"]);
});

test("the share of each version is told, the likeliest first, without those that are never run", () => {
  assert.deepEqual(sharesOf(alias({})), [{ version: "1", weight: 1 }]);
  assert.deepEqual(sharesOf(alias({ 2: 0.9 })), [
    { version: "2", weight: 0.9 },
    { version: "1", weight: 0.1 },
  ]);
  assert.deepEqual(sharesOf(alias({ 2: 0 })), [{ version: "1", weight: 1 }]);
  assert.deepEqual(sharesOf(alias({ 2: 1 })), [{ version: "2", weight: 1 }]);
});
