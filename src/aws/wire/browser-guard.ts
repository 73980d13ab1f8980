/**
 * Web pages must not drive the endpoint. On loopback any credentials do, and a page that somebody visits can send
 * requests to 127.0.0.1 without being able to read the answers; a name that an attacker rebinds to 127.0.0.1 would even
 * let it read them. Browsers say so themselves in `Origin` and `Sec-Fetch-Site`; AWS clients send neither.
 * https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
 */
import type { IncomingHttpHeaders } from "node:http";

/** Why a browser's request is refused; undefined when it comes from no page, or from one of the endpoint's own. */
export function browserRefusal(headers: IncomingHttpHeaders): string | undefined {
  const { origin } = headers;
  const site = headers["sec-fetch-site"];
  if (origin === undefined && (site === undefined || site === "none")) return undefined;
  if (site !== undefined && site !== "same-origin" && site !== "none") return foreignPage;
  const host = headers.host ?? "";
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return foreignPage;
  return isAddress(host) ? undefined : "Pages reach Hearth by address or as localhost, not by another name.";
}

const foreignPage = "Requests from web pages of other origins are refused.";

/** An IP address or localhost, which no foreign name server can point at us. */
function isAddress(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name.endsWith(".localhost") || /^[\d.]+$/.test(name) || name.startsWith("[");
}
