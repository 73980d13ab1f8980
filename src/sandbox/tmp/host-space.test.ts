import assert from "node:assert/strict";
import { test } from "node:test";

import { defaultReserveBytes, isWorthSetting, totalLimitBytes } from "./host-space.ts";

const GiB = 1024 ** 3;

test("the reserve is a twentieth of the disk, between 256 MiB and 4 GiB", () => {
  assert.equal(defaultReserveBytes(1 * GiB), GiB / 4);
  assert.equal(defaultReserveBytes(20 * GiB), GiB);
  assert.equal(defaultReserveBytes(1000 * GiB), 4 * GiB);
});

test("volumes may hold what they hold and what is free beyond the reserve", () => {
  assert.equal(totalLimitBytes({ totalBytes: 100 * GiB, freeBytes: 10 * GiB }, 5 * GiB, 4 * GiB), 11 * GiB);
});

test("nothing may grow once only the reserve is left", () => {
  const limit = totalLimitBytes({ totalBytes: 100 * GiB, freeBytes: 3 * GiB }, 5 * GiB, 4 * GiB);
  assert(limit < 5 * GiB);
  assert(totalLimitBytes({ totalBytes: GiB, freeBytes: 0 }, 0, GiB) > 0);
});

test("a limit is set anew when it moved by more than a sixteenth of what is left", () => {
  assert(isWorthSetting(undefined, 10 * GiB, 0));
  assert(!isWorthSetting(10 * GiB, 10 * GiB + 1, 0));
  assert(isWorthSetting(10 * GiB, 11 * GiB, 0));
  assert(isWorthSetting(10 * GiB, 10 * GiB - 1, 10 * GiB));
});
