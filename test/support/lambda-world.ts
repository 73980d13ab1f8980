/**
 * A function with everything that a function can have: versions, aliases, layers, permissions, URLs, an event source
 * mapping, event invoke and provisioned concurrency configurations, a code signing configuration, tags. For tests that
 * ask about things that are there.
 */
import type { Engine } from "../../src/engine/contract.ts";
import type { RequestedWorld } from "../../src/aws/self-check/request-properties.ts";
import type { Handlers } from "../../src/aws/service.ts";
import type { KnownValues } from "../../src/aws/self-check/model-values.ts";
import type { InvokeOutcome } from "../../src/data-plane/frontend/contract.ts";
import { ApiError } from "../../src/core/errors.ts";
import { LambdaBench, role, validRequest, zip } from "./lambda-bench.ts";

const account = "000000000000";
const arn = (rest: string): string => `arn:aws:lambda:us-east-1:${account}:${rest}`;
const queue = `arn:aws:sqs:us-east-1:${account}:queue`;

/** Whoever invokes gets this. */
const executed: InvokeOutcome = {
  kind: "executed",
  executedVersion: "$LATEST",
  response: { kind: "success", payload: Buffer.from("1"), contentType: "application/json" },
  start: { cold: false, queueMs: 0.1, environmentId: "environment" },
  report: Promise.resolve({
    requestId: "00000000-0000-4000-8000-000000000000",
    status: "success",
    durationMs: 1.5,
    billedMs: 2,
    memorySizeMiB: 128,
    maxMemoryUsedMiB: 40,
    logTail: Buffer.from("START\nEND\n"),
    environment: "idle",
  }),
};

export class LambdaWorld implements RequestedWorld {
  readonly lambda: LambdaBench;
  readonly handlers: Handlers;
  #mappingId = "";
  #layerVersion = 0;
  #codeSigningConfigArn = "";
  #revisionIds: readonly string[] = [];

  private constructor(lambda: LambdaBench, operations: readonly string[]) {
    this.lambda = lambda;
    this.handlers = Object.fromEntries(
      operations.map((name) => [name, (input: never, call) => lambda.call(name, input, call)]),
    );
  }

  static async open(operations: readonly string[]): Promise<LambdaWorld> {
    const world = new LambdaWorld(await LambdaBench.open(), operations);
    world.lambda.outcome = executed;
    await world.restore();
    return world;
  }

  get engine(): Engine {
    return this.lambda.engine;
  }

  async restore(): Promise<void> {
    await this.#restoreLayer();
    await this.#restoreFunctions();
    const FunctionName = "f";
    const layer = { LayerName: "layer", VersionNumber: this.#layerVersion };
    const statement = { StatementId: "s1", Principal: "*" };
    await this.#unlessThere("CreateAlias", {
      FunctionName,
      Name: "live",
      FunctionVersion: "1",
      RoutingConfig: { AdditionalVersionWeights: { "2": 0.5 } },
    });
    await this.#unlessThere("AddPermission", { FunctionName, Action: "lambda:InvokeFunction", ...statement });
    await this.#unlessThere("AddLayerVersionPermission", { ...layer, Action: "lambda:GetLayerVersion", ...statement });
    await this.#unlessThere("CreateFunctionUrlConfig", { FunctionName, AuthType: "NONE" });
    await this.#call("PutFunctionEventInvokeConfig", { FunctionName, Qualifier: "live", MaximumRetryAttempts: 1 });
    await this.#call("DeleteFunctionConcurrency", { FunctionName });
    await this.#call("DeleteFunctionCodeSigningConfig", { FunctionName });
    await this.#call("PutProvisionedConcurrencyConfig", {
      FunctionName,
      Qualifier: "2",
      ProvisionedConcurrentExecutions: 1,
    });
    await this.#restoreMapping();
    await this.#restoreCodeSigning();
    const { RevisionId } = await this.#call<{ RevisionId: string }>("GetFunctionConfiguration", { FunctionName });
    this.#revisionIds = [RevisionId];
  }

  async #restoreLayer(): Promise<void> {
    const VersionNumber = this.#layerVersion;
    if (VersionNumber > 0 && !(await this.#isAbsent("GetLayerVersion", { LayerName: "layer", VersionNumber }))) return;
    const { Version } = await this.#call<{ Version: number }>("PublishLayerVersion", {
      LayerName: "layer",
      Content: { ZipFile: zip() },
    });
    this.#layerVersion = Version;
  }

  async #restoreFunctions(): Promise<void> {
    await this.#unlessThere("CreateFunction", validRequest("g"));
    await this.lambda.untilSettled("g");
    const isWhole = await Promise.all(
      ["1", "2"].map((Qualifier) => this.#isAbsent("GetFunction", { FunctionName: "f", Qualifier })),
    );
    if (!isWhole.includes(true)) return this.lambda.untilSettled("f").then(() => undefined);
    // A version's number is not given twice, but in a function that is made anew.
    const FunctionName = "f";
    if (!(await this.#isAbsent("GetFunction", { FunctionName }))) {
      await this.lambda.untilSettled(FunctionName);
      await this.#call("DeleteFunction", { FunctionName });
    }
    await this.#call("CreateFunction", { ...validRequest(FunctionName), Publish: true });
    await this.lambda.untilSettled(FunctionName);
    await this.#call("UpdateFunctionConfiguration", { FunctionName, Description: "for the second version" });
    await this.lambda.untilSettled(FunctionName);
    await this.#call("PublishVersion", { FunctionName });
  }

  /** The first of each is right for most operations. */
  known(): KnownValues {
    const functions = [
      "f",
      "f",
      "new",
      "f:1",
      "f:live",
      "g",
      "nobody",
      arn("function:f"),
      arn("function:f:live"),
      `${account}:function:f`,
      "arn:aws:lambda:eu-west-1:111122223333:function:f",
    ];
    const layer = arn(`layer:layer:${this.#layerVersion}`);
    return {
      FunctionName: functions,
      Qualifier: ["live", "1", "2", "$LATEST", "9", "nobody"],
      FunctionVersion: ["1", "2", "$LATEST", "9"],
      Name: ["live", "other"],
      Resource: [
        arn("function:f"),
        arn(`event-source-mapping:${this.#mappingId}`),
        this.#codeSigningConfigArn,
        arn("function:f:1"),
      ],
      ResourceArn: [arn("function:f"), layer, arn("function:f:live")],
      LayerName: ["layer", "other", arn("layer:layer")],
      VersionNumber: [this.#layerVersion, 99],
      StatementId: ["s1", "s2"],
      Arn: [layer],
      Layers: [[], [layer], [layer, layer], [arn("layer:layer:9")]],
      UUID: [this.#mappingId, "00000000-0000-4000-8000-999999999999"],
      CodeSigningConfigArn: [this.#codeSigningConfigArn, arn("code-signing-config:csc-00000000000000000")],
      EventSourceArn: [`${queue}2`, queue, `arn:aws:kinesis:us-east-1:${account}:stream/s`, `${queue}.fifo`],
      RevisionId: [...this.#revisionIds, "00000000-0000-4000-8000-999999999999"],
      Role: [role],
      Runtime: ["nodejs24.x", "python3.12", "nodejs12.x"],
      Handler: ["index.handler"],
      ZipFile: [zip(), zip("exports.handler = async () => 2"), Buffer.from("no zip")],
      Code: [{ ZipFile: zip() }],
      Content: [{ ZipFile: zip() }],
      InvokeArgs: [Buffer.from("{}")],
      Payload: [Buffer.from("{}")],
      Action: ["lambda:InvokeFunction", "lambda:GetLayerVersion", "lambda:GetFunction"],
      Principal: ["s3.amazonaws.com", "111122223333"],
      Policy: [
        `{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"${arn("function:f")}"}]}`,
        '{"Version":"2012-10-17","Statement":[]}',
        "{",
      ],
      Description: ["text", ""],
      TagKeys: [["key"], ["__proto__"]],
      SigningProfileVersionArns: [["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"]],
      InvocationType: ["RequestResponse", "DryRun", "Event"],
      SourceArn: ["arn:aws:s3:::bucket"],
    };
  }

  usual(operation: string): Record<string, unknown> {
    const { Runtime, Handler, Code } = validRequest("new");
    const inputs: Readonly<Record<string, Record<string, unknown>>> = {
      CreateEventSourceMapping: { EventSourceArn: `${queue}2` },
      CreateFunction: { Runtime, Handler, Code },
      InvokeAsync: { InvokeArgs: Buffer.from("{}") },
      UpdateFunctionCode: { ZipFile: zip() },
    };
    return inputs[operation] ?? {};
  }

  settle(): Promise<void> {
    return this.lambda.untilMappingsSettled();
  }

  async #restoreMapping(): Promise<void> {
    if (this.#mappingId !== "" && !(await this.#isAbsent("GetEventSourceMapping", { UUID: this.#mappingId }))) return;
    await this.#deleteMappings();
    const { UUID } = await this.#call<{ UUID: string }>("CreateEventSourceMapping", {
      FunctionName: "f",
      EventSourceArn: queue,
    });
    this.#mappingId = UUID;
    await this.lambda.untilMappingsSettled();
  }

  /** Random ones may read from the same queue. */
  async #deleteMappings(): Promise<void> {
    await this.lambda.untilMappingsSettled();
    const { EventSourceMappings } = await this.#call<{ EventSourceMappings: { UUID: string }[] }>(
      "ListEventSourceMappings",
      {},
    );
    for (const { UUID } of EventSourceMappings) await this.#call("DeleteEventSourceMapping", { UUID });
    await this.lambda.untilMappingsSettled();
  }

  async #restoreCodeSigning(): Promise<void> {
    const CodeSigningConfigArn = this.#codeSigningConfigArn;
    if (CodeSigningConfigArn !== "" && !(await this.#isAbsent("GetCodeSigningConfig", { CodeSigningConfigArn })))
      return;
    const { CodeSigningConfig } = await this.#call<{ CodeSigningConfig: { CodeSigningConfigArn: string } }>(
      "CreateCodeSigningConfig",
      {
        AllowedPublishers: {
          SigningProfileVersionArns: ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"],
        },
      },
    );
    this.#codeSigningConfigArn = CodeSigningConfig.CodeSigningConfigArn;
  }

  #call<T = unknown>(operation: string, input: object): Promise<T> {
    return this.lambda.call<T>(operation, input);
  }

  /** A conflict says that it is there. */
  async #unlessThere(operation: string, input: object): Promise<void> {
    try {
      await this.#call(operation, input);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "ResourceConflictException") throw error;
    }
  }

  async #isAbsent(operation: string, input: object): Promise<boolean> {
    try {
      await this.#call(operation, input);
      return false;
    } catch (error) {
      if (error instanceof ApiError && error.code === "ResourceNotFoundException") return true;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lambda[Symbol.asyncDispose]();
  }
}
