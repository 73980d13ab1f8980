import assert from "node:assert/strict";
import { test } from "node:test";
import { functionKey, functionPartKey, type FunctionRecord } from "../../core/function-record.ts";
import { FunctionsBench, scope } from "../../../test/support/functions-bench.ts";
import { FunctionParts } from "./function-parts.ts";

interface Part {
  readonly text: string;
}

/** A function of which something is being taken away, or all of it. */
async function openWith(change: Partial<FunctionRecord>): Promise<[FunctionsBench, FunctionParts<Part>]> {
  const bench = await FunctionsBench.open();
  const record = await bench.create();
  await bench.engine.records.put(functionKey(scope, "f"), { ...record, ...change });
  return [bench, new FunctionParts<Part>(bench.engine.records, "function-policy")];
}

const removal = { kind: "remove", id: "r", qualifier: "live" } as const;

test("nothing is made for a function that is being deleted, or for what is being taken from it", async () => {
  for (const change of [{ deleting: true }, { intent: removal }] as const) {
    const [bench, parts] = await openWith(change);

    await assert.rejects(
      parts.modify(scope, "f", "live", () => ({ text: "new" })),
      { code: "ResourceNotFoundException" },
    );
    assert.equal(await parts.find(scope, "f", "live"), undefined);
    await bench[Symbol.asyncDispose]();
  }
});

test("what is being taken away stays changed, not lost, in case that it stays after all", async () => {
  const [bench, parts] = await openWith({ intent: removal });
  await bench.engine.records.put(functionPartKey("function-policy", scope, "f", "live"), { text: "old" });

  await assert.rejects(
    parts.modify(scope, "f", "live", () => ({ text: "new" })),
    { code: "ResourceNotFoundException" },
  );
  assert.deepEqual(await parts.find(scope, "f", "live"), { text: "new" });
  assert.deepEqual(await parts.modify(scope, "f", "other", () => ({ text: "x" })), { text: "x" });
  await bench[Symbol.asyncDispose]();
});

test("parts are listed in the order of versions, then of names", async () => {
  const [bench, parts] = await openWith({});
  for (const qualifier of ["live", "10", "9", "$LATEST", "canary"]) {
    await parts.modify(scope, "f", qualifier, () => ({ text: qualifier }));
  }

  const all: string[] = [];
  for await (const { text } of parts.of(scope, "f")) all.push(text);
  const after = (await parts.list(scope, "f", { after: "10", limit: 1 })).map(({ text }) => text);

  assert.deepEqual(all, ["$LATEST", "9", "10", "canary", "live"]);
  assert.deepEqual(after, ["canary"]);
  await bench[Symbol.asyncDispose]();
});
