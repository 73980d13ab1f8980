/**
 * Reads the Signature Version 4 of a request, from the Authorization header or a presigned query, without judging it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
 */
import type { IncomingHttpHeaders } from "node:http";

export interface Signature {
  readonly accessKeyId: string;
  /** `20261121` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** Lower case, in the order given. */
  readonly signedHeaders: readonly string[];
  /** 64 hexadecimal digits, if it is well formed. */
  readonly signature: string;
  /** `20261121T080000Z`, or empty when the request carries no time. */
  readonly timestamp: string;
  readonly sessionToken: string | undefined;
  /** Seconds that a presigned request stays valid; undefined for a header. */
  readonly expiresSeconds: number | undefined;
}

export type ParsedSignature =
  | { readonly kind: "none" }
  /** Something meant as Signature Version 4 that cannot be read; `message` is AWS's text. */
  | { readonly kind: "incomplete"; readonly message: string }
  | { readonly kind: "signed"; readonly signature: Signature };

export const algorithm = "AWS4-HMAC-SHA256";

/** `headers` in lower case; `query` without its question mark. */
export function parseSignature(headers: IncomingHttpHeaders, query: string): ParsedSignature {
  const { authorization } = headers;
  if (authorization?.startsWith(algorithm) === true) return parseHeader(authorization, headers);
  if (query.includes("X-Amz-Signature=")) return parsePresigned(new URLSearchParams(query));
  return { kind: "none" };
}

function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

function parseHeader(authorization: string, headers: IncomingHttpHeaders): ParsedSignature {
  const parts = {
    Credential: parameterOf(authorization, "Credential="),
    SignedHeaders: parameterOf(authorization, "SignedHeaders="),
    Signature: parameterOf(authorization, "Signature="),
  };
  const timestamp = headerText(headers["x-amz-date"]) ?? compactDate(headers.date);
  if (parts.Credential !== "" && parts.SignedHeaders !== "" && parts.Signature !== "" && timestamp !== "") {
    return assemble(parts, timestamp, headerText(headers["x-amz-security-token"]), undefined);
  }
  const missing = Object.entries(parts)
    .filter(([, value]) => value === "")
    .map(([name]) => `Authorization header requires '${name}' parameter.`);
  if (timestamp === "") {
    missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  return { kind: "incomplete", message: `${missing.join(" ")} Authorization=${algorithm}` };
}

/** The text between `name` and the next comma; empty when there is none. */
function parameterOf(authorization: string, name: string): string {
  const start = authorization.indexOf(name, algorithm.length);
  const before = authorization[start - 1];
  if (start < 0 || (before !== " " && before !== ",")) return "";
  const end = authorization.indexOf(",", start);
  return authorization.slice(start + name.length, end < 0 ? undefined : end).trim();
}

function parsePresigned(query: URLSearchParams): ParsedSignature {
  if (query.get("X-Amz-Algorithm") !== algorithm) {
    return { kind: "incomplete", message: `AWS query-string parameters must include 'X-Amz-Algorithm' ${algorithm}.` };
  }
  const names = ["X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"];
  const missing = names.filter((name) => (query.get(name) ?? "") === "");
  if (missing.length > 0) {
    const message = `AWS query-string parameters must include ${missing.map((name) => `'${name}'`).join(", ")}.`;
    return { kind: "incomplete", message };
  }
  const parts = {
    Credential: query.get("X-Amz-Credential") ?? "",
    SignedHeaders: query.get("X-Amz-SignedHeaders") ?? "",
    Signature: query.get("X-Amz-Signature") ?? "",
  };
  const expires = Number(query.get("X-Amz-Expires"));
  const token = query.get("X-Amz-Security-Token") ?? undefined;
  return assemble(parts, query.get("X-Amz-Date") ?? "", token, Number.isFinite(expires) ? expires : 0);
}

function assemble(
  parts: { readonly Credential: string; readonly SignedHeaders: string; readonly Signature: string },
  timestamp: string,
  sessionToken: string | undefined,
  expiresSeconds: number | undefined,
): ParsedSignature {
  const elements = parts.Credential.split("/");
  // From the end: an access key may hold slashes.
  const [terminator, service, region, date] = elements.toReversed();
  const accessKeyId = elements.slice(0, -4).join("/");
  if (terminator !== "aws4_request" || service === undefined || region === undefined || date === undefined) {
    const message =
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request.";
    return { kind: "incomplete", message };
  }
  const signature: Signature = {
    accessKeyId,
    date,
    region,
    service,
    signedHeaders: parts.SignedHeaders.toLowerCase().split(";"),
    signature: parts.Signature,
    timestamp,
    sessionToken,
    expiresSeconds,
  };
  return { kind: "signed", signature };
}

/** An HTTP date as Signature Version 4 writes times. */
function compactDate(date: string | undefined): string {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? "" : compactTime(time);
}

/** Milliseconds since the epoch → `20261121T080000Z`. */
export function compactTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
}

/** `20261121T080000Z` → milliseconds since the epoch, NaN when it is not one. */
export function parseCompactTime(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
