/** What the RPC protocols share: how an answer streams events, and how a former query service names its errors. */
import type { PayloadCodec } from "./event-stream.ts";
import { decodeEvents } from "./event-stream.ts";
import { headerText } from "./http-bindings.ts";
import type { Answer, EncodeOptions } from "./protocol.ts";
import { asRecord, eventStreamType } from "./protocol.ts";
import type { Operation, ServiceModel } from "./service-model.ts";
import type { StructureShape } from "./shapes.ts";
import { eventStreamMember, isStructure } from "./shapes.ts";
import { streamFrames } from "./stream-answer.ts";
import type { WireError } from "./wire-error.ts";
import { errorMembers } from "./wire-error.ts";

/** Namespace of the codes that every service shares. */
const commonNamespace = "com.amazon.coral.service";

export function decodeRpc(operation: Operation, body: Buffer, codec: PayloadCodec): Record<string, unknown> {
  const events = eventStreamMember(operation.input);
  if (events !== undefined && isStructure(events.shape)) {
    return { [events.name]: decodeEvents(events.shape, body, codec) };
  }
  return body.length === 0 ? {} : (codec.decode(operation.input, body) as Record<string, unknown>);
}

export interface RpcHead {
  readonly contentType: string;
  readonly headers: readonly [string, string][];
}

export function encodeRpc(
  operation: Operation,
  output: unknown,
  codec: PayloadCodec,
  head: RpcHead,
  options: EncodeOptions,
): Answer {
  const members = asRecord(output);
  const member = eventStreamMember(operation.output);
  if (member === undefined) {
    const headers: [string, string][] = [...head.headers, ["content-type", head.contentType]];
    return { status: 200, headers, body: codec.encode(operation.output, members) };
  }
  const shape = { ...operation.output, members: operation.output.members.filter((other) => other !== member) };
  const events = members[member.name] as AsyncIterable<Record<string, unknown>>;
  const headers: [string, string][] = [...head.headers, ["content-type", eventStreamType]];
  return {
    status: 200,
    headers,
    body: streamFrames({ member, events, initial: { shape, output: members } }, codec, options),
  };
}

/** Headers of an error: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait */
export function rpcErrorHeaders(model: ServiceModel, error: WireError, head: RpcHead): [string, string][] {
  const headers: [string, string][] = [...head.headers, ["content-type", head.contentType]];
  if (model.facts.isQueryCompatible === true) {
    const type = error.fault === "client" ? "Sender" : "Receiver";
    headers.push(["x-amzn-query-error", headerText(`${error.queryCode};${type}`)]);
  }
  return headers;
}

/** The members of an error, with its text even where the shape has no member for it: AWS sends it, and clients read it. */
export function rpcErrorMembers(
  error: WireError,
  encode: (shape: StructureShape, members: unknown) => unknown,
): Record<string, unknown> {
  const members = errorMembers(error);
  const encoded = { ...asRecord(error.shape === undefined ? members : encode(error.shape.shape, members)) };
  const hasText = Object.keys(encoded).some((name) => name.toLowerCase() === "message");
  return hasText ? encoded : { ...encoded, message: error.message };
}

/** `namespace#Code`. */
export function qualifiedCode(model: ServiceModel, error: WireError): string {
  return `${error.shape === undefined ? commonNamespace : model.facts.namespace}#${error.code}`;
}
