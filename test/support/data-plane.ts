/**
 * A data plane over the memory engine, a manual clock and fake workers: everything but the sandboxes is real.
 */
import { createHash } from "node:crypto";
import { UnavailableError } from "../../src/core/errors.ts";
import {
  functionArn,
  functionKey,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../src/core/function-record.ts";
import type { Scope } from "../../src/core/identity.ts";
import { ManualClock } from "../../src/core/manual-clock.ts";
import { openDataPlane, type DataPlane, type DataPlaneOptions } from "../../src/data-plane/data-plane.ts";
import type { InvokeOutcome, InvokeRequest } from "../../src/data-plane/frontend/contract.ts";
import type { AttachedWorker } from "../../src/data-plane/placement/worker-fleet.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import { LambdaMetrics } from "../../src/metering/metrics/lambda-metrics.ts";
import { MetricStore } from "../../src/metering/metrics/metric-store.ts";
import type { UsageRecord } from "../../src/metering/usage-record.ts";
import type { RuntimePack } from "../../src/runtimes/contract.ts";
import type { LogBatch } from "../../src/worker/contract.ts";
import { createSurroundings } from "../../src/data-plane/assignment/surroundings.ts";
import { mappingsOf, type Mappings } from "../../src/config/mappings.ts";
import { FunctionVariables } from "../../src/secrets/function-variables.ts";
import { Keyring } from "../../src/secrets/keyring.ts";
import { settingsOf } from "./function-settings.ts";
import { FakeWorker, type FakeBehaviour } from "./fake-worker.ts";

export const scope: Scope = { account: "000000000000", region: "us-east-1" };

export const nodePack: RuntimePack = {
  identifier: "nodejs24.x",
  family: "nodejs",
  version: "24.0.0",
  mounts: [],
  argv: ["/var/lang/bin/node"],
  environment: {},
  poolable: true,
  startOnlyVariables: ["NODE_OPTIONS"],
};

const noMappings = mappingsOf({ kmsKeys: "", securityGroups: "", fileSystems: "", ignoreUnmapped: "" });

/** Every package, and every tree of packages, is in one directory. */
export function packagesAt(directory: string): DataPlaneOptions["packages"] {
  const resolved = () => Promise.resolve(directory);
  return { find: () => directory, unpack: resolved, findMerged: () => directory, merge: resolved };
}

/** Seals with a key that every world has. */
export const variables = new FunctionVariables(new Keyring(new Map([["default", new Uint8Array(32)]])), {
  ignoresUnknownKeys: false,
});

export function configurationOf(name: string, over: Partial<FunctionConfiguration> = {}): FunctionConfiguration {
  return {
    name,
    version: "$LATEST",
    functionArn: functionArn(scope, name),
    ...settingsOf(name),
    codeDigest: "0".repeat(64),
    codeSha256: "",
    codeSizeBytes: 1,
    state: "Active",
    lastUpdateStatus: "Successful",
    revisionId: "1",
    lastModifiedMs: 0,
    generation: 1,
    ...over,
  };
}

/** Lets everything happen that needs no time to pass. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Fails unless the function ran. */
export function executed(outcome: InvokeOutcome): Extract<InvokeOutcome, { kind: "executed" }> {
  if (outcome.kind !== "executed") throw new Error(`not executed: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** The same bytes in every run. */
export function seededRandom(seed = "seed"): (count: number) => Uint8Array {
  let calls = 0;
  return (count) => createHash("shake256", { outputLength: count }).update(`${seed}/${calls++}`).digest();
}

export class DataPlaneWorld {
  readonly clock = new ManualClock();
  readonly engine: Engine = createMemoryEngine({ clock: this.clock, random: () => 0.5 });
  readonly usage: UsageRecord[] = [];
  readonly metrics = new MetricStore({ engine: this.engine, clock: this.clock, metricsBytesMax: 1_048_576 });
  readonly logs: LogBatch[] = [];
  readonly workers: FakeWorker[] = [];
  #dataPlane: DataPlane | undefined;
  #requests = 0;

  static async open(
    options: {
      readonly config?: Partial<DataPlaneOptions["config"]>;
      readonly packages?: DataPlaneOptions["packages"];
      readonly mappings?: Mappings;
      readonly behaviour?: Partial<FakeBehaviour>;
      readonly memoryMiB?: number;
      readonly workers?: number;
    } = {},
  ): Promise<DataPlaneWorld> {
    const world = new DataPlaneWorld();
    world.#dataPlane = await openDataPlane({
      engine: world.engine,
      clock: world.clock,
      random: seededRandom(),
      resolveRuntime: (identifier) => (identifier === nodePack.identifier ? nodePack : undefined),
      packages: options.packages ?? packagesAt("/code"),
      surroundings: createSurroundings(variables, options.mappings ?? noMappings),
      onLogs: (batch) => world.logs.push(batch),
      onUsage: (usage) => world.usage.push(usage),
      metrics: new LambdaMetrics({ store: world.metrics, clock: world.clock }),
      config: {
        accountConcurrency: 1000,
        requestsPerConcurrency: 10,
        scalingRate: "current",
        environmentsPerTenSeconds: 1000,
        keepAlivePolicy: "fixed",
        keepAliveMs: 600_000,
        keepAliveFor: "",
        environmentLifeMsMax: 50_400_000,
        memoryOvercommit: 1,
        cpuOvercommit: 128,
        poolMin: 2,
        poolMax: 64,
        ...options.config,
      },
    });
    for (let index = 0; index < (options.workers ?? 1); index++) {
      await world.attach(options.behaviour, options.memoryMiB);
    }
    return world;
  }

  get dataPlane(): DataPlane {
    if (this.#dataPlane === undefined) throw new UnavailableError("closing", "not open");
    return this.#dataPlane;
  }

  /** The worker that was attached first. */
  get worker(): FakeWorker {
    const [first] = this.workers;
    if (first === undefined) throw new UnavailableError("worker-gone", "no worker was attached");
    return first;
  }

  async attach(behaviour?: Partial<FakeBehaviour>, memoryMiB?: number): Promise<FakeWorker> {
    const { worker } = await this.attachNamed(behaviour, memoryMiB);
    return worker;
  }

  /** With the handle by which it is drained. */
  async attachNamed(
    behaviour: Partial<FakeBehaviour> = {},
    memoryMiB?: number,
  ): Promise<{ readonly worker: FakeWorker; readonly attached: AttachedWorker }> {
    const { promise, resolve } = Promise.withResolvers<FakeWorker>();
    const attached = await this.dataPlane.attachWorker((listener) => {
      const worker = new FakeWorker(this.clock, listener, behaviour, memoryMiB);
      this.workers.push(worker);
      resolve(worker);
      return Promise.resolve(worker);
    });
    return { worker: await promise, attached };
  }

  async put(configuration: FunctionConfiguration, over: Partial<FunctionRecord> = {}): Promise<void> {
    const record: FunctionRecord = {
      scope,
      name: configuration.name,
      active: configuration,
      latest: configuration,
      tags: {},
      createdAtMs: 0,
      ...over,
    };
    await this.engine.records.put(functionKey(scope, configuration.name), record);
  }

  async delete(name: string): Promise<void> {
    await this.engine.records.delete(functionKey(scope, name));
  }

  invoke(functionName: string, over: Partial<InvokeRequest> = {}): Promise<InvokeOutcome> {
    const requestId = `00000000-0000-4000-8000-${String(this.#requests++).padStart(12, "0")}`;
    return this.dataPlane.frontend.invoke({
      scope,
      requestId,
      functionName,
      payload: Buffer.from("{}"),
      wantsLogTail: false,
      ...over,
    });
  }

  /** Ends everything and fails if a timer is left. */
  async close(): Promise<void> {
    await this.dataPlane.close();
    await this.engine.close();
    await settle();
    if (this.clock.pendingTimers > 0) throw new Error(`${this.clock.pendingTimers} timers are left`);
  }
}
