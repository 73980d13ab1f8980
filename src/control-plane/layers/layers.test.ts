import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { buildZip } from "../../../test/support/build-zip.ts";
import { ApiError } from "../../core/errors.ts";
import { layerVersionArn } from "../../core/layer-arn.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Engine } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import type { PackageStore } from "../../packages/contract.ts";
import { openPackageStore } from "../../packages/package-store.ts";
import { CodeArchives, Named } from "../code/code-archives.ts";
import type { LayerVersionRecord } from "./layer-record.ts";
import { Layers, type NewLayerVersion } from "./layers.ts";
import { requireTotalSize } from "./total-size.ts";

const scope = { account: "000000000000", region: "us-east-1" };
const stranger = { account: "111111111111", region: "us-east-1" };
const hourMs = 3_600_000;

let directory: string;
let clock: ManualClock;
let engine: Engine;
let packages: PackageStore;
let archives: CodeArchives;
let layers: Layers;
let ids = 0;
let storageBytes: number;

async function requireStorage(_scope: object, additionalBytes: number): Promise<void> {
  if (additionalBytes > storageBytes)
    throw new ApiError("CodeStorageExceededException", "Code storage limit exceeded.");
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "hearth-layers-"));
  clock = new ManualClock();
  storageBytes = Number.POSITIVE_INFINITY;
  engine = createMemoryEngine({ clock, random: Math.random });
  packages = await openPackageStore(directory, { clock });
  archives = new CodeArchives({ records: engine.records, blobs: engine.blobs, packages, clock });
  layers = open();
});

afterEach(async () => {
  await engine.close();
  await rm(directory, { recursive: true });
});

function open(): Layers {
  return new Layers({ records: engine.records, archives, clock, newId: () => `id-${++ids}`, requireStorage });
}

const zipOf = (text: string): Buffer => buildZip([{ name: "text", content: text }]);
const publish = async (name: string, overrides: Partial<NewLayerVersion> = {}): Promise<LayerVersionRecord> =>
  layers.publish({ scope, name, description: "", zip: zipOf(name), ...overrides });
const reference = (name: string, version = 1, of = scope) => ({ scope: of, name, version });
const arnOf = (name: string, version = 1, of = scope): string => layerVersionArn(of, name, version);
const everyone = { statementId: "all", action: "lambda:GetLayerVersion", principal: "*" };
const numbers = async (before?: number): Promise<number[]> => {
  const page = { limit: 40, ...(before === undefined ? {} : { before }) };
  const versions = await layers.listVersions(scope, { scope, name: "l" }, {}, page);
  return versions.map(({ version }) => version);
};
const refusal = (message: string) => ({ code: "InvalidParameterValueException", message });
const denied = { code: "AccessDeniedException" };

test("versions count from 1, also when published at once, and no number comes twice", async () => {
  const published = await Promise.all(["a", "b", "c"].map((text) => publish("l", { zip: zipOf(text) })));
  await layers.delete(scope, reference("l", 3));
  layers = open();
  const next = await publish("l");

  assert.deepEqual(new Set(published.map(({ version }) => version)), new Set([1, 2, 3]));
  assert.equal(next.version, 4);
});

test("a bad archive, or one that there is no room for, publishes nothing", async () => {
  await assert.rejects(publish("l", { zip: Buffer.from("no zip") }), { code: "InvalidParameterValueException" });

  storageBytes = 10;
  await assert.rejects(publish("l"), { code: "CodeStorageExceededException" });

  storageBytes = 1000;
  assert.deepEqual(await layers.list(scope, {}, { limit: 10 }), []);
  assert.deepEqual(await engine.blobs.list(), []);
  assert.equal((await publish("l")).version, 1);
});

test("a publication that a crash cut short leaves a gap, and nothing that is shown", async () => {
  const put = engine.records.put.bind(engine.records);
  engine.records.put = async (key, value, expect) => {
    if (key[0] === "layer-version") throw new Error("the process is gone");
    return put(key, value, expect);
  };
  await assert.rejects(publish("l"), /the process is gone/);
  engine.records.put = put;

  assert.deepEqual(await layers.list(scope, {}, { limit: 10 }), []);
  assert.equal((await publish("l")).version, 2);
  await collect();
  clock.advance(hourMs);
  await collect();
  assert.equal((await engine.blobs.list()).length, 1);
});

test("versions are listed from the newest, over gaps and in pages", async () => {
  for (let count = 0; count < 230; count++) await publish("l");
  for (let version = 20; version < 200; version++) await layers.delete(scope, reference("l", version));

  const first = await numbers();
  const second = await numbers(first.at(-1));

  assert.deepEqual([first.length, first[0], first.at(-1)], [40, 230, 11]);
  assert.deepEqual(second, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
});

test("a filter finds the newest version that declares what is asked for", async () => {
  await publish("a", { compatibleRuntimes: ["nodejs24.x", "python3.13"], compatibleArchitectures: ["arm64"] });
  await publish("a", { compatibleRuntimes: ["python3.13"] });
  await publish("b");
  await publish("gone");
  await layers.delete(scope, reference("gone"));
  const found = async (filter: Parameters<Layers["list"]>[1]): Promise<string[]> =>
    (await layers.list(scope, filter, { limit: 10 })).map(({ name, version }) => `${name}:${version}`);

  assert.deepEqual(await found({}), ["a:2", "b:1"]);
  assert.deepEqual(await found({ runtime: "nodejs24.x" }), ["a:1"]);
  assert.deepEqual(await found({ runtime: "python3.13" }), ["a:2"]);
  assert.deepEqual(await found({ runtime: "python3.13", architecture: "arm64" }), ["a:1"]);
  assert.deepEqual(await found({ runtime: "ruby3.4" }), []);
  assert.deepEqual(
    (await layers.list(scope, {}, { after: "a", limit: 10 })).map(({ name }) => name),
    ["b"],
  );
});

test("functions get layers in the order in which they name them", async () => {
  const lower = await publish("lower");
  const upper = await publish("upper");

  const uses = await layers.resolve(scope, [arnOf("lower"), arnOf("upper")]);

  assert.deepEqual(uses, [
    { arn: arnOf("lower"), digest: lower.digest, sizeBytes: lower.sizeBytes, unzippedBytes: 5 },
    { arn: arnOf("upper"), digest: upper.digest, sizeBytes: upper.sizeBytes, unzippedBytes: 5 },
  ]);
  assert.deepEqual(await layers.resolve(scope, []), []);
});

test("layers that a function cannot have are refused in AWS's words", async () => {
  await publish("l");
  await publish("l");
  const [one, two] = [arnOf("l"), arnOf("l", 2)];

  await assert.rejects(
    layers.resolve(scope, Array<string>(6).fill(one)),
    refusal("Cannot reference more than 5 layers."),
  );
  await assert.rejects(
    layers.resolve(scope, [one, two]),
    refusal(
      "Two different versions of the same layer are not allowed to be referenced in the same function. " +
        `${one} and ${two} are versions of the same layer.`,
    ),
  );
  await assert.rejects(layers.resolve(scope, [one, one]), {
    message: /:l:1 and \S+:l:1 are versions of the same layer/,
  });
  for (const absent of [arnOf("l", 9), arnOf("unknown"), "arn:aws:lambda:::awslayer:AmazonLinux1803"]) {
    await assert.rejects(layers.resolve(scope, [absent]), refusal(`Layer version ${absent} does not exist.`));
  }
  await assert.rejects(
    layers.resolve(scope, [arnOf("l", 1, { ...scope, region: "eu-west-1" })]),
    refusal("Layers are not in the same region as the function. Layers are expected to be in region us-east-1."),
  );
});

test("another account gets a version when the policy grants it, and never learns what is there otherwise", async () => {
  await publish("l");
  const uses = layers.resolve(stranger, [arnOf("l")]);
  await assert.rejects(uses, {
    code: "AccessDeniedException",
    message:
      "User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:GetLayerVersion on resource: " +
      `${arnOf("l")} because no resource-based policy allows the lambda:GetLayerVersion action`,
  });
  await assert.rejects(layers.get(stranger, reference("l")), denied);
  await assert.rejects(layers.get(stranger, reference("unknown")), denied);

  await layers.addPermission(
    scope,
    reference("l"),
    { ...everyone, statementId: "org", organizationId: "o-0123456789" },
    undefined,
  );
  await layers.addPermission(
    scope,
    reference("l"),
    { ...everyone, statementId: "other", principal: "222222222222" },
    undefined,
  );
  await assert.rejects(layers.get(stranger, reference("l")), denied);

  await layers.addPermission(scope, reference("l"), { ...everyone, principal: "111111111111" }, undefined);
  assert.equal((await layers.get(stranger, reference("l"))).name, "l");
  assert.equal((await layers.resolve(stranger, [arnOf("l")])).length, 1);
  await assert.rejects(layers.resolve({ ...stranger, region: "eu-west-1" }, [arnOf("l")]), denied);

  for (const act of [
    layers.delete(stranger, reference("l")),
    layers.listVersions(stranger, reference("l"), {}, { limit: 1 }),
    layers.policy(stranger, reference("l")),
    layers.addPermission(stranger, reference("l"), everyone, undefined),
    layers.removePermission(stranger, reference("l"), "all", undefined),
  ]) {
    await assert.rejects(act, denied);
  }
  await layers.removePermission(scope, reference("l"), "all", undefined);
  await assert.rejects(layers.get(stranger, reference("l")), denied);
});

test("a policy changes only at the revision that the caller knows", async () => {
  await publish("l");
  const mismatch = {
    code: "PreconditionFailedException",
    message:
      "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetLayerPolicy API to retrieve the latest Revision Id",
  };
  const target = reference("l");
  await assert.rejects(layers.policy(scope, target), {
    code: "ResourceNotFoundException",
    message: "No policy is associated with the given resource.",
  });

  await assert.rejects(layers.addPermission(scope, target, everyone, "unknown"), mismatch);
  const { revisionId } = await layers.addPermission(scope, target, everyone, undefined);
  await assert.rejects(layers.addPermission(scope, target, everyone, revisionId), {
    code: "ResourceConflictException",
    message:
      "The statement id (all) provided already exists. Please provide a new statement id, or remove the existing statement.",
  });
  const second = { ...everyone, statementId: "second" };
  const added = await layers.addPermission(scope, target, second, revisionId);
  await assert.rejects(layers.removePermission(scope, target, "second", revisionId), mismatch);
  await assert.rejects(layers.removePermission(scope, target, "unknown", added.revisionId), {
    code: "ResourceNotFoundException",
    message: "Statement unknown is not found in resource policy.",
  });
  await layers.removePermission(scope, target, "second", added.revisionId);

  const policy = await layers.policy(scope, target);
  assert.deepEqual(
    policy.document.Statement.map(({ Sid }) => Sid),
    ["all"],
  );
  assert(![revisionId, added.revisionId].includes(policy.revisionId));
  await assert.rejects(layers.addPermission(scope, reference("l", 2), everyone, undefined), {
    code: "ResourceNotFoundException",
    message: `Layer version ${arnOf("l", 2)} does not exist.`,
  });
});

test("statements that are added at once are all there", async () => {
  await publish("l");
  const added = Array.from({ length: 20 }, (_, index) => `s${index}`);

  await Promise.all(
    added.map((statementId) => layers.addPermission(scope, reference("l"), { ...everyone, statementId }, undefined)),
  );

  const { document } = await layers.policy(scope, reference("l"));
  assert.deepEqual(new Set(document.Statement.map(({ Sid }) => Sid)), new Set(added));
});

/** As the control plane of functions collects, with these configurations. */
async function collect(...configurations: Parameters<Named["addConfiguration"]>[0][]): Promise<void> {
  const named = new Named();
  for await (const { digest } of layers.all()) named.archives.add(digest);
  for (const configuration of configurations) named.addConfiguration(configuration);
  await archives.collect(named);
}

test("a deleted version stays for whoever uses it, merged as it was, and is collected afterwards", async () => {
  const lower = await publish("lower");
  const upper = await publish("upper");
  const code = await archives.inspect(zipOf("code"));
  (await archives.store(zipOf("code"), code))[Symbol.dispose]();
  const user = { ...code, layers: await layers.resolve(scope, [arnOf("lower"), arnOf("upper")]) };
  const digests = [lower.digest, upper.digest];
  assert(await archives.unpack(user));
  assert.notEqual(packages.findMerged(digests), undefined);

  await layers.delete(scope, reference("lower"));
  await layers.delete(scope, reference("lower"));
  await layers.delete(scope, reference("upper"));
  for (let count = 0; count < 3; count++) {
    await collect(user);
    clock.advance(hourMs);
  }
  assert.notEqual(packages.findMerged(digests), undefined);
  assert.equal(await archives.unpack(user), true);

  await collect();
  clock.advance(900_000);
  await collect();
  assert.notEqual(packages.findMerged(digests), undefined, "an invocation may still run from it");
  clock.advance(hourMs);
  await collect();

  assert.equal(packages.findMerged(digests), undefined);
  assert.deepEqual(packages.trees(), []);
  assert.deepEqual(await engine.blobs.list(), []);
  assert.deepEqual(await engine.records.list(["code-archive"]), []);
  assert.equal(await archives.unpack(user), false);
});

test("a tree that comes into use while a collection is under way is kept", async () => {
  const digests = [(await publish("lower")).digest, (await publish("upper")).digest];
  const uses = await layers.resolve(scope, [arnOf("lower"), arnOf("upper")]);
  const user = { codeDigest: uses[0]?.digest ?? "", layers: uses };
  await archives.unpack(user);
  await collect();
  clock.advance(hourMs);
  const list = engine.records.list.bind(engine.records);
  engine.records.list = async (prefix, options) => {
    // The collection has read the configurations and now reads the archives.
    if (prefix[0] === "code-archive") await archives.unpack(user);
    return list(prefix, options);
  };

  await collect();

  assert.notEqual(packages.findMerged(digests), undefined);
});

test("a tree that the disk lost is made again from the archives", async () => {
  const lower = await publish("lower");
  const upper = await publish("upper");
  const user = {
    codeDigest: lower.digest,
    layers: await layers.resolve(scope, [arnOf("lower"), arnOf("upper")]),
  };
  await archives.unpack(user);
  for (const tree of packages.trees()) await packages.removeTree(tree);
  await packages.remove(upper.digest);

  assert.equal(await archives.unpack(user), true);

  assert.notEqual(packages.findMerged([lower.digest, upper.digest]), undefined);
});

test("code and layers together are held to what one package may hold", () => {
  const use = { arn: "", digest: "", sizeBytes: 1, unzippedBytes: 100_000_000 };
  const code = { codeSizeBytes: 1, codeUnzippedBytes: 62_144_000 };

  requireTotalSize({ ...code, layers: [use, use] });
  assert.throws(() => requireTotalSize({ ...code, codeUnzippedBytes: 62_144_001, layers: [use, use] }), {
    code: "InvalidParameterValueException",
    message:
      "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. " +
      "The actual size is 262144001 bytes.",
  });
});
