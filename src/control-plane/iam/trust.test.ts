import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { Iam } from "./iam.ts";
import { parseTrustPolicy } from "./policy-document.ts";
import { isTrusted, type Caller, type TrustRequest } from "./trust.ts";

const root: Caller = { kind: "account", account: "111122223333" };
const session: Caller = {
  kind: "session",
  account: "111122223333",
  roleArn: "arn:aws:iam::111122223333:role/x/worker",
  sessionArn: "arn:aws:sts::111122223333:assumed-role/worker/me",
};
const lambda: Caller = { kind: "service", name: "lambda.amazonaws.com" };

function trusts(caller: Caller, statements: object | readonly object[], further: Partial<TrustRequest> = {}): boolean {
  const list = (Array.isArray(statements) ? statements : [statements]) as readonly object[];
  const document = JSON.stringify({
    Version: "2012-10-17",
    Statement: list.map((statement) => Object.assign({ Effect: "Allow", Action: "sts:AssumeRole" }, statement)),
  });
  const context = new Map([["sts:externalid", "word"]]);
  const request = { action: "sts:AssumeRole", caller, context, ignoresUnknownKeys: false, ...further } as const;
  return isTrusted(parseTrustPolicy(document), request);
}

const when = (Condition: object, Effect = "Allow"): object => ({ Principal: "*", Condition, Effect });

test("a principal is its account, its role, its session or a service, and nobody else", () => {
  assert(trusts(root, { Principal: "*" }));
  assert(trusts(root, { Principal: { AWS: "111122223333" } }));
  assert(trusts(root, { Principal: { AWS: ["arn:aws:iam::111122223333:root"] } }));
  assert(!trusts(root, { Principal: { AWS: "arn:aws:iam::111122223333:user/bob" } }));
  assert(!trusts(root, { Principal: { AWS: "444455556666" } }));
  assert(trusts(session, { Principal: { AWS: "arn:aws:iam::111122223333:role/x/worker" } }));
  assert(trusts(session, { Principal: { AWS: "arn:aws:sts::111122223333:assumed-role/worker/me" } }));
  assert(trusts(session, { Principal: { AWS: "111122223333" } }));
  assert(!trusts(session, { Principal: { AWS: "arn:aws:iam::111122223333:role/worker" } }));
  assert(trusts(lambda, { Principal: { Service: ["ec2.amazonaws.com", "lambda.amazonaws.com"] } }));
  assert(!trusts(lambda, { Principal: "*" }));
  assert(!trusts(root, { NotPrincipal: { AWS: "111122223333" } }));
  assert(trusts(root, { NotPrincipal: { AWS: "444455556666" } }));
});

test("a Deny outweighs every Allow, and another action is no AssumeRole", () => {
  const all = { Principal: "*" };

  assert(!trusts(root, [all, { Effect: "Deny", Principal: { AWS: "111122223333" } }]));
  assert(trusts(root, [all, { Effect: "Deny", Principal: { AWS: "444455556666" } }]));
  assert(!trusts(root, { ...all, Action: "sts:AssumeRoleWithSAML" }));
  assert(trusts(root, { ...all, Action: ["sts:TagSession", "sts:assumeRole*"] }));
  assert(!trusts(root, all, { action: "sts:TagSession" }));
});

test("conditions are obeyed; one that cannot be judged never opens the role", () => {
  assert(trusts(root, when({ StringEquals: { "sts:ExternalId": ["other", "word"] } })));
  assert(!trusts(root, when({ StringEquals: { "sts:ExternalId": "other" } })));
  assert(trusts(root, when({ StringLike: { "sts:ExternalId": "w*d" } })));
  assert(!trusts(root, when({ StringNotEquals: { "sts:ExternalId": "word" } })));
  assert(trusts(root, when({ StringNotEqualsIgnoreCase: { "sts:ExternalId": "else" } })));
  assert(!trusts(root, when({ NumericLessThan: { "aws:EpochTime": "99" } })));
  assert(!trusts(root, when({ Bool: { "aws:MultiFactorAuthPresent": "true" } })));
  assert(trusts(root, when({ BoolIfExists: { "aws:MultiFactorAuthPresent": "true" } })));
  assert(!trusts(root, [when({}), when({ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, "Deny")]));
  const ignoring = { ignoresUnknownKeys: true };
  assert(trusts(root, when({ ArnLike: { "aws:SourceArn": "arn:aws:lambda:*" } }), ignoring));
  assert(trusts(root, [when({}), when({ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, "Deny")], ignoring));
});

test("Lambda's problem with a role is that it is another account's, not there, or does not trust Lambda", async () => {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: Math.random });
  const iam = new Iam({ records: engine.records, clock, random: (size) => new Uint8Array(size) });
  const scope = { account: "111122223333", region: "us-east-1" };
  const create = (name: string, service: string) =>
    iam.roles.create({
      account: scope.account,
      name,
      path: "/x/",
      trustPolicy: `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"${service}"}}}`,
      tags: [],
    });
  await create("good", "lambda.amazonaws.com");
  await create("ec2", "ec2.amazonaws.com");
  const problem = async (arn: string): Promise<readonly unknown[]> => {
    const found = await iam.lambdaRoleProblem(scope, arn);
    return found === undefined ? [] : [found.code, found.message];
  };
  const unassumable = [
    "InvalidParameterValueException",
    "The role defined for the function cannot be assumed by Lambda.",
  ];

  assert.deepEqual(await problem("arn:aws:iam::111122223333:role/x/good"), []);
  assert.deepEqual(await problem("arn:aws:iam::111122223333:role/good"), unassumable);
  assert.deepEqual(await problem("arn:aws:iam::111122223333:role/x/ec2"), unassumable);
  assert.deepEqual(await problem("arn:aws:iam::111122223333:role/none"), unassumable);
  assert.deepEqual(await problem("arn:aws:iam::444455556666:role/x/good"), [
    "AccessDeniedException",
    "Cross-account pass role is not allowed.",
  ]);
  await engine.close();
});

test("a policy is never deleted while it is being attached, and of two changes none is lost", async () => {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: Math.random });
  const options = { records: engine.records, clock, random: (size: number) => new Uint8Array(size) };
  const iam = new Iam(options);
  const account = "111122223333";
  const trustPolicy = '{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}}';
  const document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}';
  const arn = `arn:aws:iam::${account}:policy/p`;
  await iam.roles.create({ account, name: "r", path: "/", trustPolicy, tags: [] });

  for (let round = 0; round < 10; round++) {
    await iam.policies.create({ account, name: "p", path: "/", document, tags: [] });
    const outcomes = await Promise.allSettled([iam.roles.attach(account, "r", arn), iam.deletePolicy(account, arn)]);
    const { attachedPolicies } = await iam.roles.get(account, "r");
    const isThere = (await iam.policies.find(account, arn)) !== undefined;
    assert.deepEqual(
      [attachedPolicies.length === 1, outcomes.map(({ status }) => status).includes("rejected")],
      [isThere, true],
    );
    if (isThere) {
      await iam.roles.detach(account, "r", arn);
      await iam.deletePolicy(account, arn);
    }
  }
  // A second front of the same engine shares no gate with the first.
  const other = new Iam(options);
  const puts = Array.from({ length: 20 }, (_, n) =>
    (n % 2 ? iam : other).roles.tag(account, "r", [{ key: `k${n}`, value: "" }]),
  );
  await Promise.all(puts);
  assert.equal((await iam.roles.get(account, "r")).tags.length, 20);
  await engine.close();
});
