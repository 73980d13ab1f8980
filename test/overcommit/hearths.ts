/** A Hearth that leaves nothing behind. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startHearth, uidsOf, type RunningHearth } from "../support/hearth.ts";
import { leftoversOf } from "../support/leftovers.ts";

/** Nothing ends by itself, and what is measured is the environments', not the pool's. */
export const quietSettings = { keepAlivePolicy: "fixed", keepAliveMs: 3_600_000, poolMin: 0, poolMax: 0 } as const;

export async function withHearth<T>(
  settings: Readonly<Record<string, string | number>>,
  run: (hearth: RunningHearth) => Promise<T>,
): Promise<T> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-overcommit-"));
  const hearth = await startHearth({ dataDirectory, settings });
  try {
    return await run(hearth);
  } finally {
    await hearth.stop();
    assert.deepEqual(leftoversOf(dataDirectory, uidsOf(hearth)), []);
    await rm(dataDirectory, { recursive: true, force: true });
  }
}
