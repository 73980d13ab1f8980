/**
 * Several statistics of one metric.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
 */
import type {
  Datapoint,
  GetMetricStatisticsCommandInput,
  GetMetricStatisticsCommandOutput,
} from "@aws-sdk/client-cloudwatch";
import { ApiError } from "../../core/errors.ts";
import type { Distribution } from "../../metering/metrics/distribution.ts";
import { unitOf } from "../../metering/metrics/metric-names.ts";
import type { CallContext } from "../service.ts";
import { dimensionsOf, readMetric, type CloudWatchServices } from "./metric-reader.ts";
import { isPeriod, parseExtendedStatistic, simpleStatistics, startOf, type Statistic } from "./statistics.ts";

/** Of one answer; there are no pages. */
const datapointsMax = 1440;
const extendedStatisticsMax = 10;

type Named = readonly [name: string, statistic: Statistic];
type Output = Omit<GetMetricStatisticsCommandOutput, "$metadata">;

export async function getMetricStatistics(
  services: CloudWatchServices,
  input: GetMetricStatisticsCommandInput,
  { scope }: CallContext,
): Promise<Output> {
  const { Namespace: namespace = "", MetricName: metric = "", Unit: unit } = input;
  const { Period: periodSeconds = 0, StartTime: start, EndTime: end } = input;
  if (start === undefined || end === undefined) throw invalidValue("StartTime and EndTime must be given.");
  checkTimes(start, end, periodSeconds);
  const simple = simpleStatisticsOf(input);
  const extended = extendedStatisticsOf(input);
  if (simple.length === 0 && extended.length === 0) {
    throw invalidCombination("Must specify either Statistics or ExtendedStatistics");
  }
  const { points } = await readMetric(services, scope, {
    namespace,
    metric,
    dimensions: dimensionsOf(input.Dimensions),
    unit,
    startMs: startOf(start),
    endMs: end.getTime(),
    periodMs: periodSeconds * 1000,
  });
  const metricUnit = unitOf(namespace, metric);
  return {
    Label: metric,
    Datapoints: points.map(({ atMs, values }): Datapoint => {
      const point: Datapoint = { Timestamp: new Date(atMs), Unit: metricUnit };
      Object.assign(point, computed(simple, values));
      if (extended.length > 0) point.ExtendedStatistics = computed(extended, values);
      return point;
    }),
  };
}

function computed(statistics: readonly Named[], values: Distribution): Record<string, number> {
  return Object.fromEntries(statistics.map(([name, statistic]) => [name, statistic(values)]));
}

function checkTimes(start: Date, end: Date, periodSeconds: number): void {
  const durationMs = end.getTime() - start.getTime();
  if (durationMs === 0) throw invalidValue("The parameter StartTime must not equal parameter EndTime.");
  if (durationMs < 0) throw invalidValue("The parameter StartTime must be less than the parameter EndTime.");
  if (!isPeriod(periodSeconds)) throw invalidValue("The parameter Period must be a multiple of 60.");
  const count = Math.ceil(durationMs / 1000 / periodSeconds);
  if (count > datapointsMax) {
    throw invalidCombination(
      `You have requested up to ${count} datapoints, which exceeds the limit of ${datapointsMax}. ` +
        "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
    );
  }
}

function simpleStatisticsOf({ Statistics: names = [] }: GetMetricStatisticsCommandInput): Named[] {
  const known = Object.keys(simpleStatistics).join(", ");
  return names.map((name, index): Named => {
    if (Object.hasOwn(simpleStatistics, name)) return [name, simpleStatistics[name]];
    throw invalidValue(`The parameter Statistics.member.${index + 1} must be a value in the set [${known}].`);
  });
}

function extendedStatisticsOf({ ExtendedStatistics: names = [] }: GetMetricStatisticsCommandInput): Named[] {
  if (names.length > extendedStatisticsMax) {
    throw invalidValue(`The collection ExtendedStatistics must not have a size greater than ${extendedStatisticsMax}.`);
  }
  return names.map((name, index): Named => {
    const parsed = parseExtendedStatistic(name);
    if (parsed.kind === "known") return [name, parsed.of];
    const parameter = `The value ${name} for parameter ExtendedStatistics.member.${index + 1} is not supported.`;
    throw invalidValue(parsed.kind === "absent" ? `${parameter} Hearth computes percentiles.` : parameter);
  });
}

function invalidValue(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

function invalidCombination(message: string): ApiError {
  return new ApiError("InvalidParameterCombinationException", message);
}
