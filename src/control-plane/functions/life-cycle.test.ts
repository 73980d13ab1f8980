import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { FunctionRecord } from "../../core/function-record.ts";
import { settingsOf } from "../../../test/support/function-settings.ts";
import {
  codeUpdated,
  configurationUpdated,
  created,
  isInProgress,
  prepared,
  preparationFailed,
  requireUpdatable,
  type FunctionSettings,
  type Moment,
} from "./life-cycle.ts";

const scope = { account: "000000000000", region: "us-east-1" };
const settings: FunctionSettings = settingsOf("f");
const codeOf = (id: string) => ({
  codeDigest: id,
  codeSha256: `${id}=`,
  codeSizeBytes: id.length,
  codeUnzippedBytes: 2 * id.length,
});

let revisions = 0;
const moment = (): Moment => ({ nowMs: 1000 + revisions, revisionId: `revision-${++revisions}` });
const newFunction = (): FunctionRecord =>
  created({ scope, name: "f", settings, code: codeOf("one"), tags: {}, firstGeneration: 1 }, moment());
const failure = { reason: "no runtime", reasonCode: "InvalidRuntime" } as const;

test("a new function is Pending and serves nothing; prepared, it is Active and serves what it shows", () => {
  const pending = newFunction();
  const active = prepared(pending, pending.latest.generation, moment());

  assert.equal(pending.active, undefined);
  assert.deepEqual(
    [pending.latest.state, pending.latest.stateReasonCode, pending.latest.stateReason],
    ["Pending", "Creating", "The function is being created."],
  );
  assert.deepEqual([active.latest.state, active.latest.lastUpdateStatus], ["Active", "Successful"]);
  assert.equal(active.latest.stateReason, undefined);
  assert.deepEqual(active.active, active.latest);
  assert.notEqual(active.latest.revisionId, pending.latest.revisionId);
});

test("a function whose first code cannot be prepared is Failed, and can be updated", () => {
  const pending = newFunction();

  const failed = preparationFailed(pending, pending.latest.generation, failure, moment());
  const updating = codeUpdated(failed, { ...codeOf("two"), architecture: "x86_64" }, moment());
  const active = prepared(updating, updating.latest.generation, moment());

  assert.deepEqual([failed.latest.state, failed.latest.stateReasonCode], ["Failed", "InvalidRuntime"]);
  assert.equal(failed.active, undefined);
  requireUpdatable(failed, undefined);
  assert.equal(active.active?.codeDigest, "two");
  assert.equal(active.latest.state, "Active");
});

test("while an update is prepared, and when it fails, the old configuration is served", () => {
  const pending = newFunction();
  const active = prepared(pending, pending.latest.generation, moment());

  const updating = codeUpdated(active, { ...codeOf("two"), architecture: "x86_64" }, moment());
  const failed = preparationFailed(updating, updating.latest.generation, failure, moment());

  assert.deepEqual([updating.latest.lastUpdateStatus, updating.latest.codeDigest], ["InProgress", "two"]);
  assert.deepEqual(updating.active, active.active);
  assert.deepEqual(failed.active, active.active);
  assert.deepEqual(
    [failed.latest.state, failed.latest.lastUpdateStatus, failed.latest.lastUpdateStatusReasonCode],
    ["Active", "Failed", "InvalidRuntime"],
  );
});

test("what is Pending or InProgress cannot be changed, nor a revision that the caller does not know", () => {
  const pending = newFunction();
  const active = prepared(pending, pending.latest.generation, moment());
  const updating = configurationUpdated(active, { description: "new" }, moment());

  assert.throws(() => requireUpdatable(pending, undefined), {
    code: "ResourceConflictException",
    message:
      "The operation cannot be performed at this time. The function is currently in the following state: Pending",
  });
  assert.throws(() => requireUpdatable(updating, undefined), {
    code: "ResourceConflictException",
    message:
      "The operation cannot be performed at this time. An update is in progress for resource: " +
      "arn:aws:lambda:us-east-1:000000000000:function:f",
  });
  assert.throws(() => requireUpdatable(active, "another"), { code: "PreconditionFailedException" });
  requireUpdatable(active, active.latest.revisionId);
});

test("over any sequence of events: what is served was prepared, generations rise, and late answers change nothing", () => {
  const event = fc.constantFrom("update code", "update configuration", "prepared", "failed", "late");
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      let record = newFunction();
      const preparedGenerations = new Set<number>();
      for (const each of events) {
        const before = record;
        const { generation } = record.latest;
        if (each === "late") record = prepared(record, generation - 1, moment());
        else if (each === "failed") record = preparationFailed(record, generation, failure, moment());
        else if (each === "prepared") {
          if (isInProgress(record)) preparedGenerations.add(generation);
          record = prepared(record, generation, moment());
        } else if (!isInProgress(record)) {
          const code = { ...codeOf(`code ${revisions}`), architecture: "x86_64" as const };
          record =
            each === "update code"
              ? codeUpdated(record, code, moment())
              : configurationUpdated(record, { timeoutSeconds: 5 }, moment());
          assert.equal(record.latest.generation, generation + 1);
        }
        if (each === "late" || ((each === "prepared" || each === "failed") && !isInProgress(before))) {
          assert.equal(record, before);
        }
        if (record.active !== undefined) {
          assert(preparedGenerations.has(record.active.generation));
          assert.equal(record.active.state, "Active");
        }
        assert.equal(
          record.latest.state === "Pending",
          record.active === undefined && isInProgress(record) && record.latest.lastUpdateStatus !== "InProgress",
        );
      }
    }),
  );
});
