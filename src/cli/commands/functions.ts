/** `hearth functions list|show|create|update|delete`: functions, without the AWS CLI. */
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  ListFunctionsCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type FunctionConfiguration,
  type LambdaClient,
  type Runtime,
} from "@aws-sdk/client-lambda";
import { setTimeout } from "node:timers/promises";

import type { Connection } from "../endpoint.ts";
import { allOf, pairsOf, readCode, withLambda } from "../lambda-client.ts";
import { CommandError, formatBytes, table, type Output } from "../output.ts";

/** Any role will do, since policies are not enforced; AWS wants one. */
const defaultRole = "arn:aws:iam::000000000000:role/hearth";
/** How often a change is asked after. */
const settledPollMs = 100;

export interface FunctionOptions {
  /** A zip file or a directory. */
  readonly code?: string;
  readonly runtime?: string;
  readonly handler?: string;
  readonly role?: string;
  readonly memory?: number;
  readonly timeout?: number;
  readonly description?: string;
  readonly env: readonly string[];
  readonly layer: readonly string[];
}

export function listFunctions(connection: Connection, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const functions = await allOf(
      (Marker) => lambda.send(new ListFunctionsCommand({ Marker })),
      ({ Functions }) => Functions,
    );
    output.print(output.format === "json" ? JSON.stringify(functions) : functionTable(functions));
    return 0;
  });
}

export function showFunction(
  connection: Connection,
  FunctionName: string,
  Qualifier: string | undefined,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const answer = await lambda.send(new GetFunctionCommand({ FunctionName, Qualifier }));
    const { $metadata: _metadata, ...shown } = answer;
    output.print(output.format === "json" ? JSON.stringify(shown) : describe(answer.Configuration ?? {}));
    return 0;
  });
}

export function createFunction(
  connection: Connection,
  FunctionName: string,
  options: FunctionOptions,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    if (options.code === undefined) throw new CommandError("--code names the zip file or directory of the function", 2);
    const ZipFile = await readCode(options.code);
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: defaultRole,
        ...configurationOf(options),
        Code: { ZipFile },
      }),
    );
    return reportSettled(lambda, FunctionName, output);
  });
}

/** Configuration first: when it is refused, the code stays as it was. */
export function updateFunction(
  connection: Connection,
  FunctionName: string,
  options: FunctionOptions,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const configuration = configurationOf(options);
    const zip = options.code === undefined ? undefined : await readCode(options.code);
    if (zip === undefined && Object.keys(configuration).length === 0) {
      throw new CommandError("nothing to change; see: hearth functions update --help", 2);
    }
    if (Object.keys(configuration).length > 0) {
      await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...configuration }));
      await settled(lambda, FunctionName);
    }
    if (zip !== undefined) await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip }));
    return reportSettled(lambda, FunctionName, output);
  });
}

export function deleteFunction(connection: Connection, FunctionName: string, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    await lambda.send(new DeleteFunctionCommand({ FunctionName }));
    output.print(output.format === "json" ? JSON.stringify({ deleted: FunctionName }) : `${FunctionName} is deleted`);
    return 0;
  });
}

/** What every listing of configurations shows: functions and versions alike. */
export function functionTable(rows: readonly FunctionConfiguration[]): string {
  return table<FunctionConfiguration>(
    [
      { title: "FUNCTION", value: (row) => row.FunctionName ?? "" },
      { title: "VERSION", value: (row) => row.Version ?? "" },
      { title: "RUNTIME", value: (row) => row.Runtime ?? "" },
      { title: "HANDLER", value: (row) => row.Handler ?? "" },
      { title: "MEMORY", value: (row) => `${row.MemorySize} MB`, align: "right" },
      { title: "TIMEOUT", value: (row) => `${row.Timeout} s`, align: "right" },
      { title: "CODE", value: (row) => formatBytes(row.CodeSize ?? 0), align: "right" },
      { title: "MODIFIED", value: (row) => row.LastModified ?? "" },
      { title: "DESCRIPTION", value: (row) => row.Description ?? "" },
    ],
    rows,
  );
}

function describe(configuration: FunctionConfiguration): string {
  const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason } = configuration;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["arn", configuration.FunctionArn],
    ["version", configuration.Version],
    ["state", reasoned(State, StateReason)],
    ["last update", reasoned(LastUpdateStatus, LastUpdateStatusReason)],
    ["runtime", configuration.Runtime],
    ["handler", configuration.Handler],
    ["memory", `${configuration.MemorySize} MB`],
    ["timeout", `${configuration.Timeout} s`],
    ["/tmp", `${configuration.EphemeralStorage?.Size} MB`],
    ["code", `${formatBytes(configuration.CodeSize ?? 0)}, sha256 ${configuration.CodeSha256}`],
    ["layers", configuration.Layers?.map(({ Arn }) => Arn).join(" ")],
    ["variables", Object.keys(configuration.Environment?.Variables ?? {}).join(" ")],
    ["log group", configuration.LoggingConfig?.LogGroup],
    ["role", configuration.Role],
    ["modified", configuration.LastModified],
    ["description", configuration.Description],
  ];
  const known = facts.filter(([, value]) => value !== undefined && value !== "");
  return known.map(([name, value]) => `${name.padEnd(12)} ${value}`).join("\n");
}

function reasoned(state: string | undefined, reason: string | undefined): string | undefined {
  return reason === undefined ? state : `${state}: ${reason}`;
}

function configurationOf(options: FunctionOptions) {
  return {
    ...(options.runtime === undefined ? {} : { Runtime: options.runtime as Runtime }),
    ...(options.handler === undefined ? {} : { Handler: options.handler }),
    ...(options.role === undefined ? {} : { Role: options.role }),
    ...(options.memory === undefined ? {} : { MemorySize: options.memory }),
    ...(options.timeout === undefined ? {} : { Timeout: options.timeout }),
    ...(options.description === undefined ? {} : { Description: options.description }),
    ...(options.env.length === 0 ? {} : { Environment: { Variables: pairsOf("--env", options.env) } }),
    ...(options.layer.length === 0 ? {} : { Layers: [...options.layer] }),
  };
}

/** Waits until the change is served, or says why it is not. */
async function settled(lambda: LambdaClient, FunctionName: string): Promise<FunctionConfiguration> {
  for (;;) {
    const shown = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    if (shown.State === "Failed") throw new CommandError(`${FunctionName} failed: ${shown.StateReason}`);
    if (shown.LastUpdateStatus === "Failed") {
      throw new CommandError(`the change of ${FunctionName} failed: ${shown.LastUpdateStatusReason}`);
    }
    if (shown.State === "Active" && shown.LastUpdateStatus === "Successful") return shown;
    await setTimeout(settledPollMs);
  }
}

async function reportSettled(lambda: LambdaClient, FunctionName: string, output: Output): Promise<number> {
  const shown = await settled(lambda, FunctionName);
  output.print(output.format === "json" ? JSON.stringify(shown) : describe(shown));
  return 0;
}
