/** Creating and calling functions with the official SDK, as a user would. */
import {
  CreateFunctionCommand,
  InvokeCommand,
  GetFunctionConfigurationCommand,
  type CreateFunctionCommandInput,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";

import { zipOf, type ZipEntry } from "./zip.ts";

const activePollMs = 5;

export const anyRole = "arn:aws:iam::000000000000:role/lambda";

export const randomName = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`;

export interface FunctionFiles {
  readonly [path: string]: string | Uint8Array | ZipEntry;
}

/** Creates a Node 24 function (unless told otherwise), waits until it is active and returns its name. */
export async function createFunction(
  lambda: LambdaClient,
  files: FunctionFiles,
  overrides: Partial<CreateFunctionCommandInput> = {},
): Promise<string> {
  const name = overrides.FunctionName ?? randomName("fn");
  await lambda.send(
    new CreateFunctionCommand({
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: anyRole,
      Code: { ZipFile: await zipOf(files) },
      ...overrides,
      FunctionName: name,
    }),
  );
  await untilActive(lambda, name);
  return name;
}

/** As the SDK's waiters, which pause for a second at least. */
export async function untilActive(lambda: LambdaClient, name: string): Promise<void> {
  for (;;) {
    const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason } = await lambda.send(
      new GetFunctionConfigurationCommand({ FunctionName: name }),
    );
    if (State === "Failed") throw new Error(`${name} failed: ${StateReason}`);
    if (LastUpdateStatus === "Failed") throw new Error(`the update of ${name} failed: ${LastUpdateStatusReason}`);
    if (State === "Active" && LastUpdateStatus === "Successful") return;
    await setTimeout(activePollMs);
  }
}

export interface Answer {
  readonly payload: unknown;
  readonly functionError: string | undefined;
  readonly log: string;
  readonly executedVersion: string | undefined;
}

/** Invokes with a JSON event and the log's tail. */
export async function invoke(lambda: LambdaClient, name: string, event: unknown = {}): Promise<Answer> {
  const answer = await lambda.send(
    new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)), LogType: "Tail" }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString("utf8");
  return {
    payload: text === "" ? undefined : JSON.parse(text),
    functionError: answer.FunctionError,
    log: Buffer.from(answer.LogResult ?? "", "base64").toString("utf8"),
    executedVersion: answer.ExecutedVersion,
  };
}
