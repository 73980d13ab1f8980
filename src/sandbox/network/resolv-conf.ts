/**
 * The host's resolvers, as its resolv.conf names them; read again when the file changes, since laptops move.
 * @see resolv.conf(5)
 */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";

import { isErrorCode } from "../../core/error-code.ts";

/** As in glibc (MAXNS). */
const resolversMax = 3;

export interface Resolver {
  readonly address: string;
  readonly port: number;
}

/** No nameserver at all means one on the host itself. */
export function parseResolvConf(text: string): Resolver[] {
  const addresses = text
    .split("\n")
    .map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? "")
    .filter((address) => isIP(address.replace(/%.*$/, "")) !== 0);
  const chosen = addresses.length === 0 ? ["127.0.0.1"] : addresses.slice(0, resolversMax);
  return chosen.map((address) => ({ address, port: 53 }));
}

/** Asking costs one `stat`. */
export function hostResolvers(path = "/etc/resolv.conf"): () => readonly Resolver[] {
  let readAtMs = Number.NaN;
  let resolvers: readonly Resolver[] = [];
  return () => {
    try {
      const { mtimeMs } = statSync(path);
      if (mtimeMs !== readAtMs) {
        resolvers = parseResolvConf(readFileSync(path, "utf8"));
        readAtMs = mtimeMs;
      }
    } catch (error) {
      if (!isErrorCode(error, "ENOENT")) throw error;
      resolvers = parseResolvConf("");
    }
    return resolvers;
  };
}
