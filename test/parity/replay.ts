/** Plays recorded cases against a running Hearth. */
import type * as Lambda from "@aws-sdk/client-lambda";
import type { ListQueuesResult } from "@aws-sdk/client-sqs";
import { setTimeout as sleep } from "node:timers/promises";
import { compareCase, sleptAfterMs, type CaseReport } from "../support/recorded-cases.ts";
import { RecordedClients, type Outcome } from "../support/recorded-clients.ts";
import { RecordedIds, type RecordedCase } from "../support/recordings.ts";

/** Services without a client here are set-up that others would have done. */
export class RecordingPlayer implements Disposable {
  readonly #clients: RecordedClients;

  /** Cases that are played at the same time need accounts of their own. */
  constructor(endpoint: string, account: string) {
    this.#clients = new RecordedClients(endpoint, account);
  }

  /** Plays a case, compares, and takes away what the case left. */
  async play(recorded: RecordedCase): Promise<CaseReport> {
    const ids = new RecordedIds(recorded.id);
    const outcomes: (Outcome | undefined)[] = [];
    // What was called after the last answer that was noted shows nothing.
    const end = Math.max(0, ...recorded.matches.map(({ after }) => after));
    for (const call of recorded.calls.slice(0, end)) {
      const outcome = await this.#clients.call({ ...call, params: ids.translated(call.params) });
      outcomes.push(outcome);
      if (outcome === undefined || !("output" in outcome)) continue;
      ids.learn(call.op, outcome.output);
      await this.#untilSettled(call.op, outcome.output);
      await sleep(sleptAfterMs[call.op] ?? 0);
    }
    await this.#cleanUp();
    return compareCase(recorded, outcomes);
  }

  async #send<T>(service: string, op: string, params: Readonly<Record<string, unknown>>): Promise<T> {
    const outcome = await this.#clients.call({ service, op, params });
    if (outcome === undefined || "error" in outcome) throw new Error(`${op}: ${outcome?.error.message}`);
    return outcome.output as T;
  }

  /** Recorded calls that waited (waiters, polls) are not all in the trace. */
  async #untilSettled(op: string, output: object): Promise<void> {
    const isMapping = op.endsWith("EventSourceMapping") && /^(?:Create|Update)/.test(op);
    const isFunction = /^(?:CreateFunction|UpdateFunctionCode|UpdateFunctionConfiguration|PublishVersion)$/.test(op);
    if (!isMapping && !isFunction) return;
    const { UUID, FunctionArn } = output as { readonly UUID?: string; readonly FunctionArn?: string };
    const deadline = AbortSignal.timeout(settlePatienceMs);
    while (!deadline.aborted) {
      const shown = isMapping
        ? await this.#send<Lambda.EventSourceMappingConfiguration>("lambda", "GetEventSourceMapping", { UUID })
        : await this.#send<Lambda.FunctionConfiguration>("lambda", "GetFunctionConfiguration", {
            FunctionName: FunctionArn,
          });
      const states = [shown.State, "LastUpdateStatus" in shown ? shown.LastUpdateStatus : undefined];
      if (!states.some((state) => state !== undefined && transitional.test(state))) return;
      await sleep(pollMs);
    }
  }

  async #cleanUp(): Promise<void> {
    const { EventSourceMappings = [] } = await this.#send<Lambda.ListEventSourceMappingsResponse>(
      "lambda",
      "ListEventSourceMappings",
      {},
    );
    for (const { UUID } of EventSourceMappings) {
      // It may be on its way out already.
      await this.#clients.call({ service: "lambda", op: "DeleteEventSourceMapping", params: { UUID } });
    }
    const { Functions = [] } = await this.#send<Lambda.ListFunctionsResponse>("lambda", "ListFunctions", {});
    for (const { FunctionName } of Functions) await this.#send("lambda", "DeleteFunction", { FunctionName });
    const { QueueUrls = [] } = await this.#send<ListQueuesResult>("sqs", "ListQueues", {});
    for (const QueueUrl of QueueUrls) await this.#send("sqs", "DeleteQueue", { QueueUrl });
  }

  [Symbol.dispose](): void {
    this.#clients[Symbol.dispose]();
  }
}

/** Code is unpacked and mappings change state in well under a second. */
const settlePatienceMs = 10_000;
const pollMs = 20;
const transitional = /^(?:Pending|InProgress|Creating|Enabling|Disabling|Updating)$/;
