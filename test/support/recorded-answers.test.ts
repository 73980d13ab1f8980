import assert from "node:assert/strict";
import { test } from "node:test";
import { answeredError, compareAnswers, plainRecorded, Placeholders } from "./recorded-answers.ts";

function pathsOf(recorded: unknown, answered: unknown, placeholders = new Placeholders()): string[] {
  return compareAnswers(recorded, answered, placeholders).differences.map(({ path }) => path);
}

test("compares key by key, also what only one side has", () => {
  const recorded = { a: 1, b: { c: "x", d: [1, 2] }, e: {} };
  const answered = { a: 1, b: { c: "y", d: [1] }, f: true };

  const { keys, differences } = compareAnswers(recorded, answered, new Placeholders());

  assert.equal(keys, 6);
  assert.deepEqual(
    differences.map(({ path }) => path),
    ["b.c", "b.d[1]", "e", "f"],
  );
});

test("a numbered placeholder is one value in all answers of a case, and another than the next", () => {
  const placeholders = new Placeholders();

  assert.deepEqual(pathsOf({ id: "arn:<uuid:1>" }, { id: "arn:a" }, placeholders), []);
  assert.deepEqual(pathsOf({ id: "<uuid:1>" }, { id: "b" }, placeholders), ["id"]);
  assert.deepEqual(pathsOf({ id: "<uuid:2>" }, { id: "a" }, placeholders), ["id"]);
  assert.deepEqual(pathsOf({ id: "<uuid:2>" }, { id: "b" }, placeholders), []);
  assert.deepEqual(pathsOf({ id: "<uuid:3>/<uuid:3>" }, { id: "c/d" }, placeholders), ["id"]);
});

test("what varies must be there: times, sizes, and values that have their key's name", () => {
  const recorded = { When: "date", MaximumAge: "maximum-age", Size: "<size>", At: "<timestamp:2022-07-13T13:48:01Z>" };

  assert.deepEqual(pathsOf(recorded, { When: "now", MaximumAge: 3, Size: 5, At: "2026-11-21T01:02:03Z" }), []);
  assert.deepEqual(pathsOf(recorded, { When: "", Size: true, At: "2026-11-21" }), ["When", "MaximumAge", "Size", "At"]);
});

test("partition, region and account are those of the recording", () => {
  const recorded = { Arn: "arn:<partition>:lambda:<region>:111111111111:function:f" };

  assert.deepEqual(pathsOf(recorded, { Arn: "arn:aws:lambda:us-east-1:123456789012:function:f" }), []);
  assert.deepEqual(pathsOf(recorded, { Arn: "arn:aws:lambda:eu-west-1:123456789012:function:f" }), ["Arn"]);
});

test("JSON in a text is compared as what it says", () => {
  assert.deepEqual(
    pathsOf({ Policy: { Id: "default", Statement: [] } }, { Policy: '{"Statement":[],"Id":"default"}' }),
    [],
  );
});

test("several violations match in any order, in every form in which they were noted", () => {
  const error = { code: "ValidationException", message: "2 validation errors detected: b; a", status: 400 };
  const Message = "2 validation errors detected: a; b";

  for (const recorded of [
    { Error: { Code: error.code, Message }, ResponseMetadata: { HTTPStatusCode: 400, HTTPHeaders: {} } },
    { Code: error.code, Message },
    { Code: error.code, Count: 2, Errors: ["a", "b"] },
  ]) {
    assert.deepEqual(pathsOf(plainRecorded(recorded), answeredError(error, recorded)), []);
  }
});
