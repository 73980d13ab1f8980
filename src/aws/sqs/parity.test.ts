/**
 * What AWS answered, recorded, against what Hearth answers: every recorded case of SQS alone is played again through the
 * SDK, in JSON and in AWS Query as it was recorded, and each answer must be ours, key by key.
 */
import * as Sqs from "@aws-sdk/client-sqs";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { openQueuesBench, advanceUntil, serveQueues, type QueuesBench } from "../../../test/support/queues-bench.ts";
import {
  compareAnswers,
  plainRecorded,
  Placeholders,
  type Difference,
} from "../../../test/support/recorded-answers.ts";
import {
  decodedParams,
  openRecordings,
  recordedScope,
  type RecordedCall,
  type RecordedCase,
} from "../../../test/support/recordings.ts";

const { skip, cases: all } = openRecordings("sqs");
const ours = new Set(["sqs", "sqs-query"]);
const cases = all.filter(({ calls }) => calls.every(({ service }) => ours.has(service)));

/** Cases whose answers are not all ours, and why. */
const knownMisses: Readonly<Record<string, string>> = {
  "test_aws_trace_header_propagation[sqs]": "the recording lacks the request's header X-Amzn-Trace-Id",
};

/** Answers of AWS that must be ours, of those that can be reached. */
const demandedShare = 0.95;

interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One client for each protocol; what came over the wire is kept. */
class Clients implements Disposable {
  #raw: Raw = { status: 0, headers: {}, body: "" };
  readonly #clients: ReadonlyMap<string, Sqs.SQSClient>;

  constructor(endpoint: string) {
    const settings = {
      endpoint,
      region: recordedScope.region,
      credentials: { accessKeyId: recordedScope.account, secretAccessKey: "any" },
      maxAttempts: 1,
      useQueueUrlAsEndpoint: false,
    };
    this.#clients = new Map([
      ["sqs", new Sqs.SQSClient(settings)],
      ["sqs-query", new Sqs.SQSClient({ ...settings, protocol: AwsQueryProtocol } as Sqs.SQSClientConfig)],
    ]);
    for (const client of this.#clients.values()) {
      client.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          const response = result.response as {
            readonly statusCode: number;
            readonly headers: Record<string, string>;
            body: unknown;
          };
          if (response.body instanceof Readable) {
            const body = Buffer.concat((await response.body.toArray()) as Buffer[]);
            response.body = body;
            this.#raw = { status: response.statusCode, headers: response.headers, body: body.toString() };
          }
          return result;
        },
        { step: "deserialize", priority: "low" },
      );
    }
  }

  /** The answer in the form in which it was recorded. */
  async call({ service, op, params }: RecordedCall): Promise<Record<string, unknown>> {
    const Command = (Sqs as unknown as Record<string, new (input: object) => Sqs.ListQueuesCommand>)[`${op}Command`];
    const client = this.#clients.get(service);
    assert(Command !== undefined && client !== undefined);
    try {
      const { $metadata, ...output } = await client.send(new Command(decodedParams(params)));
      const plain = JSON.parse(JSON.stringify(output, printBytes)) as object;
      return { ...plain, ResponseMetadata: { HTTPStatusCode: $metadata.httpStatusCode } };
    } catch (error) {
      assert(error instanceof Sqs.SQSServiceException, String(error));
      return errorOf(service, this.#raw);
    }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.destroy();
  }
}

/** As the recorder printed bytes. */
function printBytes(_: string, value: unknown): unknown {
  const bytes = (value as { readonly type?: string; readonly data?: readonly number[] } | null)?.data;
  if (value instanceof Uint8Array) return pythonBytes(value);
  if ((value as { readonly type?: string } | null)?.type === "Buffer" && bytes !== undefined) {
    return pythonBytes(Uint8Array.from(bytes));
  }
  return value;
}

function pythonBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `b'${text.join("")}'`;
}

/** As Python's client tells errors of either protocol. */
function errorOf(service: string, { status, headers, body }: Raw): Record<string, unknown> {
  const ResponseMetadata = { HTTPStatusCode: status };
  if (service === "sqs-query") {
    const textOf = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`, "s").exec(body)?.[1] ?? "";
    const Message = textOf("Message").replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
    const Error = { Code: textOf("Code"), Message, Type: textOf("Type") };
    return { Error: { ...Error, ...(body.includes("<Detail/>") ? { Detail: null } : {}) }, ResponseMetadata };
  }
  const { __type: type, message = "" } = JSON.parse(body) as { readonly __type: string; readonly message?: string };
  const [Code = "", Type = ""] = (headers["x-amzn-query-error"] ?? "").split(";");
  const QueryErrorCode = type.slice(type.indexOf("#") + 1);
  return { Error: { Code, Message: message, QueryErrorCode, Type }, message, ResponseMetadata };
}

/** Handles that only the recording knew stand for those that were received, in their order. */
class Handles {
  readonly #received: string[] = [];
  readonly #known = new Map<string, string>();

  learn(answer: Record<string, unknown>): void {
    const messages = (answer["Messages"] ?? []) as readonly { readonly ReceiptHandle: string }[];
    this.#received.push(...messages.map(({ ReceiptHandle }) => ReceiptHandle));
  }

  /** The recording's next handle is not the first of those that were just received. */
  skip(count: number): void {
    this.#received.splice(0, count);
  }

  translated(call: RecordedCall): RecordedCall {
    const text = JSON.stringify(call.params).replaceAll(/"ReceiptHandle":\s*"([a-z]{150,})"/g, (_, handle: string) => {
      const own = this.#known.get(handle) ?? this.#received.shift() ?? handle;
      this.#known.set(handle, own);
      return `"ReceiptHandle":${JSON.stringify(own)}`;
    });
    return { ...call, params: JSON.parse(text) as RecordedCall["params"] };
  }
}

/** The recorded tests slept after these, to see what visibility does. */
const sleptAfterMs: Readonly<Record<string, number>> = { ChangeMessageVisibility: 2000 };

async function play(bench: QueuesBench, clients: Clients, { id, calls }: RecordedCase): Promise<unknown[]> {
  const handles = new Handles();
  const answers: unknown[] = [];
  // The message whose visibility is changed is named in the case: first or last of three.
  const skipped = /change_message_visibility\[sqs(?:_query)?-(\d)/.exec(id)?.[1] ?? "0";
  for (const call of calls) {
    const translated = handles.translated(call);
    const answer = await advanceUntil(bench, clients.call(translated));
    answers.push(answer);
    handles.learn(answer);
    if (call.op === "ReceiveMessage") handles.skip(Number(skipped));
    bench.clock.advance(sleptAfterMs[call.op] ?? 0);
  }
  return answers;
}

interface Answer {
  readonly Messages?: readonly unknown[];
  readonly Attributes?: object;
  readonly [name: string]: unknown;
}

/** The differences of the answer, or of the one message or attribute in it, that is most like the recorded one. */
function bestOf(answers: readonly unknown[], expected: unknown, placeholders: Placeholders): readonly Difference[] {
  const recorded = plainRecorded(expected);
  const candidates = answers.flatMap((answer) => {
    const { Messages = [], Attributes = {} } = answer as Answer;
    return [likeRecorded(answer as Answer, recorded as Answer), ...Messages, ...Object.values(Attributes)];
  });
  const [best] = candidates
    .map((candidate) => ({
      candidate,
      differences: compareAnswers(recorded, candidate, placeholders.copy()).differences,
    }))
    .toSorted((a, b) => a.differences.length - b.differences.length);
  assert(best !== undefined, "a recorded answer has a call");
  return compareAnswers(recorded, best.candidate, placeholders).differences;
}

/** Without what some of the recording's clients note of errors and others do not. */
function likeRecorded(answer: Answer, recorded: Answer): Answer {
  const { message, Error: error, ...others } = answer;
  if (error === undefined) return answer;
  const { Detail, ...told } = error as Answer;
  const isDetailed = "Detail" in ((recorded["Error"] as Answer | undefined) ?? {});
  return {
    ...others,
    ...("message" in recorded ? { message } : {}),
    Error: isDetailed ? { ...told, Detail: Detail ?? null } : told,
  };
}

let reached = 0;
let matched = 0;

for (const each of cases) {
  const name = each.id.replace(/^.*::/, "");
  test(`answers as AWS did: ${name}`, { skip }, async () => {
    await using bench = await openQueuesBench();
    await using endpoint = await serveQueues(bench);
    using clients = new Clients(endpoint.url);

    const answers = await play(bench, clients, each);

    const placeholders = new Placeholders();
    const misses: string[] = [];
    let after = 0;
    for (const [key, expected] of Object.entries(each.expected)) {
      const match = each.matches.find((candidate) => candidate.key === key);
      if (match === undefined && !each.complete_trace) continue;
      const candidates =
        match?.call === undefined || match.call === null ? answers.slice(after) : [answers[match.call]];
      const differences = bestOf(candidates, expected, placeholders);
      after = match?.after ?? after;
      reached += 1;
      if (differences.length === 0) matched += 1;
      else misses.push(`${key}: ${JSON.stringify(differences)}`);
    }
    const known = knownMisses[name];
    assert.deepEqual(misses.length === 0 ? undefined : misses, known === undefined ? undefined : misses, known);
  });
}

test("at least 95 % of the recorded answers are ours", { skip }, (t) => {
  t.diagnostic(`${matched} of ${reached} answers of ${cases.length} cases`);
  assert(matched >= demandedShare * reached, `${matched} of ${reached}`);
});
