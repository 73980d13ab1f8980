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

  constructor(region: RegionMetrics, name: string) {
    this.region = region;
    this.name = name;
    const { scope, store } = region;
    const dimensions = [{ name: "FunctionName", value: name }];
    this.#lambda = store.setOf({ scope, namespace: lambdaNamespace, dimensions });
    this.#hearth = store.setOf({ scope, namespace: hearthNamespace, dimensions });
  }

  get lambda(): MetricSet {
    return this.#lambda;
  }

  /** `qualifier` as the caller named it. */
  resource(qualifier = ""): InvokedResource {
    let found = this.#resources.get(qualifier);
    if (found === undefined) {
      const ownSet = this.#setOf(this.#resourceDimensions(qualifier));
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
      found = this.#setOf([...this.#resourceDimensions(qualifier), { name: "ExecutedVersion", value: version }]);
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
    const own = { name: "FunctionName", value: this.name };
    for (const [sets, dimensions] of [
      [byDimension, []],
      [this.#byDimension, [own]],
    ] as const) {
      let set = sets.get(key);
      if (set === undefined) {
        set = store.setOf({ scope, namespace: hearthNamespace, dimensions: [...dimensions, { name, value: of }] });
        sets.set(key, set);
      }
      set.record(metric, value, atMs);
    }
  }

  #resourceDimensions(qualifier = ""): Dimension[] {
    return [
      { name: "FunctionName", value: this.name },
      { name: "Resource", value: qualifier === "" ? this.name : `${this.name}:${qualifier}` },
    ];
  }

  #setOf(dimensions: readonly Dimension[]): MetricSet {
    const { scope, store } = this.region;
    return store.setOf({ scope, namespace: lambdaNamespace, dimensions });
  }
}
