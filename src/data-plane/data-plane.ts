/**
 * Puts the parts of the data plane together: directory, counting, assignment, pools, and the frontend before them.
 */
import type { Clock } from "../core/clock.ts";
import { parseFunctionArn } from "../core/arn.ts";
import { functionArn as arnOf } from "../core/function-record.ts";
import type { Scope } from "../core/identity.ts";
import type { Engine } from "../engine/contract.ts";
import type { LambdaMetrics } from "../metering/metrics/lambda-metrics.ts";
import type { UsageRecord } from "../metering/usage-record.ts";
import type { TreeStore } from "../packages/ensure-tree.ts";
import type { EnvironmentInfo, LogBatch, PoolInfo, Worker, WorkerListener } from "../worker/contract.ts";
import { Assignment } from "./assignment/assignment.ts";
import type { RandomBytes } from "./assignment/credentials.ts";
import { keptAs } from "./assignment/environment-table.ts";
import type { EnvironmentIdentity } from "./assignment/environment-registry.ts";
import { LaunchPlanner } from "./assignment/launch-plan.ts";
import { RuntimePins } from "./assignment/runtime-pins.ts";
import type { FindSurroundings } from "./assignment/surroundings.ts";
import { CountingService } from "./counting/counting-service.ts";
import { createScalingRate, type ScalingRateName } from "./counting/scaling-rate.ts";
import type { Frontend } from "./frontend/contract.ts";
import type { VersionShare } from "./frontend/alias-routing.ts";
import { FunctionDirectory, type Resolution } from "./frontend/function-directory.ts";
import { InvocationFrontend } from "./frontend/invocation-frontend.ts";
import { insightOf, type FunctionInsight, type InsightSources } from "./insight.ts";
import type { AttachedWorker } from "./placement/worker-fleet.ts";
import type { Provisioning } from "./scaling/contract.ts";
import { keepAlivePolicyOf, learnsFromPast, type KeepAliveConfig } from "./scaling/keep-alive/named-policies.ts";
import { pacer, recall, type RecallOptions, type RecallOutcome } from "./scaling/keep-alive/recall.ts";
import { ReplaceablePolicy } from "./scaling/keep-alive/replaceable.ts";
import { PoolKeeper, type ResolveRuntime } from "./scaling/pool-keeper.ts";
import { Provisioner } from "./scaling/provisioner.ts";
import { ProvisioningRecords } from "./scaling/provisioning-records.ts";

export interface DataPlaneOptions {
  readonly engine: Pick<Engine, "records" | "blobs">;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** The pack of a runtime identifier; undefined when this host does not have it. */
  readonly resolveRuntime: ResolveRuntime;
  readonly packages: TreeStore;
  readonly surroundings: FindSurroundings;
  readonly onLogs: (batch: LogBatch) => void;
  readonly onUsage: (usage: UsageRecord) => void;
  readonly metrics: LambdaMetrics;
  readonly config: KeepAliveConfig & {
    readonly accountConcurrency: number;
    readonly requestsPerConcurrency: number;
    readonly scalingRate: ScalingRateName;
    readonly environmentsPerTenSeconds: number;
    readonly environmentLifeMsMax: number;
    readonly memoryOvercommit: number;
    readonly cpuOvercommit: number;
    readonly poolMin: number;
    readonly poolMax: number;
  };
}

export interface DataPlane {
  readonly frontend: Frontend;
  readonly provisioning: Provisioning;
  /** Takes a worker into service; when it is lost, attach the next one. */
  attachWorker(connect: (listener: WorkerListener) => Promise<Worker>): Promise<AttachedWorker>;
  /** Who signs with this key; undefined when no living environment has it. */
  credentialsOf(accessKeyId: string): EnvironmentIdentity | undefined;
  environment(id: string): EnvironmentIdentity | undefined;
  /** Why a version is warm, cold or throttled just now; of an alias that splits its traffic, each of its versions. */
  why(scope: Scope, functionName: string, qualifier?: string): Promise<WhyOutcome>;
  /**
   * Has the keep-alive policy learn again what it knew before a restart, in the background. Resolves when it has, or has
   * given up; never rejects.
   */
  recall(usage: RecallOptions["usage"]): Promise<RecallOutcome>;
  /** What the workers have; a worker that is lost meanwhile has nothing. */
  environments(): Promise<EnvironmentInfo[]>;
  pools(): Promise<PoolInfo[]>;
  /** Turns waiters away and ends idle environments; invocations in flight go on. */
  close(): Promise<void>;
}

export type VersionOutcome =
  | ({ readonly kind: "found" } & FunctionInsight)
  | Exclude<Resolution, { readonly kind: "found" }>;

export type WhyOutcome =
  | VersionOutcome
  /** An alias that splits its traffic; the likeliest version first. */
  | { readonly kind: "split"; readonly alias: string; readonly versions: readonly (VersionShare & VersionOutcome)[] };

/** Resolves when every function in the records is known. */
export async function openDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const { clock, config, engine, metrics, resolveRuntime } = options;
  const counting = new CountingService(config);
  const scalingRate = createScalingRate(config);
  const pools = new PoolKeeper({
    clock,
    resolveRuntime,
    configurations: () => directory.configurations(),
    workers: () => assignment.workers,
    bounds: { min: config.poolMin, max: config.poolMax },
  });
  const pins = new RuntimePins();
  const keepAlive = new ReplaceablePolicy(keepAlivePolicyOf(config));
  const closing = new AbortController();
  const assignment = new Assignment({
    clock,
    random: options.random,
    planner: new LaunchPlanner({
      resolveRuntime,
      packages: options.packages,
      blobs: engine.blobs,
      surroundings: options.surroundings,
      pins,
    }),
    keepAlive,
    scalingRate,
    environmentLifeMsMax: config.environmentLifeMsMax,
    overcommit: { memory: config.memoryOvercommit, cpu: config.cpuOvercommit },
    metrics,
    onColdStart: (configuration) => pools.observeColdStart(configuration),
    onFleetChange() {
      pools.changed();
      provisioner.fleetChanged();
    },
    onProvisionedChange: (configuration, endedAfterMs) => provisioner.changed(configuration, endedAfterMs),
  });
  const provisioner = new Provisioner({
    clock,
    environments: assignment,
    environmentLifeMsMax: config.environmentLifeMsMax,
    onShares(scope, functionArn, shares) {
      counting.setProvisioned(scope, functionArn, shares);
      metrics.setProvisioned({ scope, functionArn }, shares);
    },
  });
  const wishes = new ProvisioningRecords((scope, functionArn) =>
    provisioner.setWishes(scope, functionArn, wishes.of(functionArn)),
  );
  const directory = new FunctionDirectory({
    onFunction(functionArn, record, live) {
      counting.setReserved(record.scope, functionArn, record.reservedConcurrency);
      metrics.setReserved({ scope: record.scope, functionArn }, record.reservedConcurrency);
      // First: what is about to end must not be replaced.
      provisioner.setLive(record.scope, functionArn, live);
      assignment.retain(functionArn, live);
      pools.changed();
    },
    onDeleted(functionArn, scope) {
      provisioner.setLive(scope, functionArn, []);
      counting.forget(scope, functionArn);
      assignment.retain(functionArn, []);
      // Last: what its environments cost until now is counted.
      metrics.forget({ scope, functionArn });
      pools.changed();
    },
  });
  await wishes.follow(engine.records);
  await pins.follow(engine.records);
  await directory.follow(engine.records);

  const allPools = (): Promise<PoolInfo[]> => fromAll(assignment.workers, (worker) => worker.pools());
  const poolOf: InsightSources["poolOf"] = (configuration, all) => pools.poolOf(configuration, all);
  const foresee = async (functions: ReadonlySet<string>): Promise<void> => {
    const pace = pacer(clock);
    for (const configuration of directory.configurations()) {
      const named = functions.has(keptAs(configuration).id) ? parseFunctionArn(configuration.functionArn) : undefined;
      if (named === undefined) continue;
      await pace();
      // It may have changed, or gone, meanwhile.
      const now = directory.resolve(named.scope, named.name, configuration.version, drawLikeliest);
      if (now.kind === "found" && now.configuration === configuration) assignment.foresee(named.scope, configuration);
    }
  };
  return {
    frontend: new InvocationFrontend({
      clock,
      directory,
      counting,
      assignment,
      draw: () => Buffer.from(options.random(4)).readUInt32BE() / 2 ** 32,
      onUsage: options.onUsage,
      metrics,
    }),
    attachWorker: (connect) => assignment.attach((listener) => connect({ ...listener, onLogs: options.onLogs })),
    credentialsOf: (accessKeyId) => assignment.credentialsOf(accessKeyId),
    environment: (id) => assignment.environment(id),
    environments: () => fromAll(assignment.workers, (worker) => worker.environments()),
    provisioning: provisioner,
    pools: allPools,
    async why(scope, functionName, qualifier) {
      const sources = { clock, config, counting, scalingRate, assignment, pools: allPools, poolOf };
      const whyVersion = async (wanted: string | undefined): Promise<VersionOutcome> => {
        const resolution = directory.resolve(scope, functionName, wanted, drawLikeliest);
        if (resolution.kind !== "found") return resolution;
        const { configuration, alias } = resolution;
        return { kind: "found", ...(await insightOf(sources, scope, configuration, alias)) };
      };
      const shares = qualifier === undefined ? [] : directory.sharesOf(scope, functionName, qualifier);
      if (qualifier === undefined || shares.length === 0) return whyVersion(qualifier);
      const versions: (VersionShare & VersionOutcome)[] = [];
      for (const share of shares) versions.push({ ...(await whyVersion(share.version)), ...share });
      return { kind: "split", alias: qualifier, versions };
    },
    async recall(usage) {
      if (!learnsFromPast(config)) return { kind: "nothing" };
      const known = new Map(Array.from(directory.configurations(), (each) => [keptAs(each).id, keptAs(each)]));
      try {
        const outcome = await recall({
          clock,
          policy: keepAlive,
          create: () => keepAlivePolicyOf(config),
          usage,
          keptAs: (record) => known.get(recordedId(record)),
          signal: closing.signal,
        });
        if (outcome.kind === "recalled") await foresee(outcome.functions);
        return outcome;
      } catch (error) {
        return { kind: "given-up", reason: error instanceof Error ? error.message : String(error) };
      }
    },
    async close() {
      closing.abort();
      directory.close();
      pins.close();
      wishes.close();
      provisioner.close();
      pools.close();
      await assignment.close();
    },
  };
}

function recordedId({ functionName, functionVersion, memorySizeMiB, ...scope }: UsageRecord): string {
  const functionArn = arnOf(scope, functionName);
  return keptAs({ functionArn, version: functionVersion, memoryMiB: memorySizeMiB }).id;
}

/** Only asked where an alias has a second version, and then one of the two gets all: below its weight, unless that is 0. */
const drawLikeliest = (): number => 0;

async function fromAll<T>(workers: readonly Worker[], ask: (worker: Worker) => Promise<T[]>): Promise<T[]> {
  const answers = await Promise.all(workers.map((worker) => ask(worker).catch(() => [])));
  return answers.flat();
}
