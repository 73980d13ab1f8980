/**
 * Links by which the holder may fetch a function's archive for ten minutes, as GetFunction hands them out: to Hearth's
 * own endpoint, with a proof of their own, so that a plain HTTP client without credentials can follow them.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../core/clock.ts";
import type { Digest } from "../../engine/contract.ts";

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
const validMs = 600_000;

const codePathPrefix = "/_hearth/code/";

export interface CodeLinksOptions {
  /** Random; links made with another one are void. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly readCode: (digest: Digest) => Promise<Uint8Array | undefined>;
}

export class CodeLinks {
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  readonly #readCode: CodeLinksOptions["readCode"];

  constructor({ secret, clock, readCode }: CodeLinksOptions) {
    this.#secret = secret;
    this.#clock = clock;
    this.#readCode = readCode;
  }

  /** `host` is the endpoint as the caller reached it, with its port. */
  linkTo(digest: Digest, host: string): string {
    const expiresAtMs = this.#clock.now() + validMs;
    const query = new URLSearchParams({
      expires: String(expiresAtMs),
      token: this.#proofOf(digest, String(expiresAtMs)).toString("base64url"),
    });
    return `http://${host}${codePathPrefix}${digest}?${query.toString()}`;
  }

  /** Serves GET and HEAD of a link. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const digest = url.pathname.slice(codePathPrefix.length);
    if (!this.#isGood(digest, url.searchParams)) {
      answer(response, 403, "The link has expired or was not made here.");
      return;
    }
    const code = await this.#readCode(digest);
    if (code === undefined) {
      answer(response, 404, "The code is gone.");
      return;
    }
    response.writeHead(200, { "content-type": "application/zip", "content-length": code.byteLength });
    response.end(request.method === "HEAD" ? undefined : code);
  }

  #isGood(digest: Digest, query: URLSearchParams): boolean {
    const expires = query.get("expires") ?? "";
    const given = Buffer.from(query.get("token") ?? "", "base64url");
    const expected = this.#proofOf(digest, expires);
    return given.length === expected.length && timingSafeEqual(given, expected) && Number(expires) > this.#clock.now();
  }

  #proofOf(digest: Digest, expires: string): Buffer {
    return createHmac("sha256", this.#secret).update(`${digest} ${expires}`).digest();
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
