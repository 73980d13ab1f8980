import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { grants, type AccessRequest } from "./authorization.ts";
import { glob } from "./glob.ts";
import type { PolicyStatement } from "./policy-document.ts";

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
const request: AccessRequest = {
  action: "lambda:InvokeFunction",
  resourceArn: arn,
  account: "111111111111",
  principalArn: "arn:aws:iam::111111111111:role/caller",
};

function granted(statement: Partial<PolicyStatement>, asked: Partial<AccessRequest> = {}): boolean {
  const whole: PolicyStatement = {
    Effect: "Allow",
    Principal: "*",
    Action: "lambda:InvokeFunction",
    Resource: arn,
    ...statement,
  };
  return grants({ Version: "2012-10-17", Statement: [whole] }, { ...request, ...asked });
}

test("a statement grants to the account, the role or everybody that it names, and to no service", () => {
  assert(granted({}));
  assert(granted({ Principal: { AWS: "*" } }));
  assert(granted({ Principal: { AWS: ["arn:aws:iam::222222222222:root", "111111111111"] } }));
  assert(granted({ Principal: { AWS: "arn:aws:iam::111111111111:root" } }));
  assert(granted({ Principal: { AWS: "arn:aws:iam::111111111111:role/caller" } }));
  const sessionArn = "arn:aws:sts::111111111111:assumed-role/caller/now";
  assert(granted({ Principal: { AWS: sessionArn } }, { sessionArn }));
  assert(!granted({ Principal: { AWS: sessionArn } }));
  assert(!granted({ Principal: { AWS: "arn:aws:iam::111111111111:role/other" } }));
  assert(!granted({ Principal: { AWS: "arn:aws:iam::222222222222:root" } }));
  assert(!granted({ Principal: { Service: "s3.amazonaws.com" } }));
});

test("a statement grants the actions and resources that it names", () => {
  assert(granted({ Action: "lambda:*" }));
  assert(granted({ Action: ["lambda:GetFunction", "lambda:invoke*"] }));
  assert(!granted({ Action: "lambda:InvokeFunctionUrl" }));
  assert(!granted({}, { resourceArn: `${arn}:1` }));
  assert(granted({ Resource: `${arn}:*` }, { resourceArn: `${arn}:1` }));
  assert(!granted({ Resource: `${arn}:*` }));
});

test("a condition on what a call does not tell is not met, unless it may be absent", () => {
  assert(!granted({ Condition: { StringEquals: { "AWS:SourceAccount": "111111111111" } } }));
  assert(!granted({ Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1234567890" } } }));
  assert(!granted({ Condition: { StringEquals: { "lambda:FunctionUrlAuthType": "NONE" } } }));
  assert(!granted({ Condition: { ArnLike: { "AWS:SourceArn": "arn:aws:s3:::*" } } }));
  assert(!granted({ Condition: { Bool: { "lambda:InvokedViaFunctionUrl": "true" } } }));
  assert(granted({ Condition: { StringEqualsIfExists: { "AWS:SourceAccount": "222222222222" } } }));
  assert(granted({ Condition: { StringNotEquals: { "AWS:SourceAccount": "222222222222" } } }));
  assert(granted({ Condition: { Null: { "AWS:SourceAccount": "true" } } }));
});

test("all conditions must be met, and of one key one value", () => {
  const account = { StringEquals: { "aws:PrincipalAccount": ["222222222222", "111111111111"] } };
  assert(granted({ Condition: account }));
  assert(granted({ Condition: { ...account, ArnLike: { "aws:PrincipalArn": "arn:aws:iam::*:role/c*" } } }));
  assert(!granted({ Condition: { ...account, ArnLike: { "aws:PrincipalArn": "arn:aws:*:role/caller" } } }));
  assert(!granted({ Condition: { ...account, Null: { "aws:PrincipalArn": "true" } } }));
  assert(!granted({ Condition: { StringNotLike: { "aws:PrincipalAccount": "1*" } } }));
  assert(!granted({ Condition: { Unheard: { "aws:PrincipalAccount": "111111111111" } } }));
});

test("wildcards match as the equal regular expression does", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(text, text, (pattern, subject) => {
      const expression = pattern.replaceAll("*", ".*").replaceAll("?", ".");
      assert.equal(glob(pattern, subject), new RegExp(`^(?:${expression})$`, "s").test(subject));
    }),
    { numRuns: 2000 },
  );
});

test("a pattern made to be slow is not", () => {
  assert(!glob("*a".repeat(100), `${"a".repeat(5000)}b`));
});
