import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../core/errors.ts";
import { parsePolicy, parseTrustPolicy, sizeOfDocument, storedDocument } from "./policy-document.ts";

const bucket = "arn:aws:s3:::example_bucket";
const base = { Effect: "Allow", Action: "s3:ListBucket", Resource: bucket };

/** A policy of one statement: the base with `changes`; a member that is undefined is left out. */
function policy(changes: object, document: object = {}): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: { ...base, ...changes }, ...document });
}

function refusalOf(parse: (document: string) => unknown, document: string): string | undefined {
  try {
    parse(document);
    return undefined;
  } catch (error) {
    assert(error instanceof ApiError);
    assert.equal(error.code, "MalformedPolicyDocumentException");
    return error.message;
  }
}

const none = undefined;
const legacy = "The policy failed legacy parsing";
const syntax = "Syntax errors in policy.";
const tooOld = "Policy document must be version 2012-10-17 or greater.";
const noActions = "Policy statement must contain actions.";
const noResources = "Policy statement must contain resources.";
const noVendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const colons = "Actions/Condition can contain only one colon.";
const notArn = (resource: string): string => `Resource ${resource} must be in ARN format or "*".`;
const partition = (name: string, arn: string): string => `Partition "${name}" is not valid for resource "${arn}".`;
const when = (Condition: unknown): string => policy({ Condition });
const sid = { ...base, Sid: "sdf" };

/** Answered by AWS in February 2026. */
const recorded: readonly (readonly [string, string | undefined])[] = [
  ["This is not a json document", syntax],
  [policy({}, { Version: none }), tooOld],
  [policy({}, { Version: "2008-10-17" }), tooOld],
  [policy({}, { Version: "2013-10-17" }), syntax],
  [JSON.stringify({ Version: "2012-10-17" }), syntax],
  [policy({}, { Statement: ["afd"] }), syntax],
  [policy({}, { "Extra field": "value" }), syntax],
  [policy({ "Extra field": "value" }), syntax],
  [policy({}, { Id: ["cd3a324d2343d942772346"] }), syntax],
  [policy({}, { Id: {} }), syntax],
  [policy({ Effect: "invalid" }), syntax],
  [policy({ Action: "invalid" }), noVendor],
  [policy({ Action: none, NotAction: "" }), noVendor],
  [policy({ Action: "a a:ListBucket" }), "Vendor a a is not valid"],
  [policy({ Action: "s3:List:Bucket" }), colons],
  [
    policy(
      {},
      {
        Statement: [
          { ...base, Action: "s3s:ListBucket" },
          { ...base, Action: "s:3s:ListBucket" },
        ],
      },
    ),
    colons,
  ],
  [policy({ Resource: "invalid resource" }), notArn("invalid resource")],
  [policy({ Action: "s:3:ListBucket", Resource: "sdfsadf" }), notArn("sdfsadf")],
  [policy({ Resource: ["adf"] }), notArn("adf")],
  [policy({ Resource: "" }), notArn("")],
  [policy({ Resource: "a:bsdfdsafsad" }), partition("bsdfdsafsad", "arn:bsdfdsafsad:*:*:*:*")],
  [policy({ Resource: "a:b:cadfsdf" }), partition("b", "arn:b:cadfsdf:*:*:*")],
  [policy({ Resource: "a:b:c:d:e:f:g:h" }), partition("b", "arn:b:c:d:e:f:g:h")],
  [policy({ Resource: "aws:s3:::example_bucket" }), partition("s3", "arn:s3:::example_bucket:*")],
  [
    policy({ Resource: ["arn:error:s3:::example_bucket", "arn:error:s3::example_bucket"] }),
    partition("error", "arn:error:s3:::example_bucket"),
  ],
  [policy({}, { Statement: [] }), syntax],
  [policy({ Resource: none }), noResources],
  [policy({ Resource: [] }), noResources],
  [policy({ Action: "invalid", Resource: none }), noResources],
  [policy({ Action: none }), noActions],
  [policy({ Effect: none }), syntax],
  [policy({ Action: none, Resource: none }), noActions],
  [policy({ Action: [] }), noActions],
  [policy({}, { Statement: [{ Effect: "Deny" }, base] }), noActions],
  [
    policy({ Resource: "arn:aws:iam:::example_bucket" }),
    'IAM resource path must either be "*", root, or start with user/, federated-user/, role/, group/, ' +
      "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, " +
      "access-report/.",
  ],
  [policy({ Resource: "arn:aws:s3::example_bucket" }), legacy],
  [policy({ Action: none, Resource: "arn:aws:s3::example_bucket" }), legacy],
  [policy({ Resource: "arn:aws" }), "Resource vendor must be fully qualified and cannot contain regexes."],
  [policy({ Resource: { a: bucket } }), syntax],
  [policy({ Resource: ["adfdf", {}] }), syntax],
  [policy({ NotResource: [] }), syntax],
  [policy({ Action: [[]] }), syntax],
  [policy({ Action: [], NotAction: "s3s:ListBucket" }), syntax],
  [policy({ Action: {} }), syntax],
  [when([]), syntax],
  [when("a"), syntax],
  [when({ a: "b" }), syntax],
  [when({ DateGreaterThan: "b" }), syntax],
  [when({ DateGreaterThan: [] }), syntax],
  [when({ DateGreaterThan: { a: {} } }), syntax],
  [policy({ Action: none, Condition: { DateGreaterThan: { a: {} } } }), syntax],
  [when({ x: { a: "1" } }), syntax],
  [when({ "ForAnyValue::StringEqualsIfExists": { a: "asf" } }), syntax],
  [when([{ "ForAllValues:StringEquals": { "aws:TagKeys": "Department" } }]), syntax],
  [
    policy({ Resource: "arn:aws:iam:us-east-1::example_bucket" }),
    "IAM resource arn:aws:iam:us-east-1::example_bucket cannot contain region information.",
  ],
  [
    policy({ Resource: "arn:aws:s3:us-east-1::example_bucket" }),
    "Resource arn:aws:s3:us-east-1::example_bucket can not contain region information.",
  ],
  [policy({ Sid: {} }), syntax],
  [policy({ Sid: [] }), syntax],
  [
    policy({}, { Statement: [sid, { Sid: "sdf", Effect: "Allow" }] }),
    "Statement IDs (SID) in a single policy must be unique.",
  ],
  [policy({}, { Version: none, Statement: [sid, { Sid: "sdf", Effect: "Allow" }] }), tooOld],
  [policy({ NotAction: "iam:dsf" }), syntax],
  [policy({ NotResource: "*" }), syntax],
  [policy({ Effect: "denY" }), legacy],
  [when({ DateGreaterThan: { a: "sdfdsf" } }), legacy],
  [policy({ Condition: { DateGreaterThan: { a: "sdfdsf" } } }, { Version: none }), tooOld],
  [policy({ Effect: "denY" }, { Version: none }), tooOld],
  [policy({ Action: none, Resource: none, Condition: { DateGreaterThan: { a: "sdfdsf" } } }), legacy],
  [policy({ Resource: "arn:aws::::example_bucket" }), legacy],
  [policy({ Effect: "allow", Action: none, Resource: "arn:aws:s3:us-east-1::example_bucket" }), legacy],
  [
    policy(
      {},
      {
        Statement: [
          { ...sid, Effect: "aLLow" },
          { Sid: "sdf", Effect: "Allow" },
        ],
      },
    ),
    legacy,
  ],
  [policy({ Resource: none, NotResource: "arn:aws:s3::example_bucket" }), legacy],
  [when({ DateLessThanEquals: { a: "234-13" } }), legacy],
  [when({ DateLessThanEquals: { a: "2016-12-13t2:00:00.593194+1" } }), legacy],
  [when({ DateLessThanEquals: { a: "2016-12-13t2:00:00.1999999999+10:59" } }), legacy],
  [when({ DateLessThan: { a: "9223372036854775808" } }), legacy],
  [policy({ Resource: "arn:error:s3:::example_bucket", Condition: { DateGreaterThan: { a: "sdfdsf" } } }), legacy],
  [policy({ Resource: "arn:aws::fdsasf" }), legacy],

  [policy({ Resource: [bucket] }), none],
  [policy({ Action: "iam: asdf safdsf af " }), none],
  [policy({ Resource: [bucket, "*"] }), none],
  [policy({ Action: "*" }), none],
  [policy({}, { Statement: [base] }), none],
  [when({ DateGreaterThan: { "aws:CurrentTime": "2017-07-01T00:00:00Z" } }), none],
  [policy({ Resource: "arn:aws:iam:::user/example_bucket" }), none],
  [policy({ Resource: "arn:aws:s33:::example_bucket" }), none],
  [policy({ Resource: "arn:aws:fdsasf" }), none],
  [when({}), none],
  [when({ "ForAllValues:StringEquals": { "aws:TagKeys": "Department" } }), none],
  [policy({ Resource: "arn:aws:cloudwatch:us-east-1::example_bucket" }), none],
  [policy({ Resource: "arn:aws:invalid-service:us-east-1::example_bucket" }), none],
  [when({ DateGreaterThan: {} }), none],
  [when({ DateGreaterThan: { a: [] } }), none],
  [when({ a: {} }), none],
  [when({ x: {}, y: {} }), none],
  [policy({ Action: none, NotAction: "s3:ListBucket" }), none],
  [policy({ Resource: none, NotResource: ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/Payroll/*"] }), none],
  [policy({}, { Id: "sdfsdfsdf" }), none],
  [policy({ Action: "s3-s:ListBucket" }), none],
  [policy({ Action: "s3.s:ListBucket" }), none],
  [policy({ Action: none, NotAction: "s3:ListBucket", Resource: none, NotResource: "*" }), none],
  [policy({}, { Statement: [sid, base] }), none],
  [when({ DateGreaterThan: { a: "01T" } }), none],
  [when({ StringEqualsIfExists: { a: "asf" } }), none],
  [when({ "ForAnyValue:StringEqualsIfExists": { a: "asf" } }), none],
  [when({ DateLessThanEquals: { a: "2019-07-01T13:20:15Z" } }), none],
];

test("policies are taken and refused as AWS was recorded to", () => {
  for (const [document, expected] of recorded) assert.equal(refusalOf(parsePolicy, document), expected, document);
});

test("a policy that grants permissions names no principal", () => {
  assert.equal(refusalOf(parsePolicy, policy({ Principal: "*" })), "Policy document should not specify a principal.");
});

test("trust policies say who may assume, and nothing else", () => {
  const trust = (changes: object, document: object = {}): string =>
    policy(
      { Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole", Resource: none, ...changes },
      document,
    );
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["not valid json", "This policy contains invalid Json"],
    [trust({ Action: "sts:InvalidAction" }), "AssumeRole policy may only specify STS AssumeRole actions."],
    [trust({ Action: ["sts:AssumeRole", "s3:Get*"] }), "AssumeRole policy may only specify STS AssumeRole actions."],
    [trust({ Resource: bucket }), "Has prohibited field Resource"],
    [trust({ Principal: none }), "Missing required field Principal"],
    [trust({ Action: none }), "Missing required field Action"],
    [trust({ Principal: { Nobody: "x" } }), syntax],
    [trust({ Principal: { Service: "lambda" } }), 'Invalid principal in policy: "SERVICE":"lambda"'],
    [trust({ Principal: { AWS: ["111122223333", "bob"] } }), 'Invalid principal in policy: "AWS":"bob"'],
    [trust({ Principal: { AWS: "arn:aws:iam::*:root" } }), 'Invalid principal in policy: "AWS":"arn:aws:iam::*:root"'],
    [trust({ Principal: { AWS: "arn:aws:iam::111122223333:role/x", Federated: "accounts.example.org" } }), none],
    [trust({}), none],
    [trust({}, { Version: none }), none],
    [trust({ Principal: "*", Action: ["sts:AssumeRole", "sts:TagSession"] }), none],
  ];

  for (const [document, expected] of cases) assert.equal(refusalOf(parseTrustPolicy, document), expected, document);
});

test("any text is a policy or is refused as malformed, quickly, however deep", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json({ maxDepth: 8 })), (text) => {
      refusalOf(parsePolicy, text);
      refusalOf(parseTrustPolicy, text);
    }),
    { numRuns: 300 },
  );
  const values = fc.oneof(
    fc.string(),
    fc.constantFrom("*", "a:b:c", "arn:aws:s3:::x"),
    fc.array(fc.string()),
    fc.json(),
  );
  const member = fc.constantFrom("Sid", "Effect", "Action", "Resource", "Principal", "Condition", "NotAction");
  fc.assert(
    fc.property(fc.dictionary(member, values), (changes) => {
      refusalOf(parsePolicy, policy(changes));
      refusalOf(parseTrustPolicy, policy(changes));
    }),
    { numRuns: 300 },
  );
  assert.equal(refusalOf(parsePolicy, "[".repeat(131_072)), syntax);
  assert.equal(refusalOf(parsePolicy, `"${String.raw`\"`.repeat(65_000)}`), syntax);
  assert.equal(refusalOf(parsePolicy, policy({ Resource: `arn:aws:s3:::${String.raw`\"[`.repeat(5000)}` })), none);
  assert.equal(refusalOf(parsePolicy, `{"Version":${"[".repeat(60_000)}${"]".repeat(60_000)}}`), syntax);
});

test("white space does not count, and a lot of it is not kept", () => {
  const spaced = policy({ Sid: "a b" }).replaceAll(":", `:${" ".repeat(1000)}`);
  const long = spaced.replaceAll(" ", " ".repeat(10));

  assert.equal(sizeOfDocument(" { } \n"), 2);
  assert.equal(storedDocument(spaced), spaced);
  assert.deepEqual(JSON.parse(storedDocument(`${" ".repeat(20_000)}${policy({})}`) ?? ""), JSON.parse(policy({})));
  assert.equal(storedDocument(`"${" ".repeat(20_000)}"`), undefined);
  assert(long.length > 16_384);
});
