/**
 * Lengths, ranges and enums of CloudWatch's inputs, for the operations that are here: facts of AWS's service model
 * (2010-08-01), in the form of the generated tables. What CloudWatch words itself (statistics, sizes of lists, the form
 * of ids) is checked by the operations.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
 */
import type { Constraint, Constraints } from "../wire/constraints.ts";

const prefixes = ["Kilo", "Mega", "Giga", "Tera"];
const amounts = [
  "Bytes",
  ...prefixes.map((prefix) => `${prefix}bytes`),
  "Bits",
  ...prefixes.map((prefix) => `${prefix}bits`),
];

const shapes = {
  AccountId: { type: "string", min: 1, max: 255 },
  DimensionFilters: { type: "list", max: 10 },
  DimensionName: { type: "string", min: 1, max: 255 },
  DimensionValue: { type: "string", min: 1, max: 1024 },
  Dimensions: { type: "list", max: 30 },
  MetricExpression: { type: "string", min: 1, max: 2048 },
  MetricId: { type: "string", min: 1, max: 255 },
  MetricName: { type: "string", min: 1, max: 255 },
  Namespace: { type: "string", min: 1, max: 255, pattern: "[^:].*" },
  Period: { type: "integer", min: 1 },
  RecentlyActive: { type: "string", enum: ["PT3H"] },
  ScanBy: { type: "string", enum: ["TimestampDescending", "TimestampAscending"] },
  StandardUnit: {
    type: "string",
    enum: [
      "Seconds",
      "Microseconds",
      "Milliseconds",
      ...amounts,
      "Percent",
      "Count",
      ...amounts.map((unit) => `${unit}/Second`),
      "Count/Second",
      "None",
    ],
  },
} as const satisfies Readonly<Record<string, Constraint>>;

type ShapeName = keyof typeof shapes;

const metric = { Namespace: "Namespace", MetricName: "MetricName" } as const;

const members: Readonly<Record<string, Readonly<Record<string, ShapeName>>>> = {
  Dimension: { Name: "DimensionName", Value: "DimensionValue" },
  DimensionFilter: { Name: "DimensionName", Value: "DimensionValue" },
  GetMetricDataInput: { ScanBy: "ScanBy" },
  GetMetricStatisticsInput: { ...metric, Dimensions: "Dimensions", Period: "Period", Unit: "StandardUnit" },
  ListMetricsInput: {
    ...metric,
    Dimensions: "DimensionFilters",
    RecentlyActive: "RecentlyActive",
    OwningAccount: "AccountId",
  },
  Metric: { ...metric, Dimensions: "Dimensions" },
  MetricDataQuery: { Id: "MetricId", Expression: "MetricExpression", Period: "Period", AccountId: "AccountId" },
  MetricStat: { Period: "Period", Unit: "StandardUnit" },
};

export const cloudwatchConstraints: Constraints = { shapes, members, required: {} };
