/**
 * Any input as a request of its operation, in the protocol of the newest clients, whether or not a client would send it:
 * values of the wrong type travel as they are. For tests.
 */
import type { Agent } from "node:http";
import { request } from "node:http";
import { compileBindings } from "../wire/http-bindings.ts";
import type { Operation, ServiceFacts } from "../wire/service-model.ts";

export interface ModelRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface ModelAnswer {
  readonly status: number;
  readonly code: string;
  readonly text: string;
  readonly body: string;
}

/** Undefined when a part of the path would be empty: that is another path. */
export function modelRequest(
  facts: ServiceFacts,
  operation: Operation,
  input: Record<string, unknown>,
): ModelRequest | undefined {
  const { name, http } = operation;
  if (facts.protocols[0] === "awsQuery") {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams([["Action", name], ["Version", facts.version], ...fieldsOf(input)]).toString();
    return { method: "POST", path: "/", headers, body };
  }
  if (facts.protocols[0] !== "restJson1" || http === undefined) {
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": `${facts.targetPrefix}.${name}` };
    return { method: "POST", path: "/", headers, body: JSON.stringify(jsonOf(input)) };
  }
  const { labels, query, headers, payload, body } = compileBindings(operation.input, http.uri);
  if (labels.some((label) => textOf(input[label.name] ?? "") === "")) return undefined;
  const path = labels.reduce(
    (uri, label) => uri.replace(new RegExp(`\\{${label.name}\\+?\\}`), encodeURIComponent(textOf(input[label.name]))),
    http.uri,
  );
  const parameters = new URLSearchParams();
  for (const { member, name: parameter } of query) {
    const value = input[member.name];
    for (const item of Array.isArray(value) ? value : value === undefined ? [] : [value]) {
      parameters.append(parameter, textOf(item));
    }
  }
  const search = parameters.size === 0 ? "" : `${path.includes("?") ? "&" : "?"}${parameters.toString()}`;
  const document = Object.fromEntries(
    body.members
      .filter((member) => input[member.name] !== undefined)
      .map((member) => [member.name, input[member.name]]),
  );
  const blob = payload === undefined ? undefined : input[payload.name];
  return {
    method: http.method,
    path: `${path}${search}`,
    headers: Object.fromEntries(
      headers.flatMap(({ member, name: header }) => {
        const value = input[member.name];
        return value === undefined ? [] : [[header, textOf(value)]];
      }),
    ),
    body:
      payload === undefined
        ? body.members.length === 0
          ? ""
          : JSON.stringify(jsonOf(document))
        : blob instanceof Uint8Array
          ? blob
          : blob === undefined
            ? ""
            : JSON.stringify(jsonOf(blob)),
  };
}

/** `Tags.member.1.Key`, as AWS Query has it. */
function fieldsOf(value: unknown, path = ""): [string, string][] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) {
    return [[path, textOf(value)]];
  }
  const entries = Array.isArray(value)
    ? value.map((item, index) => [`member.${index + 1}`, item] as const)
    : Object.entries(value);
  return entries.flatMap(([name, item]) => fieldsOf(item, path === "" ? name : `${path}.${name}`));
}

/** Bytes in base64, times in seconds. */
function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return value.getTime() / 1000;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? value : JSON.stringify(jsonOf(value));
}

export function send(port: number, agent: Agent, service: string, sent: ModelRequest): Promise<ModelAnswer> {
  const credential = `Credential=test/20261121/us-east-1/${service}/aws4_request`;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        agent,
        method: sent.method,
        path: sent.path,
        headers: {
          ...sent.headers,
          authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=0`,
          "content-length": Buffer.byteLength(sent.body),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const body = Buffer.concat(chunks).toString();
          const { __type: type = "", message, Message = "" } = errorOf(body);
          const code = [incoming.headers["x-amzn-errortype"] ?? type].flat()[0] ?? "";
          resolve({ status: incoming.statusCode ?? 0, code, text: message ?? Message, body });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(sent.body);
  });
}

function errorOf(body: string): { readonly __type?: string; readonly message?: string; readonly Message?: string } {
  try {
    return (JSON.parse(body) ?? {}) as object;
  } catch {
    return {};
  }
}
