/**
 * Smithy RPC v2 CBOR: the operation in the path (`/service/Logs_20140328/operation/PutLogEvents`), CBOR both ways.
 * https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
 */
import { decodeCbor, encodeCbor } from "./cbor-codec.ts";
import { readCbor } from "./cbor-reader.ts";
import { writeCbor } from "./cbor-writer.ts";
import type { PayloadCodec } from "./event-stream.ts";
import type { Protocol } from "./protocol.ts";
import type { RpcHead } from "./rpc-answers.ts";
import { decodeRpc, encodeRpc, qualifiedCode, rpcErrorHeaders, rpcErrorMembers } from "./rpc-answers.ts";
import type { ServiceModel } from "./service-model.ts";

const head: RpcHead = { contentType: "application/cbor", headers: [["smithy-protocol", "rpc-v2-cbor"]] };

const codec: PayloadCodec = {
  contentType: head.contentType,
  encode: (shape, value) => writeCbor(encodeCbor(shape, value)),
  decode: (shape, body) => decodeCbor(shape, readCbor(body)),
};

export function createRpcCborProtocol(model: ServiceModel): Protocol {
  return {
    family: "json",
    decode: (operation, { body }) => decodeRpc(operation, body, codec),
    encode: (operation, output, options) => encodeRpc(operation, output, codec, head, options),
    encodeError(error) {
      const body = writeCbor({ ...rpcErrorMembers(error, encodeCbor), __type: qualifiedCode(model, error) });
      return { status: error.status, headers: rpcErrorHeaders(model, error, head), body };
    },
  };
}
