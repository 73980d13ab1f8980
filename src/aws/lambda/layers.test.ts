/** Layers through Lambda's operations; what AWS answers was recorded (test_lambda_api.py::TestLambdaLayer). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, LambdaBench, validRequest } from "../../../test/support/lambda-bench.ts";
import { buildZip } from "../../../test/support/build-zip.ts";
import { lambdaModel } from "../models.ts";
import { markerAt } from "./page-marker.ts";

const zip = (text: string): Buffer => buildZip([{ name: "msg.txt", content: text }]);
const published = (name: string, overrides: object = {}): Record<string, unknown> => ({
  LayerName: name,
  Content: { ZipFile: zip(name) },
  ...overrides,
});
const validate = (operation: string, input: object): void =>
  lambdaModel()
    .operations.get(operation)
    ?.validate(input as Record<string, unknown>);
const arn = (name: string): string => `arn:aws:lambda:us-east-1:000000000000:layer:${name}`;
const datePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/;

test("a layer version is shown as AWS shows it, wherever it is shown", async () => {
  await using lambda = await LambdaBench.open();
  const declared = {
    CompatibleRuntimes: ["nodejs24.x", "go1.x"],
    CompatibleArchitectures: ["x86_64"],
    LicenseInfo: "MIT",
    Description: "words",
  };

  const answer = await lambda.call("PublishLayerVersion", published("l", declared));
  const bare = await lambda.call("PublishLayerVersion", published("bare"));
  const got = await lambda.call("GetLayerVersion", { LayerName: "l", VersionNumber: 1 });
  const byName = await lambda.call("GetLayerVersion", { LayerName: arn("l"), VersionNumber: 1 });
  const byArn = await lambda.call("GetLayerVersionByArn", { Arn: `${arn("l")}:1` });
  const versions = await lambda.call("ListLayerVersions", { LayerName: "l" });
  const layers = await lambda.call("ListLayers", { CompatibleRuntime: "go1.x" });

  const { Content: content, ...rest } = answer;
  const { Location, ...facts } = content as Record<string, unknown>;
  assert.match(String(Location), /^http:\/\/127\.0\.0\.1:4566\/_hearth\/code\/[0-9a-f]{64}\?/);
  assert.deepEqual(Object.keys(facts), ["CodeSha256", "CodeSize"]);
  assert.match(String(rest["CreatedDate"]), datePattern);
  const listed = {
    LayerVersionArn: `${arn("l")}:1`,
    Version: 1,
    CreatedDate: rest["CreatedDate"],
    ...declared,
  };
  assert.deepEqual(rest, { LayerArn: arn("l"), ...listed });
  for (const same of [got, byName, byArn]) assert.deepEqual(same, answer);
  assert.deepEqual(versions, { LayerVersions: [listed] });
  assert.deepEqual(layers, {
    Layers: [{ LayerName: "l", LayerArn: arn("l"), LatestMatchingVersion: listed }],
  });
  assert.deepEqual(Object.keys(bare).toSorted(), [
    "Content",
    "CreatedDate",
    "Description",
    "LayerArn",
    "LayerVersionArn",
    "Version",
  ]);
});

test("lists go on where a page ended, and markers that no list gave are refused", async () => {
  await using lambda = await LambdaBench.open();
  for (const name of ["a", "b", "c", "c", "c"]) await lambda.call("PublishLayerVersion", published(name));

  const pages = async (operation: string, input: object, member: string): Promise<number[]> => {
    const sizes: number[] = [];
    let page: Record<string, unknown> = {};
    do {
      const marker = page["NextMarker"] === undefined ? {} : { Marker: page["NextMarker"] };
      page = await lambda.call(operation, { ...input, MaxItems: 2, ...marker });
      sizes.push((page[member] as unknown[]).length);
    } while (page["NextMarker"] !== undefined);
    return sizes;
  };

  assert.deepEqual(await pages("ListLayers", {}, "Layers"), [2, 1]);
  assert.deepEqual(await pages("ListLayerVersions", { LayerName: "c" }, "LayerVersions"), [2, 1]);
  for (const [operation, input] of [
    ["ListLayers", {}],
    ["ListLayerVersions", { LayerName: "c" }],
  ] as const) {
    for (const Marker of ["never given", markerAt("a:b"), markerAt("a".repeat(5000)), ""]) {
      await assert.rejects(lambda.call(operation, { ...input, Marker }), { code: "InvalidParameterValueException" });
    }
  }
  assert.deepEqual(await lambda.call("ListLayerVersions", { LayerName: "unknown" }), { LayerVersions: [] });
});

test("what is not there, and what cannot be a version, is refused in AWS's words", async () => {
  await using lambda = await LambdaBench.open();
  const absent = { code: "ResourceNotFoundException", message: "The resource you requested does not exist." };
  const tooLow = { code: "InvalidParameterValueException", message: "Layer Version Cannot be less than 1" };

  await assert.rejects(lambda.call("GetLayerVersion", { LayerName: "l", VersionNumber: 1 }), absent);
  await assert.rejects(lambda.call("GetLayerVersionByArn", { Arn: `${arn("l")}:1` }), absent);
  await assert.rejects(
    lambda.call("GetLayerVersionByArn", { Arn: "arn:aws:lambda:::awslayer:AmazonLinux1803" }),
    absent,
  );
  for (const operation of ["GetLayerVersion", "DeleteLayerVersion"]) {
    await assert.rejects(lambda.call(operation, { LayerName: "l", VersionNumber: 0 }), tooLow);
  }
  assert.deepEqual(await lambda.call("DeleteLayerVersion", { LayerName: "l", VersionNumber: 1 }), {});
  await assert.rejects(lambda.call("PublishLayerVersion", { LayerName: "l", Content: {} }), {
    code: "InvalidParameterValueException",
  });
  await assert.rejects(lambda.call("PublishLayerVersion", { LayerName: "l", Content: { S3Bucket: "b", S3Key: "k" } }), {
    message: /S3Bucket is not supported/,
  });
});

test("runtimes and architectures that nobody knows are refused together", () => {
  const bad = { CompatibleRuntimes: ["python3.12", "cobol"], CompatibleArchitectures: ["vax"] };

  assert.throws(() => validate("PublishLayerVersion", published("l", bad)), {
    code: "ValidationException",
    message:
      /^2 validation errors detected: .*Value '\[python3\.12, cobol\]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: \[nodejs20\.x, .*java8\.al2\]/,
  });
  assert.throws(() => validate("ListLayers", { CompatibleRuntime: "cobol" }), {
    message:
      /'cobol' at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy enum value set: \[ruby3\.5, /,
  });
  validate("PublishLayerVersion", published("l", { CompatibleRuntimes: ["java8", "dotnetcore3.1", "ruby2.7"] }));
});

test("a layer's policy is printed as AWS prints it", async () => {
  await using lambda = await LambdaBench.open();
  await lambda.call("PublishLayerVersion", published("l"));
  const target = { LayerName: "l", VersionNumber: 1, Action: "lambda:GetLayerVersion" };

  const first = await lambda.call("AddLayerVersionPermission", { ...target, StatementId: "s1", Principal: "*" });
  const second = await lambda.call("AddLayerVersionPermission", {
    ...target,
    StatementId: "s2",
    Principal: "111122223333",
    RevisionId: first["RevisionId"],
  });
  await lambda.call("AddLayerVersionPermission", {
    ...target,
    StatementId: "s3",
    Principal: "*",
    OrganizationId: "o-t194hfs8cz",
  });
  const { Policy, RevisionId } = await lambda.call("GetLayerVersionPolicy", target);

  const resource = `"Action":"lambda:GetLayerVersion","Resource":"${arn("l")}:1"`;
  const statements = [
    `{"Sid":"s1","Effect":"Allow","Principal":"*",${resource}}`,
    `{"Sid":"s2","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},${resource}}`,
    `{"Sid":"s3","Effect":"Allow","Principal":"*",${resource},"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-t194hfs8cz"}}}`,
  ];
  assert.deepEqual([first["Statement"], second["Statement"]], statements.slice(0, 2));
  assert.equal(Policy, `{"Version":"2012-10-17","Id":"default","Statement":[${statements.join(",")}]}`);
  for (const StatementId of ["s1", "s2"]) {
    await lambda.call("RemoveLayerVersionPermission", { ...target, StatementId });
  }
  await assert.rejects(lambda.call("RemoveLayerVersionPermission", { ...target, StatementId: "s3", RevisionId }), {
    code: "PreconditionFailedException",
  });
  await lambda.call("RemoveLayerVersionPermission", { ...target, StatementId: "s3" });
  await assert.rejects(lambda.call("GetLayerVersionPolicy", target), {
    code: "ResourceNotFoundException",
    message: "No policy is associated with the given resource.",
  });
});

test("a function shows its layers, keeps them when they are deleted, and gives them up when told so", async () => {
  await using lambda = await LambdaBench.open();
  const layer = await lambda.call("PublishLayerVersion", published("l"));
  const { CodeSize } = layer["Content"] as { CodeSize: number };
  const shown = [{ Arn: `${arn("l")}:1`, CodeSize }];

  const created = await lambda.call("CreateFunction", { ...validRequest("f"), Layers: [`${arn("l")}:1`] });
  const active = await lambda.untilSettled("f");
  await lambda.call("DeleteLayerVersion", { LayerName: "l", VersionNumber: 1 });
  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", Timeout: 9 });
  const later = await lambda.untilSettled("f");

  assert.deepEqual([created["Layers"], active["Layers"], later["Layers"]], [shown, shown, shown]);
  await assert.rejects(lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", Layers: [`${arn("l")}:1`] }), {
    code: "InvalidParameterValueException",
    message: `Layer version ${arn("l")}:1 does not exist.`,
  });
  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", Layers: [] });
  assert.equal("Layers" in (await lambda.untilSettled("f")), false);
});

test("layers of another account are there for the accounts that their policy names", async () => {
  await using lambda = await LambdaBench.open();
  await lambda.call("PublishLayerVersion", published("l"));
  const stranger = context({ scope: { account: "111111111111", region: "us-east-1" } });
  const request = { ...validRequest("f"), Layers: [`${arn("l")}:1`] };
  await assert.rejects(lambda.call("CreateFunction", request, stranger), { code: "AccessDeniedException" });

  await lambda.call("AddLayerVersionPermission", {
    LayerName: "l",
    VersionNumber: 1,
    StatementId: "s",
    Action: "lambda:GetLayerVersion",
    Principal: "111111111111",
  });
  await lambda.call("CreateFunction", request, stranger);
  const shown = await lambda.untilSettled("f", stranger.scope);
  const got = await lambda.call("GetLayerVersionByArn", { Arn: `${arn("l")}:1` }, stranger);

  assert.equal(shown["State"], "Active");
  assert.equal(got["LayerVersionArn"], `${arn("l")}:1`);
});
