import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { SigningProfiles } from "./signing-profiles.ts";

const directory = mkdtempSync(join(tmpdir(), "hearth-profiles-"));
after(() => rmSync(directory, { recursive: true }));

function profile(version: string): string {
  return `arn:aws:signer:us-east-1:000000000000:/signing-profiles/releases/${version}`;
}

test("keys are read as the files are now: registered, replaced and removed without a restart", async () => {
  const file = join(directory, "key.pem");
  const profiles = new SigningProfiles(new Map([[profile("v000000001"), file]]));
  const [first, second] = [generateKeyPairSync("ed25519").publicKey, generateKeyPairSync("ed25519").publicKey];

  assert.equal(await profiles.keyOf(profile("v000000001")), undefined);
  for (const key of [first, second]) {
    writeFileSync(file, key.export({ type: "spki", format: "pem" }));
    assert((await profiles.keyOf(profile("v000000001")))?.equals(key));
  }
  assert.equal(await profiles.keyOf(profile("v000000002")), undefined);
  rmSync(file);
  assert.equal(await profiles.keyOf(profile("v000000001")), undefined);
});

test("what is no key to trust is told by file and reason", async () => {
  const [text, weak, missing] = ["text.pem", "weak.pem", "missing.pem"].map((name) => join(directory, name));
  assert(text !== undefined && weak !== undefined && missing !== undefined);
  writeFileSync(text, "no key");
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  writeFileSync(weak, publicKey.export({ type: "spki", format: "pem" }));
  const profiles = new SigningProfiles(
    new Map([
      [profile("text000000"), text],
      [profile("weak000000"), weak],
      [profile("missing000"), missing],
    ]),
  );

  const [one = "", two = "", three = ""] = await profiles.problems();
  assert(one.startsWith(`public key of ${profile("text000000")} in ${text}: `));
  assert.match(two, /weak\.pem: a key of the kind rsa cannot sign code; use Ed25519/);
  assert.equal(three, `${profile("missing000")}: there is no ${missing}, so its signatures do not count`);
  await assert.rejects(profiles.keyOf(profile("weak000000")));
});
