/**
 * What every protocol does: bytes to input, output to bytes, error to bytes. One object per service and protocol.
 */
import type { RestRequest } from "./http-bindings.ts";
import type { Operation } from "./service-model.ts";
import type { ProtocolFamily, WireError } from "./wire-error.ts";

export interface WireRequest extends RestRequest {
  readonly method: string;
  /** Undecoded. */
  readonly path: string;
  readonly body: Buffer;
}

export type AnswerBody = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: [string, string][];
  readonly body: AnswerBody;
}

export interface EncodeOptions {
  readonly requestId: string;
  /** Words what an event stream fails with after its head is sent. */
  readonly describeError: (error: unknown) => WireError;
}

export interface Protocol {
  readonly family: ProtocolFamily;
  decode(operation: Operation, request: WireRequest): Record<string, unknown>;
  encode(operation: Operation, output: unknown, options: EncodeOptions): Answer;
  encodeError(error: WireError, requestId: string): Answer;
}

export function asRecord(output: unknown): Readonly<Record<string, unknown>> {
  return typeof output === "object" && output !== null ? (output as Readonly<Record<string, unknown>>) : {};
}

/** Content types that the SDKs expect of an event stream's answer. */
export const eventStreamType = "application/vnd.amazon.eventstream";
