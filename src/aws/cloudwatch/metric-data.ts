/**
 * One statistic each of many metrics, in pages.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
 */
import type {
  GetMetricDataCommandInput,
  GetMetricDataCommandOutput,
  MetricDataResult,
} from "@aws-sdk/client-cloudwatch";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { CallContext } from "../service.ts";
import { evaluate, idsOf, type Expression, type Series } from "./metric-math.ts";
import { datapointsMax, resultsOf, validationError, type MetricResult, type StatSource } from "./metric-queries.ts";
import { readMetric, type CloudWatchServices } from "./metric-reader.ts";

/**
 * Minutes that are read for one page: a week of twenty metrics. What is left comes with the next page; one expression may
 * need twice as many.
 */
const minutesMax = 201_600;
/** An index and a time, in the token's form. */
const tokenLengthMax = 100;

/** Where the next page begins: a query, and after which of its points. */
interface Place {
  readonly index: number;
  readonly afterMs?: number;
}

export async function getMetricData(
  services: CloudWatchServices,
  input: GetMetricDataCommandInput,
  { scope }: Pick<CallContext, "scope">,
): Promise<Omit<GetMetricDataCommandOutput, "$metadata">> {
  const asked = resultsOf(input, scope.account);
  const reader = new SeriesReader(services, scope, asked);
  const returned = asked.filter(({ isReturned }) => isReturned);
  const isDescending = input.ScanBy !== "TimestampAscending";
  let place: Place = input.NextToken === undefined ? { index: 0 } : parseToken(input.NextToken, returned.length);
  let left = Math.min(datapointsMax, input.MaxDatapoints ?? datapointsMax);
  const results: MetricDataResult[] = [];
  let next: Place | undefined;
  for (; place.index < returned.length; place = { index: place.index + 1 }) {
    const one = returned[place.index];
    if (one === undefined) break;
    if (left <= 0 || reader.minutes >= minutesMax) {
      next = place;
      break;
    }
    const series = await reader.seriesOf(one);
    const { afterMs } = place;
    const times = [...series.keys()]
      .filter((atMs) => afterMs === undefined || (isDescending ? atMs < afterMs : atMs > afterMs))
      .toSorted((a, b) => (isDescending ? b - a : a - b));
    const page = times.slice(0, left);
    left -= page.length;
    const isCut = page.length < times.length;
    results.push({
      Id: one.id,
      Label: one.label,
      Timestamps: page.map((atMs) => new Date(atMs)),
      Values: page.map((atMs) => series.get(atMs) ?? NaN),
      StatusCode: isCut ? "PartialData" : "Complete",
    });
    const last = page.at(-1);
    if (isCut && last !== undefined) {
      next = { index: place.index, afterMs: last };
      break;
    }
  }
  return {
    MetricDataResults: results,
    Messages: [],
    ...(next !== undefined && { NextToken: Buffer.from(JSON.stringify(next)).toString("base64url") }),
  };
}

/** Reads and computes, each result once in a request. */
class SeriesReader {
  readonly #services: CloudWatchServices;
  readonly #scope: Scope;
  readonly #byId: ReadonlyMap<string, MetricResult>;
  readonly #known = new Map<string, Series>();
  /** That had to be read so far. */
  minutes = 0;

  constructor(services: CloudWatchServices, scope: Scope, results: readonly MetricResult[]) {
    this.#services = services;
    this.#scope = scope;
    this.#byId = new Map(results.map((result) => [result.id, result]));
  }

  async seriesOf({ id, source }: MetricResult): Promise<Series> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const series = source.kind === "stat" ? await this.#read(source) : await this.#compute(source.expression);
    this.#known.set(id, series);
    return series;
  }

  async #read({ query, statistic }: StatSource): Promise<Series> {
    const { points, minutes } = await readMetric(this.#services, this.#scope, query);
    this.minutes += minutes;
    if (this.minutes > 2 * minutesMax) {
      throw validationError(["Too many values are requested at once: ask for fewer metrics or a shorter time."]);
    }
    return new Map(points.map(({ atMs, values }) => [atMs, statistic(values)]));
  }

  async #compute(expression: Expression): Promise<Series> {
    for (const id of idsOf(expression)) {
      const needed = this.#byId.get(id);
      if (needed !== undefined) await this.seriesOf(needed);
    }
    return evaluate(expression, (id) => this.#known.get(id) ?? new Map());
  }
}

function parseToken(token: string, queries: number): Place {
  const refused = new ApiError("InvalidNextToken", "The next token specified is invalid.");
  if (token.length > tokenLengthMax || !/^[\w-]+$/.test(token)) throw refused;
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw refused;
  }
  if (typeof place !== "object" || place === null || !("index" in place)) throw refused;
  const { index, afterMs } = place as { readonly index: unknown; readonly afterMs?: unknown };
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= queries) throw refused;
  if (afterMs === undefined) return { index };
  if (typeof afterMs !== "number") throw refused;
  return { index, afterMs };
}
