/** The SDK's own clients, that make recorded calls and show what was answered as the recorder's clients showed it. */
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import * as Iam from "@aws-sdk/client-iam";
import * as Lambda from "@aws-sdk/client-lambda";
import * as Sqs from "@aws-sdk/client-sqs";
import * as Sts from "@aws-sdk/client-sts";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";
import { Readable } from "node:stream";
import type { AnsweredError } from "./recorded-answers.ts";
import { decodedParams, recordedScope, type RecordedCall } from "./recordings.ts";

export type Outcome = { readonly output: object } | { readonly error: AnsweredError };

interface Sdk {
  readonly module: object;
  readonly client: { send(command: never): Promise<unknown>; destroy(): void };
}

export class RecordedClients implements Disposable {
  readonly #account: string;
  readonly #sdks: ReadonlyMap<string, Sdk>;
  readonly #refusals = new RefusalBodies();

  /** Makes the calls as another account, and shows the answers as the recorded one's. One call at a time. */
  constructor(endpoint: string, account: string = recordedScope.account) {
    this.#account = account;
    const settings = {
      endpoint,
      region: recordedScope.region,
      credentials: { accessKeyId: account, secretAccessKey: "any" },
      maxAttempts: 1,
    };
    // Hosts of queues are the recording's.
    const queueSettings: Sqs.SQSClientConfig = { ...settings, useQueueUrlAsEndpoint: false };
    this.#sdks = new Map<string, Sdk>([
      ["lambda", { module: Lambda, client: new Lambda.LambdaClient(settings) }],
      ["logs", { module: Logs, client: new Logs.CloudWatchLogsClient(settings) }],
      ["iam", { module: Iam, client: new Iam.IAMClient(settings) }],
      ["sqs", { module: Sqs, client: new Sqs.SQSClient(queueSettings) }],
      ["sqs-query", { module: Sqs, client: new Sqs.SQSClient({ ...queueSettings, protocol: AwsQueryProtocol }) }],
      ["sts", { module: Sts, client: new Sts.STSClient(settings) }],
    ]);
    for (const { client } of this.#sdks.values()) this.#refusals.watch(client);
  }

  /** Undefined of services that have no client here. */
  async call({ service, op, params }: RecordedCall): Promise<Outcome | undefined> {
    const sdk = this.#sdks.get(service);
    if (sdk === undefined) return undefined;
    const Command = (sdk.module as Record<string, (new (input: object) => never) | undefined>)[`${op}Command`];
    if (Command === undefined) throw new Error(`the client of ${service} has no ${op}`);
    const own = this.#ownParams(params);
    const outcome = await this.#outcomeOf(sdk.client.send(new Command(decodedParams(own))));
    return renamed(outcome, this.#account, recordedScope.account);
  }

  #ownParams(params: RecordedCall["params"]): RecordedCall["params"] {
    const { TaskHandle: handle, ...plain } = renamed(params, recordedScope.account, this.#account);
    if (typeof handle !== "string") return plain;
    const text = Buffer.from(handle, "base64").toString().replaceAll(recordedScope.account, this.#account);
    return { ...plain, TaskHandle: Buffer.from(text).toString("base64") };
  }

  async #outcomeOf(answer: Promise<unknown>): Promise<Outcome> {
    try {
      return { output: plainOutput(await answer) };
    } catch (error) {
      return { error: answeredErrorOf(error, this.#refusals.take()) };
    }
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#sdks.values()) client.destroy();
  }
}

function renamed<T extends object>(data: T, from: string, to: string): T {
  return from === to ? data : (JSON.parse(JSON.stringify(data).replaceAll(from, to)) as T);
}

/** Texts for times, payloads and bytes, and the status. */
function plainOutput(output: unknown): object {
  const { $metadata, ...members } = output as { readonly $metadata: { readonly httpStatusCode: number } };
  const shown = Object.entries(members).map(([name, value]) => [
    name,
    // A payload is the body itself; these clients show one without bytes as null.
    name !== "Payload" ? value : value instanceof Uint8Array ? Buffer.from(value).toString() : (value ?? ""),
  ]);
  const plain = JSON.parse(JSON.stringify(Object.fromEntries(shown), printBytes)) as object;
  return { ...plain, ResponseMetadata: { HTTPStatusCode: $metadata.httpStatusCode } };
}

function printBytes(this: unknown, name: string, value: unknown): unknown {
  // A Buffer turns into an object before it comes here.
  const given = (this as Record<string, unknown>)[name];
  return given instanceof Uint8Array ? pythonBytes(given) : value;
}

function pythonBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : String.raw`\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `b'${text.join("")}'`;
}

/** Refusals with their bodies as they came: the clients rename members of errors. */
class RefusalBodies {
  #last = "";

  take(): string {
    const taken = this.#last;
    this.#last = "";
    return taken;
  }

  watch(client: Sdk["client"]): void {
    (client as Lambda.LambdaClient).middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const response = result.response as { readonly statusCode: number; body: Readable | Uint8Array };
        if (response.statusCode >= 400 && response.body instanceof Readable) {
          response.body = Buffer.concat((await response.body.toArray()) as Buffer[]);
          this.#last = Buffer.from(response.body).toString();
        }
        return result;
      },
      { step: "deserialize", priority: "low" },
    );
  }
}

/** Nothing of bodies that are no JSON. */
function membersOf(body: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** What the clients add to the errors of AWS Query, and of services that spoke it once. */
interface QueryError {
  readonly Code: string;
  readonly Type: string;
}

function answeredErrorOf(error: unknown, body: string): AnsweredError {
  if (!(error instanceof Error)) throw new Error("a client rejects with errors", { cause: error });
  const { $metadata, Error: query } = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly Error?: QueryError;
  };
  const status = $metadata?.httpStatusCode;
  // What the client itself refuses never reaches a server: a fault of the replay.
  if (status === undefined) throw error;
  const { message } = error;
  const { __type: type, ...members } = membersOf(body);
  if (query?.Type === undefined) return { code: error.name, message, status, members };
  const details =
    typeof type === "string"
      ? { Type: query.Type, QueryErrorCode: type.slice(type.indexOf("#") + 1) }
      : { Type: query.Type, ...(body.includes("<Detail/>") && { Detail: null }) };
  return { code: query.Code, message, status, members, details };
}
