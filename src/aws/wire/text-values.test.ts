import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { SerializationError } from "./serialization-error.ts";
import { parseBase64, parseTimestamp, printBase64, printTimestamp } from "./text-values.ts";

test("base64 is read exactly or refused", () => {
  const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  const nearly = fc.string({
    unit: fc.constantFrom("A", "z", "9", "+", "/", "=", "-", "_", " ", "\n", "é"),
    maxLength: 12,
  });
  fc.assert(
    fc.property(nearly, (text) => {
      if (strict.test(text)) assert.deepEqual(parseBase64(text), Buffer.from(text, "base64"));
      else assert.throws(() => parseBase64(text), SerializationError, JSON.stringify(text));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assert.deepEqual([...parseBase64(printBase64(bytes))], [...bytes])),
  );
});

test("timestamps are read in every format that clients send", () => {
  const time = new Date(Date.UTC(2026, 10, 21, 8, 0, 0, 250));

  assert.equal(parseTimestamp("1795248000.25", "epoch-seconds").getTime(), time.getTime());
  assert.equal(parseTimestamp("1795248000.25", "date-time").getTime(), time.getTime());
  assert.equal(parseTimestamp("2026-11-21T08:00:00.250Z", "epoch-seconds").getTime(), time.getTime());
  assert.equal(parseTimestamp("Sat, 21 Nov 2026 08:00:00 GMT", "http-date").getTime(), time.getTime() - 250);
  for (const text of ["", "yesterday", "NaN", "1e400"]) {
    assert.throws(() => parseTimestamp(text, "epoch-seconds"), SerializationError, text);
  }
});

test("timestamps are written as their format says", () => {
  const time = new Date(Date.UTC(2026, 10, 21, 8, 0, 0));

  assert.equal(printTimestamp(time, "date-time"), "2026-11-21T08:00:00Z");
  assert.equal(printTimestamp(time, "http-date"), "Sat, 21 Nov 2026 08:00:00 GMT");
  assert.equal(printTimestamp(time, "epoch-seconds"), "1795248000");
});
