import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes } from "./output.ts";

test("a size is shown in the unit in which it can be read", () => {
  assert.deepEqual([0, 1023, 1229, 1_048_575, 52_428_800].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.2 KiB",
    "1024.0 KiB",
    "50.0 MiB",
  ]);
});
