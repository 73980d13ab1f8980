/**
 * One statistic each of many metrics, in pages.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
 */
import type {
  GetMetricDataCommandInput,
  GetMetricDataCommandOutput,
  MetricDataQuery,
  MetricDataResult,
} from "@aws-sdk/client-cloudwatch";
import { ApiError } from "../../core/errors.ts";
import type { CallContext } from "../service.ts";
import { labelsOf } from "./metric-labels.ts";
import { dimensionsOf, readMetric, type CloudWatchServices } from "./metric-reader.ts";
import { isPeriod, parseStatistic, startOf, type Statistic } from "./statistics.ts";

const queriesMax = 500;
/** Of one page, and what a page has when the caller names no number. */
const datapointsMax = 100_800;
/** Minutes that are read for one page: a week of twenty metrics. What is left comes with the next page. */
const minutesMax = 201_600;
/** An index and a time, in the token's form. */
const tokenLengthMax = 100;

const idPattern = /^[a-z]\w*$/;

interface Series {
  readonly id: string;
  readonly label: string;
  readonly statistic: Statistic;
  readonly query: Parameters<typeof readMetric>[2];
}

/** Where the next page begins: a query, and after which of its points. */
interface Place {
  readonly index: number;
  readonly afterMs?: number;
}

export async function getMetricData(
  services: CloudWatchServices,
  input: GetMetricDataCommandInput,
  { scope }: CallContext,
): Promise<Omit<GetMetricDataCommandOutput, "$metadata">> {
  const series = seriesOf(input, scope.account);
  const isDescending = input.ScanBy !== "TimestampAscending";
  let place: Place = input.NextToken === undefined ? { index: 0 } : parseToken(input.NextToken, series.length);
  let left = Math.min(datapointsMax, input.MaxDatapoints ?? datapointsMax);
  let minutesLeft = minutesMax;
  const results: MetricDataResult[] = [];
  let next: Place | undefined;
  for (; place.index < series.length; place = { index: place.index + 1 }) {
    const one = series[place.index];
    if (one === undefined) break;
    if (left <= 0 || minutesLeft <= 0) {
      next = place;
      break;
    }
    const { points, minutes } = await readMetric(services, scope, one.query);
    minutesLeft -= minutes;
    const ordered = isDescending ? points.toReversed() : points;
    const { afterMs } = place;
    const rest =
      afterMs === undefined ? ordered : ordered.filter(({ atMs }) => (isDescending ? atMs < afterMs : atMs > afterMs));
    const page = rest.slice(0, left);
    left -= page.length;
    const isCut = page.length < rest.length;
    results.push({
      Id: one.id,
      Label: one.label,
      Timestamps: page.map(({ atMs }) => new Date(atMs)),
      Values: page.map(({ values }) => one.statistic(values)),
      StatusCode: isCut ? "PartialData" : "Complete",
    });
    const last = page.at(-1);
    if (isCut && last !== undefined) {
      next = { index: place.index, afterMs: last.atMs };
      break;
    }
  }
  return {
    MetricDataResults: results,
    Messages: [],
    ...(next !== undefined && { NextToken: Buffer.from(JSON.stringify(next)).toString("base64url") }),
  };
}

/** Those whose data are to be returned. Throws what is wrong with any of them. */
function seriesOf(input: GetMetricDataCommandInput, account: string): Series[] {
  const { MetricDataQueries: queries = [], StartTime: start, EndTime: end, MaxDatapoints: max } = input;
  const problems: string[] = [];
  if (queries.length > queriesMax) {
    problems.push(`The collection MetricDataQueries must not have a size greater than ${queriesMax}.`);
  }
  if (start === undefined || end === undefined) throw validationError(["StartTime and EndTime must be given."]);
  if (start.getTime() === end.getTime()) problems.push("The parameter StartTime must not equal parameter EndTime.");
  if (start > end) problems.push("The parameter StartTime must be less than the parameter EndTime.");
  if (max !== undefined && !(max >= 1 && max <= datapointsMax)) {
    problems.push(`The parameter MaxDatapoints must be a value from 1 to ${datapointsMax}.`);
  }
  if (new Set(queries.map(({ Id: id }) => id)).size < queries.length) {
    problems.push("The values for parameter id in MetricDataQueries are not unique.");
  }
  for (const [index, query] of queries.slice(0, queriesMax).entries()) {
    problems.push(...problemsOf(query, `MetricDataQueries.member.${index + 1}`, account));
  }
  if (problems.length > 0) throw validationError(problems);
  const labels = labelsOf(queries);
  return queries.flatMap((query): Series[] => {
    const { Id: id = "", MetricStat: stat, ReturnData: isReturned = true } = query;
    const statistic = parseStatistic(stat?.Stat ?? "");
    if (stat === undefined || statistic.kind !== "known" || !isReturned) return [];
    const { Namespace: namespace = "", MetricName: metric = "", Dimensions: dimensions } = stat.Metric ?? {};
    return [
      {
        id,
        label: labels.get(query) ?? metric,
        statistic: statistic.of,
        query: {
          namespace,
          metric,
          dimensions: dimensionsOf(dimensions),
          unit: stat.Unit,
          startMs: startOf(start),
          endMs: end.getTime(),
          periodMs: (stat.Period ?? 0) * 1000,
        },
      },
    ];
  });
}

function problemsOf(query: MetricDataQuery, at: string, account: string): string[] {
  const { Id: id = "", MetricStat: stat, Expression: expression, Label: label } = query;
  const problems: string[] = [];
  if (!idPattern.test(id)) {
    problems.push(`The value ${id} for parameter ${at}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.`);
  }
  if (query.AccountId !== undefined && query.AccountId !== account) {
    problems.push(
      `The value ${query.AccountId} for parameter ${at}.AccountId is not supported: Hearth links no accounts.`,
    );
  }
  if (label?.includes("${") === true) {
    problems.push(`The value for parameter ${at}.Label is not supported: Hearth has no dynamic labels.`);
  }
  if (stat !== undefined && expression !== undefined) {
    problems.push(
      `The parameters ${at}.Expression and ${at}.MetricStat are mutually exclusive and you have specified both.`,
    );
  } else if (expression !== undefined) {
    problems.push(`The value for parameter ${at}.Expression is not supported: Hearth has no metric math.`);
  } else if (stat === undefined) {
    problems.push(`Either ${at}.MetricStat or ${at}.Expression must be specified.`);
  } else {
    problems.push(...problemsOfStat(stat, `${at}.MetricStat`));
  }
  return problems;
}

function problemsOfStat(stat: NonNullable<MetricDataQuery["MetricStat"]>, at: string): string[] {
  const { Stat: statistic = "", Period: period = 0 } = stat;
  const problems: string[] = [];
  const { kind } = parseStatistic(statistic);
  if (kind === "invalid") problems.push(`The value ${statistic} for parameter ${at}.Stat is not a valid statistic.`);
  if (kind === "absent") {
    problems.push(`The value ${statistic} for parameter ${at}.Stat is not supported: Hearth computes percentiles.`);
  }
  if (!isPeriod(period)) problems.push(`The parameter ${at}.Period must be a multiple of 60.`);
  return problems;
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

/** CloudWatch says all that is wrong, each on a line of its own. */
function validationError(problems: readonly string[]): ApiError {
  return new ApiError("ValidationException", problems.map((problem) => `${problem}\n`).join(""));
}
