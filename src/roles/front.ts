/**
 * The front's process: the engine, the control plane and the data plane behind one HTTP endpoint. Needs root to begin
 * with; serves as an unprivileged user.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { flushCompileCache } from "node:module";

import { Authenticator, type AuthPolicy } from "../aws/auth/authenticate.ts";
import { Sessions } from "../aws/auth/sessions.ts";
import { createEndpoint } from "../aws/endpoint.ts";
import { CallerRates } from "../aws/lambda/caller-rates.ts";
import { CodeLinks } from "../aws/lambda/code-links.ts";
import { createLambdaHandlers } from "../aws/lambda/lambda-handlers.ts";
import { logsHandlers } from "../aws/logs/logs-service.ts";
import { lambdaModel, logsModel, stsModel } from "../aws/models.ts";
import { trackedMetrics } from "../aws/application-autoscaling/tracked-metrics.ts";
import { createStsHandlers, identityOf } from "../aws/sts/handlers.ts";
import { mappingsOf, signingProfilesOf } from "../config/mappings.ts";
import { accessKeysOf } from "../config/parse.ts";
import type { Config } from "../config/settings.ts";
import { AutoScaling } from "../control-plane/auto-scaling/auto-scaling.ts";
import { Concurrency } from "../control-plane/concurrency/concurrency.ts";
import { EventInvokeConfigs } from "../control-plane/event-invoke/event-invoke-configs.ts";
import { EventSourceMappings } from "../control-plane/event-source-mappings/event-source-mappings.ts";
import { queueSources } from "../control-plane/event-source-mappings/event-sources.ts";
import { FunctionUrls, newUrlId } from "../control-plane/function-urls/function-urls.ts";
import { Functions } from "../control-plane/functions/functions.ts";
import { CodeSigning } from "../control-plane/code-signing/code-signing.ts";
import { SigningProfiles } from "../control-plane/code-signing/signing-profiles.ts";
import { FunctionPolicies } from "../control-plane/policies/function-policies.ts";
import { QueueService } from "../control-plane/queues/queue-service.ts";
import { RuntimeManagement } from "../control-plane/runtime-management/runtime-management.ts";
import { Iam } from "../control-plane/iam/iam.ts";
import { sessionKey } from "../control-plane/iam/session-key.ts";
import { systemClock } from "../core/clock.ts";
import { createSurroundings } from "../data-plane/assignment/surroundings.ts";
import { openDataPlane } from "../data-plane/data-plane.ts";
import { openSqliteEngine } from "../engine/sqlite/sqlite-engine.ts";
import { EventQueues } from "../events/event-queues.ts";
import { SqsTarget } from "../events/sqs-target.ts";
import { LambdaMetrics } from "../metering/metrics/lambda-metrics.ts";
import { createMappingMetrics } from "../metering/metrics/mapping-metrics.ts";
import { MetricStore } from "../metering/metrics/metric-store.ts";
import { UsageLog } from "../metering/usage-log.ts";
import { openPackageStore } from "../packages/package-store.ts";
import { PollerFleet } from "../pollers/poller-fleet.ts";
import { RuntimeRegistry } from "../runtimes/registry.ts";
import { FunctionVariables } from "../secrets/function-variables.ts";
import { readKeys } from "../secrets/key-files.ts";
import { Keyring } from "../secrets/keyring.ts";
import { LogStore } from "../telemetry/log-store.ts";
import { createFrontRoutes } from "./front-routes.ts";
import { instanceOf, type Instance } from "./instance.ts";
import { autoScalingService, cloudwatchService, iamService, sqsService } from "./lazy-services.ts";
import { addressOf, closed, listen, listenInternal } from "./listening.ts";
import { becomeFrontUser, blockingDirectory, giveToFront } from "./privileges.ts";
import { report, reportError, runRole } from "./role.ts";
import { openAfterFormer } from "./succession.ts";
import { WorkerLink } from "./worker-link.ts";

export function runFront(): Promise<void> {
  return runRole(startFront);
}

async function startFront(
  config: Config,
  stopping: AbortSignal,
): Promise<{ readonly detail: string; stop(): Promise<void> }> {
  mkdirSync(config.dataDir, { recursive: true });
  const instance = instanceOf(config.dataDir);
  for (const directory of [instance.stateDirectory, instance.packagesDirectory]) {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    giveToFront(directory);
  }
  mkdirSync(instance.runDirectory, { recursive: true, mode: 0o711 });
  const clock = systemClock;

  const engine = await openAfterFormer(() => openSqliteEngine({ directory: instance.stateDirectory, clock }), stopping);
  const packages = await openPackageStore(instance.packagesDirectory, { clock });
  const registry = new RuntimeRegistry(instance.stateDirectory);
  const runtimes = {
    find: (identifier: string) => registry.find(identifier),
    isAvailable: (identifier: string) => registry.find(identifier) !== undefined,
  };
  const mappings = mappingsOf(config);
  const keys = new Keyring(readKeys(instance.stateDirectory, mappings.kmsKeys));
  const variables = new FunctionVariables(keys, { ignoresUnknownKeys: mappings.ignored.has("KMSKeyArn") });
  const logs = new LogStore({ engine, clock, ...config });
  const usage = new UsageLog({ engine, clock });
  const metrics = new MetricStore({ engine, clock, ...config });
  const lambdaMetrics = new LambdaMetrics({ store: metrics, clock });
  const functions = new Functions({
    engine,
    packages,
    runtimes,
    clock,
    newId: randomUUID,
  });
  const { records } = engine;
  const eventInvokeConfigs = new EventInvokeConfigs({ records, functions, clock });
  const functionUrls = new FunctionUrls({ records, functions, clock, newUrlId: () => newUrlId(randomBytes) });
  const runtimeManagement = new RuntimeManagement({ records, functions, installed: runtimes.find });
  const queues = new QueueService({
    engine,
    clock,
    newId: randomUUID,
    onError: (error) => reportError("queues", error),
  });
  const profiles = new SigningProfiles(signingProfilesOf(config));
  for (const problem of await profiles.problems()) report(`signing profiles: ${problem}`);
  const codeSigning = new CodeSigning({ engine, functions, profiles, clock, newId: randomUUID, onWarning: report });
  const dataPlane = await openDataPlane({
    engine,
    clock,
    random: randomBytes,
    resolveRuntime: (identifier) => registry.find(identifier),
    packages,
    surroundings: createSurroundings(variables, mappings),
    onLogs: (batch) => logs.append(batch),
    onUsage: (record) => usage.record(record),
    metrics: lambdaMetrics,
    config,
  });

  const events = new EventQueues({
    engine,
    functions,
    frontend: dataPlane.frontend,
    queueTarget: new SqsTarget(queues),
    metrics: lambdaMetrics,
    clock,
    newId: randomUUID,
    onWarning: report,
  });

  const pollers = new PollerFleet({
    records,
    queues,
    frontend: dataPlane.frontend,
    metrics: createMappingMetrics({ store: metrics, clock }),
    clock,
    newId: randomUUID,
    onWarning: report,
  });
  const eventSourceMappings = new EventSourceMappings({
    records,
    functions,
    sources: queueSources(queues),
    readers: pollers,
    clock,
    newId: randomUUID,
  });

  const workers = new WorkerLink(dataPlane, instance);
  const codeLinks = new CodeLinks({
    secret: randomBytes(32),
    clock,
    readCode: (digest) => engine.blobs.get(digest),
  });
  const concurrency = new Concurrency({ records, clock, accountConcurrency: config.accountConcurrency });
  const autoScaling = new AutoScaling({
    records,
    concurrency,
    provisioning: dataPlane.provisioning,
    metrics: trackedMetrics({ metrics, clock }),
    clock,
    newId: randomUUID,
    onError: (error) => reportError("auto scaling", error),
  });
  const auth = authPolicyOf(config);
  const iam = new Iam({ records: engine.records, clock, random: randomBytes });
  const sessions = new Sessions({ key: await sessionKey(engine.records, randomBytes), random: randomBytes, clock });
  const roleOf = (environmentId: string): string | undefined => dataPlane.environment(environmentId)?.role;
  const services = [
    {
      model: lambdaModel(),
      handlers: createLambdaHandlers({
        functions,
        concurrency,
        callerRates: new CallerRates({ ...config, clock }),
        frontend: dataPlane.frontend,
        provisioning: dataPlane.provisioning,
        ...(config.checkRoles === "on" ? { roles: iam } : {}),
        host: { architecture: process.arch === "arm64" ? "arm64" : "x86_64", runtimes, variables, mappings },
        codeLinks,
        codeSigning,
        eventInvokeConfigs,
        eventSourceMappings,
        events,
        functionUrls,
        runtimeManagement,
        policies: new FunctionPolicies({ records: engine.records, functions, newId: randomUUID }),
      }),
    },
    { model: logsModel(), handlers: logsHandlers({ logs, clock }) },
    {
      model: stsModel(),
      handlers: createStsHandlers({
        iam,
        sessions,
        roleOf,
      }),
    },
    await iamService(iam),
    await cloudwatchService({ metrics, clock }),
    await autoScalingService(autoScaling),
    await sqsService({ queues, identify: (context) => identityOf({ iam, roleOf }, context) }),
  ];
  const internalRoutes = createFrontRoutes({
    config,
    clock,
    instance,
    engine,
    services,
    authenticator: new Authenticator(auth, clock, sessions),
    codeLinks,
    dataPlane,
    workers,
    usage,
    metrics,
    lambdaMetrics,
  });
  const endpoint = createEndpoint({
    services,
    auth,
    sessions,
    environment: (id) => dataPlane.environment(id),
    clock,
    onError: (error, { requestId, service, operation }) =>
      reportError(`${service} ${operation ?? ""} (${requestId}) failed`, error),
    internalRoutes: (request, response) => void internalRoutes(request, response),
  });

  const internalServer = await listenInternal(instance.frontSocket, (server) =>
    server.on("connection", (socket) => endpoint.acceptInternal(socket)),
  );
  await listen(endpoint.server, config);
  giveToFront(instance.stateDirectory);
  giveToFront(instance.packagesDirectory);
  dropRoot(instance);

  await metrics.start();
  await queues.start();
  await autoScaling.start();
  await functions.start();
  await eventSourceMappings.start();
  await workers.start();
  await events.start();
  await pollers.start();
  const relearn = async (): Promise<void> => {
    const outcome = await dataPlane.recall((bounds) => usage.newest(bounds));
    if (outcome.kind === "given-up" && !stopping.aborted) report(`keep-alive begins anew: ${outcome.reason}`);
  };
  // Not waited for: who is served meanwhile is served as if nothing were known.
  void relearn();
  return {
    detail: addressOf(endpoint.server, config.host),
    async stop() {
      await Promise.all([endpoint.close(), closed(internalServer)]);
      await autoScaling.close();
      await events.close();
      await pollers.close();
      await eventSourceMappings.close();
      await functions.close();
      await queues.close();
      await dataPlane.close();
      workers.close();
      await Promise.all([logs.close(), usage.close(), metrics.close()]);
      await engine.close();
    },
  };
}

function authPolicyOf(config: Config): AuthPolicy {
  const keys = accessKeysOf(config);
  return keys.size === 0 ? { open: true } : { keys };
}

function dropRoot(instance: Instance): void {
  // While it can be written; at the end, when Node would do it, this process may no longer.
  flushCompileCache();
  const blocking = blockingDirectory(instance.stateDirectory);
  if (blocking === undefined) becomeFrontUser();
  else report(`the front keeps root, because ${blocking} lets no other user through: chmod o+x ${blocking}`);
}
