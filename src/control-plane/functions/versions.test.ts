import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { functionPartKey, functionPartKinds } from "../../core/function-record.ts";
import { codeZip, dyingAfter, FunctionsBench, interleaved, scope } from "../../../test/support/functions-bench.ts";
import { settingsOf } from "../../../test/support/function-settings.ts";

test("a version is a copy of $LATEST that later changes do not touch", async () => {
  await using bench = await FunctionsBench.open();
  const { functions } = bench;
  const { latest } = await bench.create();

  const version = await functions.publish(scope, "f", { description: "first" });
  await bench.update("2");

  assert.deepEqual([version.version, version.state, version.description], ["1", "Active", "first"]);
  assert.equal(version.codeSha256, latest.codeSha256);
  assert.notEqual(version.revisionId, latest.revisionId);
  assert.deepEqual(await functions.versions.find(scope, "f", "1"), version);
  assert.notEqual((await functions.get(scope, "f")).latest.codeSha256, version.codeSha256);
});

test("publishing is a new revision of $LATEST", async () => {
  await using bench = await FunctionsBench.open();
  const { latest } = await bench.create();

  await bench.functions.publish(scope, "f", { revisionId: latest.revisionId });

  assert.notEqual((await bench.functions.get(scope, "f")).latest.revisionId, latest.revisionId);
  await assert.rejects(bench.functions.publish(scope, "f", { revisionId: latest.revisionId }), {
    code: "PreconditionFailedException",
  });
});

test("what has not changed is not published again, also when the same code was uploaded once more", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();
  const first = await bench.functions.publish(scope, "f", {});

  const again = await bench.functions.publish(scope, "f", { description: "another" });
  await bench.update("1");
  const afterUpload = await bench.functions.publish(scope, "f", {});

  assert.deepEqual([again, afterUpload], [first, first]);
  assert.deepEqual(await bench.versionsOf(), ["1"]);
});

test("a change of the configuration alone is published", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();
  await bench.functions.publish(scope, "f", {});
  await bench.functions.updateConfiguration(scope, "f", undefined, () => ({ timeoutSeconds: 9 }));
  await bench.untilSettled();

  const second = await bench.functions.publish(scope, "f", {});

  assert.deepEqual([second.version, second.timeoutSeconds], ["2", 9]);
});

test("a version's number is not used again when the version is deleted", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();
  await bench.functions.publish(scope, "f", {});

  await bench.functions.deleteVersion(scope, "f", "1");
  const next = await bench.functions.publish(scope, "f", {});

  assert.equal(next.version, "2");
  assert.deepEqual(await bench.versionsOf(), ["2"]);
  for (const gone of ["1", "01", "3"]) {
    await assert.rejects(bench.functions.deleteVersion(scope, "f", gone), {
      code: "ResourceNotFoundException",
      message: `Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:${gone}`,
    });
  }
});

test("a number with a leading zero is no version", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();
  await bench.functions.publish(scope, "f", {});

  assert.equal((await bench.functions.resolve(scope, "f", "1")).configuration.version, "1");
  await assert.rejects(bench.functions.resolve(scope, "f", "01"), { code: "ResourceNotFoundException" });
});

test("code that is not the caller's is not published", async () => {
  await using bench = await FunctionsBench.open();
  const { latest } = await bench.create();

  await assert.rejects(bench.functions.publish(scope, "f", { codeSha256: "other" }), {
    code: "InvalidParameterValueException",
    message:
      `CodeSHA256 (other) is different from current CodeSHA256 in $LATEST (${latest.codeSha256}). ` +
      "Please try again with the CodeSHA256 in $LATEST.",
  });
  assert.equal((await bench.functions.publish(scope, "f", { codeSha256: latest.codeSha256 })).version, "1");
});

test("a version that is published with a creation or an update is Pending until its code is ready", async () => {
  await using bench = await FunctionsBench.open();
  const input = { scope, name: "f", settings: settingsOf("f"), tags: {}, zip: codeZip("1") };

  const created = await bench.functions.create({ ...input, publish: true });
  await bench.untilSettled();
  const updated = await bench.functions.updateCode(scope, "f", { zip: codeZip("2"), dryRun: false, publish: true });
  const during = await bench.functions.publish(scope, "f", {}).catch((error: { code: string }) => error.code);
  await bench.untilSettled();
  while ((await bench.functions.resolve(scope, "f", "2")).configuration.state === "Pending") await setImmediate();
  const versions = await bench.functions.versions.list(scope, "f");

  assert.deepEqual([created.published?.version, created.published?.state], ["1", "Pending"]);
  assert.deepEqual([updated.published?.version, updated.published?.state], ["2", "Pending"]);
  assert.equal(during, "ResourceConflictException");
  assert.deepEqual(
    versions.map(({ version, state }) => [version, state]),
    [
      ["1", "Active"],
      ["2", "Active"],
    ],
  );
});

test("an update that publishes what is published already answers with that version", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();
  const first = await bench.functions.publish(scope, "f", {});

  const { published } = await bench.functions.updateCode(scope, "f", {
    zip: codeZip("1"),
    dryRun: false,
    publish: true,
  });
  await bench.untilSettled();

  assert.deepEqual(published, first);
  assert.deepEqual(await bench.versionsOf(), ["1"]);
});

test("publishing at once gives one version of one state, and each change its own", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();

  const published = await Promise.all(Array.from({ length: 8 }, async () => bench.functions.publish(scope, "f", {})));

  assert.deepEqual(new Set(published.map(({ version }) => version)), new Set(["1"]));
  assert.deepEqual(await bench.versionsOf(), ["1"]);
});

/** Runs `act` in a process that dies after so many writes, for every number of them; then starts another one. */
async function dyingAnywhere(
  prepare: (bench: FunctionsBench) => Promise<unknown>,
  act: (bench: FunctionsBench) => Promise<unknown>,
  check: (bench: FunctionsBench, survived: boolean) => Promise<void>,
): Promise<number> {
  for (let writes = 0; ; writes++) {
    await using bench = await FunctionsBench.open();
    await prepare(bench);
    bench.beforeCall = dyingAfter(writes);
    const survived = await act(bench).then(
      () => true,
      () => false,
    );
    await bench.restart();
    await check(bench, survived);
    if (survived) return writes;
  }
}

test("a crash anywhere in publishing neither loses nor repeats a version", async () => {
  const writes = await dyingAnywhere(
    async (bench) => bench.create(),
    async (bench) => bench.functions.publish(scope, "f", {}),
    async (bench) => {
      const left = await bench.versionsOf();
      const again = await bench.functions.publish(scope, "f", {});

      assert.equal(again.version, "1");
      assert.deepEqual(await bench.versionsOf(), ["1"]);
      assert(left.length <= 1);
      assert.equal((await bench.functions.get(scope, "f")).intent, undefined);
    },
  );

  assert(writes >= 3, "intent, version, and the intent's end");
});

test("a crash anywhere in a creation that publishes leaves both or nothing", async () => {
  await dyingAnywhere(
    async () => undefined,
    async (bench) =>
      bench.functions.create({
        scope,
        name: "f",
        settings: settingsOf("f"),
        tags: {},
        zip: codeZip("1"),
        publish: true,
      }),
    async (bench) => {
      if ((await bench.functions.find(scope, "f")) === undefined) return;
      await bench.untilSettled();
      while ((await bench.functions.resolve(scope, "f", "1")).configuration.state !== "Active") await setImmediate();
      assert.deepEqual(await bench.versionsOf(), ["1"]);
    },
  );
});

test("a crash anywhere in the deletion of a function leaves none of it, and its name can be used at once", async () => {
  await dyingAnywhere(
    async (bench) => {
      await bench.create();
      await bench.functions.publish(scope, "f", {});
      await bench.functions.createAlias(scope, "f", {
        name: "live",
        functionVersion: "1",
        description: "",
        additionalVersionWeights: {},
      });
    },
    async (bench) => bench.functions.delete(scope, "f"),
    async (bench) => {
      if ((await bench.functions.find(scope, "f")) !== undefined) {
        assert.deepEqual(await bench.versionsOf(), ["1"], "nothing is gone before it is said that all shall be");
        return;
      }
      for (const kind of functionPartKinds) assert.deepEqual(await bench.engine.records.list([kind]), []);
      await bench.create();
      assert.deepEqual(await bench.versionsOf(), []);
      assert.equal((await bench.functions.publish(scope, "f", {})).version, "1");
    },
  );
});

test("a creation takes over from a deletion that was broken off, without a restart", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create("f", "old");
  await bench.functions.publish(scope, "f", {});
  bench.beforeCall = dyingAfter(1);
  await assert.rejects(bench.functions.delete(scope, "f"));
  bench.beforeCall = async () => {};

  assert.equal(await bench.functions.find(scope, "f"), undefined);
  assert.deepEqual(await bench.functions.list(scope, { limit: 10 }), []);
  await assert.rejects(bench.functions.publish(scope, "f", {}), { code: "ResourceNotFoundException" });
  await bench.create("f", "new");

  assert.deepEqual(await bench.versionsOf(), []);
});

test("a crash anywhere in the deletion of a version leaves it whole or takes all that had its number", async () => {
  await dyingAnywhere(
    async (bench) => {
      await bench.create();
      await bench.functions.publish(scope, "f", {});
      await bench.engine.records.put(functionPartKey("function-policy", scope, "f", "1"), { any: true });
      await bench.engine.records.put(functionPartKey("function-policy", scope, "f", "$LATEST"), { any: true });
    },
    async (bench) => bench.functions.deleteVersion(scope, "f", "1"),
    async (bench) => {
      const policies = (await bench.engine.records.list(["function-policy"])).map(({ key }) => key[4]);
      const isThere = (await bench.versionsOf()).length > 0;
      assert.deepEqual(policies, isThere ? ["$LATEST", "0000000001"] : ["$LATEST"]);
    },
  );
});

test("what an engine left undone is done by the next round, not only by the next start", async () => {
  await using bench = await FunctionsBench.open();
  await bench.functions.start();
  await bench.create();
  bench.beforeCall = dyingAfter(1);
  await assert.rejects(bench.functions.publish(scope, "f", {}));
  bench.beforeCall = async () => {};

  bench.clock.advance(300_000);
  while ((await bench.versionsOf()).length === 0) await setImmediate();

  assert.deepEqual(await bench.versionsOf(), ["1"]);
});

test("a start succeeds although what was left undone cannot be done yet", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create();
  bench.beforeCall = dyingAfter(1);
  await assert.rejects(bench.functions.delete(scope, "f"));

  bench.beforeCall = dyingAfter(0);
  await bench.functions.start();
  assert.equal(await bench.functions.find(scope, "f"), undefined);
  bench.beforeCall = async () => {};
  bench.clock.advance(300_000);
  while ((await bench.engine.records.list(["function"])).length > 0) await setImmediate();
});

test("code that only a version runs is kept, and goes when the version does", async () => {
  await using bench = await FunctionsBench.open();
  await bench.create("f", "old");
  const { codeDigest } = await bench.functions.publish(scope, "f", {});
  await bench.update("new");
  const collectForLong = async (): Promise<void> => {
    for (let round = 0; round < 5; round++) {
      await bench.functions.collectCode();
      bench.clock.advance(300_000);
    }
    await bench.functions.collectCode();
  };

  await collectForLong();
  assert(await bench.engine.blobs.has(codeDigest));
  await bench.functions.deleteVersion(scope, "f", "1");
  await collectForLong();
  assert(!(await bench.engine.blobs.has(codeDigest)));
});

test("an account's code is bounded, versions included", async () => {
  const bytes = codeZip("1").byteLength;
  await using bench = await FunctionsBench.open({ codeStorageBytesMax: 2 * bytes });
  await bench.create();
  await bench.functions.publish(scope, "f", {});

  const refusal = { code: "CodeStorageExceededException", message: "Code storage limit exceeded." };
  await assert.rejects(bench.create("g"), refusal);
  assert.deepEqual(await bench.functions.usage(scope), { functions: 1, codeBytes: 2 * bytes });
  await bench.functions.deleteVersion(scope, "f", "1");
  await bench.create("g");
  await assert.rejects(bench.functions.publish(scope, "g", {}), refusal);
});

test("of two clients that change one function at once, none loses what the other wrote", async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), async (randoms) => {
      await using bench = await FunctionsBench.open();
      await bench.create();
      bench.beforeCall = interleaved(() => randoms.next().value ?? 0);
      const written: number[] = [];
      /** Adds one to the timeout of the revision it has read; a refusal is taken as one. */
      const increment = async (): Promise<void> => {
        const { latest } = await bench.functions.get(scope, "f");
        try {
          await bench.functions.updateConfiguration(scope, "f", latest.revisionId, () => ({
            timeoutSeconds: latest.timeoutSeconds + 1,
          }));
          written.push(latest.timeoutSeconds + 1);
        } catch (error) {
          const { code } = error as { code?: string };
          assert(code === "PreconditionFailedException" || code === "ResourceConflictException", String(error));
        }
      };
      const before = (await bench.functions.get(scope, "f")).latest.timeoutSeconds;

      await Promise.all(
        [1, 2, 3].map(async () => {
          for (let round = 0; round < 3; round++) {
            await increment();
            await bench.functions.publish(scope, "f", {}).catch((error: { code: string }) => {
              assert.equal(error.code, "ResourceConflictException");
            });
          }
        }),
      );
      const { latest, lastVersion = 0 } = await bench.untilSettled();

      assert.equal(new Set(written).size, written.length, "two clients made one step");
      assert.equal(latest.timeoutSeconds, before + written.length);
      const versions = await bench.functions.versions.list(scope, "f");
      assert.deepEqual(
        versions.map(({ version }) => version),
        Array.from({ length: lastVersion }, (_, i) => String(i + 1)),
      );
      assert.equal(new Set(versions.map(({ timeoutSeconds }) => timeoutSeconds)).size, versions.length);
    }),
    { numRuns: 15 },
  );
});

test("of a function that is deleted while it is published and named, nothing stays behind", async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), async (randoms) => {
      await using bench = await FunctionsBench.open();
      await bench.create();
      await bench.functions.publish(scope, "f", {});
      await bench.update("2");
      bench.beforeCall = interleaved(() => randoms.next().value ?? 0);
      const { functions } = bench;
      const alias = { name: "live", functionVersion: "1", description: "", additionalVersionWeights: {} };
      bench.clock.advance(1);

      const outcomes = await Promise.allSettled([
        functions.publish(scope, "f", {}),
        functions.createAlias(scope, "f", alias),
        functions.deleteVersion(scope, "f", "1"),
        functions.delete(scope, "f"),
      ]);
      const codes = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? undefined : (outcome.reason as { code?: string }).code,
      );
      await bench.create("f", "new");

      assert.equal(codes[3], undefined);
      for (const code of codes)
        assert([undefined, "ResourceNotFoundException", "ResourceConflictException"].includes(code));
      for (const kind of functionPartKinds) assert.deepEqual(await bench.engine.records.list([kind]), []);
      assert.equal((await functions.publish(scope, "f", {})).version, "1");
    }),
    { numRuns: 40 },
  );
});
