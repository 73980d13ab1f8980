/**
 * What Hearth answers beside the AWS services: whether it is ready, and what its own commands ask for. `/_health` and
 * `/_localstack/health` are open, since probes carry no credentials; everything below `/_hearth`, and `/metrics`, is for
 * those who may call the API; `/metrics` also for those who bear its token, as scrapers cannot sign.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { parseFunctionReference, type FunctionReferenceOutcome } from "../core/arn.ts";
import { ApiError, UnavailableError } from "../core/errors.ts";
import type { Scope } from "../core/identity.ts";
import { unreachable } from "../core/invariant.ts";
import type { WhyOutcome } from "../data-plane/data-plane.ts";
import { prometheusContentType } from "../metering/metrics/prometheus-text.ts";
import type { EnvironmentInfo, PoolInfo, WorkerInfo } from "../worker/contract.ts";

export interface InternalRoutesOptions {
  readonly version: string;
  /** Names of the AWS services that are served. */
  readonly services: readonly string[];
  readonly now: () => number;
  /** Undefined while no worker is connected. */
  readonly worker: () => WorkerInfo | undefined;
  readonly environments: () => Promise<{ readonly environments: EnvironmentInfo[]; readonly pools: PoolInfo[] }>;
  /** What `hearth why` asks of a function. */
  readonly why: (scope: Scope, functionName: string, qualifier: string | undefined) => Promise<WhyOutcome>;
  /** The bytes of a backup archive; the stream fails when the backup does. */
  readonly backup: () => Promise<Readable>;
  /** The usage records as lines of JSON. */
  readonly usage: () => AsyncIterable<Uint8Array>;
  /** What Prometheus scrapes. */
  readonly metrics: () => Promise<string>;
  /** Whether a request bears the token of scrapers. */
  readonly isScraper: (request: IncomingMessage) => boolean;
  /** Rejects with an `ApiError` unless the request's signature is good (or none is needed); who calls, and where. */
  readonly authenticate: (request: IncomingMessage) => Promise<Scope>;
  /** Serves the zip behind a link of GetFunction; the link carries its own proof. */
  readonly code: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** Handles one request; never rejects. */
export function createInternalRoutes(
  options: InternalRoutesOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
    [
      "/_health",
      (_request, response) => {
        const worker = options.worker();
        answerJson(response, worker === undefined ? 503 : 200, {
          status: worker === undefined ? "starting" : "ready",
          version: options.version,
          worker,
        });
      },
    ],
    [
      "/_localstack/health",
      (_request, response) => {
        const state = options.worker() === undefined ? "starting" : "running";
        const services = Object.fromEntries(options.services.map((name) => [name, state]));
        answerJson(response, 200, { services, edition: "hearth", version: options.version });
      },
    ],
    [
      "/metrics",
      async (request, response) => {
        if (!options.isScraper(request)) await options.authenticate(request);
        const page = await options.metrics();
        response.writeHead(200, {
          "content-type": prometheusContentType,
          "content-length": Buffer.byteLength(page),
        });
        response.end(page);
      },
    ],
    [
      "/_hearth/environments",
      async (request, response) => {
        await options.authenticate(request);
        answerJson(response, 200, { nowMs: options.now(), ...(await options.environments()) });
      },
    ],
    [
      "/_hearth/why",
      async (request, response) => {
        const scope = await options.authenticate(request);
        const { searchParams } = new URL(request.url ?? "/", "http://hearth");
        const named = parseFunctionReference(searchParams.get("function") ?? "", undefined, scope);
        if (named.kind !== "function") return answerJson(response, 400, { message: refusalOf(named) });
        const outcome = await options.why(scope, named.reference.name, named.reference.qualifier);
        if (outcome.kind !== "not-found") answerJson(response, 200, outcome);
        else answerJson(response, 404, { message: `Function not found: ${outcome.arn}` });
      },
    ],
    [
      "/_hearth/backup",
      async (request, response) => {
        await options.authenticate(request);
        const archive = await options.backup();
        response.writeHead(200, { "content-type": "application/octet-stream" });
        await pipeline(archive, response);
      },
    ],
    [
      "/_hearth/usage",
      async (request, response) => {
        await options.authenticate(request);
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        await pipeline(options.usage, response);
      },
    ],
  ]);

  return async (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    try {
      const route = path.startsWith("/_hearth/code/") ? options.code : routes.get(path);
      if (route === undefined) answerJson(response, 404, { message: `no such path: ${path}` });
      else if (request.method !== "GET" && request.method !== "HEAD")
        answerJson(response, 405, { message: "GET only" });
      else await route(request, response);
    } catch (error) {
      // A stream that broke half-way cannot be answered any more: the client must see that it is cut.
      if (response.headersSent) response.destroy(error as Error);
      else answerJson(response, statusOf(error), { message: (error as Error).message });
    }
  };
}

function refusalOf(named: Exclude<FunctionReferenceOutcome, { readonly kind: "function" }>): string {
  switch (named.kind) {
    case "malformed":
    case "qualifier-mismatch":
      return "that is no name or ARN of a function";
    case "other-region":
      return `that function is in ${named.region}, and another region was called`;
    case "other-account":
      return `${named.arn} is of another account`;
    default:
      return unreachable(named);
  }
}

/** The one thing that is refused here is a signature. */
function statusOf(error: unknown): number {
  if (error instanceof ApiError) return 403;
  return error instanceof UnavailableError ? 503 : 500;
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
