/**
 * What a request of GetMetricData asks for, and what is wrong with it.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
 */
import type { GetMetricDataCommandInput, MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { ApiError } from "../../core/errors.ts";
import { labelsOf } from "./metric-labels.ts";
import { idsOf, parseExpression, type Expression } from "./metric-math.ts";
import { dimensionsOf, type MetricQuery } from "./metric-reader.ts";
import { isPeriod, parseStatistic, startOf, type Statistic } from "./statistics.ts";

const queriesMax = 500;
/** Of one page, and what a page has when the caller names no number. */
export const datapointsMax = 100_800;
/** Ids in all expressions of a request together: each is looked at for every value. */
const referencesMax = 1000;

const idPattern = /^[a-z]\w*$/;

/** A result as it is asked for; one of an expression has what its ids have. */
export interface MetricResult {
  readonly id: string;
  readonly label: string;
  readonly isReturned: boolean;
  readonly source: StatSource | { readonly kind: "expression"; readonly expression: Expression };
}

export interface StatSource {
  readonly kind: "stat";
  readonly statistic: Statistic;
  readonly query: MetricQuery;
}

/** In the order in which they are asked for. Throws what is wrong with any of them. */
export function resultsOf(input: GetMetricDataCommandInput, account: string): MetricResult[] {
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
  const range = { startMs: startOf(start), endMs: end.getTime() };
  const results = queries.map((query): MetricResult => {
    const { Id: id = "", ReturnData: isReturned = true } = query;
    return { id, label: labels.get(query) ?? id, isReturned, source: sourceOf(query, range) };
  });
  checkExpressions(results);
  return results;
}

function sourceOf(
  { MetricStat: stat, Expression: expression = "" }: MetricDataQuery,
  range: { readonly startMs: number; readonly endMs: number },
): MetricResult["source"] {
  const statistic = parseStatistic(stat?.Stat ?? "");
  if (stat === undefined || statistic.kind !== "known") {
    return { kind: "expression", expression: parseExpression(expression) };
  }
  const { Namespace: namespace = "", MetricName: metric = "", Dimensions: dimensions } = stat.Metric ?? {};
  const periodMs = (stat.Period ?? 0) * 1000;
  const query = { namespace, metric, dimensions: dimensionsOf(dimensions), unit: stat.Unit, ...range, periodMs };
  return { kind: "stat", statistic: statistic.of, query };
}

/** Each has to be made of others' values, of one period, and not of its own. */
function checkExpressions(results: readonly MetricResult[]): void {
  const byId = new Map(results.map((result) => [result.id, result]));
  /** Undefined while it is being looked at. */
  const known = new Map<string, ReadonlySet<number> | undefined>();
  let references = 0;
  const periodsOf = ({ id, source }: MetricResult): ReadonlySet<number> => {
    if (source.kind === "stat") return new Set([source.query.periodMs]);
    const found = known.get(id);
    if (found !== undefined) return found;
    if (known.has(id)) throw expressionError(id, "it is made of itself.");
    known.set(id, undefined);
    const periods = new Set<number>();
    for (const needed of idsOf(source.expression)) {
      const result = byId.get(needed);
      if (result === undefined) throw expressionError(id, `there is no query with the id ${needed}.`);
      if (++references > referencesMax) throw expressionError(id, `a request names at most ${referencesMax} ids.`);
      for (const period of periodsOf(result)) periods.add(period);
    }
    known.set(id, periods);
    return periods;
  };
  for (const result of results) {
    const periods = periodsOf(result);
    if (periods.size === 0) throw expressionError(result.id, "it names no metric, so that it is no time series.");
    if (periods.size > 1) throw expressionError(result.id, "Hearth joins metrics of one period only.");
  }
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
    problems.push(...problemsOfExpression(query, expression, at));
  } else if (stat === undefined) {
    problems.push(`Either ${at}.MetricStat or ${at}.Expression must be specified.`);
  } else {
    problems.push(...problemsOfStat(stat, `${at}.MetricStat`));
  }
  return problems;
}

function problemsOfExpression({ Id: id = "", Period: period }: MetricDataQuery, text: string, at: string): string[] {
  if (period !== undefined)
    return [`The parameter ${at}.Period is not supported: an expression has its metrics' period.`];
  try {
    parseExpression(text);
    return [];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [`Error in expression '${id}': ${error.message}.`];
  }
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

function expressionError(id: string, problem: string): ApiError {
  return validationError([`Error in expression '${id}': ${problem}`]);
}

/** CloudWatch says all that is wrong, each on a line of its own. */
export function validationError(problems: readonly string[]): ApiError {
  return new ApiError("ValidationException", problems.map((problem) => `${problem}\n`).join(""));
}
