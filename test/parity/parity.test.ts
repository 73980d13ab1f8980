import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "./report.ts";
import { openAllRecordings, runParity } from "./run.ts";

const { skip, recordings } = openAllRecordings();

test(
  "at least 95 of 100 recorded answers of AWS are Hearth's too, and every other is explained",
  { skip },
  async () => {
    const { reports, stale, isFaithful } = await runParity(recordings, { isSteadyOnly: true });

    const shown = reports.map(textOf).join("\n");
    assert(isFaithful, shown);
    assert.deepEqual(stale, []);
    assert(
      reports.every(({ misses }) => misses.every(({ reason }) => reason !== undefined)),
      shown,
    );
  },
);
