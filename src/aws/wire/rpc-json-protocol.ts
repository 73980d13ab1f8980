/**
 * awsJson1_0 and awsJson1_1: everything in one JSON document, the operation in X-Amz-Target.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 * Services that once spoke AWS Query also send x-amzn-query-error:
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
 */
import type { PayloadCodec } from "./event-stream.ts";
import { decodeEvents } from "./event-stream.ts";
import { headerText } from "./http-bindings.ts";
import { decodeJson, encodeJson, parseJson } from "./json-codec.ts";
import type { Protocol } from "./protocol.ts";
import { asRecord, eventStreamType } from "./protocol.ts";
import type { ServiceModel } from "./service-model.ts";
import { eventStreamMember, isStructure } from "./shapes.ts";
import { streamFrames } from "./stream-answer.ts";
import { errorMembers } from "./wire-error.ts";

const jsonOptions = { jsonNames: false };

/** Namespace of the codes that every service shares. */
const commonNamespace = "com.amazon.coral.service";

export function createRpcJsonProtocol(model: ServiceModel, version: "1.0" | "1.1"): Protocol {
  const contentType = `application/x-amz-json-${version}`;
  const codec: PayloadCodec = {
    contentType: "application/json",
    encode: (shape, value) => Buffer.from(JSON.stringify(encodeJson(shape, value, jsonOptions))),
    decode: (shape, body) => decodeJson(shape, parseJson(body), jsonOptions),
  };
  return {
    family: "json",
    decode(operation, { body }) {
      const events = eventStreamMember(operation.input);
      if (events !== undefined && isStructure(events.shape)) {
        return { [events.name]: decodeEvents(events.shape, body, codec) };
      }
      return body.length === 0 ? {} : (codec.decode(operation.input, body) as Record<string, unknown>);
    },
    encode(operation, output, options) {
      const members = asRecord(output);
      const member = eventStreamMember(operation.output);
      if (member === undefined) {
        const body = JSON.stringify(encodeJson(operation.output, members, jsonOptions));
        return { status: 200, headers: [["content-type", contentType]], body };
      }
      const shape = { ...operation.output, members: operation.output.members.filter((other) => other !== member) };
      const events = members[member.name] as AsyncIterable<Record<string, unknown>>;
      return {
        status: 200,
        headers: [["content-type", eventStreamType]],
        body: streamFrames({ member, events, initial: { shape, output: members } }, codec, options),
      };
    },
    encodeError(error) {
      const headers: [string, string][] = [["content-type", contentType]];
      if (model.facts.isQueryCompatible === true) {
        const type = error.fault === "client" ? "Sender" : "Receiver";
        headers.push(["x-amzn-query-error", headerText(`${error.queryCode};${type}`)]);
      }
      const namespace = error.shape === undefined ? commonNamespace : model.facts.namespace;
      const members = errorMembers(error);
      const body = {
        __type: version === "1.0" ? `${namespace}#${error.code}` : error.code,
        ...(error.shape === undefined ? members : asRecord(encodeJson(error.shape.shape, members, jsonOptions))),
      };
      // Shapes without a member for it still carry the text: AWS sends it, and the SDKs read it.
      if (!Object.keys(body).some((name) => name.toLowerCase() === "message")) {
        Object.assign(body, { message: error.message });
      }
      return { status: error.status, headers, body: JSON.stringify(body) };
    },
  };
}
