import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AliasRecord } from "../../core/function-record.ts";
import { FunctionsBench, interleaved, scope } from "../../../test/support/functions-bench.ts";

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";

/** A function with the versions 1 and 2. */
async function openWithVersions(): Promise<FunctionsBench> {
  const bench = await FunctionsBench.open();
  await bench.create("f", "1");
  await bench.functions.publish(scope, "f", {});
  await bench.update("2");
  await bench.functions.publish(scope, "f", {});
  return bench;
}

async function createAlias(
  bench: FunctionsBench,
  functionVersion: string,
  additionalVersionWeights: Record<string, number> = {},
): Promise<AliasRecord> {
  return bench.functions.createAlias(scope, "f", {
    name: "live",
    functionVersion,
    description: "",
    additionalVersionWeights,
  });
}

test("an alias means the version that it points to, also $LATEST", async () => {
  await using bench = await openWithVersions();
  const alias = await createAlias(bench, "1");

  const before = await bench.functions.resolve(scope, "f", "live");
  await bench.functions.updateAlias(scope, "f", "live", { functionVersion: "$LATEST" });
  const after = await bench.functions.resolve(scope, "f", "live");

  assert.deepEqual([before.configuration.version, before.alias], ["1", alias]);
  assert.equal(after.configuration.version, "$LATEST");
});

test("a name is taken once", async () => {
  await using bench = await openWithVersions();
  await createAlias(bench, "1");

  await assert.rejects(createAlias(bench, "2"), {
    code: "ResourceConflictException",
    message: `Alias already exists: ${arn}:live`,
  });
});

test("versions that are not there are named", async () => {
  await using bench = await openWithVersions();

  await assert.rejects(createAlias(bench, "9"), { message: `Function not found: ${arn}:9` });
  await assert.rejects(createAlias(bench, "01"), { message: `Function not found: ${arn}:01` });
  await assert.rejects(createAlias(bench, "1", { 9: 0.5 }), { message: `Function not found: ${arn}:9` });
  await assert.rejects(bench.functions.updateAlias(scope, "f", "live", {}), {
    code: "ResourceNotFoundException",
    message: `Alias not found: ${arn}:live`,
  });
});

test("an alias points to two versions at most, which differ and are published", async () => {
  await using bench = await openWithVersions();
  const code = "InvalidParameterValueException";

  await assert.rejects(createAlias(bench, "1", { 1: 0.1, 2: 0.1 }), {
    code,
    message: "Number of items in AdditionalVersionWeights cannot be greater than 1",
  });
  await assert.rejects(createAlias(bench, "1", { 1: 0.5 }), {
    code,
    message: "Invalid function version 1. Function version 1 is already included in routing configuration.",
  });
  await assert.rejects(createAlias(bench, "$LATEST", { 1: 0.5 }), {
    code,
    message: "$LATEST is not supported for an alias pointing to more than 1 version",
  });
  await createAlias(bench, "1", { 2: 0.5 });
  await assert.rejects(bench.functions.updateAlias(scope, "f", "live", { functionVersion: "2" }), { code });
});

test("two versions of an alias have one role", async () => {
  await using bench = await openWithVersions();
  await bench.functions.updateConfiguration(scope, "f", undefined, () => ({
    role: "arn:aws:iam::000000000000:role/b",
  }));
  await bench.untilSettled();
  await bench.functions.publish(scope, "f", {});

  await assert.rejects(createAlias(bench, "1", { 3: 0.5 }), {
    code: "InvalidParameterValueException",
    message: "Specified versions must be associated with the same execution role",
  });
});

test("an update changes what it gives, and the revision in any case", async () => {
  await using bench = await openWithVersions();
  const created = await createAlias(bench, "1", { 2: 0.25 });

  const described = await bench.functions.updateAlias(scope, "f", "live", { description: "x" });
  const ended = await bench.functions.updateAlias(scope, "f", "live", {
    additionalVersionWeights: {},
    revisionId: described.revisionId,
  });
  const same = await bench.functions.updateAlias(scope, "f", "live", {});

  assert.deepEqual(described, { ...created, description: "x", revisionId: described.revisionId });
  assert.deepEqual(ended.additionalVersionWeights, {});
  assert.equal(new Set([created, described, ended, same].map(({ revisionId }) => revisionId)).size, 4);
  await assert.rejects(bench.functions.updateAlias(scope, "f", "live", { revisionId: created.revisionId }), {
    code: "PreconditionFailedException",
  });
});

test("a version stays while an alias points to it, with all its weight or a part of it", async () => {
  await using bench = await openWithVersions();
  await createAlias(bench, "1", { 2: 0.5 });

  for (const version of ["1", "2"]) {
    await assert.rejects(bench.functions.deleteVersion(scope, "f", version), {
      code: "ResourceConflictException",
      message: "Unable to delete version because the following aliases reference it: [live]",
    });
  }
  assert.deepEqual(await bench.versionsOf(), ["1", "2"]);
  assert.equal((await bench.functions.publish(scope, "f", {})).version, "2", "it is still what was published last");
  await bench.functions.deleteAlias(scope, "f", "live");
  await bench.functions.deleteVersion(scope, "f", "1");
  assert.deepEqual(await bench.versionsOf(), ["2"]);
});

test("an alias goes with what was bound to it, and once more without a word", async () => {
  await using bench = await openWithVersions();
  await createAlias(bench, "1");
  await bench.engine.records.put(["function-policy", scope.account, scope.region, "f", "live"], {});

  await bench.functions.deleteAlias(scope, "f", "live");
  await bench.functions.deleteAlias(scope, "f", "live");

  await assert.rejects(bench.functions.deleteAlias(scope, "ghost", "live"), { code: "ResourceNotFoundException" });
  assert.deepEqual(await bench.functions.aliases.list(scope, "f"), []);
  assert.deepEqual(await bench.engine.records.list(["function-policy"]), []);
});

test("an alias never points to a version that is gone, whatever happens at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), async (randoms) => {
      await using bench = await openWithVersions();
      await createAlias(bench, "2");
      bench.beforeCall = interleaved(() => randoms.next().value ?? 0);
      const { functions } = bench;

      const outcomes = await Promise.allSettled([
        functions.updateAlias(scope, "f", "live", { functionVersion: "1" }),
        functions.deleteVersion(scope, "f", "1"),
        functions.createAlias(scope, "f", {
          name: "canary",
          functionVersion: "2",
          description: "",
          additionalVersionWeights: { 1: 0.5 },
        }),
        functions.deleteAlias(scope, "f", "canary"),
        functions.deleteVersion(scope, "f", "2"),
      ]);

      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        const { code } = outcome.reason as { code?: string };
        assert(code === "ResourceConflictException" || code === "ResourceNotFoundException", String(outcome.reason));
      }
      const versions = await bench.versionsOf();
      for (const alias of await functions.aliases.list(scope, "f")) {
        for (const version of [alias.functionVersion, ...Object.keys(alias.additionalVersionWeights)]) {
          assert(versions.includes(version), `${alias.name} points to ${version}, there are ${versions.join()}`);
        }
      }
      assert.equal((await functions.get(scope, "f")).intent, undefined);
    }),
    { numRuns: 40 },
  );
});
