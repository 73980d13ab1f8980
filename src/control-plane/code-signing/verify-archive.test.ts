import fc from "fast-check";
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { buildZip, directoryMode, linkMode, type ZipInput } from "../../../test/support/build-zip.ts";
import { testProfile } from "../../../test/support/signing.ts";
import { ApiError } from "../../core/errors.ts";
import { readZipDirectory } from "../../packages/zip-directory.ts";
import { signatureEntry } from "./signature.ts";
import { verifyArchive, type SignatureVerdict } from "./verify-archive.ts";

const nowMs = Date.UTC(2026, 5, 1);
const releases = testProfile("releases");
const files: readonly ZipInput[] = [
  { name: "index.js", content: "exports.handler = async () => 1" },
  { name: "lib/", mode: directoryMode },
  { name: "lib/large.bin", content: Buffer.alloc(300_000, "x"), deflate: true },
  { name: "lib/run", content: "#!/bin/sh", mode: 0o100755 },
  { name: "link", content: "index.js", mode: linkMode },
];

async function verify(
  zip: Uint8Array,
  key: KeyObject | undefined = releases.publicKey,
  atMs = nowMs,
): Promise<SignatureVerdict> {
  return verifyArchive(zip, async (arn) => (arn === releases.arn ? key : undefined), atMs);
}

/** The archive's entries as they can be written again, the signature among them. */
async function entriesOf(zip: Uint8Array): Promise<ZipInput[]> {
  const entries = await readZipDirectory(zip);
  const signature = entries.find(({ name }) => name === signatureEntry);
  assert(signature !== undefined);
  return [...files, { name: signatureEntry, content: signature.data }];
}

test("an archive that was signed is valid, and all that it held is still there", async () => {
  const zip = buildZip(files);
  const signed = await releases.sign(zip);

  const verdict = await verify(signed);
  assert.equal(verdict.kind, "valid");
  const names = (await readZipDirectory(signed)).map(({ name, mode }) => [name, mode]);
  const before = (await readZipDirectory(zip)).map(({ name, mode }) => [name, mode]);
  assert.deepEqual(names, [...before, [signatureEntry, 0o100644]]);
});

test("the order of entries and their compression do not matter", async () => {
  const entries = await entriesOf(await releases.sign(buildZip(files)));

  const rewritten = buildZip(
    entries.toReversed().map((entry) => Object.assign({}, entry, { deflate: entry.deflate !== true })),
  );
  assert.equal((await verify(rewritten)).kind, "valid");
});

test("whatever is changed after signing breaks the signature", async () => {
  const entries = await entriesOf(await releases.sign(buildZip(files)));
  const change = (name: string, changed: Partial<ZipInput>): ZipInput[] =>
    entries.map((entry) => (entry.name === name ? { ...entry, ...changed } : entry));

  for (const [what, tampered] of [
    ["content", change("index.js", { content: "exports.handler = async () => 2" })],
    ["content of a large file", change("lib/large.bin", { content: Buffer.alloc(300_000, "y") })],
    ["name", change("index.js", { name: "main.js" })],
    ["mode", change("index.js", { mode: 0o100755 })],
    ["kind", change("link", { mode: 0o100644 })],
    ["target of a link", change("link", { content: "lib/run" })],
    ["added file", [...entries, { name: "more.js", content: "" }]],
    ["added directory", [...entries, { name: "more/", mode: directoryMode }]],
    ["removed file", entries.filter(({ name }) => name !== "lib/run")],
    ["second signature", [...entries, ...entries.slice(-1)]],
    ["no signature in its place", change(signatureEntry, { content: "{}" })],
    ["nothing in its place", change(signatureEntry, { content: "" })],
    ["a huge file in its place", change(signatureEntry, { content: Buffer.alloc(1_000_000) })],
  ] as const) {
    assert.equal((await verify(buildZip(tampered))).kind, "broken", what);
  }
});

test("only the profile's own key makes its signature", async () => {
  const zip = buildZip(files);
  const signed = await releases.sign(zip);
  const forged = await testProfile("others").sign(zip, { profileVersionArn: releases.arn });

  assert.equal((await verify(forged)).kind, "broken");
  assert.equal((await verify(signed, generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey)).kind, "broken");
  assert.equal((await verify(await testProfile("others").sign(zip))).kind, "unknown-profile");
});

test("a signature counts until it expires", async () => {
  const signed = await releases.sign(buildZip(files), { expiresAtMs: nowMs });

  assert.equal((await verify(signed, releases.publicKey, nowMs - 1)).kind, "valid");
  assert.equal((await verify(signed, releases.publicKey, nowMs)).kind, "expired");
});

test("keys of every accepted kind sign and verify, and others are refused", async () => {
  const zip = buildZip(files);
  for (const keys of [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ]) {
    assert.equal((await verify(await testProfile("releases", keys).sign(zip), keys.publicKey)).kind, "valid");
  }
  for (const keys of [
    generateKeyPairSync("rsa", { modulusLength: 1024 }),
    generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
    generateKeyPairSync("x25519"),
  ]) {
    await assert.rejects(testProfile("releases", keys).sign(zip), /cannot sign code; use Ed25519/);
  }
});

test("an archive is signed once", async () => {
  const signed = await releases.sign(buildZip(files));

  await assert.rejects(releases.sign(signed), /signed already/);
});

test("unsigned code is just that", async () => {
  assert.equal((await verify(buildZip(files))).kind, "unsigned");
});

test("no change of a byte makes another archive valid", async () => {
  const signed = await releases.sign(buildZip(files.slice(0, 2)));
  const before = await contentOf(signed);

  await fc.assert(
    fc.asyncProperty(fc.nat({ max: signed.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(signed);
      changed[at] = (changed[at] ?? 0) ^ flip;
      try {
        const { kind } = await verify(changed);
        // What a package does not keep (times, local headers) may change.
        if (kind === "valid") assert.deepEqual(await contentOf(changed), before);
      } catch (error) {
        assert(error instanceof ApiError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

/** What a package keeps of an archive. */
async function contentOf(zip: Uint8Array): Promise<unknown> {
  const entries = (await readZipDirectory(zip)).filter(({ name }) => name !== signatureEntry);
  return entries.map(({ name, mode, data }) => [name, mode, Buffer.from(data).toString("hex")]);
}
