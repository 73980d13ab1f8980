import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AliasRecord } from "../../core/function-record.ts";
import { attemptsMax, decide, freshMs, restMs, sharesOf, surplusOf } from "./provisioning-plan.ts";

const alias = (functionVersion: string, weights: Record<string, number> = {}): AliasRecord => ({
  name: "live",
  functionVersion,
  description: "",
  additionalVersionWeights: weights,
  revisionId: "1",
});
const wanted = (qualifier: string, requested: number) => ({ qualifier, requested, lastModifiedMs: 0 });

test("a version's configuration is about that version, an alias's about what it points to", () => {
  assert.deepEqual([...sharesOf(wanted("3", 5), undefined)], [["3", 5]]);
  assert.deepEqual([...sharesOf(wanted("live", 5), alias("2"))], [["2", 5]]);
});

test("an alias that is gone, or points to $LATEST, provisions nothing", () => {
  assert.equal(sharesOf(wanted("live", 5), undefined).size, 0);
  assert.equal(sharesOf(wanted("live", 5), alias("$LATEST")).size, 0);
});

test("an alias that splits its traffic splits its environments, and their sum is what was asked for", () => {
  const split = sharesOf(wanted("live", 10), alias("1", { "2": 0.3 }));
  assert.deepEqual([split.get("1"), split.get("2")], [7, 3]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (requested, weight) => {
      const shares = sharesOf(wanted("live", requested), alias("1", { "2": weight }));
      assert.equal(
        [...shares.values()].reduce((sum, each) => sum + each, 0),
        requested,
      );
    }),
  );
});

test("what a move leaves behind is what its former versions have too much", () => {
  const before = new Map([["1", 5]]);

  assert.deepEqual([...surplusOf(before, new Map([["2", 5]]))], [["1", 5]]);
  assert.deepEqual(
    [
      ...surplusOf(
        before,
        new Map([
          ["1", 3],
          ["2", 2],
        ]),
      ),
    ],
    [["1", 2]],
  );
  assert.equal(surplusOf(before, new Map([["1", 8]])).size, 0);
});

test("starts what is missing, and keeps what is wanted and what is held for others", () => {
  const stock = { target: 5, held: 0, fresh: 2, starting: 1, failures: 0, resting: false };

  assert.deepEqual(decide(stock), { start: 2, keep: 5 });
  assert.deepEqual(decide({ ...stock, target: 0, held: 3 }), { start: 0, keep: 3 });
});

test("rests after a failure, and then tries one at a time", () => {
  const stock = { target: 5, held: 0, fresh: 0, starting: 0, failures: 1, resting: false };

  assert.equal(decide({ ...stock, resting: true }).start, 0);
  assert.equal(decide(stock).start, 1);
  assert.equal(decide({ ...stock, starting: 1 }).start, 0);
});

test("waits double, until the configuration has failed", () => {
  const waits = Array.from({ length: attemptsMax + 1 }, (_, index) => restMs(index + 1));

  assert.deepEqual(waits, [1000, 2000, 300_000, 300_000]);
});

test("the successor of an environment is started before its life ends", () => {
  assert.equal(freshMs(10_000), 9000);
  assert.equal(freshMs(50_400_000), 49_500_000);
});
