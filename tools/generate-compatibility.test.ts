import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compatibilityPath, generateCompatibility, section } from "./generate-compatibility.ts";
import { serviceEntries } from "./services.ts";

test("docs/compatibility.md says what the handler tables say", () => {
  const [written, generated] = [readFileSync(compatibilityPath, "utf8"), generateCompatibility()].map((page) =>
    page.split("\n"),
  );

  assert.deepEqual(
    {
      old: written?.filter((line) => !generated?.includes(line)),
      new: generated?.filter((line) => !written?.includes(line)),
    },
    { old: [], new: [] },
    "run: hearth node tools/generate-compatibility.ts",
  );
  assert.deepEqual(written, generated);
});

test("every operation of a client stands in the page once, and has a handler or is said to be absent", () => {
  for (const entry of serviceEntries()) {
    const rows = new Map(
      [...section(entry).matchAll(/^\| (\w+) \| (works|partly|not yet) \|/gm)].map(([, name, state]) => [name, state]),
    );

    assert.deepEqual([...rows.keys()], [...entry.model.operations.keys()].toSorted());
    for (const [name = "", state] of rows) {
      const isHere = Object.hasOwn(entry.handlers, name);
      assert.equal(state === "not yet", !isHere, name);
      assert.equal(state === "partly", Object.hasOwn(entry.partial, name), name);
    }
  }
});

test("a handler of no operation, and a note without handler, fail", () => {
  const [entry] = serviceEntries();
  assert(entry !== undefined);

  assert.throws(
    () => section({ ...entry, handlers: { ...entry.handlers, Nothing: () => ({}) } }),
    /no operation Nothing/,
  );
  assert.throws(() => section({ ...entry, partial: { Nothing: "a note" } }), /no operation Nothing/);
  assert.throws(() => section({ ...entry, handlers: {}, partial: { GetFunction: "a note" } }), /no handler/);
});
