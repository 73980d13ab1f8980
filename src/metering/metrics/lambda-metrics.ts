/**
 * Counts what happens to functions: the seam through which the data plane and the event queues tell it. Nothing here
 * waits or touches a disk; an invocation costs some twenty additions in memory.
 *
 * As on Lambda an invocation counts at the time when it was taken, however long it ran; `Errors` and `Throttles` also
 * have a zero for every invocation that had none, so that their averages are rates; concurrency is the number of
 * invocations in flight, noted whenever one begins.
 */
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import { FunctionMetrics, RegionMetrics, type InvokedResource } from "./function-metrics.ts";
import type { LambdaMetricName } from "./metric-names.ts";
import type { MetricStore } from "./metric-store.ts";

/** A function that was asked for, by whatever qualifier. */
export interface InvokedFunction {
  readonly scope: Scope;
  /** Unqualified. */
  readonly functionArn: string;
  readonly qualifier?: string | undefined;
}

/** An environment, as far as its cost goes. */
export interface MeteredEnvironment {
  readonly scope: Scope;
  readonly functionArn: string;
  readonly memoryMiB: number;
}

/** `Room`: a start wanted what it had been promised; `MemoryPressure`: memory was really short. */
export type EvictionReason = "Room" | "MemoryPressure";

export interface StartPhases {
  readonly sandboxMs: number;
  readonly codeMs: number;
  readonly runtimeMs: number;
  readonly initMs: number;
  readonly pooled: boolean;
}

/** One invocation from its admission until its function has answered. Disposing it says that it is over. */
export interface MeteredInvocation extends Disposable {
  /** It has an environment, of a version that has `provisioned` ready ahead of demand, that one included. */
  assigned(
    environment: { readonly isProvisioned: boolean; readonly functionVersion: string },
    provisioned: number,
  ): void;
  /** It ran in an environment of that version. */
  reported(
    version: string,
    start: { readonly cold: boolean; readonly queueMs: number },
    report: { readonly durationMs: number; readonly status: "success" | "error" | "timeout" },
  ): void;
}

/** In flight now. */
export interface InFlight {
  readonly scope: Scope;
  readonly functionName: string;
  readonly count: number;
}

const phases = [
  ["sandboxMs", "Sandbox"],
  ["codeMs", "Code"],
  ["runtimeMs", "Runtime"],
  ["initMs", "Init"],
] as const;

export class LambdaMetrics {
  readonly #store: MetricStore;
  readonly #clock: Clock;
  readonly #regions = new Map<string, RegionMetrics>();
  /** By unqualified ARN. */
  readonly #functions = new Map<string, FunctionMetrics>();

  constructor({ store, clock }: { readonly store: MetricStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What the function has reserved and its versions have provisioned. */
  setReserved(of: InvokedFunction, reserved: number | undefined): void {
    this.#changeShares(this.#of(of), (metrics) => {
      const wasUnreserved = metrics.reserved === undefined;
      metrics.reserved = reserved;
      if (wasUnreserved === (reserved === undefined)) return;
      metrics.region.unreservedInFlight += wasUnreserved ? -metrics.inFlight : metrics.inFlight;
    });
  }

  setProvisioned(of: InvokedFunction, provisioned: ReadonlyMap<string, number>): void {
    if (provisioned.size === 0 && !this.#functions.has(of.functionArn)) return;
    this.#changeShares(this.#of(of), (metrics) => {
      metrics.provisioned = provisioned;
    });
  }

  /** The function was deleted. What is in flight counts until it ends. */
  forget(of: InvokedFunction): void {
    this.setReserved(of, undefined);
    this.setProvisioned(of, new Map());
    this.#functions.get(of.functionArn)?.retire();
    this.#functions.delete(of.functionArn);
  }

  throttled(of: InvokedFunction, reason: string): void {
    const atMs = this.#clock.now();
    const metrics = this.#about(of);
    metrics.record(of.qualifier, "Throttles", 1, atMs);
    metrics.recordBy({ name: "Reason", value: reason }, "Throttles", 1, atMs);
  }

  /** One value of a metric that has nothing to do with an invocation in flight. */
  count(of: InvokedFunction, metric: LambdaMetricName, value = 1): void {
    this.#about(of).record(of.qualifier, metric, value, this.#clock.now());
  }

  /** An invocation was admitted. */
  begin(of: InvokedFunction): MeteredInvocation {
    return new Invocation(this.#of(of), of.qualifier, this.#clock.now());
  }

  environmentStarted(environment: MeteredEnvironment, started: StartPhases): void {
    const atMs = this.#clock.now();
    const metrics = this.#about(environment);
    metrics.recordOwn("EnvironmentStarts", 1, atMs);
    metrics.recordOwn("PoolHits", started.pooled ? 1 : 0, atMs);
    for (const [phase, value] of phases) {
      metrics.recordBy({ name: "Phase", value }, "StartPhaseDuration", started[phase], atMs);
    }
  }

  /** The environment has waited for so long, since it began to or since this was last said. */
  idled(environment: MeteredEnvironment, durationMs: number): void {
    const mibSeconds = (environment.memoryMiB * durationMs) / 1000;
    this.#about(environment).recordOwn("IdleMemoryTime", mibSeconds, this.#clock.now());
  }

  /** An idle environment was ended because it had been idle for long enough. */
  expired(environment: MeteredEnvironment): void {
    this.#about(environment).recordOwn("Expirations", 1, this.#clock.now());
  }

  /** An idle environment was ended for the sake of others. */
  evicted(environment: MeteredEnvironment, reason: EvictionReason): void {
    const atMs = this.#clock.now();
    const metrics = this.#about(environment);
    metrics.recordOwn("Evictions", 1, atMs);
    metrics.recordBy({ name: "Reason", value: reason }, "Evictions", 1, atMs);
  }

  /** Called before values are written or shown: whoever counts time catches up. */
  beforeFlush(task: () => void): void {
    this.#store.beforeFlush(task);
  }

  inFlight(): InFlight[] {
    return Array.from(this.#functions.values(), ({ region, name, inFlight }) => {
      return { scope: region.scope, functionName: name, count: inFlight };
    });
  }

  #of({ scope, functionArn }: Pick<InvokedFunction, "scope" | "functionArn">): FunctionMetrics {
    let found = this.#functions.get(functionArn);
    if (found === undefined) {
      found = this.#newOf({ scope, functionArn }, true);
      this.#functions.set(functionArn, found);
    }
    return found;
  }

  /** What comes late, of a function that is gone, is counted and does not bring it back. */
  #about(of: Pick<InvokedFunction, "scope" | "functionArn">): FunctionMetrics {
    return this.#functions.get(of.functionArn) ?? this.#newOf(of, false);
  }

  #newOf({ scope, functionArn }: Pick<InvokedFunction, "scope" | "functionArn">, isLiving: boolean): FunctionMetrics {
    return new FunctionMetrics(this.#region(scope), functionArn.slice(functionArn.lastIndexOf(":") + 1), isLiving);
  }

  #region(scope: Scope): RegionMetrics {
    const id = `${scope.account}/${scope.region}`;
    let found = this.#regions.get(id);
    if (found === undefined) {
      found = new RegionMetrics(scope, this.#store);
      this.#regions.set(id, found);
    }
    return found;
  }

  #changeShares(metrics: FunctionMetrics, change: (metrics: FunctionMetrics) => void): void {
    metrics.region.setAside -= setAsideFor(metrics);
    change(metrics);
    metrics.region.setAside += setAsideFor(metrics);
  }
}

function setAsideFor({ reserved, provisioned }: FunctionMetrics): number {
  if (reserved !== undefined) return reserved;
  let sum = 0;
  for (const count of provisioned.values()) sum += count;
  return sum;
}

class Invocation implements MeteredInvocation {
  readonly #metrics: FunctionMetrics;
  readonly #qualifier: string | undefined;
  readonly #resource: InvokedResource;
  readonly #atMs: number;
  /** The version on whose provisioned concurrency it runs just now. */
  #provisionedVersion: string | undefined;
  #ranProvisioned = false;
  #isOver = false;

  constructor(metrics: FunctionMetrics, qualifier: string | undefined, atMs: number) {
    this.#metrics = metrics;
    this.#qualifier = qualifier;
    this.#resource = metrics.resource(qualifier);
    this.#atMs = atMs;
    this.#begin();
  }

  assigned(...[environment, provisioned]: Parameters<MeteredInvocation["assigned"]>): void {
    const { isProvisioned, functionVersion: version } = environment;
    const metrics = this.#metrics;
    const hasProvisioned = (metrics.provisioned.get(version) ?? 0) > 0;
    this.#endProvisioned();
    this.#ranProvisioned = isProvisioned;
    if (isProvisioned) {
      const inFlight = (metrics.provisionedInFlight.get(version) ?? 0) + 1;
      metrics.provisionedInFlight.set(version, inFlight);
      this.#provisionedVersion = version;
    } else if (!hasProvisioned) return;
    const inFlight = metrics.provisionedInFlight.get(version) ?? 0;
    this.#record("ProvisionedConcurrentExecutions", inFlight);
    if (provisioned > 0) {
      const { ownSet } = this.#resource;
      ownSet.record("ProvisionedConcurrencyUtilization", Math.min(1, inFlight / provisioned), this.#atMs);
    }
  }

  reported(...[version, { cold, queueMs }, { durationMs, status }]: Parameters<MeteredInvocation["reported"]>): void {
    const versionSet = this.#metrics.versionSet(this.#qualifier, version);
    const record = (metric: LambdaMetricName, value: number): void => {
      this.#record(metric, value);
      versionSet?.record(metric, value, this.#atMs);
    };
    record("Invocations", 1);
    record("Errors", status === "success" ? 0 : 1);
    record("Throttles", 0);
    record("Duration", durationMs);
    if (this.#ranProvisioned) record("ProvisionedConcurrencyInvocations", 1);
    else if ((this.#metrics.provisioned.get(version) ?? 0) > 0) {
      record("ProvisionedConcurrencySpilloverInvocations", 1);
    }
    this.#metrics.recordOwn("StartDelay", queueMs, this.#atMs);
    if (cold) this.#metrics.recordOwn("ColdStarts", 1, this.#atMs);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endProvisioned();
    const { region, reserved } = this.#metrics;
    this.#metrics.inFlight--;
    this.#resource.inFlight--;
    region.inFlight--;
    if (reserved === undefined) region.unreservedInFlight--;
  }

  #begin(): void {
    const { region, reserved, lambda } = this.#metrics;
    const metric = "ConcurrentExecutions";
    region.lambda.record(metric, ++region.inFlight, this.#atMs);
    lambda.record(metric, ++this.#metrics.inFlight, this.#atMs);
    this.#resource.ownSet.record(metric, ++this.#resource.inFlight, this.#atMs);
    if (reserved === undefined) region.unreservedInFlight++;
    region.lambda.record("UnreservedConcurrentExecutions", region.unreservedInFlight, this.#atMs);
    region.lambda.record("ClaimedAccountConcurrency", region.unreservedInFlight + region.setAside, this.#atMs);
  }

  #record(metric: LambdaMetricName, value: number): void {
    for (const set of this.#resource.sets) set.record(metric, value, this.#atMs);
  }

  #endProvisioned(): void {
    const version = this.#provisionedVersion;
    if (version === undefined) return;
    this.#provisionedVersion = undefined;
    const left = (this.#metrics.provisionedInFlight.get(version) ?? 0) - 1;
    if (left > 0) this.#metrics.provisionedInFlight.set(version, left);
    else this.#metrics.provisionedInFlight.delete(version);
  }
}
