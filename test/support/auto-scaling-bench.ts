/** Auto scaling over an engine in memory, with metrics as told and a data plane that says what it is told, for tests. */
import assert from "node:assert/strict";
import { trackedMetrics } from "../../src/aws/application-autoscaling/tracked-metrics.ts";
import { AutoScaling } from "../../src/control-plane/auto-scaling/auto-scaling.ts";
import { Concurrency } from "../../src/control-plane/concurrency/concurrency.ts";
import {
  functionKey,
  functionPartKey,
  type AliasRecord,
  type FunctionRecord,
  type ProvisionedConcurrencyRecord,
} from "../../src/core/function-record.ts";
import { ManualClock } from "../../src/core/manual-clock.ts";
import type { ProvisioningStatus } from "../../src/data-plane/scaling/contract.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import { lambdaNamespace } from "../../src/metering/metrics/metric-names.ts";
import { minuteMs } from "../../src/metering/metrics/metric-set.ts";
import { MetricStore } from "../../src/metering/metrics/metric-store.ts";
import { configurationOf, settle } from "./data-plane.ts";

export const scalingScope = { account: "111122223333", region: "eu-west-1" } as const;

/** By then a change was looked after, in ms. */
const lookedAfterMs = 2000;
/** A full hour. */
const begunAtMs = Date.UTC(2026, 10, 23, 6);

export class AutoScalingBench implements AsyncDisposable {
  readonly clock = new ManualClock(begunAtMs);
  readonly engine: Engine;
  readonly metrics: MetricStore;
  readonly concurrency: Concurrency;
  readonly errors: unknown[] = [];
  /** What the data plane says of every configuration. */
  provisioning: ProvisioningStatus = { status: "READY", allocated: 0, available: 0 };
  /** Of the last start. */
  autoScaling: AutoScaling;
  #ids = 0;

  /** Functions `f` and `g`, each with the version 1 and the alias `live`. */
  static async open(): Promise<AutoScalingBench> {
    const bench = new AutoScalingBench();
    const { records } = bench.engine;
    for (const name of ["f", "g"]) {
      const latest = configurationOf(name);
      const record: FunctionRecord = {
        scope: scalingScope,
        name,
        active: latest,
        latest,
        tags: {},
        createdAtMs: 0,
      };
      await records.put(functionKey(scalingScope, name), record);
      await records.put(functionPartKey("function-version", scalingScope, name, "1"), { ...latest, version: "1" });
      const alias: AliasRecord = {
        name: "live",
        functionVersion: "1",
        description: "",
        additionalVersionWeights: {},
        revisionId: "1",
      };
      await records.put(functionPartKey("function-alias", scalingScope, name, "live"), alias);
    }
    await bench.metrics.start();
    await bench.autoScaling.start();
    return bench;
  }

  private constructor() {
    const { clock } = this;
    this.engine = createMemoryEngine({ clock, random: () => 0.5 });
    this.metrics = new MetricStore({ engine: this.engine, clock, metricsBytesMax: 16_777_216 });
    this.concurrency = new Concurrency({ records: this.engine.records, clock, accountConcurrency: 1000 });
    this.autoScaling = this.#make();
  }

  /** Ends it and makes another one over the same records; `downMs` lie in between. */
  async restart(downMs = 0): Promise<void> {
    await this.autoScaling.close();
    this.clock.advance(downMs);
    this.autoScaling = this.#make();
    await this.autoScaling.start();
    await this.settle();
  }

  /** What is asked for of a function's alias `live`. */
  async capacity(name = "f"): Promise<number | undefined> {
    const key = functionPartKey("provisioned-concurrency", scalingScope, name, "live");
    return (await this.engine.records.get<ProvisionedConcurrencyRecord>(key))?.value.requested;
  }

  /** Minutes in each of which that much of `f:live` was in use; undefined when nobody called it. */
  async passMinutes(count: number, utilization?: number): Promise<void> {
    for (let minute = 0; minute < count; minute++) {
      if (utilization !== undefined) this.record(utilization);
      // First what the minute before has begun.
      await this.pass(lookedAfterMs);
      await this.pass(minuteMs - lookedAfterMs);
    }
  }

  async pass(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    await this.settle();
  }

  record(utilization: number, name = "f"): void {
    const dimensions = [
      { name: "FunctionName", value: name },
      { name: "Resource", value: `${name}:live` },
    ];
    const set = this.metrics.setOf({ scope: scalingScope, namespace: lambdaNamespace, dimensions });
    set.record("ProvisionedConcurrencyUtilization", utilization, this.clock.now());
  }

  /** Everything here happens in memory, without waiting for anything but each other. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.autoScaling.close();
    await this.metrics.close();
    assert.deepEqual(this.errors, []);
    assert.equal(this.clock.pendingTimers, 0);
  }

  #make(): AutoScaling {
    const { clock, concurrency, metrics } = this;
    return new AutoScaling({
      records: this.engine.records,
      concurrency,
      provisioning: { status: () => this.provisioning },
      metrics: trackedMetrics({ metrics, clock }),
      clock,
      newId: () => `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, "0")}`,
      onError: (error) => this.errors.push(error),
    });
  }
}
