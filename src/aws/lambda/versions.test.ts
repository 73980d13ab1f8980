import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { context, LambdaBench, validRequest, zip } from "../../../test/support/lambda-bench.ts";
import { functionKey, type FunctionRecord } from "../../core/function-record.ts";
import { lambdaModel } from "../models.ts";

type Shown = Readonly<Record<string, unknown>>;
type Page = { readonly NextMarker?: string };

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";

let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
});

afterEach(async () => {
  await lambda[Symbol.asyncDispose]();
});

async function publishNew(code: string): Promise<Shown> {
  await lambda.call("UpdateFunctionCode", { FunctionName: "f", ZipFile: zip(code) });
  await lambda.untilSettled("f");
  return lambda.call("PublishVersion", { FunctionName: "f" });
}

/** As the wire checks it before the handler. */
function checked(operation: string, input: Readonly<Record<string, unknown>>): Promise<Shown> {
  lambdaModel().operations.get(operation)?.validate(input);
  return lambda.call(operation, input);
}

test("PublishVersion answers with the version as a function of its own", async () => {
  const latest = await lambda.create("f");

  const version = await lambda.call("PublishVersion", { FunctionName: arn, Description: "first" });

  assert.deepEqual(version, {
    ...latest,
    FunctionArn: `${arn}:1`,
    Version: "1",
    Description: "first",
    RevisionId: version["RevisionId"],
  });
  assert.deepEqual(await lambda.call("GetFunctionConfiguration", { FunctionName: "f", Qualifier: "1" }), version);
  assert.deepEqual(await lambda.call("PublishVersion", { FunctionName: "f:$LATEST" }), version);
});

test("versions that cannot be published are refused as AWS does", async () => {
  await assert.rejects(lambda.call("PublishVersion", { FunctionName: "f" }), {
    code: "ResourceNotFoundException",
    message: `Function not found: ${arn}`,
  });
  await lambda.call("CreateFunction", validRequest("f"));
  await assert.rejects(lambda.call("PublishVersion", { FunctionName: "f" }), {
    code: "ResourceConflictException",
    message:
      "The operation cannot be performed at this time. The function is currently in the following state: Pending",
  });
  await lambda.untilSettled("f");
  const key = functionKey(context().scope, "f");
  const settled = await lambda.engine.records.get<FunctionRecord>(key);
  assert(settled !== undefined);
  const { latest } = settled.value;
  await lambda.engine.records.put(key, { ...settled.value, latest: { ...latest, lastUpdateStatus: "InProgress" } });
  await assert.rejects(lambda.call("PublishVersion", { FunctionName: "f" }), {
    code: "ResourceConflictException",
    message: `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
  });
  await lambda.engine.records.put(key, settled.value);
  await assert.rejects(lambda.call("PublishVersion", { FunctionName: "f", RevisionId: "other" }), {
    code: "PreconditionFailedException",
    message:
      "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
  });
  await assert.rejects(lambda.call("PublishVersion", { FunctionName: "f", PublishTo: "LATEST_PUBLISHED" }), {
    message: /^PublishTo is not supported/,
  });
  await assert.rejects(lambda.call("PublishVersion", { FunctionName: "f", CodeSha256: "x" }), {
    message: /^CodeSHA256 \(x\) is different from current CodeSHA256 in \$LATEST \(/,
  });
});

test("a creation that publishes answers with version 1, under the function's own ARN", async () => {
  const created = await lambda.call("CreateFunction", { ...validRequest("f"), Publish: true });
  await lambda.untilSettled("f");

  assert.deepEqual([created["Version"], created["FunctionArn"], created["State"]], ["1", arn, "Pending"]);
  assert.equal(created["LastUpdateStatus"], undefined);
  for (;;) {
    const version = await lambda.call("GetFunctionConfiguration", { FunctionName: "f", Qualifier: "1" });
    if (version["State"] === "Active") break;
    await setImmediate();
  }
});

test("an update that publishes answers with the version; one that is only tried publishes nothing", async () => {
  await lambda.create("f");
  const code = { FunctionName: "f", ZipFile: zip("2"), Publish: true };

  const tried = await lambda.call("UpdateFunctionCode", { ...code, DryRun: true });
  const updated = await lambda.call("UpdateFunctionCode", code);
  await lambda.untilSettled("f");
  const { Versions } = await lambda.call<{ Versions: Shown[] }>("ListVersionsByFunction", { FunctionName: "f" });

  assert.equal(tried["Version"], "$LATEST");
  assert.deepEqual([updated["Version"], updated["FunctionArn"]], ["1", `${arn}:1`]);
  assert.deepEqual(
    Versions.map(({ Version, FunctionArn }) => [Version, FunctionArn]),
    [
      ["$LATEST", `${arn}:$LATEST`],
      ["1", `${arn}:1`],
    ],
  );
});

test("versions are listed $LATEST first, then in the order of their numbers, page by page", async () => {
  await lambda.create("f");
  for (let version = 1; version <= 11; version++) await publishNew(`version ${version}`);

  const listed: unknown[] = [];
  let pages = 0;
  for (let Marker: string | undefined; ; pages++) {
    const page: Page & { readonly Versions: Shown[] } = await lambda.call("ListVersionsByFunction", {
      FunctionName: "f",
      MaxItems: 4,
      ...(Marker === undefined ? {} : { Marker }),
    });
    listed.push(...page.Versions.map(({ Version }) => Version));
    Marker = page.NextMarker;
    if (Marker === undefined) break;
  }

  assert.deepEqual(listed, ["$LATEST", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
  assert.equal(pages, 2);
  await assert.rejects(lambda.call("ListVersionsByFunction", { FunctionName: "f", Marker: "??" }), {
    message: "The Marker is invalid.",
  });
  await assert.rejects(lambda.call("ListVersionsByFunction", { FunctionName: "g" }), {
    code: "ResourceNotFoundException",
  });
});

test("ListFunctions lists every version of every function where that is asked for, page by page", async () => {
  for (const name of ["e", "f", "g"]) await lambda.create(name);
  await publishNew("1");
  await publishNew("2");
  const places: unknown[] = [];
  for (let Marker: string | undefined; ;) {
    const page: Page & { readonly Functions: Shown[] } = await lambda.call("ListFunctions", {
      FunctionVersion: "ALL",
      MaxItems: 2,
      ...(Marker === undefined ? {} : { Marker }),
    });
    assert(page.Functions.length <= 2);
    places.push(...page.Functions.map(({ FunctionArn }) => String(FunctionArn).split(":function:")[1]));
    Marker = page.NextMarker;
    if (Marker === undefined) break;
  }
  const { Functions } = await lambda.call<{ Functions: Shown[] }>("ListFunctions", {});

  assert.deepEqual(places, ["e:$LATEST", "f:$LATEST", "f:1", "f:2", "g:$LATEST"]);
  assert.deepEqual(
    Functions.map(({ FunctionArn }) => String(FunctionArn).split(":function:")[1]),
    ["e", "f", "g"],
  );
});

test("GetFunction shows a version by number or alias, with its own code", async () => {
  await lambda.create("f", { Tags: { a: "1" } });
  await publishNew("old");
  await publishNew("new");
  await lambda.call("CreateAlias", { FunctionName: "f", Name: "live", FunctionVersion: "1" });
  await lambda.call("PutFunctionConcurrency", { FunctionName: "f", ReservedConcurrentExecutions: 3 });

  const byNumber = await lambda.call<Record<string, Shown>>("GetFunction", { FunctionName: "f:1" });
  const byAlias = await lambda.call<Record<string, Shown>>("GetFunction", { FunctionName: "f", Qualifier: "live" });
  const latest = await lambda.call<Record<string, Shown>>("GetFunction", { FunctionName: "f" });

  assert.deepEqual(byAlias["Configuration"], { ...byNumber["Configuration"], FunctionArn: `${arn}:live` });
  assert.equal(byNumber["Configuration"]?.["FunctionArn"], `${arn}:1`);
  assert.notEqual(digestOf(byNumber), digestOf(latest));
  assert.equal(byNumber["Concurrency"], undefined, "it is the function's");
  assert.deepEqual(latest["Concurrency"], { ReservedConcurrentExecutions: 3 });
  await assert.rejects(lambda.call("GetFunction", { FunctionName: "f", Qualifier: "9" }), {
    code: "ResourceNotFoundException",
    message: `Function not found: ${arn}:9`,
  });
});

function digestOf({ Code }: Record<string, Shown>): string | undefined {
  return new URL(String(Code?.["Location"])).pathname.split("/").at(-1);
}

test("a version is deleted by its number, and nothing else of the function", async () => {
  await lambda.create("f");
  await publishNew("1");
  await lambda.call("CreateAlias", { FunctionName: "f", Name: "live", FunctionVersion: "1" });

  await assert.rejects(lambda.call("DeleteFunction", { FunctionName: "f", Qualifier: "1" }), {
    code: "ResourceConflictException",
    message: "Unable to delete version because the following aliases reference it: [live]",
  });
  await assert.rejects(lambda.call("DeleteFunction", { FunctionName: "f", Qualifier: "live" }), {
    code: "InvalidParameterValueException",
    message: "Deletion of aliases is not currently supported.",
  });
  await assert.rejects(lambda.call("DeleteFunction", { FunctionName: "f:$LATEST" }), {
    message: "$LATEST version cannot be deleted without deleting the function.",
  });
  await lambda.call("DeleteAlias", { FunctionName: "f", Name: "live" });
  await lambda.call("DeleteFunction", { FunctionName: "f:1" });

  await assert.rejects(lambda.call("GetFunction", { FunctionName: "f:1" }), { code: "ResourceNotFoundException" });
  assert.equal((await lambda.call("GetFunctionConfiguration", { FunctionName: "f" }))["State"], "Active");
});

test("updates are of $LATEST only", async () => {
  await lambda.create("f");
  await publishNew("1");

  for (const operation of ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"]) {
    await assert.rejects(lambda.call(operation, { FunctionName: "f:1", ZipFile: zip("2") }), {
      code: "InvalidParameterValueException",
      message: "Current operation does not support versions other than $LATEST.",
    });
  }
});

test("aliases are made, shown, changed and deleted", async () => {
  await lambda.create("f");
  await publishNew("1");
  await publishNew("2");

  const created = await checked("CreateAlias", { FunctionName: "f", Name: "live", FunctionVersion: "1" });
  const weighted = await checked("UpdateAlias", {
    FunctionName: "f",
    Name: "live",
    RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
    RevisionId: created["RevisionId"],
  });
  const got = await checked("GetAlias", { FunctionName: "f", Name: "live" });
  const ended = await checked("UpdateAlias", {
    FunctionName: "f",
    Name: "live",
    FunctionVersion: "2",
    RoutingConfig: {},
  });
  await checked("DeleteAlias", { FunctionName: "f", Name: "live" });

  assert.deepEqual(created, {
    AliasArn: `${arn}:live`,
    Name: "live",
    FunctionVersion: "1",
    Description: "",
    RevisionId: created["RevisionId"],
  });
  assert.deepEqual(weighted, {
    ...created,
    RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
    RevisionId: weighted["RevisionId"],
  });
  assert.deepEqual(got, weighted);
  assert.deepEqual(ended, { ...created, FunctionVersion: "2", RevisionId: ended["RevisionId"] });
  await assert.rejects(checked("GetAlias", { FunctionName: "f", Name: "live" }), {
    code: "ResourceNotFoundException",
    message: `Cannot find alias arn: ${arn}:live`,
  });
});

const weights = (AdditionalVersionWeights: object): object => ({ RoutingConfig: { AdditionalVersionWeights } });

test("bad aliases are refused in AWS's words, and nothing is written", async () => {
  await lambda.create("f");
  await publishNew("1");
  await publishNew("2");
  const alias = { FunctionName: "f", Name: "live", FunctionVersion: "1" };
  const path = "at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map";

  for (const [change, message] of [
    [
      { Name: "2024" },
      "1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular " +
        "expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
    ],
    [{ FunctionVersion: "9" }, `Function not found: ${arn}:9`],
    [weights({ 1: 0.1, 2: 0.1 }), "Number of items in AdditionalVersionWeights cannot be greater than 1"],
    [
      weights({ 2: 2 }),
      `1 validation error detected: Value '{2=2.0}' ${path} value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]`,
    ],
    [weights({ 2: -0.5 }), /^1 validation error detected: Value '\{2=-0\.5\}' at .* Map value must satisfy/],
    [
      weights({ live: 0.5 }),
      `1 validation error detected: Value '{live=0.5}' ${path} keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]`,
    ],
    [weights({ $LATEST: 0.5 }), /Map keys must satisfy/],
    [{ FunctionVersion: "$LATEST", ...weights({ 1: 0.5 }) }, /^\$LATEST is not supported for an alias/],
    [{ FunctionName: "f:1" }, /^This operation is permitted on Lambda functions only\./],
  ] as const) {
    const refused = Promise.resolve().then(() => checked("CreateAlias", { ...alias, ...change }));
    await assert.rejects(refused, { message });
  }
  assert.deepEqual(await lambda.call("ListAliases", { FunctionName: "f" }), { Aliases: [] });
});

test("aliases are listed by name, of one version where that is asked for, page by page", async () => {
  await lambda.create("f");
  await publishNew("1");
  await publishNew("2");
  for (const [Name, FunctionVersion] of [
    ["c", "1"],
    ["a", "2"],
    ["d", "1"],
    ["b", "1"],
  ] as const) {
    await lambda.call("CreateAlias", { FunctionName: "f", Name, FunctionVersion });
  }
  const list = async (input: object): Promise<{ names: unknown[]; next: string | undefined }> => {
    const { Aliases, NextMarker } = await lambda.call<Page & { Aliases: Shown[] }>("ListAliases", {
      FunctionName: "f",
      ...input,
    });
    return { names: Aliases.map(({ Name }) => Name), next: NextMarker };
  };

  const first = await list({ FunctionVersion: "1", MaxItems: 2 });
  const second = await list({ FunctionVersion: "1", MaxItems: 2, Marker: first.next });

  assert.deepEqual((await list({})).names, ["a", "b", "c", "d"]);
  assert.deepEqual([first.names, second.names, second.next], [["b", "c"], ["d"], undefined]);
  await assert.rejects(lambda.call("ListAliases", { FunctionName: "g" }), { code: "ResourceNotFoundException" });
});

test("the account's code counts versions", async () => {
  await lambda.create("f", { Code: { ZipFile: zip("1") } });
  await lambda.call("PublishVersion", { FunctionName: "f" });

  const { AccountUsage } = await lambda.call("GetAccountSettings", {});

  assert.deepEqual(AccountUsage, { TotalCodeSize: 2 * zip("1").length, FunctionCount: 1 });
});
