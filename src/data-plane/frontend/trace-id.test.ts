import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf } from "../../../test/support/data-plane.ts";
import { TraceHeaders } from "./trace-id.ts";

const requestId = "01234567-89ab-4cde-8f01-23456789abcd";
const passive = configurationOf("passive");
const active = configurationOf("active", { tracingMode: "Active" });

test("a function without active tracing samples nothing", () => {
  const headers = new TraceHeaders(() => 0);
  assert.equal(
    headers.of(passive, requestId, undefined, 1_000_000),
    "Root=1-000003e8-0123456789ab4cde8f012345;Parent=8f0123456789abcd;Sampled=0",
  );
});

test("active tracing samples the first request of each second and 5 % of the others, each function on its own", () => {
  let random = 0.5;
  const headers = new TraceHeaders(() => random);
  const other = configurationOf("other", { tracingMode: "Active" });
  const sampledAt = (nowMs: number, configuration = active): string | undefined =>
    headers.of(configuration, requestId, undefined, nowMs).at(-1);

  assert.deepEqual([sampledAt(1000), sampledAt(1400), sampledAt(1999), sampledAt(2000)], ["1", "0", "0", "1"]);
  assert.equal(sampledAt(2000, other), "1");
  random = 0.049;
  assert.equal(sampledAt(2001), "1");
  random = 0.05;
  assert.equal(sampledAt(2002), "0");
});

test("a caller's decision stands; a caller's trace goes on where it left the decision open", () => {
  const headers = new TraceHeaders(() => 0);
  const decided = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:1";

  assert.equal(headers.of(active, requestId, decided, 0), decided);
  assert.equal(
    headers.of(active, requestId, "Root=1-5759e988-bd862e3fe1be46a994272793", 0),
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=8f0123456789abcd;Sampled=1",
  );
  assert.equal(headers.of(passive, requestId, "Root=1-2-3;Parent=4", 0), "Root=1-2-3;Parent=4;Sampled=0");
});
