import assert from "node:assert/strict";
import { test } from "node:test";
import { lineageIdOf, lineageOf, turnsMax, turnsOf, withLineage } from "./lineage.ts";

const a = lineageIdOf("arn:aws:lambda:us-east-1:000000000000:function:a");
const b = lineageIdOf("arn:aws:lambda:us-east-1:000000000000:function:b");
const head = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0";

test("a function has 16 turns in a chain, and its 17th is a loop", () => {
  let header = head;
  const turns: boolean[] = [];
  for (let turn = 1; turn <= 17; turn++) {
    const lineage = lineageOf(header, a);
    turns.push(lineage.isLoop);
    header = withLineage(header, lineage);
  }

  assert.deepEqual(turns, [...Array.from({ length: 16 }, () => false), true]);
  assert.equal(header, `${head};Lineage=17:${a}:16`);
  assert.deepEqual([turnsOf(head, a), turnsOf(header, a), turnsOf(undefined, a)], [0, turnsMax + 1, 0]);
});

test("each function of a chain is counted for itself", () => {
  let header = head;
  for (let round = 1; round <= 16; round++) {
    for (const id of [a, b]) {
      const lineage = lineageOf(header, id);
      assert(!lineage.isLoop, `round ${round}`);
      header = withLineage(header, lineage);
    }
  }

  assert(header.endsWith(`;Lineage=32:${a}:15|${b}:15`), header);
  assert(lineageOf(header, a).isLoop);
});

test("the older form, without the count of all invocations, is understood", () => {
  assert.equal(lineageOf(`Lineage=${b}:3|${a}:15`, a).isLoop, true);
  assert.equal(lineageOf(`Root=1-2-3;Lineage=${b}:3|${a}:14`, a).field, `Lineage=1:${b}:3|${a}:15`);
});

test("what is malformed begins anew, and a lineage does not grow without end", () => {
  for (const field of [
    "Lineage=",
    "Lineage=x",
    "Lineage=1:zz:3",
    "Lineage=1:::|",
    `Lineage=1:${a}:${"9".repeat(40)}`,
  ]) {
    assert.match(lineageOf(`${head};${field}`, a).field, new RegExp(`^Lineage=[12]:${a}:0$`), field);
  }
  let header = head;
  for (let index = 0; index < 100; index++) header = withLineage(header, lineageOf(header, lineageIdOf(String(index))));
  assert.equal(header.split("|").length, 16);
});
