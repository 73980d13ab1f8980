/**
 * Signature Version 4: the canonical request, the string to sign and the signature, for verifying.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Signature } from "./credential.ts";
import { algorithm } from "./credential.ts";

export interface SignedRequest {
  readonly method: string;
  /** As on the request line. */
  readonly path: string;
  /** As on the request line, without the question mark. */
  readonly query: string;
  /** Every value of a header, in order; undefined when it is absent. Names are lower case. */
  readonly headerValues: (name: string) => readonly string[] | undefined;
}

export function sha256Hex(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** RFC 3986: everything but unreserved characters is encoded. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Dot segments and empty segments removed, every segment encoded once more than on the request line. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(encodeWellFormed(segment));
  }
  const isOpen = segments.length > 0 && path.endsWith("/");
  return `/${segments.join("/")}${isOpen ? "/" : ""}`;
}

function encodeWellFormed(text: string): string {
  return encode(text.toWellFormed());
}

function decodeQueryPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  return query
    .split("&")
    .filter((part) => part !== "" && !part.startsWith("X-Amz-Signature="))
    .map((part) => {
      const equals = part.indexOf("=");
      const name = equals < 0 ? part : part.slice(0, equals);
      const value = equals < 0 ? "" : part.slice(equals + 1);
      return [encodeWellFormed(decodeQueryPart(name)), encodeWellFormed(decodeQueryPart(value))] as const;
    })
    .toSorted(([a, aValue], [b, bValue]) => compare(a, b) || compare(aValue, bValue))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function canonicalRequest(
  request: SignedRequest,
  signedHeaders: readonly string[],
  payloadHash: string,
): string {
  const headers = signedHeaders.map((name) => {
    const values = request.headerValues(name) ?? [];
    return `${name}:${values.map((value) => value.trim().replaceAll(/\s+/g, " ")).join(",")}\n`;
  });
  return [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    headers.join(""),
    signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
}

function hmac(key: Uint8Array | string, content: string): Buffer {
  return createHmac("sha256", key).update(content).digest();
}

/** Derived keys kept: a day's key of each secret, region and service in use; dropped together when there are more. */
const derivedKeysMax = 2048;

export class SignatureVerifier {
  readonly #keys = new Map<string, Buffer>();

  /** Compares in constant time whether `signature` is what `secret` signs `request` with. */
  matches(request: SignedRequest, signature: Signature, secret: string, payloadHash: string): boolean {
    const scope = `${signature.date}/${signature.region}/${signature.service}/aws4_request`;
    const canonical = canonicalRequest(request, signature.signedHeaders, payloadHash);
    const toSign = [algorithm, signature.timestamp, scope, sha256Hex(canonical)].join("\n");
    const expected = hmac(this.#signingKey(secret, signature), toSign);
    const given = Buffer.from(signature.signature, "hex");
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #signingKey(secret: string, { date, region, service }: Signature): Buffer {
    const name = JSON.stringify([secret, date, region, service]);
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    if (this.#keys.size >= derivedKeysMax) this.#keys.clear();
    const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), "aws4_request");
    this.#keys.set(name, key);
    return key;
  }
}
