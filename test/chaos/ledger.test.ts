import assert from "node:assert/strict";
import { test } from "node:test";
import { Deliveries, GroupOrder, Ledger, Spoilt, Workings } from "./ledger.ts";

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

test("a message that a second invocation begins with too soon is a violation; what one invocation tells twice is none", () => {
  const workings = new Workings(1000);
  workings.begin({ id: "m", requestId: "one", atMs: 0 });
  workings.begin({ id: "m", requestId: "one", atMs: 5 });
  workings.begin({ id: "m", requestId: "two", atMs: 1005 });
  workings.begin({ id: "other", requestId: "two", atMs: 1005 });
  assert.deepEqual(workings.violations, []);

  workings.begin({ id: "m", requestId: "three", atMs: 2004 });
  assert.deepEqual(workings.violations, ["m was worked again 999 ms after it had been begun"]);
});

test("what was spoilt is told by source and reason, the most frequent first", () => {
  const spoilt = new Spoilt();
  for (const [source, why] of [
    ["jobs", "a"],
    ["notes", "a"],
    ["notes", "a"],
  ] as const) {
    spoilt.add(source, why);
  }

  assert.equal(spoilt.total, 3);
  assert.deepEqual(spoilt.reasons, ["2 × notes: a", "1 × jobs: a"]);
});
