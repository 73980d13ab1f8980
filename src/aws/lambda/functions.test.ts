import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import { context, LambdaBench, role, validRequest, zip } from "../../../test/support/lambda-bench.ts";

const arn = (name: string): string => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
});

afterEach(async () => {
  await lambda[Symbol.asyncDispose]();
});

const invalid = (message: string | RegExp) => ({ code: "InvalidParameterValueException", message });

test("a created function is shown as AWS shows one that is Pending", async () => {
  const answer = await lambda.call("CreateFunction", validRequest("f"));

  const runtimeVersion = createHash("sha256").update("nodejs24.x/24.20.0").digest("hex");
  assert.deepEqual(answer, {
    Architectures: ["x86_64"],
    CodeSha256: createHash("sha256").update(zip()).digest("base64"),
    CodeSize: zip().length,
    Description: "",
    EphemeralStorage: { Size: 512 },
    FunctionArn: arn("f"),
    FunctionName: "f",
    Handler: "index.handler",
    LastModified: "2026-01-01T00:00:00.000+0000",
    LoggingConfig: { LogFormat: "Text", LogGroup: "/aws/lambda/f" },
    MemorySize: 128,
    PackageType: "Zip",
    RevisionId: "00000000-0000-4000-8000-000000000001",
    Role: role,
    Runtime: "nodejs24.x",
    RuntimeVersionConfig: { RuntimeVersionArn: `arn:aws:lambda:us-east-1::runtime:${runtimeVersion}` },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    State: "Pending",
    StateReason: "The function is being created.",
    StateReasonCode: "Creating",
    Timeout: 3,
    TracingConfig: { Mode: "PassThrough" },
    Version: "$LATEST",
  });
});

test("GetFunction shows configuration, code, and tags and concurrency where there are any", async () => {
  const configuration = await lambda.create("f", { Environment: { Variables: {} }, Tags: {} });
  const plain = await lambda.call("GetFunction", { FunctionName: "f" });
  await lambda.call("TagResource", { Resource: arn("f"), Tags: { a: "1" } });
  await lambda.call("PutFunctionConcurrency", { FunctionName: "f", ReservedConcurrentExecutions: 3 });
  const full = await lambda.call("GetFunction", { FunctionName: arn("f"), Qualifier: "$LATEST" });

  assert.deepEqual(Object.keys(plain).toSorted(), ["Code", "Configuration"]);
  assert.deepEqual(plain["Configuration"], configuration);
  assert.deepEqual(configuration["Environment"], { Variables: {} });
  assert.deepEqual([configuration["State"], configuration["LastUpdateStatus"]], ["Active", "Successful"]);
  assert.deepEqual([full["Tags"], full["Concurrency"]], [{ a: "1" }, { ReservedConcurrentExecutions: 3 }]);
  assert.equal((full["Configuration"] as { FunctionArn: string }).FunctionArn, `${arn("f")}:$LATEST`);
});

test("the code's link serves the archive without credentials, for ten minutes, and no other", async () => {
  await lambda.create("f");
  const server = createServer((request, response) => void lambda.codeLinks.serve(request, response)).listen(0);
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { Code } = await lambda.call<{ Code: { Location: string; RepositoryType: string } }>(
    "GetFunction",
    { FunctionName: "f" },
    context({ headers: { host } }),
  );

  const good = await fetch(Code.Location);
  const head = await fetch(Code.Location, { method: "HEAD" });
  const forged = await fetch(Code.Location.replace(/expires=\d+/, "expires=9999999999999"));
  const other = await fetch(Code.Location.replace(/code\/[0-9a-f]{8}/, "code/00000000"));
  lambda.clock.advance(600_001);
  const late = await fetch(Code.Location);
  server.close();

  assert.equal(Code.RepositoryType, "S3");
  assert.deepEqual(Buffer.from(await good.arrayBuffer()), zip());
  assert.equal(head.headers.get("content-length"), String(zip().length));
  assert.deepEqual(
    [good, forged, other, late].map(({ status }) => status),
    [200, 403, 403, 403],
  );
});

test("ListFunctions goes page by page in the order of names, and leaves out what AWS leaves out", async () => {
  for (const name of ["c", "a", "b"]) await lambda.create(name);

  const first = await lambda.call<{ Functions: object[]; NextMarker?: string }>("ListFunctions", { MaxItems: 2 });
  const second = await lambda.call<{ Functions: object[]; NextMarker?: string }>("ListFunctions", {
    MaxItems: 2,
    Marker: first.NextMarker,
    FunctionVersion: "ALL",
  });

  const arns = [...first.Functions, ...second.Functions].map((each) => (each as { FunctionArn: string }).FunctionArn);
  assert.deepEqual(arns, [arn("a"), arn("b"), `${arn("c")}:$LATEST`]);
  assert.equal(second.NextMarker, undefined);
  const shown = new Set(Object.keys(first.Functions[0] ?? {}));
  for (const member of ["State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"]) {
    assert(!shown.has(member), member);
  }
  await assert.rejects(lambda.call("ListFunctions", { Marker: "!" }), invalid("The Marker is invalid."));
});

test("an update of the configuration changes what it names, and is InProgress until it is served", async () => {
  await lambda.create("f", { Environment: { Variables: { A: "1", B: "2" } }, Description: "old", Timeout: 30 });

  const answer = await lambda.call("UpdateFunctionConfiguration", {
    FunctionName: "f",
    MemorySize: 256,
    Environment: { Variables: { C: "3" } },
  });
  const after = await lambda.untilSettled("f");

  assert.deepEqual(
    [answer["LastUpdateStatus"], answer["LastUpdateStatusReasonCode"], answer["LastUpdateStatusReason"]],
    ["InProgress", "Creating", "The function is being created."],
  );
  assert.equal(after["LastUpdateStatus"], "Successful");
  assert.equal(after["LastUpdateStatusReason"], undefined);
  assert.deepEqual(
    [after["MemorySize"], after["Timeout"], after["Description"], after["Environment"]],
    [256, 30, "old", { Variables: { C: "3" } }],
  );
});

test("going to JSON logs turns filtering on at INFO, and going back to Text turns it off", async () => {
  await lambda.create("f");
  const update = async (LoggingConfig: object): Promise<unknown> => {
    await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", LoggingConfig });
    return (await lambda.untilSettled("f"))["LoggingConfig"];
  };
  const group = { LogGroup: "/aws/lambda/f" };

  assert.deepEqual(await update({ LogFormat: "JSON" }), {
    LogFormat: "JSON",
    ApplicationLogLevel: "INFO",
    SystemLogLevel: "INFO",
    ...group,
  });
  assert.deepEqual(await update({ ApplicationLogLevel: "DEBUG" }), {
    LogFormat: "JSON",
    ApplicationLogLevel: "DEBUG",
    SystemLogLevel: "INFO",
    ...group,
  });
  assert.deepEqual(await update({ LogFormat: "Text" }), { LogFormat: "Text", ...group });
  assert.deepEqual(await update({ LogGroup: "mine" }), { LogFormat: "Text", LogGroup: "mine" });
  await assert.rejects(update({ SystemLogLevel: "WARN" }), invalid(/^LogLevel is not supported when LogFormat is/));
});

test("new code is shown at once, a dry run changes nothing, and a revision that is not the latest is refused", async () => {
  const before = await lambda.create("f");
  const ZipFile = zip("new");

  const dry = await lambda.call("UpdateFunctionCode", { FunctionName: "f", ZipFile, DryRun: true });
  await assert.rejects(lambda.call("UpdateFunctionCode", { FunctionName: "f", ZipFile, RevisionId: "other" }), {
    code: "PreconditionFailedException",
  });
  assert.deepEqual(await lambda.untilSettled("f"), before);
  await lambda.call("UpdateFunctionCode", { FunctionName: "f", ZipFile, RevisionId: before["RevisionId"] });

  const after = await lambda.untilSettled("f");
  assert.equal(after["CodeSha256"], dry["CodeSha256"]);
  assert.notEqual(after["CodeSha256"], before["CodeSha256"]);
  assert.notEqual(after["RevisionId"], before["RevisionId"]);
});

test("a deleted function is not found by any operation, each in AWS's words", async () => {
  await lambda.create("f");
  await lambda.call("DeleteFunction", { FunctionName: arn("f") });

  const operations: readonly (readonly [string, object])[] = [
    ["GetFunction", {}],
    ["GetFunctionConfiguration", {}],
    ["UpdateFunctionCode", { ZipFile: zip() }],
    ["UpdateFunctionConfiguration", { Timeout: 5 }],
    ["DeleteFunction", {}],
    ["GetFunctionConcurrency", {}],
    ["DeleteFunctionConcurrency", {}],
  ];
  for (const [operation, input] of operations) {
    await assert.rejects(lambda.call(operation, { FunctionName: "f", ...input }), {
      code: "ResourceNotFoundException",
      message: `Function not found: ${arn("f")}`,
    });
  }
  await assert.rejects(lambda.call("PutFunctionConcurrency", { FunctionName: "f", ReservedConcurrentExecutions: 1 }), {
    code: "ResourceNotFoundException",
    message: `Function not found: ${arn("f")}:$LATEST`,
  });
  await assert.rejects(lambda.call("GetFunction", { FunctionName: "f", Qualifier: "7" }), {
    message: `Function not found: ${arn("f")}:7`,
  });
});

test("names of other regions and accounts, and qualifiers that contradict, are refused in AWS's words", async () => {
  const get = async (FunctionName: string, Qualifier?: string): Promise<unknown> =>
    lambda.call("GetFunction", { FunctionName, Qualifier });

  await assert.rejects(get("arn:aws:lambda:eu-central-1:000000000000:function:f"), {
    code: "ResourceNotFoundException",
    message: "Functions from 'eu-central-1' are not reachable in this region ('us-east-1')",
  });
  await assert.rejects(get("111111111111:function:f"), {
    code: "AccessDeniedException",
    message: /lambda:GetFunction/,
  });
  await assert.rejects(
    get(`${arn("f")}:1`, "2"),
    invalid("The derived qualifier from the function name does not match the specified qualifier."),
  );
  await assert.rejects(
    lambda.call("DeleteFunction", { FunctionName: "f", Qualifier: "$LATEST" }),
    invalid("$LATEST version cannot be deleted without deleting the function."),
  );
  await assert.rejects(
    lambda.call("PutFunctionConcurrency", { FunctionName: "f:$LATEST", ReservedConcurrentExecutions: 0 }),
    invalid(/^This operation is permitted on Lambda functions only\./),
  );
});

test("tags are listed, set and removed, and belong to functions only", async () => {
  await lambda.create("f", { Tags: { a: "1" } });
  const before = await lambda.untilSettled("f");

  await lambda.call("TagResource", { Resource: arn("f"), Tags: { b: "2", c: "3" } });
  await lambda.call("UntagResource", { Resource: arn("f"), TagKeys: ["a", "c", "nothing"] });

  assert.deepEqual(await lambda.call("ListTags", { Resource: arn("f") }), { Tags: { b: "2" } });
  assert.notEqual((await lambda.untilSettled("f"))["RevisionId"], before["RevisionId"]);
  await assert.rejects(
    lambda.call("ListTags", { Resource: `${arn("f")}:v1` }),
    invalid("Tags on function aliases and versions are not supported. Please specify a function ARN."),
  );
  await assert.rejects(
    lambda.call("TagResource", { Resource: arn("f"), Tags: {} }),
    invalid("An error occurred and the request cannot be processed."),
  );
  const provider = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:x";
  await assert.rejects(lambda.call("ListTags", { Resource: provider }), {
    code: "ResourceNotFoundException",
    message: `Capacity provider not found: ${provider}`,
  });
});

test("GetAccountSettings counts functions, code and what is left of the concurrency", async () => {
  await lambda.create("f");
  await lambda.create("g");
  await lambda.call("PutFunctionConcurrency", { FunctionName: "f", ReservedConcurrentExecutions: 100 });

  assert.deepEqual(await lambda.call("GetAccountSettings", {}), {
    AccountLimit: {
      TotalCodeSize: 80_530_636_800,
      CodeSizeUnzipped: 262_144_000,
      CodeSizeZipped: 52_428_800,
      ConcurrentExecutions: 1000,
      UnreservedConcurrentExecutions: 900,
    },
    AccountUsage: { TotalCodeSize: 2 * zip().length, FunctionCount: 2 },
  });
});

/** One broken member at a time, and what is said to it. */
const brokenCreations: readonly (readonly [object, RegExp])[] = [
  [
    { FunctionName: "f".repeat(65) },
    /at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64$/,
  ],
  [{ FunctionName: "g:1" }, /^This operation is permitted on Lambda functions only/],
  [
    { Runtime: undefined },
    /^Runtime and Handler are mandatory parameters for functions created with deployment packages\.$/,
  ],
  [{ Handler: undefined }, /^Runtime and Handler are mandatory parameters/],
  [{ Runtime: "nodejs99.x" }, /^Value nodejs99\.x at 'runtime' failed to satisfy constraint: .* or be a valid ARN$/],
  [{ Runtime: "go1.x" }, /^The runtime parameter of go1\.x is no longer supported/],
  [{ Runtime: "java21" }, /^The runtime java21 is known to AWS Lambda but is not installed/],
  [{ Architectures: ["arm64"] }, /^Architectures: arm64 is not available here/],
  [
    { Environment: { Variables: { BIG: "x".repeat(4090) } } },
    /exceeded the 4KB limit\. String measured: \{"BIG":"x+"\}$/,
  ],
  [
    { Environment: { Variables: { AWS_REGION: "x", OK: "1", LAMBDA_TASK_ROOT: "/" } } },
    /Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT$/,
  ],
  [{ Environment: { Variables: { OK: "a\0b" } } }, /NUL character in the value of OK/],
  [{ Code: {} }, /^Please provide a source for function code\.$/],
  [{ Code: { S3Bucket: "b", S3Key: "k" } }, /^S3Bucket is not supported/],
  [{ Code: { ImageUri: "i" } }, /^ImageUri is not supported/],
  [
    { Code: { ZipFile: zip(), S3Bucket: "b" } },
    /^Please do not provide other FunctionCode parameters when providing a ZipFile\.$/,
  ],
  [{ Code: { ZipFile: Buffer.from("no zip") } }, /^Could not unzip uploaded file\./],
  [{ Code: { ZipFile: Buffer.alloc(0) } }, /^Uploaded file must be a non-empty zip$/],
  [{ PackageType: "Image" }, /^PackageType is not supported/],
  [
    { PackageType: "Image", Code: { ImageUri: "i" }, Runtime: undefined, Handler: undefined },
    /^PackageType is not supported/,
  ],
  [{ PublishTo: "LATEST_PUBLISHED" }, /^PublishTo is not supported/],
  [{ VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: [] } }, /^SubnetIds and SecurityIds must coexist/],
  [{ VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: ["sg-1"] } }, /'sg-1' does not exist\..*securityGroups/],
  [{ DeadLetterConfig: { TargetArn: "arn:aws:sns:us-east-1:000000000000:t" } }, /^DeadLetterConfig is not supported/],
  [{ DeadLetterConfig: { TargetArn: "arn:aws:sqs:us-east-1:000000000000:q.fifo" } }, /is neither a standard SQS queue/],
  [{ DeadLetterConfig: { TargetArn: "arn:aws:sqs:us-east-1:999999999999:q" } }, /^DeadLetterConfig is not supported/],
  [{ KMSKeyArn: "arn:aws:kms:us-east-1:000000000000:key/1" }, /does not exist\. .*kmsKeys/],
  [{ Layers: ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"] }, /^Layer version .* does not exist\.$/],
  [{ FileSystemConfigs: [{ Arn: "a", LocalMountPath: "/mnt/x" }] }, /access point a does not exist\. .*fileSystems/],
  [
    { FileSystemConfigs: [{ Arn: "a", LocalMountPath: "/mnt/x", S3FilesConfig: { DirectS3Read: "ENABLED" } }] },
    /^S3FilesConfig is not supported/,
  ],
  [{ ImageConfig: { Command: ["x"] } }, /^ImageConfig is not supported/],
  [
    { SnapStart: { ApplyOn: "PublishedVersions" } },
    /^SnapStart is not supported by Hearth: .*ignoreUnmapped names SnapStart\.$/,
  ],
  [
    { CodeSigningConfigArn: "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-1" },
    /^The code signing configuration cannot be found\./,
  ],
  [{ TenancyConfig: { TenantIsolationMode: "PER_TENANT" } }, /^TenancyConfig is not supported/],
  [{ CapacityProviderConfig: {} }, /^CapacityProviderConfig is not supported/],
  [{ DurableConfig: {} }, /^DurableConfig is not supported/],
  [{ LoggingConfig: { SystemLogLevel: "WARN" } }, /^LogLevel is not supported when LogFormat is set to "Text"\./],
  [
    { Tags: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, ""])) },
    /^Number of tags exceeds/,
  ],
];

test("one broken member refuses a creation, in words that name it, and nothing is created", async () => {
  for (const [broken, message] of brokenCreations) {
    await assert.rejects(lambda.call("CreateFunction", { ...validRequest("f"), ...broken }), { message });
  }

  assert.deepEqual(await lambda.call("ListFunctions", {}), { Functions: [] });
  assert.deepEqual(await lambda.engine.blobs.list(), []);
});

test("one broken member refuses an update, whatever valid ones are beside it, and changes nothing", async () => {
  const before = await lambda.create("f", { Description: "as it was" });
  const forUpdates = brokenCreations.filter(([broken]) =>
    Object.entries(broken).every(
      ([member, value]) =>
        value !== undefined &&
        ![
          "FunctionName",
          "Code",
          "Tags",
          "Architectures",
          "PackageType",
          "Publish",
          "PublishTo",
          "TenancyConfig",
          "CodeSigningConfigArn",
        ].includes(member),
    ),
  );
  const valid = fc.record(
    {
      Description: fc.string(),
      Timeout: fc.integer({ min: 1, max: 900 }),
      MemorySize: fc.integer({ min: 128, max: 10_240 }),
      Handler: fc.constant("other.handler"),
      EphemeralStorage: fc.record({ Size: fc.integer({ min: 512, max: 10_240 }) }),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(valid, fc.constantFrom(...forUpdates), async (settings, [broken, message]) => {
      await assert.rejects(lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", ...settings, ...broken }), {
        message,
      });
    }),
  );

  assert.deepEqual(await lambda.untilSettled("f"), before);
});

test("what asks for none of it is accepted, as clients send it by default", async () => {
  const shown = await lambda.create("f", {
    VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
    DeadLetterConfig: {},
    KMSKeyArn: "",
    TracingConfig: { Mode: "PassThrough" },
    Layers: [],
    FileSystemConfigs: [],
    SnapStart: { ApplyOn: "None" },
    PackageType: "Zip",
    Publish: false,
    Architectures: ["x86_64"],
  });

  assert.equal(shown["State"], "Active");
});

test("a dead-letter queue is shown, replaced and taken away", async () => {
  const queues = {
    a: { TargetArn: "arn:aws:sqs:us-east-1:000000000000:a" },
    b: { TargetArn: "arn:aws:sqs:us-east-1:000000000000:b" },
  } as const;
  const shown = async (): Promise<unknown> =>
    (await lambda.call("GetFunctionConfiguration", { FunctionName: "f" }))["DeadLetterConfig"];
  const update = async (change: object): Promise<void> => {
    await lambda.call("UpdateFunctionConfiguration", { FunctionName: "f", ...change });
    await lambda.untilSettled("f");
  };
  await lambda.create("f", { DeadLetterConfig: queues.a });
  assert.deepEqual(await shown(), queues.a);

  await update({ Description: "other" });
  assert.deepEqual(await shown(), queues.a);
  await update({ DeadLetterConfig: queues.b });
  assert.deepEqual(await shown(), queues.b);
  await update({ DeadLetterConfig: { TargetArn: "" } });
  assert.equal(await shown(), undefined);
});
