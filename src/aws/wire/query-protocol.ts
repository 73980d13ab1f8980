/**
 * AWS Query: form fields in, XML out. https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
import type { Protocol } from "./protocol.ts";
import { asRecord } from "./protocol.ts";
import { decodeFormStructure, parseForm } from "./query-codec.ts";
import { errorDocument } from "./rest-protocol.ts";
import type { ServiceModel } from "./service-model.ts";
import { encodeXmlMembers } from "./xml-codec.ts";
import { escapeXml } from "./xml.ts";

/** Fields may stand in the body, in the query string, or in both. */
export function queryFields(query: string, body: Buffer): URLSearchParams {
  const fields = new URLSearchParams(body.toString("utf8"));
  for (const [name, value] of new URLSearchParams(query)) fields.append(name, value);
  return fields;
}

export function createQueryProtocol(model: ServiceModel): Protocol {
  const { xmlNamespace, pathMember = "", hasErrorDetail = false } = model.facts;
  const xmlns = xmlNamespace === undefined ? "" : ` xmlns="${escapeXml(xmlNamespace)}"`;
  return {
    family: "query",
    decode(operation, { path, query, body }) {
      const input = decodeFormStructure(operation.input, parseForm(queryFields(query, body)));
      const isInPath = path !== "/" && operation.input.members.some(({ name }) => name === pathMember);
      return isInPath && input[pathMember] === undefined ? { ...input, [pathMember]: path } : input;
    },
    encode(operation, output, { requestId }) {
      const { name } = operation;
      const members = encodeXmlMembers(operation.output, asRecord(output));
      const result = operation.output.members.length === 0 ? "" : `<${name}Result>${members}</${name}Result>`;
      const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
      const body = `<${name}Response${xmlns}>${result}${metadata}</${name}Response>`;
      return { status: 200, headers: [["content-type", "text/xml"]], body };
    },
    encodeError(error, requestId) {
      const body = errorDocument(error, xmlNamespace, requestId, hasErrorDetail ? "<Detail/>" : "");
      return { status: error.status, headers: [["content-type", "text/xml"]], body };
    },
  };
}
