import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { buildZip } from "../../../test/support/build-zip.ts";
import { context, LambdaBench, validRequest, zip } from "../../../test/support/lambda-bench.ts";
import { testProfile } from "../../../test/support/signing.ts";
import { ApiError } from "../../core/errors.ts";

interface Config {
  readonly CodeSigningConfigId: string;
  readonly CodeSigningConfigArn: string;
  readonly [member: string]: unknown;
}

const releases = testProfile("releases");
const others = testProfile("others");
const publishers = { AllowedPublishers: { SigningProfileVersionArns: [releases.arn] } };
const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
const unknownConfig = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000";
const notVerified = (subject: string): string =>
  "CodeVerificationFailedException: Lambda cannot deploy the function. The function or layer might be signed using a " +
  `signature that the client is not configured to accept. Check the provided signature for ${subject}.`;
const broken =
  "InvalidCodeSignatureException: The code signature failed the integrity check. If the integrity check fails, then Lambda " +
  "blocks deployment, even if the code signing policy is set to WARN.";

async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert(error instanceof ApiError, String(error));
  return `${error.code}: ${error.message}`;
}

async function configure(lambda: LambdaBench, policy: "Enforce" | "Warn", more: object = {}): Promise<Config> {
  const { CodeSigningConfig } = await lambda.call<{ CodeSigningConfig: Config }>("CreateCodeSigningConfig", {
    ...publishers,
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy },
    ...more,
  });
  return CodeSigningConfig;
}

/** A bench that trusts `releases` and `others`. */
async function trustingBench(): Promise<LambdaBench> {
  const lambda = await LambdaBench.open();
  for (const profile of [releases, others]) lambda.signingKeys.set(profile.arn, profile.publicKey);
  return lambda;
}

/** An archive whose content is another one than was signed. */
async function tampered(): Promise<Buffer> {
  const signed = await releases.sign(buildZip([{ name: "index.js", content: "one" }]));
  const at = signed.indexOf("one");
  signed.write("two", at);
  // The checksum of the changed content, where the archive tells it.
  const [before, after] = [crc32("one"), crc32("two")];
  for (let place = signed.length - 4; place >= 0; place--) {
    if (signed.readUInt32LE(place) === before) signed.writeUInt32LE(after, place);
  }
  return signed;
}

test("a configuration is made with defaults, shown, changed in part, listed and deleted", async () => {
  await using lambda = await LambdaBench.open();
  const { CodeSigningConfig: made } = await lambda.call<{ CodeSigningConfig: Config }>(
    "CreateCodeSigningConfig",
    publishers,
  );
  assert.match(made.CodeSigningConfigId, /^csc-[0-9a-f]{17}$/);
  assert.deepEqual(made, {
    CodeSigningConfigId: made.CodeSigningConfigId,
    CodeSigningConfigArn: `arn:aws:lambda:us-east-1:000000000000:code-signing-config:${made.CodeSigningConfigId}`,
    Description: "",
    ...publishers,
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: "Warn" },
    LastModified: "2026-01-01T00:00:00.000+0000",
  });

  const named = { CodeSigningConfigArn: made.CodeSigningConfigArn };
  assert.deepEqual(await lambda.call("UpdateCodeSigningConfig", named), { CodeSigningConfig: made });
  const changed = { ...made, Description: "releases only" };
  assert.deepEqual(await lambda.call("UpdateCodeSigningConfig", { ...named, Description: "releases only" }), {
    CodeSigningConfig: changed,
  });
  assert.deepEqual(await lambda.call("GetCodeSigningConfig", named), { CodeSigningConfig: changed });
  assert.deepEqual(await lambda.call("ListCodeSigningConfigs", {}), { CodeSigningConfigs: [changed] });
  assert.deepEqual(await lambda.call("DeleteCodeSigningConfig", named), {});
  assert.equal(
    await refusalOf(lambda.call("GetCodeSigningConfig", named)),
    `ResourceNotFoundException: The Lambda code signing configuration ${made.CodeSigningConfigArn} can not be found.`,
  );
});

test("lists come in pages that hold each item once", async () => {
  await using lambda = await LambdaBench.open();
  const made: string[] = [];
  for (let index = 0; index < 5; index++) made.push((await configure(lambda, "Warn")).CodeSigningConfigArn);
  const [used = ""] = made;
  for (const name of ["a", "b", "c"]) await lambda.create(name, { CodeSigningConfigArn: used });
  await lambda.create("free");

  const pages = async (operation: string, input: object, member: string): Promise<unknown[]> => {
    const items: unknown[] = [];
    let Marker: unknown;
    do {
      const page = await lambda.call(operation, { ...input, MaxItems: 2, Marker });
      items.push(...(page[member] as unknown[]));
      Marker = page["NextMarker"];
    } while (Marker !== undefined);
    return items;
  };
  const configs = await pages("ListCodeSigningConfigs", {}, "CodeSigningConfigs");
  assert.deepEqual(
    configs.map((config) => (config as Config).CodeSigningConfigArn),
    made,
  );
  assert.deepEqual(
    await pages("ListFunctionsByCodeSigningConfig", { CodeSigningConfigArn: used }, "FunctionArns"),
    ["a", "b", "c"].map((name) => arn.replace(/f$/, name)),
  );
});

test("a function takes and leaves a configuration, which cannot be deleted meanwhile", async () => {
  await using lambda = await LambdaBench.open();
  await lambda.create("f");
  const { CodeSigningConfigArn } = await configure(lambda, "Enforce");
  const both = { CodeSigningConfigArn, FunctionName: "f" };

  assert.deepEqual(await lambda.call("GetFunctionCodeSigningConfig", { FunctionName: "f" }), {});
  assert.deepEqual(await lambda.call("PutFunctionCodeSigningConfig", both), both);
  assert.deepEqual(await lambda.call("GetFunctionCodeSigningConfig", { FunctionName: "f" }), both);
  assert.match(
    await refusalOf(lambda.call("DeleteCodeSigningConfig", { CodeSigningConfigArn })),
    /^ResourceConflictException/,
  );
  // The refusal has not left it half deleted.
  await lambda.call("PutFunctionCodeSigningConfig", both);
  await lambda.call("DeleteFunctionCodeSigningConfig", { FunctionName: "f" });
  await lambda.call("DeleteFunctionCodeSigningConfig", { FunctionName: "f" });
  await lambda.call("DeleteCodeSigningConfig", { CodeSigningConfigArn });

  const gone =
    "CodeSigningConfigNotFoundException: The code signing configuration cannot be found. Check that the provided " +
    `configuration is not deleted: ${unknownConfig}.`;
  const unknown = { CodeSigningConfigArn: unknownConfig };
  assert.equal(await refusalOf(lambda.call("PutFunctionCodeSigningConfig", { ...unknown, FunctionName: "f" })), gone);
  assert.equal(
    await refusalOf(lambda.call("PutFunctionCodeSigningConfig", { ...unknown, FunctionName: "none" })),
    gone,
  );
  assert.equal(await refusalOf(lambda.call("CreateFunction", { ...validRequest("g"), ...unknown })), gone);
});

test("of a function that takes a configuration and its deletion, one comes too late", async () => {
  await using lambda = await LambdaBench.open();
  await lambda.create("f");
  for (let round = 0; round < 20; round++) {
    const { CodeSigningConfigArn } = await configure(lambda, "Warn");
    const attach = (): Promise<unknown> =>
      lambda.call("PutFunctionCodeSigningConfig", { CodeSigningConfigArn, FunctionName: "f" });
    const remove = async (): Promise<unknown> => {
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      return lambda.call("DeleteCodeSigningConfig", { CodeSigningConfigArn });
    };

    const [attached, removed] = await Promise.allSettled([attach(), remove()]);

    assert(attached.status === "rejected" || removed.status === "rejected");
    const { codeSigningConfigArn } = await lambda.functions.get(context().scope, "f");
    assert.equal(codeSigningConfigArn === CodeSigningConfigArn, attached.status === "fulfilled");
    await lambda.call("DeleteFunctionCodeSigningConfig", { FunctionName: "f" });
  }
});

test("Enforce lets in code of its publishers and no other, and an update that is refused changes nothing", async () => {
  await using lambda = await trustingBench();
  const { CodeSigningConfigArn } = await configure(lambda, "Enforce");
  const create = (ZipFile: Uint8Array): Promise<unknown> =>
    lambda.call("CreateFunction", { ...validRequest("f"), CodeSigningConfigArn, Code: { ZipFile } });
  const expired = await releases.sign(zip(), { expiresAtMs: lambda.clock.now() });
  const forged = await others.sign(zip(), { profileVersionArn: releases.arn });

  assert.equal(await refusalOf(create(zip())), notVerified("f"));
  assert.equal(await refusalOf(create(expired)), notVerified("f"));
  assert.equal(await refusalOf(create(await others.sign(zip()))), notVerified("f"));
  assert.equal(await refusalOf(create(forged)), broken);
  assert.equal(await refusalOf(create(await tampered())), broken);

  await create(await releases.sign(zip(), { jobId: "11111111-2222-4333-8444-555555555555" }));
  const shown = await lambda.untilSettled("f");
  assert.equal(shown["SigningProfileVersionArn"], releases.arn);
  assert.equal(
    shown["SigningJobArn"],
    "arn:aws:signer:us-east-1:000000000000:/signing-jobs/11111111-2222-4333-8444-555555555555",
  );

  for (const DryRun of [true, false]) {
    const update = { FunctionName: "f", ZipFile: zip("exports.handler = 2"), DryRun };
    assert.equal(await refusalOf(lambda.call("UpdateFunctionCode", update)), notVerified(arn));
  }
  assert.deepEqual(await lambda.untilSettled("f"), shown);
});

test("a key that is taken away revokes what it has signed, from then on", async () => {
  await using lambda = await trustingBench();
  const { CodeSigningConfigArn } = await configure(lambda, "Enforce");
  const signed = await releases.sign(zip());
  await lambda.create("f", { CodeSigningConfigArn, Code: { ZipFile: signed } });

  lambda.signingKeys.delete(releases.arn);

  const update = { FunctionName: "f", ZipFile: await releases.sign(zip("exports.handler = 2")) };
  assert.equal(await refusalOf(lambda.call("UpdateFunctionCode", update)), notVerified(arn));
});

test("Warn accepts what is unsigned, expired, revoked or of others, and tells the owner; it never accepts what was changed", async () => {
  await using lambda = await trustingBench();
  const { CodeSigningConfigArn } = await configure(lambda, "Warn");
  await lambda.create("f", { CodeSigningConfigArn, Code: { ZipFile: zip() } });
  const deploy = async (ZipFile: Uint8Array): Promise<Record<string, unknown>> => {
    await lambda.call("UpdateFunctionCode", { FunctionName: "f", ZipFile });
    return lambda.untilSettled("f");
  };

  assert.equal((await deploy(await releases.sign(zip("1"))))["SigningProfileVersionArn"], releases.arn);
  const unsigned = await deploy(zip("2"));
  assert(!("SigningProfileVersionArn" in unsigned) && !("SigningJobArn" in unsigned));
  await deploy(await releases.sign(zip("3"), { expiresAtMs: lambda.clock.now() }));
  await deploy(await others.sign(zip("4")));
  lambda.signingKeys.clear();
  await deploy(await releases.sign(zip("5")));
  const reasons = [
    "no signature",
    "no signature",
    "expired at",
    "not among the allowed publishers",
    "not registered here",
  ];
  assert.equal(lambda.warnings.length, reasons.length);
  for (const [index, reason] of reasons.entries()) assert.match(lambda.warnings[index] ?? "", new RegExp(reason));

  assert.equal(await refusalOf(deploy(await tampered())), broken);
});

test("an allowed publisher without a version stands for all of its versions", async () => {
  await using lambda = await trustingBench();
  const profile = releases.arn.replace(/\/[^/]*$/, "");
  const { CodeSigningConfigArn } = await configure(lambda, "Enforce", {
    AllowedPublishers: { SigningProfileVersionArns: [profile] },
  });

  await lambda.create("f", { CodeSigningConfigArn, Code: { ZipFile: await releases.sign(zip()) } });
  assert.equal(
    await refusalOf(lambda.call("UpdateFunctionCode", { FunctionName: "f", ZipFile: await others.sign(zip()) })),
    notVerified(arn),
  );
});

test("the layers of a function with a configuration are judged by it too", async () => {
  await using lambda = await trustingBench();
  const { CodeSigningConfigArn } = await configure(lambda, "Enforce");
  const layer = (name: string, ZipFile: Uint8Array): Promise<{ LayerVersionArn: string; Content: object }> =>
    lambda.call("PublishLayerVersion", { LayerName: name, Content: { ZipFile } });
  const signed = await layer("signed", await releases.sign(zip("layer")));
  const unsigned = await layer("unsigned", zip("layer"));
  const code = { CodeSigningConfigArn, Code: { ZipFile: await releases.sign(zip()) } };

  assert.equal((signed.Content as Record<string, unknown>)["SigningProfileVersionArn"], releases.arn);
  assert(!("SigningProfileVersionArn" in unsigned.Content));
  await lambda.create("f", { ...code, Layers: [signed.LayerVersionArn] });
  const bad = [signed.LayerVersionArn, unsigned.LayerVersionArn];
  const refusal = notVerified(unsigned.LayerVersionArn);
  assert.equal(
    await refusalOf(lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", Layers: bad })),
    refusal,
  );
  assert.equal(await refusalOf(lambda.call("CreateFunction", { ...validRequest("g"), ...code, Layers: bad })), refusal);
});

test("without a configuration any code is fine, and a signature that counts is shown", async () => {
  await using lambda = await trustingBench();
  const shown = await lambda.create("f", { Code: { ZipFile: await releases.sign(zip()) } });
  assert.equal(shown["SigningProfileVersionArn"], releases.arn);
  assert(!("SigningProfileVersionArn" in (await lambda.create("g", { Code: { ZipFile: await tampered() } }))));
});

test("a configuration of another account is none", async () => {
  await using lambda = await LambdaBench.open();
  const { CodeSigningConfigArn } = await configure(lambda, "Warn");
  const call = context({ scope: { account: "111111111111", region: "us-east-1" } });

  assert.match(
    await refusalOf(lambda.call("GetCodeSigningConfig", { CodeSigningConfigArn }, call)),
    /^ResourceNotFoundException/,
  );
  assert.match(
    await refusalOf(lambda.call("CreateFunction", { ...validRequest("f"), CodeSigningConfigArn }, call)),
    /^CodeSigningConfigNotFoundException/,
  );
});
