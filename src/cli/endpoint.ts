/**
 * How the commands reach a running Hearth: the AWS clients for what Lambda and CloudWatch Logs can say, and the
 * `/_hearth` routes for the rest. Address and credentials come from where the AWS tools look for them.
 */
import { createHash, createHmac } from "node:crypto";

import { defaultRegion } from "../core/identity.ts";
import { CommandError } from "./output.ts";

export interface Connection {
  readonly url: URL;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

type Environment = Readonly<Record<string, string | undefined>>;

export function connectionOf(endpoint: string | undefined, environment: Environment): Connection {
  const address =
    endpoint ??
    environment["AWS_ENDPOINT_URL"] ??
    `http://${environment["HEARTH_HOST"] ?? "127.0.0.1"}:${environment["HEARTH_PORT"] ?? "4566"}`;
  if (!URL.canParse(address)) throw new CommandError(`'${address}' is no address such as http://127.0.0.1:4566`, 2);
  return {
    url: new URL(address),
    region: regionOf(environment),
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "hearth",
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "hearth",
    },
  };
}

/** As the AWS tools choose it. */
export function regionOf(environment: Environment): string {
  return environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? defaultRegion;
}

/** Settings for an AWS SDK client. */
export function clientSettings(connection: Connection) {
  return {
    endpoint: connection.url.href,
    region: connection.region,
    credentials: connection.credentials,
    maxAttempts: 1,
  };
}

/** Calls a `/_hearth` route. Signed, since a Hearth beyond loopback asks for it. */
export async function callHearth(
  connection: Connection,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<Response> {
  // Loaded here, since most commands, and above all `up`, never sign anything.
  const { SignatureV4 } = await import("@smithy/signature-v4");
  const signer = new SignatureV4({
    service: "hearth",
    region: connection.region,
    credentials: connection.credentials,
    sha256: Sha256,
  });
  const { headers } = await signer.sign({
    method: "GET",
    protocol: connection.url.protocol,
    hostname: connection.url.hostname,
    path,
    query,
    headers: { host: connection.url.host },
  });
  const url = new URL(path, connection.url);
  url.search = new URLSearchParams(query).toString();
  const response = await fetch(url, { headers }).catch((error: unknown) => {
    throw unreachableError(connection, error);
  });
  if (!response.ok) throw new CommandError(`Hearth answered ${response.status}: ${messageIn(await response.text())}`);
  return response;
}

/** Hearth's own words, where the answer is one of Hearth's. */
function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === "string" ? message : text;
  } catch {
    // Something else listens there.
    return text;
  }
}

/** Says what to do when nothing listens; other errors pass unchanged. */
export function explain(connection: Connection, error: unknown): Error {
  const code = (error as { code?: unknown; cause?: { code?: unknown } } | undefined) ?? {};
  if (code.code === "ECONNREFUSED" || code.cause?.code === "ECONNREFUSED") return unreachableError(connection, error);
  return error instanceof Error ? error : new Error(String(error));
}

function unreachableError(connection: Connection, cause: unknown): CommandError {
  const error = new CommandError(
    `no Hearth listens at ${connection.url.origin}. Start it with 'hearth up', or name its address with --endpoint`,
    3,
  );
  error.cause = cause;
  return error;
}

/** SHA-256 in the shape that the signer wants. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toBytes(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

function toBytes(source: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof source === "string") return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}
