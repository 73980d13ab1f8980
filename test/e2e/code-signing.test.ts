/** Code signing as an owner and a publisher do it: keys from files, `hearth sign`, the SDK, and functions that run. */
import {
  CreateCodeSigningConfigCommand,
  CreateFunctionCommand,
  DeleteCodeSigningConfigCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListTagsCommand,
  UpdateFunctionCodeCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { hearthCommand } from "../support/command.ts";
import { anyRole as Role, untilActive } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { zipOf } from "../support/zip.ts";

const profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/releases/v000000001";

let scratch: string;
let hearth: RunningHearth;
let lambda: LambdaClient;

function path(name: string): string {
  return join(scratch, name);
}

/** Keys of a publisher: `NAME.pem` and, for the owner, `NAME.pub.pem`. */
function makeKeys(name: string): void {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  writeFileSync(path(`${name}.pem`), privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(path(`${name}.pub.pem`), publicKey.export({ type: "spki", format: "pem" }));
}

/** Code that answers with `text`, as a file. */
async function writeCode(name: string, text: string): Promise<string> {
  const file = path(name);
  writeFileSync(file, await zipOf({ "index.js": `exports.handler = async () => ${JSON.stringify(text)};` }));
  return file;
}

async function sign(source: string, key = "releases"): Promise<Uint8Array> {
  const target = path("signed.zip");
  const words = ["sign", source, target, "--profile", profile, "--key", path(`${key}.pem`), "--output", "json"];
  const { exitCode, stdout, stderr } = await hearthCommand(words);
  assert.equal(exitCode, 0, stderr);
  assert.equal((JSON.parse(stdout) as { file: string }).file, target);
  return readFileSync(target);
}

async function answerOf(FunctionName: string): Promise<unknown> {
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));
  return JSON.parse(Buffer.from(Payload ?? []).toString());
}

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "hearth-signing-"));
  chmodSync(scratch, 0o755);
  makeKeys("releases");
  makeKeys("others");
  hearth = await startHearth({ settings: { signingProfiles: `${profile}=${path("releases.pub.pem")}` } });
  lambda = hearth.lambda();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

async function newConfig(policy: "Enforce" | "Warn"): Promise<string> {
  const { CodeSigningConfig } = await lambda.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [profile] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy },
      Tags: { team: "releases" },
    }),
  );
  assert(CodeSigningConfig?.CodeSigningConfigArn !== undefined);
  return CodeSigningConfig.CodeSigningConfigArn;
}

function create(FunctionName: string, ZipFile: Uint8Array, CodeSigningConfigArn: string): Promise<unknown> {
  const code = { Runtime: "nodejs24.x", Handler: "index.handler", Code: { ZipFile } } as const;
  return lambda.send(new CreateFunctionCommand({ FunctionName, Role, CodeSigningConfigArn, ...code }));
}

test("only what a registered key has signed is deployed, and it runs", async () => {
  const config = await newConfig("Enforce");
  const source = await writeCode("one.zip", "one");
  const signed = await sign(source);

  await assert.rejects(create("guarded", readFileSync(source), config), {
    name: "CodeVerificationFailedException",
    message: /^Lambda cannot deploy the function\. .* Check the provided signature for guarded\.$/,
  });
  await assert.rejects(create("guarded", await sign(source, "others"), config), {
    name: "InvalidCodeSignatureException",
  });
  await create("guarded", signed, config);
  await untilActive(lambda, "guarded");
  assert.equal(await answerOf("guarded"), "one");
  const shown = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: "guarded" }));
  assert.equal(shown.SigningProfileVersionArn, profile);
  assert.match(shown.SigningJobArn ?? "", /^arn:aws:signer:us-east-1:000000000000:\/signing-jobs\/[0-9a-f-]{36}$/);
  assert.deepEqual((await lambda.send(new ListTagsCommand({ Resource: config }))).Tags, { team: "releases" });
  await assert.rejects(lambda.send(new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn: config })), {
    name: "ResourceConflictException",
  });
});

test("Warn deploys what nobody signed and says so in Hearth's own output, but never what was changed", async () => {
  const config = await newConfig("Warn");
  const source = await writeCode("two.zip", "two");
  const tampered = Buffer.from(await sign(source));
  // The mode of the first entry, in the directory: from rw-r--r-- to rwxr-xr-x.
  const attributes = tampered.indexOf("PK\u0001\u0002", 0, "latin1") + 38;
  tampered.writeUInt32LE((0o100755 << 16) >>> 0, attributes);

  await create("warned", readFileSync(source), config);
  await untilActive(lambda, "warned");
  assert.equal(await answerOf("warned"), "two");
  assert.match(hearth.stderr(), /code signing: warned was accepted only because .* warns: it has no signature/);
  await assert.rejects(lambda.send(new UpdateFunctionCodeCommand({ FunctionName: "warned", ZipFile: tampered })), {
    name: "InvalidCodeSignatureException",
  });
});

test("removing a key's file revokes it at once; what runs goes on", async () => {
  const config = await newConfig("Enforce");
  const signed = await sign(await writeCode("three.zip", "three"));
  await create("revoked", signed, config);
  await untilActive(lambda, "revoked");
  const key = readFileSync(path("releases.pub.pem"));

  rmSync(path("releases.pub.pem"));
  const update = new UpdateFunctionCodeCommand({ FunctionName: "revoked", ZipFile: signed });
  await assert.rejects(lambda.send(update), { name: "CodeVerificationFailedException" });
  assert.equal(await answerOf("revoked"), "three");

  writeFileSync(path("releases.pub.pem"), key);
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: "revoked", ZipFile: signed }));
  await untilActive(lambda, "revoked");
});

test("what cannot be signed is refused with what to do, and no file is written", async () => {
  const source = await writeCode("four.zip", "four");
  const target = path("refused.zip");
  writeFileSync(path("text.txt"), "no archive");
  writeFileSync(path("signed-once.zip"), await sign(source));
  const attempt = async (from: string, profileArn: string, key: string): Promise<string> => {
    const { exitCode, stderr } = await hearthCommand(["sign", from, target, "--profile", profileArn, "--key", key]);
    assert.equal(exitCode, 1);
    assert(!existsSync(target));
    return stderr;
  };

  const key = path("releases.pem");
  assert.match(await attempt(source, "releases", key), /no signing profile version; name one like arn:aws:signer/);
  assert.match(await attempt(source, profile, path("releases.pub.pem")), /no private key \(PEM/);
  assert.match(await attempt(path("none.zip"), profile, key), /none\.zip/);
  assert.match(await attempt(path("text.txt"), profile, key), /cannot be signed/);
  assert.match(await attempt(path("signed-once.zip"), profile, key), /signed already/);
});
