import assert from "node:assert/strict";
import { test } from "node:test";
import { DecisionLog, DecisionRing, decisionsMax } from "./decision-log.ts";

const hello = { functionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello", version: "$LATEST" };

test("decisions are told newest first; one that repeats the one before it is counted with it", () => {
  const ring = new DecisionRing();

  ring.note("cold", "no-environment", 1000, 40, "pooled");
  ring.note("warm", "idle", 2000);
  ring.note("warm", "idle", 3000);
  ring.note("warm", "provisioned", 4000);

  assert.deepEqual(
    ring.recent().map(({ kind, reason, firstAtMs, atMs, count }) => [kind, reason, firstAtMs, atMs, count]),
    [
      ["warm", "provisioned", 4000, 4000, 1],
      ["warm", "idle", 2000, 3000, 2],
      ["cold", "no-environment", 1000, 1000, 1],
    ],
  );
  assert.deepEqual(ring.recent().at(-1), {
    kind: "cold",
    reason: "no-environment",
    detail: "pooled",
    firstAtMs: 1000,
    atMs: 1000,
    count: 1,
    durationMs: 40,
  });
});

test("only the last ones are kept, and what was told stays as it was", () => {
  const ring = new DecisionRing();
  for (let at = 0; at < 3 * decisionsMax; at++) ring.note(at % 2 === 0 ? "warm" : "waited", "", at);
  const told = ring.recent();

  ring.note("evicted", "memory", 1000);

  assert.equal(told.length, decisionsMax);
  assert.deepEqual(
    told.map(({ atMs }) => atMs),
    Array.from({ length: decisionsMax }, (_, age) => 3 * decisionsMax - 1 - age),
  );
  assert.equal(ring.recent()[0]?.kind, "evicted");
  assert.equal(ring.recent().length, decisionsMax);
});

test("what is known of a version goes with it, and only with it", () => {
  const log = new DecisionLog();
  log.of(hello).note("warm", "idle", 1);
  log.of({ ...hello, version: "1" }).note("warm", "idle", 2);

  log.retain(hello.functionArn, [{ version: "1" }]);

  assert.deepEqual(log.recent(hello), []);
  assert.equal(log.recent({ ...hello, version: "1" }).length, 1);
  log.retain(hello.functionArn, []);
  assert.deepEqual(log.recent({ ...hello, version: "1" }), []);
});
