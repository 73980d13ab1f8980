import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { systemClock } from "../core/clock.ts";
import { unzippedBytesMax, zippedBytesMax, type PackageStore } from "./contract.ts";
import { openPackageStore } from "./package-store.ts";
import { buildZip, directoryMode, linkMode, type ZipInput } from "../../test/support/build-zip.ts";

const bootId = "11111111-0000-4000-8000-000000000000";
const nextBootId = "22222222-0000-4000-8000-000000000000";
let root: string;
/** Where the packages of this boot lie. */
let directory: string;
let store: PackageStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hearth-packages-"));
  directory = join(root, bootId);
  store = await openPackageStore(root, { clock: systemClock, bootId });
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate();
}

const digestOf = (zip: Uint8Array): string => createHash("sha256").update(zip).digest("hex");
const unpack = async (zip: Uint8Array): Promise<string> => store.unpack(digestOf(zip), zip);
const couldNotUnzip = {
  code: "InvalidParameterValueException",
  message: "Could not unzip uploaded file. Please check your file, then try to upload again.",
};

async function refuses(zip: Uint8Array, expected: { code: string; message: string } = couldNotUnzip): Promise<void> {
  await assert.rejects(store.inspect(zip), expected);
  await assert.rejects(unpack(zip), expected);
  assert.equal(store.find(digestOf(zip)), undefined);
  assert.deepEqual(await readdir(directory), [], "something was left behind");
}

test("unpacks files and directories, deflated and stored, with their content and time", async () => {
  const large = Buffer.from("0123456789abcdef".repeat(100_000));
  const zip = buildZip([
    { name: "index.js", content: "exports.handler = () => 1", deflate: true },
    { name: "lib/", mode: directoryMode },
    { name: "lib/deep/er/data.bin", content: large, deflate: true },
    { name: "./lib//dotted.txt", content: large },
    { name: "empty", content: "", deflate: true },
    { name: "Größe/naïve 文件.txt", content: "x" },
  ]);

  const summary = await store.inspect(zip);
  const place = await unpack(zip);

  assert.deepEqual(summary, { unzippedBytes: 25 + 2 * large.length + 1, entries: 6 });
  assert.equal(await readFile(join(place, "index.js"), "utf8"), "exports.handler = () => 1");
  assert.deepEqual(await readFile(join(place, "lib/deep/er/data.bin")), large);
  assert.deepEqual(await readFile(join(place, "lib/dotted.txt")), large);
  assert.equal(await readFile(join(place, "Größe/naïve 文件.txt"), "utf8"), "x");
  for (const name of ["index.js", "lib/deep/er/data.bin"]) {
    assert.equal((await stat(join(place, name))).mtimeMs, Date.UTC(2026, 0, 2, 3, 4, 6));
  }
  assert.equal(store.find(digestOf(zip)), place);
});

test("everyone can read a package, and what was executable still is, whatever the archive's modes", async () => {
  const place = await unpack(
    buildZip([
      { name: "private", content: "1", mode: 0o100600 },
      { name: "bootstrap", content: "2", mode: 0o100700 },
      { name: "setuid", content: "3", mode: 0o106755 },
      { name: "without mode", content: "4", mode: 0, madeBy: 0 },
      { name: "closed/", mode: 0o040000 },
      { name: "closed/large", content: Buffer.alloc(1_000_000, 7), mode: 0o100111, deflate: true },
    ]),
  );

  const modes: Record<string, string> = {};
  for (const name of await readdir(place, { recursive: true })) {
    modes[name] = ((await lstat(join(place, name))).mode & 0o7777).toString(8);
  }
  assert.deepEqual(modes, {
    private: "644",
    bootstrap: "755",
    setuid: "755",
    "without mode": "644",
    closed: "755",
    "closed/large": "755",
  });
  assert.equal((await stat(place)).mode & 0o7777, 0o755);
});

test("links inside the package are kept, dangling ones too", async () => {
  const place = await unpack(
    buildZip([
      { name: "node_modules/.bin/tool", content: "../tool/cli.js", mode: linkMode },
      { name: "node_modules/tool/cli.js", content: "tool" },
      { name: "again", content: "node_modules/.bin/tool", mode: linkMode },
      { name: "dangling", content: "nowhere/at/all", mode: linkMode },
    ]),
  );

  assert.equal(await readlink(join(place, "node_modules/.bin/tool")), "../tool/cli.js");
  assert.equal(await readFile(join(place, "again"), "utf8"), "tool");
  assert.equal(await readlink(join(place, "dangling")), "nowhere/at/all");
});

test("names that differ only in case are two files", async () => {
  const place = await unpack(
    buildZip([
      { name: "README", content: "1" },
      { name: "readme", content: "2" },
    ]),
  );

  assert.deepEqual((await readdir(place)).toSorted(), ["README", "readme"]);
});

test("an archive is unpacked once, also when asked for many times at once", async () => {
  const zip = buildZip([{ name: "f", content: "1" }]);

  const places = await Promise.all(Array.from({ length: 10 }, async () => unpack(zip)));

  assert.equal(new Set(places).size, 1);
  assert.deepEqual(await readdir(directory), [digestOf(zip)]);
});

test("a removed package is gone, and can be unpacked again", async () => {
  const zip = buildZip([{ name: "f", content: "1" }]);
  await unpack(zip);

  await Promise.all([store.remove(digestOf(zip)), store.remove(digestOf(zip))]);

  assert.equal(store.find(digestOf(zip)), undefined);
  assert.deepEqual(await readdir(directory), []);
  assert.equal(await readFile(join(await unpack(zip), "f"), "utf8"), "1");
});

test("a store opened again knows its packages, and clears away what a crash left half done", async () => {
  const zip = buildZip([{ name: "f", content: "1" }]);
  await unpack(zip);
  await mkdir(join(directory, ".unfinished-abc/deep"), { recursive: true });
  await writeFile(join(directory, ".unfinished-abc/deep/file"), "half");
  await mkdir(join(directory, ".removed-abc"));

  store = await openPackageStore(root, { clock: systemClock, bootId });

  assert.equal(store.find(digestOf(zip)), join(directory, digestOf(zip)));
  await until(async () => (await readdir(directory)).length === 1);
});

test("packages of an earlier boot, which a power failure may have torn, are not used and go away", async () => {
  const zip = buildZip([{ name: "f", content: "1" }]);
  await unpack(zip);
  await writeFile(join(root, "not a package"), "");

  store = await openPackageStore(root, { clock: systemClock, bootId: nextBootId });

  assert.equal(store.find(digestOf(zip)), undefined);
  assert.equal(await readFile(join(await unpack(zip), "f"), "utf8"), "1");
  await until(async () => (await readdir(root)).toSorted().join() === `${nextBootId},not a package`);
});

test("large archives, which a thread works on, are unpacked and refused like small ones", async () => {
  const content = randomBytes(300_000);
  const file = { name: "lib/noise", content, mode: 0o100700 };
  const zip = buildZip([file, { name: "l", content: "lib/noise", mode: linkMode }]);

  const summary = await store.inspect(zip);
  const place = await unpack(zip);

  assert.deepEqual(summary, { unzippedBytes: 300_009, entries: 2 });
  assert.deepEqual(await readFile(join(place, "l")), content);
  assert.equal((await stat(join(place, "lib/noise"))).mode & 0o7777, 0o755);
  await store.remove(digestOf(zip));
  await refuses(buildZip([file, { name: "../x" }]));
  await refuses(buildZip([{ ...file, crc32: 1 }]));
});

test("when the package cannot be put in its place, nothing is left behind", async () => {
  const zip = buildZip([{ name: "f", content: "1" }]);
  await writeFile(join(directory, digestOf(zip)), "in the way");

  await assert.rejects(unpack(zip), { code: "ENOTDIR" });

  assert.deepEqual(await readdir(directory), [digestOf(zip)]);
  assert.equal(store.find(digestOf(zip)), undefined);
});

const link = (name: string, target: string): ZipInput => ({ name, content: target, mode: linkMode });
const hostile: Readonly<Record<string, readonly ZipInput[]>> = {
  "a path with ..": [{ name: "a/../../b" }],
  "an absolute path": [{ name: "/etc/passwd" }],
  "a name with NUL": [{ name: "a\0b" }],
  "an empty name": [{ name: "" }],
  "a name too long for the disk": [{ name: "n".repeat(256) }],
  "a path too long for the disk": [{ name: "abc/".repeat(2000) }],
  "a file at the root's own place": [{ name: "./." }],
  "one path twice": [{ name: "a" }, { name: "./a" }],
  "a file where a directory must be": [{ name: "a" }, { name: "a/b" }],
  "a device": [{ name: "a", mode: 0o060644 }],
  "a pipe": [{ name: "a", mode: 0o010644 }],
  "a socket": [{ name: "a", mode: 0o140644 }],
  "an encrypted entry": [{ name: "a", content: "secret", flags: 0x801 }],
  "an unknown compression": [{ name: "a", content: "x", method: 14 }],
  "a wrong checksum": [{ name: "a", content: "x", crc32: 1 }],
  "a wrong checksum of a large entry": [{ name: "a", content: Buffer.alloc(500_000), crc32: 1, deflate: true }],
  "garbage for deflated data": [{ name: "a", content: "not deflated at all", method: 8 }],
  "more data than declared": [{ name: "a", content: "x".repeat(5000), deflate: true, bytes: 10 }],
  "far more data than declared": [{ name: "a", content: Buffer.alloc(50_000_000), deflate: true, bytes: 200_000 }],
  "less data than declared": [{ name: "a", content: "x", deflate: true, bytes: 10 }],
  "two entries sharing data": [
    { name: "a", content: "x".repeat(100), deflate: true },
    { name: "b", content: "x".repeat(100), deflate: true, sharesDataWith: 0 },
  ],
  "data beyond the end": [{ name: "a", content: "x", compressedBytes: 1_000_000, bytes: 1_000_000 }],
  "a link out": [link("a", "../outside")],
  "an absolute link": [link("a", "/etc/passwd")],
  "an empty link": [link("a", "")],
  "a link with NUL": [link("a", "b\0c")],
  "a link whose target is too long": [link("a", "b/".repeat(3000))],
  "a link out by way of another": [{ name: "p/q/r/x" }, link("p/q/r/l", "../../../s"), link("out", "p/q/r/l/../..")],
  "links in a circle": [link("a", "b"), link("b", "a")],
  "a file written through a link": [link("a", "b"), { name: "a/f" }],
};

for (const [what, inputs] of Object.entries(hostile)) {
  test(`refuses ${what}, and leaves nothing behind`, async () => {
    await refuses(buildZip(inputs));
  });
}

test("refuses what is no archive, a truncated one, and an empty one", async () => {
  const zip = buildZip([{ name: "f", content: "x".repeat(1000) }]);

  await refuses(Buffer.from("this is not a zip"));
  await refuses(zip.subarray(0, zip.length - 5));
  await refuses(zip.subarray(100));
  await refuses(Buffer.alloc(0), { ...couldNotUnzip, message: "Uploaded file must be a non-empty zip" });
  await refuses(buildZip([]), { ...couldNotUnzip, message: "Uploaded file must be a non-empty zip" });
});

test("refuses an archive over the limits, by what it declares and by its own size", async () => {
  const declared = buildZip([
    { name: "a", deflate: true, bytes: unzippedBytesMax - 1 },
    { name: "b", deflate: true, bytes: 2 },
  ]);

  await refuses(declared, { ...couldNotUnzip, message: "Unzipped size must be smaller than 262144000 bytes" });
  await refuses(Buffer.alloc(zippedBytesMax + 1), {
    ...couldNotUnzip,
    message: "Zipped size must be smaller than 52428800 bytes",
  });
});

test("no mutation of an archive makes the store do anything but unpack inside its directory or refuse", async () => {
  const base = buildZip([
    { name: "a/b", content: "hello hello hello", deflate: true },
    { name: "l", content: "a/b", mode: linkMode },
    { name: "d/", mode: directoryMode },
  ]);
  const mutation = fc.record({ at: fc.nat(base.length - 1), value: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
      const zip = Buffer.from(base);
      for (const { at, value } of mutations) zip[at] = value;

      const refusal = await unpack(zip).then(
        () => undefined,
        (error: unknown) => error,
      );

      assert(refusal === undefined || (refusal instanceof Error && refusal.name === "ApiError"), String(refusal));
      assert.deepEqual(await readdir(directory), refusal === undefined ? [digestOf(zip)] : []);
      await store.remove(digestOf(zip));
    }),
    { numRuns: 150 },
  );
});

test("the event loop turns whenever a slice of time is used up", async () => {
  const zip = buildZip(Array.from({ length: 500 }, (_, index) => ({ name: `f${index}`, content: "x" })));
  let timeMs = 0;
  const everyLookTakesLong = { ...systemClock, monotonicMs: () => (timeMs += 1000) };
  store = await openPackageStore(root, { clock: everyLookTakesLong, bootId });
  let turns = 0;
  let done = false;
  const count = (): void => {
    turns += 1;
    if (!done) globalThis.setImmediate(count);
  };
  count();

  await unpack(zip);
  done = true;

  assert(turns >= 500, `the loop turned ${turns} times`);
});

const unpackedDigest = async (...inputs: ZipInput[]): Promise<string> => {
  const zip = buildZip(inputs);
  await unpack(zip);
  return digestOf(zip);
};

test("of one package, the merged tree is the package's own directory", async () => {
  const only = await unpackedDigest({ name: "a", content: "1" });

  assert.equal(await store.merge([only]), store.find(only));
  assert.equal(store.findMerged([only]), store.find(only));
  assert.deepEqual(store.trees(), []);
});

test("packages lie one over the other in a tree of their files, which is made once for each order", async () => {
  const lower = await unpackedDigest(
    { name: "extensions/agent", content: "#!/bin/sh", mode: 0o100755 },
    { name: "both", content: "lower" },
    { name: "link", content: "both", mode: linkMode },
  );
  const upper = await unpackedDigest({ name: "both", content: "upper" }, { name: "deep/er/file", content: "2" });

  assert.equal(store.findMerged([lower, upper]), undefined);
  const [place, again, reverse] = await Promise.all([
    store.merge([lower, upper]),
    store.merge([lower, upper]),
    store.merge([upper, lower]),
  ]);

  assert.equal(again, place);
  assert.equal(store.findMerged([lower, upper]), place);
  assert.notEqual(reverse, place);
  assert.equal(await readFile(join(place, "both"), "utf8"), "upper");
  assert.equal(await readFile(join(place, "link"), "utf8"), "upper");
  assert.equal(await readFile(join(reverse, "link"), "utf8"), "lower");
  const [agent, inPackage] = await Promise.all([
    stat(join(place, "extensions/agent")),
    stat(join(store.find(lower) ?? "", "extensions/agent")),
  ]);
  assert.deepEqual([agent.ino, agent.mode & 0o777], [inPackage.ino, 0o755]);
  assert.equal((await stat(join(place, "deep/er"))).mode & 0o777, 0o755);
  assert.equal((await stat(place)).mode & 0o777, 0o755);
});

test("a tree outlives the packages it was made of, until it is removed itself", async () => {
  const digests = [
    await unpackedDigest({ name: "a", content: "1" }),
    await unpackedDigest({ name: "b", content: "2" }),
  ];
  const place = await store.merge(digests);
  for (const digest of digests) await store.remove(digest);
  assert.equal(await readFile(join(place, "a"), "utf8"), "1");

  const [id, ...others] = store.trees();
  assert(id !== undefined);
  assert.deepEqual(others, []);
  await store.removeTree(id);

  assert.equal(store.findMerged(digests), undefined);
  assert.deepEqual(await readdir(directory), []);
});

test("packages that cannot lie one over the other leave nothing behind", async () => {
  const sound = await unpackedDigest(
    { name: "p/q/r/file", content: "1" },
    { name: "out", content: "p/q/r/../../../s", mode: linkMode },
  );
  const shortcut = await unpackedDigest({ name: "p/q", content: ".", mode: linkMode });

  await assert.rejects(store.merge([sound, shortcut]), couldNotUnzip);

  assert.equal(store.findMerged([sound, shortcut]), undefined);
  assert.deepEqual((await readdir(directory)).toSorted(), [sound, shortcut].toSorted());
});

test("trees are there after a restart", async () => {
  const digests = [
    await unpackedDigest({ name: "a", content: "1" }),
    await unpackedDigest({ name: "b", content: "2" }),
  ];
  const place = await store.merge(digests);

  store = await openPackageStore(root, { clock: systemClock, bootId });

  assert.equal(store.findMerged(digests), place);
});
