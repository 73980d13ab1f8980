/** Whether a request bears a token: `Authorization: Bearer …`, as scrapers of metrics send it. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** No request bears an empty token. */
export function bearsToken({ headers }: Pick<IncomingMessage, "headers">, token: string): boolean {
  const [, borne] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  return token !== "" && borne !== undefined && timingSafeEqual(digest(borne), digest(token));
}

/** Of one length, whatever the text. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
