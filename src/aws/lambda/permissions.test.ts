import assert from "node:assert/strict";
import { test } from "node:test";
import { context, LambdaBench, zip } from "../../../test/support/lambda-bench.ts";
import { ApiError } from "../../core/errors.ts";

const { scope } = context();
const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
const grant = {
  FunctionName: "f",
  StatementId: "s",
  Action: "lambda:InvokeFunction",
  Principal: "111111111111",
};
const stranger = context({ scope: { account: "111111111111", region: "us-east-1" } });

async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert(error instanceof ApiError, String(error));
  return `${error.code}: ${error.message}`;
}

async function benchWithFunction(): Promise<LambdaBench> {
  const lambda = await LambdaBench.open();
  await lambda.create("f");
  return lambda;
}

/** Version 1, and the alias `live` for it. */
async function publish({ functions }: LambdaBench): Promise<void> {
  const { latest } = await functions.get(scope, "f");
  await functions.versions.modify(scope, "f", "1", () => ({ ...latest, version: "1", revisionId: "version-1" }));
  await functions.aliases.modify(scope, "f", "live", () => ({
    name: "live",
    functionVersion: "1",
    description: "",
    additionalVersionWeights: {},
    revisionId: "alias-1",
  }));
}

test("function, version and alias have a policy each, with the resource as it was named", async () => {
  await using lambda = await benchWithFunction();
  await publish(lambda);

  for (const [qualifier, resource] of [
    [undefined, arn],
    ["1", `${arn}:1`],
    ["live", `${arn}:live`],
  ] as const) {
    const { Statement } = await lambda.call<{ Statement: string }>("AddPermission", { ...grant, Qualifier: qualifier });
    assert.equal((JSON.parse(Statement) as { Resource: string }).Resource, resource);
    const { Policy } = await lambda.call<{ Policy: string }>("GetPolicy", { FunctionName: "f", Qualifier: qualifier });
    assert.equal(Policy, `{"Version":"2012-10-17","Id":"default","Statement":[${Statement}]}`);
  }
});

test("a policy shares the revision of what it is about, and every change renews it", async () => {
  await using lambda = await benchWithFunction();
  await publish(lambda);
  const latest = async (): Promise<string> => (await lambda.functions.get(scope, "f")).latest.revisionId;
  const before = await latest();

  assert.equal(
    await refusalOf(lambda.call("AddPermission", { ...grant, RevisionId: "wrong" })),
    "PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id",
  );
  await lambda.call("AddPermission", { ...grant, RevisionId: before });
  const added = await latest();
  assert.notEqual(added, before);
  assert.equal((await lambda.call("GetPolicy", { FunctionName: "f" }))["RevisionId"], added);
  assert.equal(
    await refusalOf(lambda.call("RemovePermission", { FunctionName: "f", StatementId: "s", RevisionId: before })),
    "PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
  );
  await lambda.call("RemovePermission", { FunctionName: "f", StatementId: "s", RevisionId: added });
  assert.notEqual(await latest(), added);

  await lambda.call("AddPermission", { ...grant, Qualifier: "live", RevisionId: "alias-1" });
  await lambda.call("AddPermission", { ...grant, Qualifier: "1", RevisionId: "version-1" });
  assert.notEqual((await lambda.functions.aliases.find(scope, "f", "live"))?.revisionId, "alias-1");
});

test("of callers who know the same revision only one changes the policy", async () => {
  await using lambda = await benchWithFunction();
  const { revisionId } = (await lambda.functions.get(scope, "f")).latest;

  const outcomes = await Promise.allSettled(
    ["a", "b", "c"].map((id) => lambda.call("AddPermission", { ...grant, StatementId: id, RevisionId: revisionId })),
  );

  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  const { Policy } = await lambda.call<{ Policy: string }>("GetPolicy", { FunctionName: "f" });
  assert.equal((JSON.parse(Policy) as { Statement: unknown[] }).Statement.length, 1);
});

test("callers who know no revision all add their statement", async () => {
  await using lambda = await benchWithFunction();

  await Promise.all(["a", "b", "c"].map((id) => lambda.call("AddPermission", { ...grant, StatementId: id })));

  const { Policy } = await lambda.call<{ Policy: string }>("GetPolicy", { FunctionName: "f" });
  assert.equal((JSON.parse(Policy) as { Statement: unknown[] }).Statement.length, 3);
});

test("what is not there is refused in AWS's words, and changes nothing", async () => {
  await using lambda = await benchWithFunction();
  const nameless = { ...grant, FunctionName: "none" };
  const before = (await lambda.functions.get(scope, "f")).latest.revisionId;

  const refusals: [Promise<unknown>, string][] = [
    [
      lambda.call("AddPermission", nameless),
      `ResourceNotFoundException: Function not found: ${arn.replace(/f$/, "none")}`,
    ],
    [
      lambda.call("AddPermission", { ...grant, Qualifier: "7" }),
      `ResourceNotFoundException: Function not found: ${arn}:7`,
    ],
    [
      lambda.call("AddPermission", { ...grant, Qualifier: "none" }),
      `ResourceNotFoundException: Cannot find alias arn: ${arn}:none`,
    ],
    [
      lambda.call("AddPermission", { ...grant, Qualifier: "$LATEST" }),
      "InvalidParameterValueException: We currently do not support adding policies for $LATEST.",
    ],
    [
      lambda.call("AddPermission", { ...grant, FunctionUrlAuthType: "NONE" }),
      "InvalidParameterValueException: FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
    ],
    [
      lambda.call("AddPermission", { ...grant, Principal: "nobody" }),
      "InvalidParameterValueException: The provided principal was invalid. Please check the principal and try again.",
    ],
    [
      lambda.call("GetPolicy", { FunctionName: "f" }),
      "ResourceNotFoundException: The resource you requested does not exist.",
    ],
    [
      lambda.call("GetPolicy", { FunctionName: "f", Qualifier: "none" }),
      "ResourceNotFoundException: The resource you requested does not exist.",
    ],
    [
      lambda.call("RemovePermission", { FunctionName: "f", StatementId: "s" }),
      "ResourceNotFoundException: No policy is associated with the given resource.",
    ],
    [
      lambda.call("RemovePermission", { FunctionName: "none", StatementId: "s" }),
      `ResourceNotFoundException: No policy found for: ${arn.replace(/f$/, "none")}`,
    ],
  ];
  for (const [call, text] of refusals) assert.equal(await refusalOf(call), text);
  assert.equal((await lambda.functions.get(scope, "f")).latest.revisionId, before);
});

test("a whole policy replaces what was there, and goes as a whole", async () => {
  await using lambda = await benchWithFunction();
  await lambda.call("AddPermission", grant);
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: "lambda:GetFunction", Resource: arn }],
  });

  const put = await lambda.call("PutResourcePolicy", { ResourceArn: arn, Policy });
  assert.equal(put["Policy"], Policy);
  assert.deepEqual(await lambda.call("GetResourcePolicy", { ResourceArn: arn }), put);
  assert.deepEqual(await lambda.call("GetPolicy", { FunctionName: "f" }), put);
  assert.match(
    await refusalOf(lambda.call("DeleteResourcePolicy", { ResourceArn: arn, RevisionId: "wrong" })),
    /^PreconditionFailedException/,
  );
  await lambda.call("DeleteResourcePolicy", { ResourceArn: arn, RevisionId: put["RevisionId"] });
  assert.match(await refusalOf(lambda.call("GetResourcePolicy", { ResourceArn: arn })), /does not exist/);
  assert.match(await refusalOf(lambda.call("GetResourcePolicy", { ResourceArn: "f" })), /^ValidationException/);
});

test("another account may do what the policy grants it, on what it grants, and nothing more", async () => {
  await using lambda = await benchWithFunction();
  await publish(lambda);
  await lambda.call("AddPermission", { ...grant, Action: "lambda:GetFunction" });
  await lambda.call("AddPermission", { ...grant, Qualifier: "live" });
  const deny = (operation: string, action = operation, resource = arn): string =>
    `AccessDeniedException: User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:${action} on resource: ` +
    `${resource} because no resource-based policy allows the lambda:${action} action`;

  const found = await lambda.call<{ Configuration: { FunctionArn: string } }>(
    "GetFunction",
    { FunctionName: arn },
    stranger,
  );
  assert.equal(found.Configuration.FunctionArn, arn);
  assert.match(await refusalOf(lambda.call("Invoke", { FunctionName: `${arn}:live` }, stranger)), /Conflict/);
  assert.deepEqual(
    lambda.invocations.map(({ scope: { account }, qualifier }) => ({ account, qualifier })),
    [{ account: "000000000000", qualifier: "live" }],
  );

  assert.equal(
    await refusalOf(lambda.call("Invoke", { FunctionName: arn }, stranger)),
    deny("Invoke", "InvokeFunction"),
  );
  assert.equal(
    await refusalOf(lambda.call("Invoke", { FunctionName: arn, Qualifier: "$LATEST" }, stranger)),
    deny("Invoke", "InvokeFunction", `${arn}:$LATEST`),
  );
  assert.equal(
    await refusalOf(lambda.call("AddPermission", { ...grant, FunctionName: arn }, stranger)),
    deny("AddPermission"),
  );
  assert.match(
    await refusalOf(
      lambda.call(
        "GetFunction",
        { FunctionName: arn },
        context({ scope: { account: "222222222222", region: "us-east-1" } }),
      ),
    ),
    /^AccessDeniedException/,
  );
});

test("a function or a session of another account calls as its role", async () => {
  await using lambda = await benchWithFunction();
  const elsewhere = { account: "111111111111", region: "us-east-1" };
  const role = "arn:aws:iam::111111111111:role/caller";
  await lambda.call(
    "CreateFunction",
    {
      FunctionName: "caller",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: role,
      Code: { ZipFile: zip() },
    },
    context({ scope: elsewhere }),
  );
  await lambda.call("AddPermission", { ...grant, Principal: role });
  const functionArn = "arn:aws:lambda:us-east-1:111111111111:function:caller";
  const caller = { kind: "environment", environmentId: "e", functionArn } as const;

  const session = {
    account: "111111111111",
    arn: "arn:aws:sts::111111111111:assumed-role/caller/now",
    userId: "AROA:now",
    roleArn: role,
  };
  const sessionCaller = { kind: "session", accessKeyId: "ASIA", session } as const;

  for (const one of [caller, sessionCaller]) {
    await refusalOf(lambda.call("Invoke", { FunctionName: arn }, context({ scope: elsewhere, caller: one })));
  }
  assert.equal(lambda.invocations.length, 2);
  await lambda.call("RemovePermission", { FunctionName: "f", StatementId: "s" });
  assert.match(
    await refusalOf(lambda.call("Invoke", { FunctionName: arn }, context({ scope: elsewhere, caller }))),
    /^AccessDeniedException: User: arn:aws:sts::111111111111:assumed-role\/caller\/caller is not authorized/,
  );
  assert.match(await refusalOf(lambda.call("Invoke", { FunctionName: arn }, stranger)), /^AccessDeniedException/);
});
