import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import assert from "node:assert/strict";
import { ManualClock } from "../../core/manual-clock.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const budgetBytes = 2_500_000;

test("a stream of ten times its budget, trimmed as it grows, leaves the disk bounded, and less when it is gone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "hearth-bound-"));
  try {
    const engine = await openSqliteEngine({ directory, clock: new ManualClock() });
    const size = (name: string): number => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
    const data = Buffer.alloc(100, "x");
    let written = 0;
    let largest = 0;

    while (written < 10 * budgetBytes) {
      const entries = Array.from({ length: 4000 }, (_, index) => ({
        shard: `s${index % 5}`,
        timestampMs: written,
        data,
      }));
      await engine.streams.append(["log"], entries);
      await engine.streams.trim(["log"], { maxBytes: budgetBytes });
      written += entries.length * (data.length + 26);
      largest = Math.max(largest, size("streams.db") + size("streams.db-wal"));
    }

    assert(largest < 3 * budgetBytes + 32_000_000, `${largest} bytes on disk at most`);
    await engine.streams.remove(["log"]);
    for (let left = Infinity; size("streams.db") < left;) {
      left = size("streams.db");
      for (let turn = 0; turn < 20; turn++) await engine.streams.trim(["log"], {});
      await engine.streams.append(["tick"], [{ shard: "s", timestampMs: 0, data }]);
    }
    await engine.close();
    assert(size("streams.db") < 6_000_000, `${size("streams.db")} bytes are left of it`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
