/**
 * awsJson1_0 and awsJson1_1: everything in one JSON document, the operation in X-Amz-Target.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
import type { PayloadCodec } from "./event-stream.ts";
import { decodeJson, encodeJson, parseJson } from "./json-codec.ts";
import type { Protocol } from "./protocol.ts";
import { decodeRpc, encodeRpc, qualifiedCode, rpcErrorHeaders, rpcErrorMembers } from "./rpc-answers.ts";
import type { ServiceModel } from "./service-model.ts";

const jsonOptions = { jsonNames: false };

const codec: PayloadCodec = {
  contentType: "application/json",
  encode: (shape, value) => Buffer.from(JSON.stringify(encodeJson(shape, value, jsonOptions))),
  decode: (shape, body) => decodeJson(shape, parseJson(body), jsonOptions),
};

export function createRpcJsonProtocol(model: ServiceModel, version: "1.0" | "1.1"): Protocol {
  const head = { contentType: `application/x-amz-json-${version}`, headers: [] };
  return {
    family: "json",
    decode: (operation, { body }) => decodeRpc(operation, body, codec),
    encode: (operation, output, options) => encodeRpc(operation, output, codec, head, options),
    encodeError(error) {
      const members = rpcErrorMembers(error, (shape, value) => encodeJson(shape, value, jsonOptions));
      const body = { __type: version === "1.0" ? qualifiedCode(model, error) : error.code, ...members };
      return { status: error.status, headers: rpcErrorHeaders(model, error, head), body: JSON.stringify(body) };
    },
  };
}
