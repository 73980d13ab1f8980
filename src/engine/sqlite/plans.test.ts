import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { stateSchema, streamsSchema, type Schema } from "../schema.ts";
import { queueStatements } from "./queue-statements.ts";
import { readStatements } from "./stream-reads.ts";
import { trimStatements } from "./stream-trims.ts";
import { streamStatements } from "./streams.ts";

const tables: readonly (readonly [Schema, Readonly<Record<string, string>>])[] = [
  [stateSchema, queueStatements],
  [streamsSchema, streamStatements],
  [streamsSchema, readStatements],
  [streamsSchema, trimStatements],
];

describe("SQLite's plan", () => {
  for (const [schema, statements] of tables) {
    const database = new DatabaseSync(":memory:");
    for (const step of schema.steps) database.exec(step);
    for (const [name, sql] of Object.entries(statements)) {
      test(`for ${name} searches an index, neither scans a table nor sorts`, () => {
        const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();

        const details = steps.map((step) => String(step["detail"]));
        // A subquery's few rows may be scanned, and those of one zone grouped.
        const bad = details.filter((detail) =>
          /^SCAN (?!\(subquery)|TEMP B-TREE FOR (LAST TERM OF )?ORDER/.test(detail),
        );
        assert.deepEqual(bad, []);
      });
    }
  }
});
