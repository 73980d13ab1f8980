import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { UnavailableError } from "../../core/errors.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { functionsPrefix, type FunctionRecord } from "../../core/function-record.ts";
import type { Engine } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import type { PackageStore } from "../../packages/contract.ts";
import { openPackageStore } from "../../packages/package-store.ts";
import { settingsOf } from "../../../test/support/function-settings.ts";
import { buildZip } from "../../../test/support/build-zip.ts";
import { Functions } from "./functions.ts";
import type { FunctionSettings } from "./life-cycle.ts";

const scope = { account: "000000000000", region: "us-east-1" };
const settings: FunctionSettings = settingsOf("f");
const hourMs = 3_600_000;

let directory: string;
let clock: ManualClock;
let engine: Engine;
let packages: PackageStore;
let functions: Functions;
let available: Set<string>;
let ids = 0;

function newFunctions(overrides: Partial<{ engine: Engine; packages: PackageStore }> = {}): Functions {
  return new Functions({
    engine: overrides.engine ?? engine,
    packages: overrides.packages ?? packages,
    runtimes: { isAvailable: (runtime) => available.has(runtime) },
    clock,
    newId: () => `id-${++ids}`,
  });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "hearth-functions-"));
  clock = new ManualClock();
  engine = createMemoryEngine({ clock, random: Math.random });
  packages = await openPackageStore(directory, { clock });
  available = new Set(["nodejs24.x"]);
  functions = newFunctions();
});

afterEach(async () => {
  await functions.close();
  assert.equal(clock.pendingTimers, 0);
  await engine.close();
  await rm(directory, { recursive: true });
});

/** The package store, but for some of what it does. */
const packagesWith = (overrides: Partial<PackageStore>): PackageStore => ({
  inspect: (zip) => packages.inspect(zip),
  unpack: (digest, zip) => packages.unpack(digest, zip),
  find: (digest) => packages.find(digest),
  remove: (digest) => packages.remove(digest),
  merge: (digests) => packages.merge(digests),
  findMerged: (digests) => packages.findMerged(digests),
  trees: () => packages.trees(),
  removeTree: (id) => packages.removeTree(id),
  ...overrides,
});

const zipOf = (text: string): Buffer => buildZip([{ name: "index.js", content: text }]);
const create = async (name: string, text = "1"): Promise<FunctionRecord> =>
  functions.create({ scope, name, settings, tags: {}, zip: zipOf(text) });

async function until(condition: (record: FunctionRecord) => boolean, name = "f"): Promise<FunctionRecord> {
  for (;;) {
    const record = await functions.get(scope, name);
    if (condition(record)) return record;
    await setImmediate();
  }
}
const isSettled = ({ latest }: FunctionRecord): boolean =>
  latest.state !== "Pending" && latest.lastUpdateStatus !== "InProgress";
const updateCode = async (text: string, revisionId?: string): Promise<FunctionRecord> =>
  functions.updateCode(scope, "f", {
    zip: zipOf(text),
    dryRun: false,
    ...(revisionId === undefined ? {} : { revisionId }),
  });

/** The new code's digest, or the code of the refusal. */
const outcomeOfUpdate = async (text: string, revisionId?: string): Promise<string> => {
  try {
    return (await updateCode(text, revisionId)).latest.codeSha256;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test("a created function becomes Active, with its code unpacked", async () => {
  const answered = await create("f");
  const record = await until(isSettled);

  assert.equal(answered.latest.state, "Pending");
  assert.equal(record.latest.state, "Active");
  assert.notEqual(packages.find(record.latest.codeDigest), undefined);
});

test("a name that is taken is refused, and so is one of two creations at once", async () => {
  await create("f");
  const outcomes = await Promise.allSettled([create("g", "1"), create("g", "2")]);

  await assert.rejects(create("f", "2"), {
    code: "ResourceConflictException",
    message: "Function already exist: f",
  });
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
});

test("a bad archive leaves nothing behind", async () => {
  await assert.rejects(functions.create({ scope, name: "f", settings, tags: {}, zip: Buffer.from("no zip") }), {
    code: "InvalidParameterValueException",
  });

  assert.equal(await functions.find(scope, "f"), undefined);
  assert.deepEqual(await engine.blobs.list(), []);
  assert.deepEqual(await engine.records.list(["code-archive"]), []);
});

test("the old code is served until the new one is ready", async () => {
  const seen: (string | undefined)[] = [];
  await create("f", "old");
  const before = await until(isSettled);
  const watch = await engine.records.watch<FunctionRecord>(functionsPrefix, (change) => {
    if (change.kind === "put") seen.push(change.entry.value.active?.codeDigest);
  });

  await updateCode("new");
  const after = await until(isSettled);
  watch.stop();

  assert.notEqual(after.active?.codeDigest, before.active?.codeDigest);
  assert.deepEqual(seen, [before.active?.codeDigest, before.active?.codeDigest, after.active?.codeDigest]);
});

test("a dry run checks the archive and changes nothing", async () => {
  await create("f");
  const before = await until(isSettled);

  const answer = await functions.updateCode(scope, "f", { zip: zipOf("new"), dryRun: true });

  assert.notEqual(answer.latest.codeSha256, before.latest.codeSha256);
  assert.deepEqual(await functions.get(scope, "f"), before);
  assert.equal((await engine.blobs.list()).length, 1);
  await assert.rejects(functions.updateCode(scope, "f", { zip: Buffer.from("no zip"), dryRun: true }));
});

test("of two clients that update one function at once, one is refused and no update is lost silently", async () => {
  await create("f");
  const { latest } = await until(isSettled);
  const outcomes = await Promise.all([outcomeOfUpdate("a"), outcomeOfUpdate("b"), outcomeOfUpdate("c")]);
  const { latest: after } = await until(isSettled);

  const written = outcomes.filter((outcome) => outcome !== "ResourceConflictException");
  assert.deepEqual(written, [after.codeSha256]);
  assert.equal(await outcomeOfUpdate("d", latest.revisionId), "PreconditionFailedException");
});

test("tags and other settings that change during an update are kept by it", async () => {
  await create("f");
  await until(isSettled);

  await Promise.all([
    updateCode("new"),
    functions.changeTags(scope, "f", { set: { a: "1" } }),
    functions.setRecursiveLoop(scope, "f", "Allow"),
    functions.changeTags(scope, "f", { set: { b: "2" } }),
  ]);
  const record = await until(isSettled);

  assert.deepEqual(record.tags, { a: "1", b: "2" });
  assert.equal(record.recursiveLoop, "Allow");
});

test("what a crash left Pending or InProgress is finished by the next start", async () => {
  // The first run dies before anything is unpacked.
  const stuck = newFunctions({
    packages: packagesWith({ find: () => undefined, findMerged: () => undefined, unpack: () => new Promise(() => {}) }),
  });
  await stuck.create({ scope, name: "f", settings, tags: {}, zip: zipOf("1") });
  assert.equal((await functions.get(scope, "f")).latest.state, "Pending");

  await functions.start();

  assert.equal((await until(isSettled)).latest.state, "Active");
});

test("code that the disk has lost is unpacked again at the start", async () => {
  await create("f");
  const { latest } = await until(isSettled);
  await packages.remove(latest.codeDigest);

  await functions.start();
  await functions.close();

  assert.notEqual(packages.find(latest.codeDigest), undefined);
});

test("a runtime that is not here fails the function, and says so", async () => {
  available.clear();
  await create("f");

  const { latest, active } = await until(isSettled);

  assert.deepEqual([latest.state, latest.stateReasonCode], ["Failed", "InvalidRuntime"]);
  assert.match(latest.stateReason ?? "", /nodejs24\.x is not available/);
  assert.equal(active, undefined);
});

test("a disk that refuses is tried again, and then fails the function", async () => {
  let attempts = 0;
  const broken = packagesWith({
    find: () => undefined,
    findMerged: () => undefined,
    unpack: async () => {
      attempts += 1;
      throw new Error("no space left on device");
    },
  });
  functions = newFunctions({ packages: broken });
  await create("f");

  while (!isSettled(await functions.get(scope, "f"))) {
    clock.advance(10_000);
    await setImmediate();
  }
  const { latest } = await until(isSettled);

  assert.deepEqual([attempts, latest.state, latest.stateReasonCode], [4, "Failed", "InternalError"]);
  assert.match(latest.stateReason ?? "", /no space left/);
});

test("an engine that is busy for long delays a function, and does not lose it", async () => {
  await create("f");
  await until(isSettled);
  const put = engine.records.put.bind(engine.records);
  const refused: unknown[] = [];
  engine.records.put = async (key, value, expect) => {
    if ((value as FunctionRecord).latest.lastUpdateStatus === "InProgress") return put(key, value, expect);
    refused.push(value);
    throw new UnavailableError("busy", "too much to do");
  };
  await functions.updateConfiguration(scope, "f", undefined, () => ({ timeoutSeconds: 9 }));
  while (refused.length < 8) {
    clock.advance(10_000);
    await setImmediate();
  }
  engine.records.put = put;
  while (!isSettled(await functions.get(scope, "f"))) {
    clock.advance(10_000);
    await setImmediate();
  }

  assert.equal((await functions.get(scope, "f")).active?.timeoutSeconds, 9);
});

test("code that no function names is collected, but not while an invocation may still run from it", async () => {
  await create("f", "old");
  const old = (await until(isSettled)).latest.codeDigest;
  await updateCode("new");
  const { latest } = await until(isSettled);

  await functions.collectCode();
  clock.advance(900_000);
  await functions.collectCode();
  assert.notEqual(packages.find(old), undefined);

  clock.advance(hourMs);
  await functions.collectCode();
  assert.equal(packages.find(old), undefined);
  assert.deepEqual(
    (await engine.blobs.list()).map(({ digest }) => digest),
    [latest.codeDigest],
  );
});

test("deleting a function leaves nothing behind, whatever else had the same code", async () => {
  await create("f", "same");
  await create("g", "same");
  await until(isSettled, "f");
  const { latest } = await until(isSettled, "g");

  await functions.delete(scope, "f");
  await functions.collectCode();
  clock.advance(hourMs);
  await functions.collectCode();
  assert.notEqual(packages.find(latest.codeDigest), undefined);

  await functions.delete(scope, "g");
  await functions.collectCode();
  clock.advance(hourMs);
  await functions.collectCode();
  assert.equal(packages.find(latest.codeDigest), undefined);
  assert.deepEqual(await engine.blobs.list(), []);
  assert.deepEqual(await engine.records.list(["code-archive"]), []);
  assert.deepEqual(await engine.records.list(["function"]), []);
});

test("code that is uploaded again while it is being collected is kept, at whatever moment", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const name = `f${turns}`;
    await create(name, "again");
    const { codeDigest } = (await until(isSettled, name)).latest;
    await functions.delete(scope, name);
    await functions.collectCode();
    clock.advance(hourMs);

    const collection = functions.collectCode();
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    await Promise.all([collection, create("g", "again")]);
    await until(isSettled, "g");
    await functions.collectCode();

    assert.notEqual(packages.find(codeDigest), undefined, `after ${turns} turns`);
    assert.notEqual(await engine.blobs.get(codeDigest), undefined, `after ${turns} turns`);
    await functions.delete(scope, "g");
  }
});

test("code that a collection found unnamed before it was uploaded again is kept", async () => {
  await create("f", "again");
  const { codeDigest } = (await until(isSettled)).latest;
  await functions.delete(scope, "f");
  await functions.collectCode();
  clock.advance(hourMs);
  // The collection has read the configurations and now reads the archives: meanwhile the function comes back.
  const list = engine.records.list.bind(engine.records);
  engine.records.list = async (prefix, options) => {
    if (prefix[0] === "code-archive") {
      engine.records.list = list;
      await create("g", "again");
    }
    return list(prefix, options);
  };

  await functions.collectCode();

  assert.notEqual(await engine.blobs.get(codeDigest), undefined);
  assert.equal((await until(isSettled, "g")).latest.state, "Active");
});

test("collecting goes on by itself while the functions are started", async () => {
  await functions.start();
  await create("f");
  const { codeDigest } = (await until(isSettled)).latest;
  await functions.delete(scope, "f");

  while (packages.find(codeDigest) !== undefined) {
    clock.advance(300_000);
    await setImmediate();
  }
  while ((await engine.blobs.list()).length > 0) await setImmediate();
});

test("accounts and regions do not see each other's functions", async () => {
  await create("f");

  assert.equal(await functions.find({ ...scope, account: "111111111111" }, "f"), undefined);
  assert.deepEqual(await functions.list({ ...scope, region: "eu-west-1" }, { limit: 10 }), []);
  assert.equal((await functions.usage({ ...scope, account: "111111111111" })).functions, 0);
});

test("a function made anew under an old name does not share the old one's environments", async () => {
  await create("f");
  const before = await until(isSettled);
  await functions.delete(scope, "f");
  await create("f");

  assert.notEqual((await until(isSettled)).latest.generation, before.latest.generation);
});

test("one tag too many is refused, and the tags stay", async () => {
  await create("f");
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, ""]));

  await assert.rejects(functions.changeTags(scope, "f", { set: many }), {
    message: "Number of tags exceeds resource tag limit.",
  });
  assert.deepEqual((await functions.get(scope, "f")).tags, {});
});
