import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseFunctionArn, parseFunctionReference } from "./arn.ts";
import { functionArn } from "./function-record.ts";

const scope = { account: "123456789012", region: "us-east-1" };

const alphabet = "abcXYZ019-_".split("");
const anyName = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 64 });
const anyQualifier = fc.oneof(
  fc.constant("$LATEST"),
  fc.nat().map(String),
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 128 }),
);

/** Every form without a qualifier that the service model accepts. */
const forms = (name: string): string[] => [
  name,
  `function:${name}`,
  `123456789012:function:${name}`,
  `us-east-1:123456789012:function:${name}`,
  `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
];

test("every form of a function's name leads to the same function, with and without qualifier", () => {
  fc.assert(
    fc.property(anyName, anyQualifier, (name, qualifier) => {
      // A bare `function:x` is the function x, and 12 digits before a colon are an account.
      fc.pre(name !== "function" && !/^\d{12}$/.test(name) && !/^[a-z]{2}-[a-z]+-\d$/.test(name));
      for (const form of forms(name)) {
        assert.deepEqual(parseFunctionReference(form, undefined, scope), { kind: "function", reference: { name } });
        const qualified = { kind: "function", reference: { name, qualifier } };
        assert.deepEqual(parseFunctionReference(`${form}:${qualifier}`, undefined, scope), qualified);
        assert.deepEqual(parseFunctionReference(form, qualifier, scope), qualified);
        assert.deepEqual(parseFunctionReference(`${form}:${qualifier}`, qualifier, scope), qualified);
        assert.deepEqual(parseFunctionReference(`${form}:${qualifier}`, `${qualifier}x`, scope), {
          kind: "qualifier-mismatch",
        });
      }
    }),
  );
});

test("an ARN made from its parts comes apart into the same parts", () => {
  fc.assert(
    fc.property(anyName, fc.option(anyQualifier, { nil: undefined }), (name, qualifier) => {
      const arn = functionArn(scope, name, qualifier);

      assert.deepEqual(parseFunctionArn(arn), qualifier === undefined ? { scope, name } : { scope, name, qualifier });
    }),
  );
});

test("no text makes the parsers throw or take long", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      parseFunctionReference(text, undefined, scope);
      parseFunctionArn(text);
    }),
  );
  assert.deepEqual(parseFunctionReference("a".repeat(100_000), undefined, scope), { kind: "malformed" });
});

test("an ARN of another region or account is told apart from an unknown function", () => {
  assert.deepEqual(parseFunctionReference("arn:aws:lambda:eu-central-1:123456789012:function:f", undefined, scope), {
    kind: "other-region",
    region: "eu-central-1",
  });
  assert.deepEqual(parseFunctionReference("210987654321:function:f:prod", undefined, scope), {
    kind: "other-account",
    arn: "arn:aws:lambda:us-east-1:210987654321:function:f:prod",
  });
});

test("what AWS refuses as malformed is malformed", () => {
  const malformed = [
    "*",
    "",
    "my-function:invalid!",
    "function:my-function:$LATEST:extra",
    "arn:aws:lambda::123456789012:function:my-function",
    "arn:aws:lambda:invalid-region:123456789012:function:my-function",
    "arn:aws:lambda:us-east-1:123456789012:function:my-function:1:2",
    "arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATES",
    "arn:aws:lambda:us-east-1:123400000000@function:myfn",
    "arn:aws:ec2:us-east-1:123456789012:instance:i-1234567890abcdef0",
    "invalid-account:function:my-function",
  ];
  for (const text of malformed) {
    assert.deepEqual(parseFunctionReference(text, undefined, scope), { kind: "malformed" }, text);
  }
});

test("an ARN that ends in `function` names a function of that name, as on AWS", () => {
  const outcome = parseFunctionReference("arn:aws:lambda:us-east-1:123456789012:function", undefined, scope);

  assert.deepEqual(outcome, { kind: "function", reference: { name: "function" } });
});
