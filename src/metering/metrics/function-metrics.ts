/**
 * The metric sets of one function, made when something is first recorded for them: Lambda shows each value under the
 * function, under what was invoked (`Resource`: the function or a qualifier of it), under an alias together with the
 * version that it led to (`ExecutedVersion`), and under all functions of a region together.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
 */
import type { Scope } from "../../core/identity.ts";
import { hearthNamespace, lambdaNamespace, type HearthMetricName, type LambdaMetricName } from "./metric-names.ts";
import type { Dimension, MetricSet } from "./metric-set.ts";
import type { MetricStore } from "./metric-store.ts";

/** What was invoked of a function, and how much of it runs now. */
export interface InvokedResource {
  /** Under which its values count: all functions, the function, the resource. */
  readonly sets: readonly MetricSet[];
  readonly ownSet: MetricSet;
  /** For the versions that an alias led to. */
  readonly versionSets: Map<string, MetricSet>;
  readonly isAlias: boolean;
  inFlight: number;
}

/** One account in one region. */
export class RegionMetrics {
  readonly scope: Scope;
  readonly store: MetricStore;
  readonly lambda: MetricSet;
  readonly hearth: MetricSet;
  readonly byDimension = new Map<string, MetricSet>();
  inFlight = 0;
  /** In flight in functions that have no reserve. */
  unreservedInFlight = 0;
  /** Reserved, or provisioned by functions without a reserve. */
  setAside = 0;

  constructor(scope: Scope, store: MetricStore) {
    this.scope = scope;
    this.store = store;
    this.lambda = store.setOf({ scope, namespace: lambdaNamespace, dimensions: [] });
    this.hearth = store.setOf({ scope, namespace: hearthNamespace, dimensions: [] });
  }
}

export class FunctionMetrics {
  readonly region: RegionMetrics;
  readonly name: string;
  reserved: number | undefined;
  provisioned: ReadonlyMap<string, number> = new Map();
  inFlight = 0;
  /** Those of each version that run on provisioned concurrency. */
  readonly provisionedInFlight = new Map<string, number>();
  readonly #lambda: MetricSet;
  readonly #hearth: MetricSet;
  readonly #byDimension = new Map<string, MetricSet>();
  readonly #resources = new Map<string, InvokedResource>();
  #isLiving: boolean;

  /** `isLiving`: the function exists. */
  constructor(region: RegionMetrics, name: string, isLiving: boolean) {
    this.region = region;
    this.name = name;
    this.#isLiving = isLiving;
    const dimensions = [{ name: "FunctionName", value: name }];
    this.#lambda = this.#setOf(lambdaNamespace, dimensions);
    this.#hearth = this.#setOf(hearthNamespace, dimensions);
  }

  /** The function was deleted: a scrape shows nothing of it any more. */
  retire(): void {
    this.#isLiving = false;
    for (const set of [this.#lambda, this.#hearth, ...this.#byDimension.values()]) set.retire();
    for (const { ownSet, versionSets } of this.#resources.values()) {
      for (const set of [ownSet, ...versionSets.values()]) set.retire();
    }
  }

  get lambda(): MetricSet {
    return this.#lambda;
  }

  /** `qualifier` as the caller named it. */
  resource(qualifier = ""): InvokedResource {
    let found = this.#resources.get(qualifier);
    if (found === undefined) {
      const ownSet = this.#setOf(lambdaNamespace, this.#resourceDimensions(qualifier));
      found = {
        sets: [this.region.lambda, this.#lambda, ownSet],
        ownSet,
        versionSets: new Map(),
        isAlias: qualifier !== "" && qualifier !== "$LATEST" && !/^\d+$/.test(qualifier),
        inFlight: 0,
      };
      this.#resources.set(qualifier, found);
    }
    return found;
  }

  /** Where a value counts too when an alias led to that version. */
  versionSet(qualifier: string | undefined, version: string): MetricSet | undefined {
    const { isAlias, versionSets } = this.resource(qualifier);
    if (!isAlias) return undefined;
    let found = versionSets.get(version);
    if (found === undefined) {
      const dimensions = [...this.#resourceDimensions(qualifier), { name: "ExecutedVersion", value: version }];
      found = this.#setOf(lambdaNamespace, dimensions);
      versionSets.set(version, found);
    }
    return found;
  }

  /** Under the function, what was invoked, and all functions. */
  record(qualifier: string | undefined, metric: LambdaMetricName, value: number, atMs: number): void {
    for (const set of this.resource(qualifier).sets) set.record(metric, value, atMs);
  }

  /** Under the function and under all functions. */
  recordOwn(metric: HearthMetricName, value: number, atMs: number): void {
    this.region.hearth.record(metric, value, atMs);
    this.#hearth.record(metric, value, atMs);
  }

  /** Under the function and under all functions, each with one further dimension. */
  recordBy({ name, value: of }: Dimension, metric: HearthMetricName, value: number, atMs: number): void {
    const { scope, store, byDimension } = this.region;
    const key = `${name}=${of}`;
    let all = byDimension.get(key);
    if (all === undefined) {
      all = store.setOf({ scope, namespace: hearthNamespace, dimensions: [{ name, value: of }] });
      byDimension.set(key, all);
    }
    all.record(metric, value, atMs);
    let own = this.#byDimension.get(key);
    if (own === undefined) {
      own = this.#setOf(hearthNamespace, [
        { name: "FunctionName", value: this.name },
        { name, value: of },
      ]);
      this.#byDimension.set(key, own);
    }
    own.record(metric, value, atMs);
  }

  #resourceDimensions(qualifier = ""): Dimension[] {
    return [
      { name: "FunctionName", value: this.name },
      { name: "Resource", value: qualifier === "" ? this.name : `${this.name}:${qualifier}` },
    ];
  }

  #setOf(namespace: string, dimensions: readonly Dimension[]): MetricSet {
    const { scope, store } = this.region;
    const set = store.setOf({ scope, namespace, dimensions });
    // There may have been one of that name before.
    if (this.#isLiving) set.revive();
    return set;
  }
}
