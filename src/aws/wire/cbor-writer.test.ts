/** The SDK's own writer and reader are the measure. */
import { cbor, dateToTag } from "@smithy/core/cbor";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { cborInstant, writeCbor } from "./cbor-writer.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("values of every kind and length are written as the SDK writes them", () => {
  const edges = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  const specials = [1.5, -0.1, 1e300, Number.NaN, Number.POSITIVE_INFINITY, true, false, null, "", "é €", []];
  const bigIntegers = [0n, -1n, 2n ** 64n - 1n, -(2n ** 64n), 2n ** 64n, 2n ** 100n];
  const values = [
    ...edges.flatMap((edge) => [edge, -edge - 1 < Number.MIN_SAFE_INTEGER ? -1 : -edge - 1]),
    ...specials,
    ...bigIntegers,
    ...[23, 24, 256, 70_000].flatMap((length) => ["ü".repeat(length), new Uint8Array(length).fill(7)]),
    { a: { b: [1, "x", null] }, c: new Uint8Array(3) },
    Array.from({ length: 300 }, (_, index) => ({ index, text: "x".repeat(index) })),
  ];
  for (const value of values) assert.equal(hex(writeCbor(value)), hex(cbor.serialize(value)));
});

test("any document is read by the SDK as what it was", () => {
  const document = fc
    .jsonValue({ noUnicodeString: false })
    .filter((value) => !JSON.stringify(value).includes("__proto__"));
  fc.assert(
    fc.property(document, (value) => assert.deepEqual(plain(cbor.deserialize(writeCbor(value))), plain(value))),
  );
});

test("instants keep their milliseconds", () => {
  for (const instant of [new Date(1_700_000_000_123), new Date(0), new Date(-1500)]) {
    assert.equal(hex(writeCbor(cborInstant(instant))), hex(cbor.serialize(dateToTag(instant))));
  }
});

test("a value that is not there is refused rather than written as something else", () => {
  assert.throws(() => writeCbor({ a: undefined }), TypeError);
});

/** Without the difference between 0 and -0, which AWS's numbers do not know. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
