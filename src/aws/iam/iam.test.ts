/** IAM through the newest SDK: what Terraform, SAM and CDK do, and what AWS was recorded to answer. */
import { IAM, type IAMServiceException, type Tag } from "@aws-sdk/client-iam";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ManualClock } from "../../core/manual-clock.ts";
import { iamModel } from "./iam-model.ts";
import { openIdentityBench } from "../self-check/identity.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { iamHandlers } from "./iam-service.ts";

const clock = new ManualClock(Date.UTC(2026, 10, 21, 8, 0, 0, 123));
const bench = await openIdentityBench(clock);
const loopback = await startLoopback({ services: [{ model: await iamModel(), handlers: iamHandlers(bench) }] });
after(async () => {
  await loopback[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

let accounts = 0;
/** Every test has an account of its own. */
function newAccount(): { readonly account: string; readonly iam: IAM } {
  const account = String(100_000_000_000 + ++accounts);
  return { account, iam: clientOf(account) };
}

function clientOf(account: string, region = "us-east-1"): IAM {
  const credentials = { accessKeyId: account, secretAccessKey: "any" };
  return new IAM({ endpoint: loopback.url, region, credentials, maxAttempts: 1 });
}

const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});
const document = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::example_bucket" },
});
const createRole = (iam: IAM, name: string, further: object = {}) =>
  iam.createRole({ RoleName: name, AssumeRolePolicyDocument: trust, ...further });
const createPolicy = async (iam: IAM, name: string, further: object = {}): Promise<string> =>
  (await iam.createPolicy({ PolicyName: name, PolicyDocument: document, ...further })).Policy?.Arn ?? "";

function members(answer: object): Record<string, unknown> {
  const { $metadata: _metadata, ...rest } = answer as Record<string, unknown>;
  return rest;
}

/** Code, message and status of the refusal. */
async function refusal(call: Promise<unknown>): Promise<readonly [string, string, number | undefined]> {
  const error = await call.then(
    () => assert.fail("the call did not fail"),
    (failure: unknown) => failure as IAMServiceException,
  );
  const { Error: inner } = error as { Error?: { Code?: string } };
  return [inner?.Code ?? error.name, error.message, error.$metadata.httpStatusCode];
}

const conflict = (message: string): readonly unknown[] => ["DeleteConflict", message, 409];
const many = (count: number): Tag[] => Array.from({ length: count }, (_, n) => ({ Key: `k${n}`, Value: "v" }));
const named = (sid: string): string => document.replace('{"Effect"', `{"Sid":"${sid}","Effect"`);
/** A policy document of so many characters. */
const sized = (length: number): string => named("a".repeat(length - named("").length));

test("a role is shown as AWS shows it, by each operation with its own members", async () => {
  const { account, iam } = newAccount();
  const boundary = await createPolicy(iam, "boundary");

  const { Role: made } = await createRole(iam, "worker", {
    Path: "/teams/a/",
    Description: "works",
    PermissionsBoundary: boundary,
    Tags: [{ Key: "test", Value: "" }],
  });
  const { Role: got } = await iam.getRole({ RoleName: "worker" });
  const { Roles, IsTruncated } = await iam.listRoles({ PathPrefix: "/teams/" });

  const identity = {
    Path: "/teams/a/",
    RoleName: "worker",
    RoleId: made?.RoleId,
    Arn: `arn:aws:iam::${account}:role/teams/a/worker`,
    CreateDate: new Date(Date.UTC(2026, 10, 21, 8)),
    AssumeRolePolicyDocument: encodeURIComponent(trust),
  };
  const PermissionsBoundary = { PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: boundary };
  const Tags = [{ Key: "test", Value: "" }];
  assert.match(made?.RoleId ?? "", /^AROA[A-Z2-7]{17}$/);
  assert.deepEqual(made, { ...identity, PermissionsBoundary, Tags });
  assert.deepEqual(got, {
    ...identity,
    Description: "works",
    MaxSessionDuration: 3600,
    PermissionsBoundary,
    Tags,
    RoleLastUsed: {},
  });
  assert.deepEqual(Roles, [{ ...identity, Description: "works", MaxSessionDuration: 3600 }]);
  assert.equal(IsTruncated, false);
  assert.deepEqual((await iam.listRoles({ PathPrefix: "/other/" })).Roles, []);
});

test("a role's description, session duration and trust policy change; what is not said stays", async () => {
  const { iam } = newAccount();
  await createRole(iam, "r", { Description: "first" });

  await iam.updateRole({ RoleName: "r", Description: "second", MaxSessionDuration: 7200 });
  await iam.updateRole({ RoleName: "r" });
  const other = trust.replace("lambda", "ec2");
  await iam.updateAssumeRolePolicy({ RoleName: "r", PolicyDocument: other });
  const { Role: described } = await iam.updateRoleDescription({ RoleName: "r", Description: "third" });
  const { Role } = await iam.getRole({ RoleName: "r" });

  assert.equal(described?.MaxSessionDuration, undefined);
  assert.deepEqual([Role?.Description, Role?.MaxSessionDuration], ["third", 7200]);
  assert.equal(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ""), other);
});

test("IAM knows no regions, accounts do not see each other, and everything survives a restart", async () => {
  const { account, iam } = newAccount();
  await createRole(iam, "r");
  const elsewhere = await clientOf(account, "eu-west-1").getRole({ RoleName: "r" });
  const restarted = await bench.restarted();

  assert.equal(elsewhere.Role?.RoleName, "r");
  assert.equal((await restarted.iam.roles.get(account, "r")).name, "r");
  assert.equal((await refusal(newAccount().iam.getRole({ RoleName: "r" })))[0], "NoSuchEntity");
});

test("what is not there, or there already, is refused in AWS's words", async () => {
  const { account, iam } = newAccount();
  await createRole(iam, "Role");
  const arn = await createPolicy(iam, "p");
  const noRole = ["NoSuchEntity", "The role with name none cannot be found.", 404];
  const absent = `arn:aws:iam::${account}:policy/none`;

  assert.deepEqual(await refusal(iam.getRole({ RoleName: "none" })), noRole);
  assert.deepEqual(await refusal(iam.updateRole({ RoleName: "none" })), noRole);
  assert.deepEqual(await refusal(iam.deleteRole({ RoleName: "none" })), noRole);
  assert.deepEqual(await refusal(iam.listRoleTags({ RoleName: "none" })), noRole);
  assert.deepEqual(
    await refusal(iam.putRolePolicy({ RoleName: "none", PolicyName: "p", PolicyDocument: document })),
    noRole,
  );
  assert.deepEqual(await refusal(createRole(iam, "rOLE")), [
    "EntityAlreadyExists",
    "Role with name rOLE already exists.",
    409,
  ]);
  assert.deepEqual(await refusal(createPolicy(iam, "p")), [
    "EntityAlreadyExists",
    "A policy called p already exists. Duplicate names are not allowed.",
    409,
  ]);
  const noPolicy = ["NoSuchEntity", "The role policy with name none cannot be found.", 404];
  assert.deepEqual(await refusal(iam.getRolePolicy({ RoleName: "Role", PolicyName: "none" })), noPolicy);
  assert.deepEqual(await refusal(iam.deleteRolePolicy({ RoleName: "Role", PolicyName: "none" })), noPolicy);
  assert.deepEqual(await refusal(iam.getPolicy({ PolicyArn: absent })), [
    "NoSuchEntity",
    `Policy ${absent} was not found.`,
    404,
  ]);
  assert.deepEqual(await refusal(iam.detachRolePolicy({ RoleName: "Role", PolicyArn: arn })), [
    "NoSuchEntity",
    `Policy ${arn} was not found.`,
    404,
  ]);
  for (const policy of [absent, "arn:aws:iam::aws:policy/service-role/AWSLambdaUnheardOf"]) {
    assert.deepEqual(await refusal(iam.attachRolePolicy({ RoleName: "Role", PolicyArn: policy })), [
      "NoSuchEntity",
      `Policy ${policy} does not exist or is not attachable.`,
      404,
    ]);
  }
  assert.deepEqual(await refusal(iam.attachRolePolicy({ RoleName: "Role", PolicyArn: "longpolicynamebutnoarn" })), [
    "ValidationError",
    "ARN longpolicynamebutnoarn is not valid.",
    400,
  ]);
  const noBoundary = `arn:aws:iam::${account}:not_a_policy/invalid`;
  assert.deepEqual(
    await refusal(iam.putRolePermissionsBoundary({ RoleName: "Role", PermissionsBoundary: noBoundary })),
    ["InvalidInput", `ARN ${noBoundary} is not valid.`, 400],
  );
  assert.deepEqual(await refusal(createRole(iam, "b", { PermissionsBoundary: absent })), [
    "NoSuchEntity",
    `Scope ARN: ${absent} does not exist or is not attachable.`,
    404,
  ]);
});

test("inline and attached policies are put, listed, read and taken away, and hold their role", async () => {
  const { iam } = newAccount();
  await createRole(iam, "r");
  const own = await createPolicy(iam, "own");
  const ofAws = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

  await iam.putRolePolicy({ RoleName: "r", PolicyName: "b", PolicyDocument: document });
  await iam.putRolePolicy({ RoleName: "r", PolicyName: "__proto__", PolicyDocument: ` ${document}\n` });
  for (const arn of [own, ofAws, own]) await iam.attachRolePolicy({ RoleName: "r", PolicyArn: arn });

  assert.deepEqual((await iam.listRolePolicies({ RoleName: "r" })).PolicyNames, ["__proto__", "b"]);
  const { PolicyDocument } = await iam.getRolePolicy({ RoleName: "r", PolicyName: "__proto__" });
  assert.equal(decodeURIComponent(PolicyDocument ?? ""), ` ${document}\n`);
  assert.deepEqual(members(await iam.listAttachedRolePolicies({ RoleName: "r" })), {
    AttachedPolicies: [
      { PolicyName: "AWSLambdaBasicExecutionRole", PolicyArn: ofAws },
      { PolicyName: "own", PolicyArn: own },
    ],
    IsTruncated: false,
  });
  const attached = await iam.listAttachedRolePolicies({ RoleName: "r", PathPrefix: "/service-role/" });
  assert.equal(attached.AttachedPolicies?.length, 1);
  const { PolicyRoles } = await iam.listEntitiesForPolicy({ PolicyArn: own });
  assert.deepEqual(
    PolicyRoles?.map(({ RoleName }) => RoleName),
    ["r"],
  );
  assert.equal((await iam.getPolicy({ PolicyArn: own })).Policy?.AttachmentCount, 1);

  assert.deepEqual(
    await refusal(iam.deletePolicy({ PolicyArn: own })),
    conflict("Cannot delete a policy attached to entities."),
  );
  assert.deepEqual(
    await refusal(iam.deleteRole({ RoleName: "r" })),
    conflict("Cannot delete entity, must detach all policies first."),
  );
  for (const arn of [own, ofAws]) await iam.detachRolePolicy({ RoleName: "r", PolicyArn: arn });
  assert.deepEqual(
    await refusal(iam.deleteRole({ RoleName: "r" })),
    conflict("Cannot delete entity, must delete policies first."),
  );
  for (const name of ["b", "__proto__"]) await iam.deleteRolePolicy({ RoleName: "r", PolicyName: name });
  await iam.deleteRole({ RoleName: "r" });
  await iam.deletePolicy({ PolicyArn: own });
  assert.deepEqual((await iam.listRoles({})).Roles, []);
});

test("a managed policy has versions, one of them the default, five at most", async () => {
  const { account, iam } = newAccount();
  const { Policy } = await iam.createPolicy({
    PolicyName: "p",
    Path: "/x/",
    PolicyDocument: document,
    Description: "d",
  });
  const arn = `arn:aws:iam::${account}:policy/x/p`;
  const dates = { CreateDate: Policy?.CreateDate, UpdateDate: Policy?.CreateDate };
  const shown = {
    PolicyName: "p",
    PolicyId: Policy?.PolicyId,
    Arn: arn,
    Path: "/x/",
    DefaultVersionId: "v1",
    AttachmentCount: 0,
    PermissionsBoundaryUsageCount: 0,
    IsAttachable: true,
    ...dates,
  };
  assert.match(Policy?.PolicyId ?? "", /^ANPA[A-Z2-7]{17}$/);
  assert.deepEqual(Policy, shown);
  assert.deepEqual((await iam.getPolicy({ PolicyArn: arn })).Policy, { ...shown, Description: "d", Tags: [] });
  assert.deepEqual((await iam.listPolicies({ Scope: "Local", PathPrefix: "/x/" })).Policies, [shown]);

  const add = (isDefault: boolean) =>
    iam.createPolicyVersion({ PolicyArn: arn, PolicyDocument: document, SetAsDefault: isDefault });
  const added = await add(true);
  assert.deepEqual(added.PolicyVersion, { VersionId: "v2", IsDefaultVersion: true, CreateDate: dates.CreateDate });
  for (let version = 3; version <= 5; version++) await add(false);
  assert.deepEqual(await refusal(add(false)), [
    "LimitExceeded",
    "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    409,
  ]);
  assert.deepEqual(await refusal(iam.deletePolicyVersion({ PolicyArn: arn, VersionId: "v2" })), [
    "DeleteConflict",
    "Cannot delete the default version of a policy.",
    409,
  ]);
  await iam.deletePolicyVersion({ PolicyArn: arn, VersionId: "v5" });
  await iam.setDefaultPolicyVersion({ PolicyArn: arn, VersionId: "v1" });
  await add(false);
  const { Versions } = await iam.listPolicyVersions({ PolicyArn: arn });
  assert.deepEqual(
    Versions?.map(({ VersionId, IsDefaultVersion }) => [VersionId, IsDefaultVersion]),
    [
      ["v6", false],
      ["v4", false],
      ["v3", false],
      ["v2", false],
      ["v1", true],
    ],
  );
  const { PolicyVersion } = await iam.getPolicyVersion({ PolicyArn: arn, VersionId: "v6" });
  assert.equal(decodeURIComponent(PolicyVersion?.Document ?? ""), document);
  assert.deepEqual(await refusal(iam.getPolicyVersion({ PolicyArn: arn, VersionId: "v9" })), [
    "NoSuchEntity",
    `Policy ${arn} version v9 does not exist or is not attachable.`,
    404,
  ]);
  assert.deepEqual(await refusal(iam.setDefaultPolicyVersion({ PolicyArn: arn, VersionId: "1" })), [
    "ValidationError",
    "1 validation error detected: Value at 'versionId' failed to satisfy constraint: " +
      String.raw`Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`,
    400,
  ]);
  assert.equal(
    (await refusal(iam.deletePolicy({ PolicyArn: arn })))[1],
    "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
      "The default version is deleted with the policy.",
  );
});

test("AWS's own policies for Lambda are there to read, and nobody's to change", async () => {
  const { iam } = newAccount();
  const arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

  const { Policy } = await iam.getPolicy({ PolicyArn: arn });
  const { PolicyVersion } = await iam.getPolicyVersion({ PolicyArn: arn, VersionId: "v1" });
  const { Policies } = await iam.listPolicies({ Scope: "AWS" });

  assert.equal(Policy?.PolicyId, "ANPAJNCQGXC42545SKXIK");
  assert.deepEqual(JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? "")), {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        Resource: "*",
      },
    ],
  });
  assert(Policies?.some(({ Arn }) => Arn === arn));
  assert.deepEqual((await iam.listPolicies({ OnlyAttached: true })).Policies, []);
  assert.equal((await refusal(iam.deletePolicy({ PolicyArn: arn })))[0], "UnmodifiableEntity");
});

test("tags are set, replaced and removed, and bounded", async () => {
  const { iam } = newAccount();
  await createRole(iam, "r");
  const arn = await createPolicy(iam, "p");
  await iam.tagRole({
    RoleName: "r",
    Tags: [
      { Key: "b", Value: "1" },
      { Key: "a", Value: "2" },
    ],
  });
  await iam.tagRole({ RoleName: "r", Tags: [{ Key: "B", Value: "" }] });
  await iam.tagPolicy({
    PolicyArn: arn,
    Tags: [
      { Key: "a", Value: "lower" },
      { Key: "A", Value: "upper" },
    ],
  });
  assert.deepEqual((await iam.listRoleTags({ RoleName: "r" })).Tags, [
    { Key: "B", Value: "" },
    { Key: "a", Value: "2" },
  ]);
  assert.deepEqual((await iam.listPolicyTags({ PolicyArn: arn })).Tags, [
    { Key: "A", Value: "upper" },
    { Key: "a", Value: "lower" },
  ]);
  await iam.untagRole({ RoleName: "r", TagKeys: ["b"] });
  await iam.untagPolicy({ PolicyArn: arn, TagKeys: ["a"] });
  assert.equal((await iam.listRoleTags({ RoleName: "r" })).Tags?.length, 1);
  assert.equal((await iam.listPolicyTags({ PolicyArn: arn })).Tags?.length, 1);

  const twice = [
    { Key: "x", Value: "1" },
    { Key: "X", Value: "2" },
  ];
  assert.deepEqual(await refusal(iam.tagRole({ RoleName: "r", Tags: twice })), [
    "InvalidInput",
    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    400,
  ]);
  assert.deepEqual(await refusal(iam.tagRole({ RoleName: "r", Tags: many(51) })), [
    "ValidationError",
    "1 validation error detected: Value at 'tags' failed to satisfy constraint: " +
      "Member must have length less than or equal to 50",
    400,
  ]);
  assert.deepEqual(await refusal(iam.tagRole({ RoleName: "r", Tags: many(50) })), [
    "LimitExceeded",
    "Cannot exceed quota for TagsPerRole: 50",
    409,
  ]);
  assert.deepEqual(await refusal(createRole(iam, "s", { Tags: [{ Key: "a#", Value: "" }] })), [
    "ValidationError",
    "1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: " +
      String.raw`Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`,
    400,
  ]);
});

test("the limits of policies hold, white space aside", async () => {
  const { account, iam } = newAccount();
  await createRole(iam, "r");

  const arn = await createPolicy(iam, "fits", { PolicyDocument: `${" ".repeat(100_000)}${sized(6144)}` });
  assert.deepEqual(await refusal(createPolicy(iam, "p", { PolicyDocument: sized(6145) })), [
    "LimitExceeded",
    "Cannot exceed quota for PolicySize: 6144",
    409,
  ]);
  const put = (name: string, length: number) =>
    iam.putRolePolicy({ RoleName: "r", PolicyName: name, PolicyDocument: sized(length) });
  await put("a", 10_000);
  await put("b", 240);
  const tooLarge = ["LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role r", 409];
  assert.deepEqual(await refusal(put("b", 241)), tooLarge);
  await put("a", 200);
  assert.deepEqual(
    await refusal(
      createRole(iam, "s", {
        AssumeRolePolicyDocument: trust.replace('{"Effect', `{"Sid":"${"a".repeat(2048)}","Effect`),
      }),
    ),
    ["LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", 409],
  );
  for (let index = 0; index < 10; index++) {
    await iam.attachRolePolicy({ RoleName: "r", PolicyArn: await createPolicy(iam, `p${index}`) });
  }
  assert.deepEqual(await refusal(iam.attachRolePolicy({ RoleName: "r", PolicyArn: arn })), [
    "LimitExceeded",
    "Cannot exceed quota for PoliciesPerRole: 10",
    409,
  ]);
  assert.equal(account.length, 12);
});

test("lists come in pages that follow each other", async () => {
  const { iam } = newAccount();
  for (const name of ["c", "A", "e", "b", "D"]) await createRole(iam, name);
  const seen: (string | undefined)[][] = [];
  let Marker: string | undefined;
  do {
    const page = await iam.listRoles({ MaxItems: 2, Marker });
    seen.push((page.Roles ?? []).map(({ RoleName }) => RoleName));
    assert.equal(page.IsTruncated, page.Marker !== undefined);
    ({ Marker } = page);
  } while (Marker !== undefined);

  assert.deepEqual(seen, [["A", "b"], ["c", "D"], ["e"]]);
  assert.equal((await refusal(iam.listRoles({ Marker: "no marker!" })))[0], "ValidationError");
});

test("an instance profile holds one role, and the role is held by it", async () => {
  const { account, iam } = newAccount();
  const { Role: role } = await createRole(iam, "r");
  await createRole(iam, "other");
  const { InstanceProfile: made } = await iam.createInstanceProfile({ InstanceProfileName: "p", Path: "/x/" });
  const held = { InstanceProfileName: "p", RoleName: "r" };

  await iam.addRoleToInstanceProfile(held);
  const listed = {
    Path: "/x/",
    InstanceProfileName: "p",
    InstanceProfileId: made?.InstanceProfileId,
    Arn: `arn:aws:iam::${account}:instance-profile/x/p`,
    CreateDate: made?.CreateDate,
    Roles: [role],
  };
  assert.match(made?.InstanceProfileId ?? "", /^AIPA[A-Z2-7]{17}$/);
  assert.deepEqual(made, { ...listed, Roles: [] });
  assert.deepEqual((await iam.getInstanceProfile({ InstanceProfileName: "p" })).InstanceProfile, {
    ...listed,
    Tags: [],
  });
  assert.deepEqual((await iam.listInstanceProfiles({})).InstanceProfiles, [listed]);
  assert.deepEqual((await iam.listInstanceProfilesForRole({ RoleName: "r" })).InstanceProfiles, [listed]);
  assert.deepEqual(await refusal(iam.addRoleToInstanceProfile({ ...held, RoleName: "other" })), [
    "LimitExceeded",
    "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    409,
  ]);
  const isHeld = conflict("Cannot delete entity, must remove roles from instance profile first.");
  assert.deepEqual(await refusal(iam.deleteInstanceProfile({ InstanceProfileName: "p" })), isHeld);
  assert.deepEqual(await refusal(iam.deleteRole({ RoleName: "r" })), isHeld);
  assert.deepEqual(await refusal(iam.removeRoleFromInstanceProfile({ ...held, RoleName: "other" })), [
    "NoSuchEntity",
    "Role other in Instance Profile p cannot be found.",
    404,
  ]);
  await iam.removeRoleFromInstanceProfile(held);
  await iam.deleteInstanceProfile({ InstanceProfileName: "p" });
  await iam.deleteRole({ RoleName: "r" });
  assert.deepEqual(await refusal(iam.getInstanceProfile({ InstanceProfileName: "p" })), [
    "NoSuchEntity",
    "Instance Profile p cannot be found.",
    404,
  ]);
});

test("a service-linked role is its service's: made and deleted by operations of its own", async () => {
  const { account, iam } = newAccount();
  const AWSServiceName = "lambda.application-autoscaling.amazonaws.com";

  const { Role } = await iam.createServiceLinkedRole({ AWSServiceName });
  const RoleName = Role?.RoleName ?? "";
  assert.equal(
    Role?.Arn,
    `arn:aws:iam::${account}:role/aws-service-role/${AWSServiceName}/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency`,
  );
  assert.equal((await refusal(iam.deleteRole({ RoleName })))[0], "UnmodifiableEntity");
  assert.equal((await refusal(iam.createServiceLinkedRole({ AWSServiceName })))[0], "InvalidInput");
  const { DeletionTaskId } = await iam.deleteServiceLinkedRole({ RoleName });
  assert.equal((await iam.getServiceLinkedRoleDeletionStatus({ DeletionTaskId })).Status, "SUCCEEDED");
  assert.equal((await refusal(iam.getRole({ RoleName })))[0], "NoSuchEntity");
});

test("the account says who its root is and what it has; what is not here is refused", async () => {
  const { account, iam } = newAccount();
  await createRole(iam, "r");

  assert.equal((await iam.getUser({})).User?.Arn, `arn:aws:iam::${account}:root`);
  assert.equal((await refusal(iam.getUser({ UserName: "bob" })))[1], "The user with name bob cannot be found.");
  const { SummaryMap } = await iam.getAccountSummary({});
  assert.deepEqual([SummaryMap?.["Roles"], SummaryMap?.["RolesQuota"]], [1, 1000]);
  const simulation = { PolicySourceArn: `arn:aws:iam::${account}:role/r`, ActionNames: ["s3:GetObject"] };
  assert.equal((await refusal(iam.simulatePrincipalPolicy(simulation)))[0], "NotImplementedException");
});
