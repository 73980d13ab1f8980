import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readKeys } from "./key-files.ts";

const directory = mkdtempSync(join(tmpdir(), "hearth-keys-"));
after(() => rmSync(directory, { recursive: true }));

test("the default key is made once, for its owner's eyes only, and read again", () => {
  const made = readKeys(directory, new Map()).get("default");
  assert.equal(made?.byteLength, 32);
  assert.equal(statSync(join(directory, "keys", "default")).mode & 0o777, 0o600);
  assert.deepEqual(readKeys(directory, new Map()).get("default"), made);
  assert.deepEqual(new Uint8Array(readFileSync(join(directory, "keys", "default"))), new Uint8Array(made ?? []));
});

test("a registered key is raw, hex or base64, and anything else is refused by its file's name", () => {
  const key = Buffer.alloc(32, 7);
  const forms = { raw: key, hex: `${key.toString("hex")}\n`, base64: key.toString("base64") };
  for (const [name, content] of Object.entries(forms)) {
    const file = join(directory, name);
    writeFileSync(file, content);
    assert.deepEqual(Buffer.from(readKeys(directory, new Map([["arn", file]])).get("arn") ?? []), key, name);
  }
  const bad = join(directory, "bad");
  writeFileSync(bad, "too short");
  assert.throws(() => readKeys(directory, new Map([["arn", bad]])), /bad is no key/);
});
