/**
 * Addresses of function URLs: `<url id>.lambda-url.<region>.<the endpoint's own name>`.
 *
 * Differs from AWS: theirs end with `on.aws`, which leads to AWS. Below `localhost` every name is this machine's own
 * (RFC 6761), so that is the endpoint's name when it was reached by an address or as `localhost`.
 */
import { isIP } from "node:net";
import { urlIdLength } from "../control-plane/function-urls/function-urls.ts";

const hostPattern = new RegExp(`^([a-z0-9]{${urlIdLength}})\\.lambda-url\\.[a-z0-9-]+\\.`);

/** `endpointHost` is the endpoint as the caller reached it: name or address, and port. */
export function functionUrlOf(urlId: string, region: string, endpointHost: string): string {
  const address = `http://${endpointHost}`;
  const { hostname, port } = new URL(URL.canParse(address) ? address : "http://localhost");
  const name = isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : "localhost";
  return `http://${urlId}.lambda-url.${region}.${name}${port === "" ? "" : `:${port}`}/`;
}

/** The URL id that a Host header names; undefined when it names none. */
export function urlIdOfHost(host: string): string | undefined {
  return hostPattern.exec(host.toLowerCase())?.[1];
}
