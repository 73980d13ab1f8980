import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../core/errors.ts";
import { parsePolicy } from "./parse-policy.ts";
import { renderPolicy } from "./policy-document.ts";

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
const statement = {
  Sid: "one",
  Effect: "Allow",
  Principal: { AWS: ["111111111111"], Service: "s3.amazonaws.com" },
  Action: ["lambda:InvokeFunction", "lambda:Get*"],
  Resource: `${arn}:*`,
  Condition: { Bool: { "lambda:InvokedViaFunctionUrl": true } },
};

function parsed(...statements: unknown[]): unknown {
  return parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }), arn);
}

function refusal(text: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof ApiError && error.code === "InvalidParameterValueException" && error.message.includes(text);
}

test("a policy is kept as it was written", () => {
  assert.deepEqual(parsed(statement), {
    Version: "2012-10-17",
    Statement: [{ ...statement, Condition: { Bool: { "lambda:InvokedViaFunctionUrl": "true" } } }],
  });
});

test("what is malformed or would not be obeyed is refused, and the refusal names it", () => {
  assert.throws(() => parsePolicy("{", arn), refusal("not JSON"));
  assert.throws(() => parsed(), refusal("Statement must not be empty"));
  assert.throws(() => parsed({ ...statement, Effect: "Deny" }), refusal("Deny is not supported"));
  assert.throws(() => parsed({ ...statement, NotAction: "x" }), refusal("NotAction"));
  assert.throws(() => parsed({ ...statement, Action: "s3:GetObject" }), refusal("Action must match"));
  assert.throws(() => parsed({ ...statement, Resource: "*" }), refusal("Resource must be"));
  assert.throws(() => parsed({ ...statement, Resource: `${arn}2` }), refusal("Resource must be"));
  assert.throws(() => parsed({ ...statement, Principal: { AWS: "nobody" } }), refusal("principal was invalid"));
  assert.throws(() => parsed({ ...statement, Principal: { Service: "111111111111" } }), refusal("of the kind Service"));
  assert.throws(
    () => parsed({ ...statement, Condition: { NumericLessThan: { a: 1 } } }),
    refusal("operator NumericLessThan is not supported"),
  );
  assert.throws(() => parsed(statement, statement), refusal("only once"));
});

test("a policy over the limit is refused with its size", () => {
  const many = Array.from({ length: 100 }, (_, index) => ({ ...statement, Sid: `statement-${index}` }));

  assert.throws(() => parsed(...many), {
    message: /^The final policy size \(\d+\) is bigger than the limit \(20480\)\.$/,
  });
});

test("any JSON is read or refused, and what was read reads back the same", () => {
  const anyStatement = fc.record(
    {
      Sid: fc.oneof(fc.constantFrom("a", "b"), fc.jsonValue()),
      Effect: fc.constantFrom("Allow", "Deny", 1),
      Principal: fc.oneof(fc.constantFrom("*", { AWS: "*" }, { Service: "s3.amazonaws.com" }), fc.jsonValue()),
      Action: fc.oneof(fc.constantFrom("lambda:*", "*"), fc.jsonValue()),
      Resource: fc.oneof(fc.constant(arn), fc.jsonValue()),
      Condition: fc.oneof(fc.constant({ StringLike: { "aws:PrincipalAccount": "1*" } }), fc.jsonValue()),
    },
    { requiredKeys: ["Effect", "Principal", "Action", "Resource"] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.array(anyStatement, { maxLength: 3 })), (statements) => {
      try {
        const document = parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }), arn);
        assert.deepEqual(parsePolicy(renderPolicy(document), arn), document);
      } catch (error) {
        assert(error instanceof ApiError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
