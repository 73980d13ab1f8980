/**
 * restJson1 and restXml: members travel in path, query, headers and body as the model binds them.
 * https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html, …/aws-restxml-protocol.html
 */
import type { PayloadCodec } from "./event-stream.ts";
import { decodeEvents } from "./event-stream.ts";
import type { Bindings } from "./http-bindings.ts";
import { compileBindings, decodeBindings, encodeHeaders, headerText } from "./http-bindings.ts";
import { decodeJson, encodeJson, parseJson } from "./json-codec.ts";
import type { Answer, EncodeOptions, Protocol, WireRequest } from "./protocol.ts";
import { asRecord, eventStreamType } from "./protocol.ts";
import type { Operation, ServiceModel } from "./service-model.ts";
import type { Member, Shape, StructureShape } from "./shapes.ts";
import { isStructure, textTrait } from "./shapes.ts";
import { streamFrames } from "./stream-answer.ts";
import type { WireError } from "./wire-error.ts";
import { errorMembers } from "./wire-error.ts";
import { decodeXml, encodeXmlDocument } from "./xml-codec.ts";
import { escapeXml, parseXml } from "./xml.ts";

/** The documents of one REST protocol. */
interface Documents extends PayloadCodec {
  /** A structure that is the body; `name` is its root element in XML. */
  encodeBody(shape: Shape, name: string, value: unknown): string;
  encodeError(error: WireError, body: StructureShape | undefined, requestId: string): string;
}

const jsonOptions = { jsonNames: true };

const jsonDocuments: Documents = {
  contentType: "application/json",
  encode: (shape, value) => Buffer.from(JSON.stringify(encodeJson(shape, value, jsonOptions))),
  decode: (shape, body) => decodeJson(shape, parseJson(body), jsonOptions),
  encodeBody: (shape, _name, value) => JSON.stringify(encodeJson(shape, value, jsonOptions)),
  encodeError(error, body) {
    const members = errorMembers(error);
    return JSON.stringify(body === undefined ? members : encodeJson(body, members, jsonOptions));
  },
};

function xmlDocuments(namespace: string | undefined): Documents {
  const encodeBody = (shape: Shape, name: string, value: unknown): string =>
    encodeXmlDocument(shape, name, namespace, value);
  return {
    contentType: "application/xml",
    encode: (shape, value) => Buffer.from(encodeBody(shape, isStructure(shape) ? shape.name : "value", value)),
    decode: (shape, body) => decodeXml(shape, parseXml(Buffer.from(body).toString("utf8"))),
    encodeBody,
    encodeError: (error, _body, requestId) => errorDocument(error, namespace, requestId),
  };
}

/** Elements of `<Error>` that the protocol itself fills. */
const protocolElements = new Set(["Type", "Code", "Message", "message"]);

/** `<ErrorResponse>` as restXml and AWS Query share it; `detail` is an element that ends the error. */
export function errorDocument(error: WireError, namespace: string | undefined, requestId: string, detail = ""): string {
  const xmlns = namespace === undefined ? "" : ` xmlns="${escapeXml(namespace)}"`;
  const type = error.fault === "client" ? "Sender" : "Receiver";
  const further = Object.entries(error.fields)
    .filter(([name, value]) => !protocolElements.has(name) && ["string", "number", "boolean"].includes(typeof value))
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join("");
  const content =
    `<Type>${type}</Type><Code>${escapeXml(error.queryCode)}</Code>` +
    `<Message>${escapeXml(error.message)}</Message>${further}${detail}`;
  return `<ErrorResponse${xmlns}><Error>${content}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
}

interface CompiledOperation {
  readonly input: Bindings;
  readonly output: Bindings;
}

function compileOperation(operation: Operation): CompiledOperation {
  return {
    input: compileBindings(operation.input, operation.http?.uri),
    output: compileBindings(operation.output),
  };
}

export function createRestProtocol(model: ServiceModel, format: "json" | "xml"): Protocol {
  const documents = format === "json" ? jsonDocuments : xmlDocuments(model.facts.xmlNamespace);
  const compiled = new Map<Operation, CompiledOperation>();
  const compiledOf = (operation: Operation): CompiledOperation => {
    const known = compiled.get(operation) ?? compileOperation(operation);
    compiled.set(operation, known);
    return known;
  };
  return {
    family: "rest",
    decode(operation, request) {
      const bindings = compiledOf(operation).input;
      const input = decodeBindings(bindings, request);
      decodeBody(bindings, request, documents, input);
      return input;
    },
    encode(operation, output, options) {
      return encodeOutput(operation, compiledOf(operation).output, output, documents, options);
    },
    encodeError(error, requestId) {
      const bindings = error.shape && compileBindings(error.shape.shape);
      const headers: [string, string][] = [
        ["content-type", documents.contentType],
        ["x-amzn-errortype", headerText(error.code)],
      ];
      if (bindings !== undefined) encodeHeaders(bindings, errorMembers(error), headers);
      return { status: error.status, headers, body: documents.encodeError(error, bindings?.body, requestId) };
    },
  };
}

function decodeBody(
  bindings: Bindings,
  { body }: WireRequest,
  documents: Documents,
  input: Record<string, unknown>,
): void {
  const { payload, eventStream } = bindings;
  if (eventStream !== undefined && isStructure(eventStream.shape)) {
    input[eventStream.name] = decodeEvents(eventStream.shape, body, documents);
  } else if (payload !== undefined) {
    // An absent and an empty payload look the same on the wire.
    if (body.length > 0) input[payload.name] = decodePayload(payload, body, documents);
  } else if (bindings.body.members.length > 0 && body.length > 0) {
    Object.assign(input, documents.decode(bindings.body, body));
  }
}

function decodePayload({ shape }: Member, body: Buffer, documents: Documents): unknown {
  if (shape.kind === "blob") return body;
  return shape.kind === "string" ? body.toString("utf8") : documents.decode(shape, body);
}

function encodeOutput(
  operation: Operation,
  bindings: Bindings,
  output: unknown,
  documents: Documents,
  options: EncodeOptions,
): Answer {
  const members = asRecord(output);
  const { payload, eventStream, responseCode } = bindings;
  const status = Number((responseCode && members[responseCode.name]) ?? operation.http?.status ?? 200);
  const headers: [string, string][] = [];
  encodeHeaders(bindings, members, headers);
  const setType = (type: string): void => {
    if (!headers.some(([name]) => name === "content-type")) headers.push(["content-type", type]);
  };
  if (status === 204) return { status, headers, body: "" };
  if (eventStream !== undefined) {
    setType(eventStreamType);
    const events = members[eventStream.name] as AsyncIterable<Record<string, unknown>>;
    return { status, headers, body: streamFrames({ member: eventStream, events }, documents, options) };
  }
  if (payload !== undefined) {
    const value = members[payload.name];
    if (value === undefined || value === null) return { status, headers, body: "" };
    const { shape } = payload;
    if (shape.kind === "blob") {
      setType(textTrait(payload.traits, "mediaType") ?? operation.blobContentType);
      return { status, headers, body: value as Uint8Array | AsyncIterable<Uint8Array> };
    }
    setType(shape.kind === "string" ? "text/plain" : documents.contentType);
    const name = textTrait(payload.traits, "xmlName") ?? (isStructure(shape) ? shape.name : payload.name);
    const body = shape.kind === "string" ? (value as string) : documents.encodeBody(shape, name, value);
    return { status, headers, body };
  }
  if (bindings.body.members.length === 0 && bindings.headers.length + bindings.prefixHeaders.length > 0) {
    return { status, headers, body: "" };
  }
  setType(documents.contentType);
  return { status, headers, body: documents.encodeBody(bindings.body, operation.output.name, members) };
}
