import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import assert from "node:assert/strict";
import { systemClock } from "../../core/clock.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

test("more calls than the bounded queue takes are refused as busy at once; every other one is done", async () => {
  const directory = mkdtempSync(join(tmpdir(), "hearth-busy-"));
  const engine = await openSqliteEngine({ directory, clock: systemClock });
  try {
    const calls = 9000;

    const results = await Promise.allSettled(
      Array.from({ length: calls }, (_, index) => engine.records.put(["busy", String(index)], index)),
    );

    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, calls - 8192);
    for (const { reason } of refused) assert.equal((reason as { reason?: string }).reason, "busy");
    assert.equal((await engine.records.list(["busy"])).length, 8192);
    assert.equal((await engine.records.put(["busy", "again"], 1)).written, true);
  } finally {
    await engine.close();
    rmSync(directory, { recursive: true });
  }
});

test("content of more than the bounded queue takes is refused as busy, however few the calls", async () => {
  const directory = mkdtempSync(join(tmpdir(), "hearth-busy-"));
  const engine = await openSqliteEngine({ directory, clock: systemClock });
  try {
    const queue = await engine.queues.open(["busy"]);
    const body = new Uint8Array(1_048_576);

    const results = await Promise.allSettled(Array.from({ length: 70 }, () => queue.send([{ body }])));

    assert.equal(results.filter(({ status }) => status === "rejected").length, 70 - 63);
    assert.equal((await queue.stats()).visible, 63);
  } finally {
    await engine.close();
    rmSync(directory, { recursive: true });
  }
});
