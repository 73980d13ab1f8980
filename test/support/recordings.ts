/**
 * Recorded answers of AWS, where the owner of a checkout has them: `HEARTH_PARITY_DATA`, or `shared/parity` beside the
 * checkout. Whoever reads them says that it skipped when they are absent.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

export interface RecordedCall {
  readonly service: string;
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface RecordedCase {
  readonly id: string;
  /** Day-month-year; the later one stands where two disagree. */
  readonly recorded_date: string;
  /** Whether `calls` are all that were made. */
  readonly complete_trace: boolean;
  readonly calls: readonly RecordedCall[];
  /** Which call's answer a recorded one is (null: not known), and how many calls had been made when it was recorded. */
  readonly matches: readonly { readonly key: string; readonly call: number | null; readonly after: number }[];
  /** The answers by name. */
  readonly expected: Readonly<Record<string, unknown>>;
}

export interface Recordings {
  readonly service: string;
  /** Why there are none; false when there are. */
  readonly skip: string | false;
  readonly cases: readonly RecordedCase[];
}

/** Whose the recorded resources are, and where. */
export const recordedScope = { account: "123456789012", region: "us-east-1" } as const;

/** `service` is a file's name: `lambda`, `logs`. */
export function openRecordings(service: string): Recordings {
  const directory =
    process.env["HEARTH_PARITY_DATA"] ?? fileURLToPath(new URL("../../../shared/parity", import.meta.url));
  const file = join(directory, `${service}.json.gz`);
  if (!existsSync(file)) return { service, skip: `no recorded answers at ${directory}`, cases: [] };
  return { service, skip: false, cases: JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedCase[] };
}

/** A call's parameters as a client takes them: `{"$b64": …}` stands for bytes, and null for what is left out. */
export function decodedParams(params: object): Record<string, unknown> {
  return decoded(params) as Record<string, unknown>;
}

function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value !== "object" || value === null) return value;
  const { $b64 } = value as { $b64?: string };
  if ($b64 !== undefined) return Buffer.from($b64, "base64");
  const members = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(members.map(([name, item]) => [name, decoded(item)]));
}

const uuidPattern = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** As the recorder's server wrote them. */
const receiptHandlePattern = /^[a-z]{150,}$/;

/**
 * What only the recording knew, in terms of ours: an event source mapping's id is the next of ours that none stands for
 * yet, a revision the last that was answered, a receipt handle the next that was received.
 */
export class RecordedIds {
  readonly #mappings: string[] = [];
  readonly #receiptHandles: string[] = [];
  readonly #known = new Map<string, string>();
  readonly #handlePosition: number;
  #revision: string | undefined;

  /** Takes the id of the case: some name which of several messages it is whose visibility they change. */
  constructor(caseId = "") {
    this.#handlePosition = Number(/change_message_visibility\[sqs(?:_query)?-(\d)/.exec(caseId)?.[1] ?? 0);
  }

  /** Takes note of an answer. */
  learn(op: string, output: unknown): void {
    const { UUID, RevisionId, Messages } = output as {
      readonly UUID?: string;
      readonly RevisionId?: string;
      readonly Messages?: readonly { readonly ReceiptHandle: string }[];
    };
    if (op === "CreateEventSourceMapping" && UUID !== undefined) this.#mappings.push(UUID);
    this.#revision = RevisionId ?? this.#revision;
    const handles = Messages?.map(({ ReceiptHandle }) => ReceiptHandle) ?? [];
    this.#receiptHandles.push(...handles.slice(this.#handlePosition));
  }

  translated(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const revision = params["RevisionId"];
    if (typeof revision === "string" && this.#revision !== undefined) this.#remember(revision, this.#revision);
    const text = JSON.stringify(params).replaceAll(uuidPattern, (recorded) =>
      this.#translated(recorded, this.#mappings),
    );
    return JSON.parse(text, (name, value: unknown) =>
      name === "ReceiptHandle" ? this.#receiptHandle(String(value)) : value,
    ) as Record<string, unknown>;
  }

  #receiptHandle(recorded: string): string {
    return receiptHandlePattern.test(recorded) ? this.#translated(recorded, this.#receiptHandles) : recorded;
  }

  #translated(recorded: string, ours: string[]): string {
    if (!this.#known.has(recorded)) this.#remember(recorded, ours.shift() ?? recorded);
    return this.#known.get(recorded) ?? recorded;
  }

  #remember(recorded: string, ours: string): void {
    if (!this.#known.has(recorded)) this.#known.set(recorded, ours);
  }
}

/** Whether the event sources that a case's calls name were there: what the case makes itself was, and nothing else. */
export function eventSourcesOf(calls: readonly RecordedCall[]): Map<string, "yes" | "no"> {
  const setUp = calls.filter(({ service }) => service !== "lambda");
  const made = new Set(setUp.flatMap(({ params }) => Object.values(params)));
  const arns = calls.flatMap(({ params: { EventSourceArn: arn } }) => (typeof arn === "string" ? [arn] : []));
  return new Map(arns.map((arn) => [arn, made.has(sourceNameOf(arn)) ? "yes" : "no"]));
}

function sourceNameOf(arn: string): string | undefined {
  return arn.split(":table/")[1]?.split("/")[0] ?? arn.split(/[:/]/).at(-1);
}
