import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { awsManagedPolicies } from "./aws-managed-policies.ts";
import { parsePolicy } from "./policy-document.ts";

test("AWS's own policies are grammatical, and the documentation lists them all", () => {
  const documentation = readFileSync(new URL("../../../docs/iam.md", import.meta.url), "utf8");
  const documented = [...documentation.matchAll(/^- `(\S+)`$/gm)].map(([, name]) => name);

  for (const { versions } of awsManagedPolicies()) for (const { document } of versions) parsePolicy(document);
  assert.deepEqual(
    documented,
    awsManagedPolicies().map(({ path, name }) => `${path.slice(1)}${name}`),
  );
  assert(awsManagedPolicies().every(({ id }) => /^ANPA[A-Z2-7]{17}$/.test(id)));
});
