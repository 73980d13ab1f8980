/** What the front answers beside the AWS services, of the parts of its process (`http/internal-routes.ts`). */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";

import type { Authenticator } from "../aws/auth/authenticate.ts";
import { parseSignature } from "../aws/auth/credential.ts";
import type { CodeLinks } from "../aws/lambda/code-links.ts";
import type { LazyService, Service } from "../aws/service.ts";
import type { Config } from "../config/settings.ts";
import { version } from "../config/version.ts";
import type { Clock } from "../core/clock.ts";
import type { Scope } from "../core/identity.ts";
import type { DataPlane } from "../data-plane/data-plane.ts";
import { backupEngine } from "../engine/backup.ts";
import type { SqliteEngine } from "../engine/sqlite/sqlite-engine.ts";
import { createInternalRoutes } from "../http/internal-routes.ts";
import { metricsPage } from "../http/metrics-page.ts";
import { bearsToken } from "../http/scrape-token.ts";
import type { LambdaMetrics } from "../metering/metrics/lambda-metrics.ts";
import type { MetricStore } from "../metering/metrics/metric-store.ts";
import type { UsageLog } from "../metering/usage-log.ts";
import { keysDirectoryName } from "../secrets/key-files.ts";
import type { Instance } from "./instance.ts";
import type { WorkerLink } from "./worker-link.ts";

export interface FrontRoutesOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly instance: Instance;
  readonly engine: SqliteEngine;
  readonly services: readonly (Service | LazyService)[];
  readonly authenticator: Authenticator;
  readonly codeLinks: CodeLinks;
  readonly dataPlane: DataPlane;
  readonly workers: WorkerLink;
  readonly usage: UsageLog;
  readonly metrics: MetricStore;
  readonly lambdaMetrics: LambdaMetrics;
}

export function createFrontRoutes(
  options: FrontRoutesOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { config, clock, instance, engine, services, authenticator, codeLinks } = options;
  const { dataPlane, workers, usage, metrics, lambdaMetrics } = options;
  return createInternalRoutes({
    version,
    services: services.map((service) => ("facts" in service ? service : service.model).facts.name),
    now: () => clock.now(),
    worker: () => workers.info,
    environments: async () => ({ environments: await dataPlane.environments(), pools: await dataPlane.pools() }),
    why: (scope, functionName, qualifier) => dataPlane.why(scope, functionName, qualifier),
    backup: () => backupStream(engine, instance),
    usage: () => usage.lines(),
    metrics: async () =>
      metricsPage({
        version,
        sets: metrics.sets(),
        inFlight: lambdaMetrics.inFlight(),
        environments: await dataPlane.environments(),
        pools: await dataPlane.pools(),
      }),
    isScraper: (request) => bearsToken(request, config.metricsToken),
    authenticate: (request) => authenticateInternal(authenticator, request),
    code: (request, response) => codeLinks.serve(request, response),
  });
}

/** The same judgement as for the API; a GET without body has nothing more to verify. */
async function authenticateInternal(authenticator: Authenticator, request: IncomingMessage): Promise<Scope> {
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const { scope, verifyBody } = authenticator.authenticate({
    method: request.method ?? "GET",
    path,
    query,
    headers: request.headers,
    headerValues: (name) => request.headersDistinct[name],
    parsed: parseSignature(request.headers, query),
    origin: { kind: "client" },
  });
  verifyBody?.(new Uint8Array());
  return scope;
}

/** Taken into a file first: the archive begins with what it holds, which is known only when it is whole. */
async function backupStream(engine: SqliteEngine, instance: Instance): Promise<Readable> {
  const file = join(instance.stateDirectory, `backup-${randomUUID()}`);
  try {
    await backupEngine(engine, file, undefined, { include: ["runtimes", keysDirectoryName] });
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  return createReadStream(file).once("close", () => void rm(file, { force: true }));
}
