import assert from "node:assert/strict";
import { test } from "node:test";
import { LambdaBench, validRequest } from "../../../test/support/lambda-bench.ts";
import type { FunctionRecord } from "../../core/function-record.ts";
import { functionKey } from "../../core/function-record.ts";

const key = "arn:aws:kms:us-east-1:000000000000:key/1";
const accessPoint = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0";
const mapped = {
  kmsKeys: `${key}=/keys/1`,
  securityGroups: "sg-1=10.1.0.0/16 9.9.9.9,sg-2=0.0.0.0/0",
  fileSystems: `${accessPoint}=/srv/data`,
};
const network = { SubnetIds: ["subnet-1", "subnet-2"], SecurityGroupIds: ["sg-1", "sg-2"] };
const scope = { account: "000000000000", region: "us-east-1" };

async function stored(lambda: LambdaBench, name: string): Promise<FunctionRecord> {
  const entry = await lambda.engine.records.get<FunctionRecord>(functionKey(scope, name));
  assert(entry !== undefined);
  return entry.value;
}

test("environment variables are shown as given, and lie sealed in the records", async () => {
  await using lambda = await LambdaBench.open();
  const Variables = { SECRET: "swordfish", B: "", A: "ü" };

  const shown = await lambda.create("f", { Environment: { Variables } });

  assert.deepEqual(shown["Environment"], { Variables });
  const { latest } = await stored(lambda, "f");
  assert.doesNotMatch(JSON.stringify(latest), /swordfish/);
  assert.deepEqual(latest.environment?.names, ["A", "B", "SECRET"]);
  assert.equal(latest.environment.keyId, "default");
});

test("a registered key seals the variables; AWS keeps it only with variables", async () => {
  await using lambda = await LambdaBench.open(["nodejs24.x"], mapped);

  const shown = await lambda.create("f", { KMSKeyArn: key, Environment: { Variables: { A: "1" } } });
  assert.equal(shown["KMSKeyArn"], key);
  assert.equal((await stored(lambda, "f")).latest.environment?.keyId, key);

  const without = await lambda.create("g", { KMSKeyArn: key });
  assert.equal(without["KMSKeyArn"], undefined);
});

test("a key that is changed alone seals again what is there; an empty one is the default key", async () => {
  await using lambda = await LambdaBench.open(["nodejs24.x"], mapped);
  await lambda.create("f", { Environment: { Variables: { A: "1" } } });

  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", KMSKeyArn: key });
  const changed = await lambda.untilSettled("f");
  assert.deepEqual([changed["KMSKeyArn"], changed["Environment"]], [key, { Variables: { A: "1" } }]);
  assert.equal((await stored(lambda, "f")).latest.environment?.keyId, key);

  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", KMSKeyArn: "" });
  const back = await lambda.untilSettled("f");
  assert.deepEqual([back["KMSKeyArn"], back["Environment"]], [undefined, { Variables: { A: "1" } }]);
});

test("a VPC is kept, shown and taken away as a whole", async () => {
  await using lambda = await LambdaBench.open(["nodejs24.x"], mapped);

  const { VpcConfig } = await lambda.create("f", { VpcConfig: network });
  assert.match((VpcConfig as { VpcId: string }).VpcId, /^vpc-[0-9a-f]{17}$/);
  assert.deepEqual(VpcConfig, {
    ...network,
    VpcId: (VpcConfig as { VpcId: string }).VpcId,
    Ipv6AllowedForDualStack: false,
  });

  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", Description: "same network" });
  assert.deepEqual((await lambda.untilSettled("f"))["VpcConfig"], VpcConfig);
  const none = { SubnetIds: [], SecurityGroupIds: [] };
  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", VpcConfig: none });
  const shownNone = { ...none, VpcId: "", Ipv6AllowedForDualStack: false };
  assert.deepEqual((await lambda.untilSettled("f"))["VpcConfig"], shownNone);
  assert.deepEqual((await lambda.create("never", { VpcConfig: none }))["VpcConfig"], shownNone);
  assert.equal((await lambda.create("unasked"))["VpcConfig"], undefined);
});

test("a file system needs a VPC, and holds it", async () => {
  await using lambda = await LambdaBench.open(["nodejs24.x"], mapped);
  const FileSystemConfigs = [{ Arn: accessPoint, LocalMountPath: "/mnt/data" }];
  const needsVpc = { name: "ApiError", message: /^Function must be configured to execute in a VPC to reference/ };

  await assert.rejects(lambda.call("CreateFunction", { ...validRequest("f"), FileSystemConfigs }), needsVpc);
  const shown = await lambda.create("f", { FileSystemConfigs, VpcConfig: network });
  assert.deepEqual(shown["FileSystemConfigs"], FileSystemConfigs);

  const leave = { FunctionName: "f", VpcConfig: { SubnetIds: [], SecurityGroupIds: [] } };
  await assert.rejects(lambda.call("UpdateFunctionConfiguration", leave), needsVpc);
  await lambda.call("UpdateFunctionConfiguration", { ...leave, FileSystemConfigs: [] });
  const left = await lambda.untilSettled("f");
  assert.equal(left["FileSystemConfigs"], undefined);
  await assert.rejects(lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", FileSystemConfigs }), needsVpc);
});

test("SnapStart is kept and shown where the owner ignores it, on versions too, and refused elsewhere", async () => {
  const on = { ApplyOn: "PublishedVersions", OptimizationStatus: "Off" };
  const ask = { FunctionName: "f", SnapStart: { ApplyOn: "PublishedVersions" } };
  await using strict = await LambdaBench.open();
  await using lambda = await LambdaBench.open(["nodejs24.x"], { ignoreUnmapped: "SnapStart" });
  await strict.create("f");

  await assert.rejects(strict.call("UpdateFunctionConfiguration", ask), { message: /ignoreUnmapped names SnapStart/ });
  assert.deepEqual((await lambda.create("f", ask))["SnapStart"], on);
  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", Description: "kept" });
  assert.deepEqual((await lambda.untilSettled("f"))["SnapStart"], on);
  assert.deepEqual((await lambda.call("PublishVersion", { FunctionName: "f" }))["SnapStart"], on);

  await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", SnapStart: { ApplyOn: "None" } });
  assert.deepEqual((await lambda.untilSettled("f"))["SnapStart"], { ...on, ApplyOn: "None" });
});

test("what the owner has chosen to ignore is kept and shown", async () => {
  const ignoreUnmapped = "KMSKeyArn,VpcConfig,FileSystemConfigs";
  await using lambda = await LambdaBench.open(["nodejs24.x"], { ignoreUnmapped });
  const FileSystemConfigs = [{ Arn: accessPoint, LocalMountPath: "/mnt/data" }];

  const shown = await lambda.create("f", {
    KMSKeyArn: key,
    Environment: { Variables: { A: "1" } },
    VpcConfig: network,
    FileSystemConfigs,
  });

  assert.deepEqual([shown["KMSKeyArn"], shown["FileSystemConfigs"]], [key, FileSystemConfigs]);
  assert.deepEqual(shown["Environment"], { Variables: { A: "1" } });
  assert.equal((await stored(lambda, "f")).latest.environment?.keyId, "default");
});
