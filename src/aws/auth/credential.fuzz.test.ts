import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../core/errors.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { Authenticator } from "./authenticate.ts";
import { parseCompactTime, parseSignature } from "./credential.ts";

const authorization = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "Credential=",
          "a/20261121/us-east-1/lambda/aws4_request",
          ",",
          "SignedHeaders=host",
          "Signature=0",
        ),
        fc.string(),
      ),
    )
    .map((parts) => `AWS4-HMAC-SHA256 ${parts.join("")}`),
);

const presigned = fc
  .array(
    fc.tuple(
      fc.constantFrom("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires", "x"),
      fc.oneof(fc.constantFrom("AWS4-HMAC-SHA256", "a/1/2/3/aws4_request", "20261121T080000Z", "60"), fc.string()),
    ),
  )
  .map((pairs) => new URLSearchParams(pairs).toString());

test("no signature that was not made with the secret is ever accepted, and nothing but a refusal is thrown", () => {
  const authenticator = new Authenticator({ keys: new Map([["a", "secret"]]) }, new ManualClock());
  fc.assert(
    fc.property(authorization, presigned, fc.string(), fc.string(), (header, query, date, path) => {
      const headers = { authorization: header, "x-amz-date": date, host: "x" };
      assert.throws(() => {
        const { verifyBody } = authenticator.authenticate({
          method: "POST",
          path,
          query,
          headers,
          headerValues: (name) => (name === "host" ? ["x"] : undefined),
          parsed: parseSignature(headers, query),
          origin: { kind: "client" },
        });
        assert(verifyBody !== undefined);
        verifyBody(Buffer.alloc(0));
      }, ApiError);
    }),
    { numRuns: 1000 },
  );
});

test("times are read exactly or not at all", () => {
  assert.equal(parseCompactTime("20261121T080000Z"), Date.UTC(2026, 10, 21, 8));
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert(Number.isNaN(parseCompactTime(text)) || /^\d{8}T\d{6}Z$/.test(text));
    }),
  );
});
