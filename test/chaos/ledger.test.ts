import assert from "node:assert/strict";
import { test } from "node:test";
import { Deliveries, GroupOrder, Ledger } from "./ledger.ts";

test("what was accepted and did not come out is missing; what came out twice is counted", () => {
  const ledger = new Ledger();
  ledger.accept("a");
  ledger.accept("b");
  ledger.end("a");
  ledger.end("a");
  ledger.end("nobody knew");

  assert.deepEqual([...ledger.missing], ["b"]);
  assert.equal(ledger.accepted, 2);
  assert.equal(ledger.repeats, 1);
});

test("a message that comes within its visibility time, or after its deletion, is a violation", () => {
  const deliveries = new Deliveries();
  const receive = (askedAtMs: number, answeredAtMs: number): void =>
    deliveries.receive({ id: "m", askedAtMs, answeredAtMs, visibilityMs: 1000 });

  receive(0, 5);
  receive(990, 1000);
  assert.deepEqual(deliveries.violations, []);
  receive(1980, 1989);
  assert.deepEqual(deliveries.violations, ["m came again 1 ms before its visibility time was over"]);

  deliveries.remove("m");
  receive(9000, 9001);
  assert.equal(deliveries.violations[1], "m came again after its deletion was confirmed");
});

test("a group's message that overtakes another is a violation, one that comes again is none", () => {
  const order = new GroupOrder();
  for (const number of [1, 2, 2, 1, 3]) order.come({ group: "g", number });
  order.come({ group: "other", number: 1 });
  assert.deepEqual(order.violations, []);

  order.come({ group: "g", number: 5 });
  assert.deepEqual(order.violations, ["g: 5 came after 3"]);
});
