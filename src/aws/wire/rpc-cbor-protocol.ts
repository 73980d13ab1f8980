/**
 * Smithy RPC v2 CBOR: the operation in the path (`/service/Logs_20140328/operation/PutLogEvents`), CBOR both ways.
 * https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
 */
import { decodeCbor, encodeCbor, parseCbor, printCbor } from "./cbor-codec.ts";
import type { PayloadCodec } from "./event-stream.ts";
import { decodeEvents } from "./event-stream.ts";
import { headerText } from "./http-bindings.ts";
import type { Protocol } from "./protocol.ts";
import { asRecord, eventStreamType } from "./protocol.ts";
import type { ServiceModel } from "./service-model.ts";
import { eventStreamMember, isStructure } from "./shapes.ts";
import { streamFrames } from "./stream-answer.ts";
import { errorMembers } from "./wire-error.ts";

const contentType = "application/cbor";

const codec: PayloadCodec = {
  contentType,
  encode: (shape, value) => printCbor(encodeCbor(shape, value)),
  decode: (shape, body) => decodeCbor(shape, parseCbor(body)),
};

export function createRpcCborProtocol(model: ServiceModel): Protocol {
  const protocolHeader: [string, string] = ["smithy-protocol", "rpc-v2-cbor"];
  return {
    family: "json",
    decode(operation, { body }) {
      const events = eventStreamMember(operation.input);
      if (events !== undefined && isStructure(events.shape)) {
        return { [events.name]: decodeEvents(events.shape, body, codec) };
      }
      return codec.decode(operation.input, body) as Record<string, unknown>;
    },
    encode(operation, output, options) {
      const members = asRecord(output);
      const member = eventStreamMember(operation.output);
      if (member === undefined) {
        const body = codec.encode(operation.output, members);
        return { status: 200, headers: [protocolHeader, ["content-type", contentType]], body };
      }
      const shape = { ...operation.output, members: operation.output.members.filter((other) => other !== member) };
      const events = members[member.name] as AsyncIterable<Record<string, unknown>>;
      return {
        status: 200,
        headers: [protocolHeader, ["content-type", eventStreamType]],
        body: streamFrames({ member, events, initial: { shape, output: members } }, codec, options),
      };
    },
    encodeError(error) {
      const headers: [string, string][] = [protocolHeader, ["content-type", contentType]];
      if (model.facts.isQueryCompatible === true) {
        const type = error.fault === "client" ? "Sender" : "Receiver";
        headers.push(["x-amzn-query-error", headerText(`${error.queryCode};${type}`)]);
      }
      const members = errorMembers(error);
      const encoded = error.shape === undefined ? members : asRecord(encodeCbor(error.shape.shape, members));
      const namespace = error.shape === undefined ? "com.amazon.coral.service" : model.facts.namespace;
      const body = printCbor({ message: error.message, ...encoded, __type: `${namespace}#${error.code}` });
      return { status: error.status, headers, body };
    },
  };
}
