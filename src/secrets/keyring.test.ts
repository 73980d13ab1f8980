import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyMissingError, Keyring } from "./keyring.ts";

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const ring = new Keyring(
  new Map([
    ["default", key(1)],
    ["arn:aws:kms:us-east-1:000000000000:key/1", key(2)],
  ]),
);

test("what was sealed opens again, with the key that sealed it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, place) => {
      for (const keyId of ["default", "arn:aws:kms:us-east-1:000000000000:key/1"]) {
        assert.equal(ring.unseal(ring.seal(text, place, keyId), place), text);
      }
    }),
  );
});

test("equal texts of one place seal equally, and of two places differently", () => {
  assert.deepEqual(ring.seal("a", "one"), ring.seal("a", "one"));
  assert.notEqual(ring.seal("a", "one").data, ring.seal("a", "two").data);
  assert.notEqual(ring.seal("a", "one").data, ring.seal("b", "one").data);
});

test("what is sealed shows nothing of the text", () => {
  const { data } = ring.seal("PASSWORD=swordfish", "place");
  assert.doesNotMatch(Buffer.from(data, "base64").toString("latin1"), /swordfish|PASSWORD/);
});

test("what was changed, moved, or sealed with another key does not open", () => {
  const sealed = ring.seal("text", "place");
  const bytes = Buffer.from(sealed.data, "base64");
  for (const index of [0, 12, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.throws(() => ring.unseal({ ...sealed, data: changed.toString("base64") }, "place"), /does not open/);
  }
  assert.throws(() => ring.unseal(sealed, "elsewhere"), /does not open/);
  const other = new Keyring(new Map([["default", key(9)]]));
  assert.throws(() => other.unseal(sealed, "place"), /does not open/);
  assert.throws(() => other.unseal({ ...sealed, keyId: "gone" }, "place"), KeyMissingError);
});

test("a key that is not 32 bytes long is refused", () => {
  assert.throws(() => new Keyring(new Map([["default", new Uint8Array(31)]])), /31 bytes/);
});
