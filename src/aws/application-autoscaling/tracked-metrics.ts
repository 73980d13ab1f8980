/**
 * Reads what policies track: the same data that CloudWatch's GetMetricData shows, by the minute.
 */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import type { TrackedMetrics } from "../../control-plane/auto-scaling/auto-scaler.ts";
import type {
  MetricMathQuery,
  MetricStatistic,
  ScalableResource,
  TrackedMetric,
} from "../../control-plane/auto-scaling/scaling-records.ts";
import { lambdaNamespace, type LambdaMetricName } from "../../metering/metrics/metric-names.ts";
import { getMetricData } from "../cloudwatch/metric-data.ts";
import type { CloudWatchServices } from "../cloudwatch/metric-reader.ts";

const periodSeconds = 60;
const utilization: LambdaMetricName = "ProvisionedConcurrencyUtilization";

export function trackedMetrics(services: CloudWatchServices): TrackedMetrics {
  return {
    async read(resource, metric, fromMs, toMs) {
      const input = {
        MetricDataQueries: dataQueriesOf(resource, metric),
        StartTime: new Date(fromMs),
        EndTime: new Date(toMs),
      };
      const { MetricDataResults: [result] = [] } = await getMetricData(services, input, { scope: resource.scope });
      const { Timestamps: times = [], Values: values = [] } = result ?? {};
      return new Map(times.map((time, index) => [time.getTime(), values[index] ?? NaN]));
    },
  };
}

/** The queries of which one returns data. */
export function dataQueriesOf(
  { name, qualifier }: Pick<ScalableResource, "name" | "qualifier">,
  metric: TrackedMetric,
): MetricDataQuery[] {
  switch (metric.kind) {
    case "utilization":
      return [
        statisticQuery("utilization", {
          namespace: lambdaNamespace,
          metric: utilization,
          dimensions: [
            { name: "FunctionName", value: name },
            { name: "Resource", value: `${name}:${qualifier}` },
          ],
          statistic: "Average",
        }),
      ];
    case "statistic":
      return [statisticQuery("metric", metric.statistic)];
    default:
      return metric.queries.map(mathQuery);
  }
}

function mathQuery({ id, label, returnData, of }: MetricMathQuery): MetricDataQuery {
  const query = of.kind === "expression" ? { Id: id, Expression: of.expression } : statisticQuery(id, of.statistic);
  return {
    ...query,
    ...(label !== undefined && { Label: label }),
    ...(returnData !== undefined && { ReturnData: returnData }),
  };
}

function statisticQuery(id: string, of: MetricStatistic): MetricDataQuery {
  const { namespace, metric, dimensions = [], statistic, unit } = of;
  return {
    Id: id,
    MetricStat: {
      Metric: {
        Namespace: namespace,
        MetricName: metric,
        Dimensions: dimensions.map((each) => ({ Name: each.name, Value: each.value })),
      },
      Period: periodSeconds,
      Stat: statistic,
      // CloudWatch's own list of units, which is checked when the policy is made.
      ...(unit !== undefined && { Unit: unit as "Count" }),
    },
  };
}
