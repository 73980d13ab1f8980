/**
 * CloudWatch's metrics: those that Hearth measures of functions, under Lambda's names and some of its own.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html
 */
import type {
  GetMetricDataCommandInput,
  GetMetricStatisticsCommandInput,
  ListMetricsCommandInput,
} from "@aws-sdk/client-cloudwatch";
import type { CallContext, Handlers } from "../service.ts";
import { listMetrics } from "./list-metrics.ts";
import { getMetricData } from "./metric-data.ts";
import type { CloudWatchServices } from "./metric-reader.ts";
import { getMetricStatistics } from "./metric-statistics.ts";

export function cloudwatchHandlers(services: CloudWatchServices): Handlers {
  return {
    GetMetricData: (input: GetMetricDataCommandInput, context: CallContext) => getMetricData(services, input, context),
    GetMetricStatistics: (input: GetMetricStatisticsCommandInput, context: CallContext) =>
      getMetricStatistics(services, input, context),
    ListMetrics: (input: ListMetricsCommandInput, context: CallContext) => listMetrics(services, input, context),
  };
}

const statistics =
  "Sum, Average, Minimum, Maximum, SampleCount and percentiles (at most 1 % off), of minutes and what is made of them; " +
  "values are kept for 15 days.";

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  GetMetricData: `${statistics} Expressions are arithmetic of ids and numbers; no functions, Metrics Insights queries, dynamic labels or other accounts.`,
  GetMetricStatistics: statistics,
  ListMetrics: "Metrics of `AWS/Lambda`, and of `Hearth` for what Lambda does not tell.",
};
