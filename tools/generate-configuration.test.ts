import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { configurationPage, renderConfiguration } from "./generate-configuration.ts";

test("docs/configuration.md says what the settings are (write it with ./hearth node tools/generate-configuration.ts)", () => {
  assert.equal(readFileSync(configurationPage, "utf8"), renderConfiguration());
});
