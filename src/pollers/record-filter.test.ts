import assert from "node:assert/strict";
import { test } from "node:test";
import { recordFilterOf } from "./record-filter.ts";

/** Whether a message of that body passes; its group is `g`. */
const passes = (patterns: readonly unknown[], body: string): boolean =>
  recordFilterOf(patterns.map((pattern) => JSON.stringify(pattern)))({ attributes: { MessageGroupId: "g" } }, body);

test("without patterns everything passes, and of several one is enough", () => {
  assert(passes([], "anything"));
  assert(passes([{ body: { a: [1] } }, { body: { a: [2] } }], '{"a":2}'));
  assert(!passes([{ body: { a: [1] } }, { body: { a: [2] } }], '{"a":3}'));
});

test("a pattern for members of the body drops plain text, and one for plain text drops JSON", () => {
  assert(!passes([{ body: { a: [{ exists: false }] } }], "plain"));
  assert(!passes([{ body: [{ prefix: "{" }] }], '{"a":1}'));
  assert(passes([{ body: [{ prefix: "pl" }] }], "plain"));
  assert(passes([{ body: ["7"] }], "7"), "a number alone is plain text");
});

test("a pattern that asks nothing of the body takes both", () => {
  const pattern = { attributes: { MessageGroupId: ["g"] } };

  assert(passes([pattern], "plain"));
  assert(passes([pattern], '{"a":1}'));
  assert(!passes([{ attributes: { MessageGroupId: ["h"] } }], "plain"));
});

test("a body of JSON may be a list, of which one element has to match", () => {
  assert(passes([{ body: { a: [1] } }], '[{"a":0},{"a":1}]'));
});
