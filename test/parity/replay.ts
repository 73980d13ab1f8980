/**
 * Plays recorded cases against a running Hearth through the SDK's own clients, and compares what it answers with what
 * AWS answered.
 */
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import * as Iam from "@aws-sdk/client-iam";
import * as Lambda from "@aws-sdk/client-lambda";
import * as Sqs from "@aws-sdk/client-sqs";
import * as Sts from "@aws-sdk/client-sts";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  answeredError,
  compareAnswers,
  plainRecorded,
  Placeholders,
  type AnsweredError,
  type Comparison,
  type Difference,
} from "../support/recorded-answers.ts";
import {
  decodedParams,
  RecordedIds,
  recordedScope,
  type RecordedCall,
  type RecordedCase,
} from "../support/recordings.ts";

/** One recorded answer, and how ours compares with it. */
export interface AnswerReport {
  readonly name: string;
  readonly keys: number;
  readonly differences: readonly Difference[];
}

export interface CaseReport {
  readonly id: string;
  readonly answers: readonly AnswerReport[];
  /** Recorded answers to which no call leads here: the trace lacks it, or what it names only the recording knew. */
  readonly unreachable: readonly string[];
}

type Outcome = { readonly output: unknown } | { readonly error: AnsweredError } | undefined;

interface Sdk {
  readonly module: object;
  readonly client: { send(command: never): Promise<unknown>; destroy(): void };
}

/** Services without a client here are set-up that others would have done. */
export class RecordingPlayer implements Disposable {
  readonly #sdks: ReadonlyMap<string, Sdk>;
  readonly #refusals = new RefusalBodies();

  constructor(endpoint: string) {
    const settings = {
      endpoint,
      region: recordedScope.region,
      credentials: { accessKeyId: recordedScope.account, secretAccessKey: "any" },
      maxAttempts: 1,
    };
    this.#sdks = new Map<string, Sdk>([
      ["lambda", { module: Lambda, client: new Lambda.LambdaClient(settings) }],
      ["logs", { module: Logs, client: new Logs.CloudWatchLogsClient(settings) }],
      ["iam", { module: Iam, client: new Iam.IAMClient(settings) }],
      ["sqs", { module: Sqs, client: new Sqs.SQSClient(settings) }],
      ["sts", { module: Sts, client: new Sts.STSClient(settings) }],
    ]);
    for (const { client } of this.#sdks.values()) this.#refusals.watch(client);
  }

  /** Plays a case, compares, and takes away what the case left. */
  async play(recorded: RecordedCase): Promise<CaseReport> {
    const ids = new RecordedIds();
    const outcomes: Outcome[] = [];
    for (const call of recorded.calls) {
      const outcome = await this.#call({ ...call, params: ids.translated(call.params) });
      outcomes.push(outcome);
      if (outcome === undefined || !("output" in outcome)) continue;
      ids.learn(call.op, outcome.output);
      await this.#untilSettled(call.op, outcome.output);
    }
    await this.#cleanUp();
    return compareCase(recorded, outcomes);
  }

  async #call({ service, op, params }: RecordedCall): Promise<Outcome> {
    const sdk = this.#sdks.get(service);
    if (sdk === undefined) return undefined;
    const Command = (sdk.module as Record<string, (new (input: object) => never) | undefined>)[`${op}Command`];
    if (Command === undefined) throw new Error(`the client of ${service} has no ${op}`);
    try {
      return { output: plainOutput(await sdk.client.send(new Command(decodedParams(params)))) };
    } catch (error) {
      return { error: answeredErrorOf(error, this.#refusals.take()) };
    }
  }

  async #send<T>(op: string, params: Readonly<Record<string, unknown>>): Promise<T> {
    const outcome = await this.#call({ service: "lambda", op, params });
    if (outcome === undefined || "error" in outcome) throw new Error(`${op}: ${outcome?.error.message}`);
    return outcome.output as T;
  }

  /** Recorded calls that waited (waiters, polls) are not all in the trace. */
  async #untilSettled(op: string, output: unknown): Promise<void> {
    const isMapping = op.endsWith("EventSourceMapping") && /^(?:Create|Update)/.test(op);
    const isFunction = /^(?:CreateFunction|UpdateFunctionCode|UpdateFunctionConfiguration|PublishVersion)$/.test(op);
    if (!isMapping && !isFunction) return;
    const { UUID, FunctionArn } = output as { readonly UUID?: string; readonly FunctionArn?: string };
    const deadline = AbortSignal.timeout(settlePatienceMs);
    while (!deadline.aborted) {
      const shown = isMapping
        ? await this.#send<Lambda.EventSourceMappingConfiguration>("GetEventSourceMapping", { UUID })
        : await this.#send<Lambda.FunctionConfiguration>("GetFunctionConfiguration", { FunctionName: FunctionArn });
      const states = [shown.State, "LastUpdateStatus" in shown ? shown.LastUpdateStatus : undefined];
      if (!states.some((state) => state !== undefined && transitional.test(state))) return;
      await sleep(pollMs);
    }
  }

  async #cleanUp(): Promise<void> {
    const { EventSourceMappings = [] } = await this.#send<Lambda.ListEventSourceMappingsResponse>(
      "ListEventSourceMappings",
      {},
    );
    for (const { UUID } of EventSourceMappings) {
      await this.#call({ service: "lambda", op: "DeleteEventSourceMapping", params: { UUID } });
    }
    const { Functions = [] } = await this.#send<Lambda.ListFunctionsResponse>("ListFunctions", {});
    for (const { FunctionName } of Functions) await this.#send("DeleteFunction", { FunctionName });
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#sdks.values()) client.destroy();
  }
}

/** Code is unpacked and mappings change state in well under a second. */
const settlePatienceMs = 10_000;
const pollMs = 20;
const transitional = /^(?:Pending|InProgress|Creating|Enabling|Disabling|Updating)$/;

function compareCase(recorded: RecordedCase, outcomes: readonly Outcome[]): CaseReport {
  const placeholders = new Placeholders();
  const answers: AnswerReport[] = [];
  const unreachable: string[] = [];
  let from = 0;
  for (const { key, call, after } of recorded.matches) {
    const expected = plainRecorded(recorded.expected[key]);
    const candidates = call === null ? range(from, after) : [call];
    const best = candidates
      .map((index) => ({ index, outcome: outcomes[index] }))
      .filter((each) => each.outcome !== undefined)
      .map(({ index, outcome }) => ({ index, comparison: compareOutcome(expected, outcome, placeholders.copy()) }))
      .toSorted((a, b) => a.comparison.differences.length - b.comparison.differences.length)[0];
    if (best === undefined) {
      unreachable.push(key);
      continue;
    }
    from = best.index + 1;
    answers.push({ name: key, ...compareOutcome(expected, outcomes[best.index], placeholders) });
  }
  return { id: recorded.id, answers, unreachable };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from, 0) }, (_, index) => from + index);
}

function compareOutcome(expected: unknown, outcome: Outcome, placeholders: Placeholders): Comparison {
  const answered =
    outcome !== undefined && "error" in outcome ? answeredError(outcome.error, expected) : outcome?.output;
  const hasMetadata = typeof expected === "object" && expected !== null && "ResponseMetadata" in expected;
  return compareAnswers(expected, hasMetadata ? answered : withoutMetadata(answered), placeholders);
}

function withoutMetadata(answered: unknown): unknown {
  if (typeof answered !== "object" || answered === null) return answered;
  const { ResponseMetadata: _, ...rest } = answered as Record<string, unknown>;
  return rest;
}

/** As the recorder's client shows an answer: texts for times and payloads, and the status. */
function plainOutput(output: unknown): unknown {
  const { $metadata, ...members } = output as { readonly $metadata: { readonly httpStatusCode: number } };
  const texts = Object.entries(members).map(([name, value]) => [
    name,
    // The client shows a body without bytes as null.
    value instanceof Uint8Array ? Buffer.from(value).toString() : value === null && name === "Payload" ? "" : value,
  ]);
  const plain = JSON.parse(JSON.stringify(Object.fromEntries(texts))) as object;
  return { ...plain, ResponseMetadata: { HTTPStatusCode: $metadata.httpStatusCode } };
}

/** Refusals with their bodies as they came: the clients rename members of errors. */
class RefusalBodies {
  #last: Readonly<Record<string, unknown>> = {};

  take(): Readonly<Record<string, unknown>> {
    const taken = this.#last;
    this.#last = {};
    return taken;
  }

  watch(client: Sdk["client"]): void {
    (client as Lambda.LambdaClient).middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const response = result.response as { readonly statusCode: number; body: Readable | Uint8Array };
        if (response.statusCode >= 400 && response.body instanceof Readable) {
          response.body = Buffer.concat((await response.body.toArray()) as Buffer[]);
          this.#last = membersOf(response.body);
        }
        return result;
      },
      { step: "deserialize", priority: "low" },
    );
  }
}

/** Nothing of bodies that are no JSON. */
function membersOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const { __type, ...members } = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>;
    return members;
  } catch {
    return {};
  }
}

function answeredErrorOf(error: unknown, members: Readonly<Record<string, unknown>>): AnsweredError {
  if (!(error instanceof Error)) throw new Error("a client rejects with errors", { cause: error });
  const { $metadata } = error as Error & { readonly $metadata?: { readonly httpStatusCode?: number } };
  // What the client itself refuses never reaches a server: a fault of the replay.
  if ($metadata?.httpStatusCode === undefined) throw error;
  return { code: error.name, message: error.message, status: $metadata.httpStatusCode, members };
}
