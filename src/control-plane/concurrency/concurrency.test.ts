import assert from "node:assert/strict";
import { test } from "node:test";
import { functionArn, functionKey, functionPartKey, type FunctionRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Records } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { configurationOf } from "../../../test/support/data-plane.ts";
import { Concurrency } from "./concurrency.ts";

const scope: Scope = { account: "000000000000", region: "us-east-1" };

/** Functions `a`, `b` and `c`, each with the version 1, in an account of 1000. */
async function open(): Promise<{ readonly records: Records; readonly concurrency: Concurrency }> {
  const clock = new ManualClock();
  const { records } = createMemoryEngine({ clock, random: () => 0.5 });
  for (const name of ["a", "b", "c"]) {
    const latest = configurationOf(name);
    const record: FunctionRecord = { scope, name, active: latest, latest, tags: { team: "x" }, createdAtMs: 0 };
    await records.put(functionKey(scope, name), record);
    await records.put(functionPartKey("function-version", scope, name, "1"), { ...latest, version: "1" });
  }
  return { records, concurrency: new Concurrency({ records, clock, accountConcurrency: 1000 }) };
}

const version = (name: string) => ({ scope, name, qualifier: "1" });

test("a reserve is set, read and taken away, and nothing else of the function changes", async () => {
  const { records, concurrency } = await open();

  await concurrency.setReserve(scope, "a", 0);
  assert.equal(await concurrency.reserve(scope, "a"), 0);
  await concurrency.setReserve(scope, "a", undefined);

  assert.equal(await concurrency.reserve(scope, "a"), undefined);
  const entry = await records.get<FunctionRecord>(functionKey(scope, "a"));
  assert.deepEqual(entry?.value.tags, { team: "x" });
});

test("reserves that are set at once leave the account its minimum", async () => {
  const { concurrency } = await open();

  const outcomes = await Promise.allSettled(["a", "b", "c"].map((name) => concurrency.setReserve(scope, name, 400)));

  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "fulfilled", "rejected"],
  );
  assert.equal(await concurrency.unreserved(scope), 200);
});

test("a reserve replaces the one before, and what was provisioned from the account", async () => {
  const { concurrency } = await open();
  await concurrency.provision(version("a"), 900);

  await concurrency.setReserve(scope, "a", 900);
  assert.equal(await concurrency.unreserved(scope), 100);
  await assert.rejects(concurrency.setReserve(scope, "a", 901), /below its minimum value of \[100\]/);
  await concurrency.unprovision(version("a"));
  await concurrency.setReserve(scope, "a", 10);

  assert.equal(await concurrency.unreserved(scope), 990);
});

test("nothing stays written for an alias that goes at the same time", async () => {
  const { records } = await open();
  const alias = functionPartKey("function-alias", scope, "a", "live");
  await records.put(alias, { name: "live", functionVersion: "1", additionalVersionWeights: {} });
  const racing: Records = {
    get: async (key) => records.get(key),
    delete: async (key, expect) => records.delete(key, expect),
    list: async (prefix, options) => records.list(prefix, options),
    watch: async (prefix, onChange) => records.watch(prefix, onChange),
    put: async (key, value, expect) => {
      await records.delete(alias);
      return records.put(key, value, expect);
    },
  };
  const concurrency = new Concurrency({ records: racing, clock: new ManualClock(), accountConcurrency: 1000 });

  await assert.rejects(concurrency.provision({ scope, name: "a", qualifier: "live" }, 1), /Cannot find alias arn/);

  assert.deepEqual(await records.list(["provisioned-concurrency"]), []);
});

test("accounts and regions set aside of their own", async () => {
  const { concurrency } = await open();
  await concurrency.setReserve(scope, "a", 900);

  assert.equal(await concurrency.unreserved({ ...scope, region: "eu-west-1" }), 1000);
  assert.equal(await concurrency.unreserved({ ...scope, account: "111111111111" }), 1000);
});

test("a function that is not there is named with its version when a reserve is set, and without when it is read", async () => {
  const { concurrency } = await open();

  await assert.rejects(concurrency.setReserve(scope, "nobody", 1), {
    message: `Function not found: ${functionArn(scope, "nobody", "$LATEST")}`,
  });
  for (const refused of [concurrency.reserve(scope, "nobody"), concurrency.setReserve(scope, "nobody", undefined)]) {
    await assert.rejects(refused, { message: `Function not found: ${functionArn(scope, "nobody")}` });
  }
});
