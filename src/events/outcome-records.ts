/**
 * What destinations and dead-letter queues get, to the letter.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
import { functionArn, latestVersion } from "../core/function-record.ts";
import type { AttemptResponse, FunctionName, MessageAttributes, QueuedEvent } from "./queued-event.ts";
import type { FailureCondition } from "./retry-policy.ts";

export interface EventOutcome {
  readonly function: FunctionName;
  readonly event: QueuedEvent;
  readonly payload: Uint8Array;
  readonly condition: "Success" | FailureCondition;
  /** How often the function was invoked with it, successful or not. */
  readonly invokeCount: number;
  /** Of the last attempt; undefined when there was none. */
  readonly response: AttemptResponse | undefined;
  readonly endedAtMs: number;
}

/** Of `ErrorMessage`: "the first 1 KB". */
const errorMessageBytesMax = 1024;

/** The invocation record for a destination. Payloads are copied as they are. */
export function destinationRecord(outcome: EventOutcome): Uint8Array {
  const { event, response } = outcome;
  const { scope, name } = outcome.function;
  const head = {
    version: "1.0",
    timestamp: new Date(outcome.endedAtMs).toISOString(),
    requestContext: {
      requestId: event.requestId,
      functionArn: functionArn(scope, name, event.qualifier ?? latestVersion),
      condition: outcome.condition,
      approximateInvokeCount: outcome.invokeCount,
    },
  };
  const parts = [withoutEnd(head), ',"requestPayload":', outcome.payload];
  if (response?.statusCode !== undefined) {
    const { statusCode, executedVersion, functionError } = response;
    parts.push(`,"responseContext":${JSON.stringify({ statusCode, executedVersion, functionError })}`);
  }
  if (response?.payload !== undefined) parts.push(',"responsePayload":', asJson(response.payload));
  parts.push("}");
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

/** What a dead-letter queue gets beside the event itself. */
export function deadLetterAttributes({ event, response }: EventOutcome): MessageAttributes {
  return {
    RequestID: { type: "String", value: event.requestId },
    ...(response?.statusCode === undefined
      ? {}
      : { ErrorCode: { type: "Number", value: String(response.statusCode) } }),
    ErrorMessage: { type: "String", value: firstBytes(errorMessageOf(response)) },
  };
}

function withoutEnd(head: object): string {
  return JSON.stringify(head).slice(0, -1);
}

/** A runtime may answer what is no JSON; the record must be, so it shows that as text. */
function asJson(payload: Uint8Array): string {
  const text = Buffer.from(payload).toString("utf8");
  return parsed(text) === undefined ? JSON.stringify(text) : text;
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** SQS takes no empty attribute. */
function errorMessageOf(response: AttemptResponse | undefined): string {
  if (response?.errorMessage !== undefined) return response.errorMessage;
  const text = Buffer.from(response?.payload ?? []).toString("utf8");
  const value = parsed(text)?.value;
  const message = typeof value === "object" && value !== null && "errorMessage" in value ? value.errorMessage : text;
  return typeof message === "string" && message !== "" ? message : "The event could not be processed.";
}

function firstBytes(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= errorMessageBytesMax) return text;
  // Decoding as a stream leaves out a character that is cut through.
  return new TextDecoder().decode(bytes.subarray(0, errorMessageBytesMax), { stream: true });
}
