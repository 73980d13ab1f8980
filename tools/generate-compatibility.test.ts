import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compatibilityPath, generateCompatibility } from "./generate-compatibility.ts";

test("docs/compatibility.md says what the handler tables say", () => {
  assert.equal(readFileSync(compatibilityPath, "utf8"), generateCompatibility());
});
