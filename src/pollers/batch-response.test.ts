import assert from "node:assert/strict";
import { test } from "node:test";
import { processedOf } from "./batch-response.ts";

const messages = ["a", "b", "c"].map((id) => ({ id }));
const reporting = { reportsItemFailures: true };

/** The ids that are done after the function answered with this text; undefined when all of the batch failed. */
function doneAfter(answer: string, rules = reporting): string[] | undefined {
  return processedOf(
    messages,
    { kind: "success", payload: Buffer.from(answer), contentType: "application/json" },
    rules,
  )?.map(({ id }) => id);
}

const failures = (...identifiers: readonly unknown[]): string =>
  JSON.stringify({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) });

test("what the function reports is not done, and the rest is", () => {
  assert.deepEqual(doneAfter(failures("b")), ["a", "c"]);
  assert.deepEqual(doneAfter(failures("b", "b", "a")), ["c"]);
  assert.deepEqual(doneAfter(failures("a", "b", "c")), []);
});

for (const answer of ["", "null", '""', "[]", "{}", '{"other":1}', '{"batchItemFailures":null}', failures()]) {
  test(`an answer of ${answer || "nothing"} reports no failure`, () => {
    assert.deepEqual(doneAfter(answer), ["a", "b", "c"]);
  });
}

for (const answer of [
  "{not json",
  '"text"',
  "7",
  "true",
  "[1]",
  '{"batchItemFailures":"a"}',
  '{"batchItemFailures":{}}',
  '{"batchItemFailures":["a"]}',
  '{"batchItemFailures":[{"foo":"a"}]}',
  failures(""),
  failures(null),
  failures(1),
  failures("a", "unknown"),
]) {
  test(`an answer of ${answer} fails the whole batch`, () => {
    assert.equal(doneAfter(answer), undefined);
  });
}

test("without ReportBatchItemFailures every answer means that all is done", () => {
  for (const answer of ["{not json", failures("a")]) {
    assert.deepEqual(doneAfter(answer, { reportsItemFailures: false }), ["a", "b", "c"]);
  }
});

test("a function that fails has failed its whole batch", () => {
  const response = { kind: "function-error", functionError: "Unhandled", payload: Buffer.from("{}") } as const;

  assert.equal(processedOf(messages, response, reporting), undefined);
  assert.equal(processedOf(messages, response, { reportsItemFailures: false }), undefined);
});
