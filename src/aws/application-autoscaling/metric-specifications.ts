/**
 * The metric that a target tracking policy keeps at its target: Lambda's own, another one that Hearth has, or what metric
 * math makes of several. What Hearth's CloudWatch cannot answer is refused when the policy is made.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_CustomizedMetricSpecification.html
 */
import type {
  CustomizedMetricSpecification,
  PredefinedMetricSpecification,
  TargetTrackingMetricDataQuery,
  TargetTrackingScalingPolicyConfiguration,
} from "@aws-sdk/client-application-auto-scaling";
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { validation } from "../../control-plane/auto-scaling/refusals.ts";
import type {
  MetricDimension,
  MetricMathQuery,
  MetricStatistic,
  TrackedMetric,
} from "../../control-plane/auto-scaling/scaling-records.ts";
import { unitOf } from "../../metering/metrics/metric-names.ts";
import { resultsOf } from "../cloudwatch/metric-queries.ts";
import { dataQueriesOf } from "./tracked-metrics.ts";

const predefinedType = "LambdaProvisionedConcurrencyUtilization";

type Specifications = Pick<
  TargetTrackingScalingPolicyConfiguration,
  "PredefinedMetricSpecification" | "CustomizedMetricSpecification"
>;

/** Throws ValidationException for what Hearth has no values of. */
export function metricOf(
  { PredefinedMetricSpecification: predefined, CustomizedMetricSpecification: customized }: Specifications,
  account: string,
): TrackedMetric {
  if ((predefined === undefined) === (customized === undefined)) {
    throw validation(
      "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.",
    );
  }
  if (predefined !== undefined) return predefinedMetric(predefined);
  const metric = customizedMetric(customized ?? {});
  requireAnswerable(metric, account);
  return metric;
}

export function showMetric(metric: TrackedMetric): Specifications {
  if (metric.kind === "utilization") {
    return { PredefinedMetricSpecification: { PredefinedMetricType: predefinedType } };
  }
  if (metric.kind === "math") return { CustomizedMetricSpecification: { Metrics: metric.queries.map(showQuery) } };
  const { namespace, metric: name, dimensions, statistic, unit } = metric.statistic;
  return {
    CustomizedMetricSpecification: {
      MetricName: name,
      Namespace: namespace,
      ...(dimensions !== undefined && { Dimensions: dimensions.map(showDimension) }),
      Statistic: statistic as CustomizedMetricSpecification["Statistic"],
      ...(unit !== undefined && { Unit: unit }),
    },
  };
}

function predefinedMetric({
  PredefinedMetricType: type,
  ResourceLabel: label,
}: PredefinedMetricSpecification): TrackedMetric {
  if (type !== predefinedType) {
    throw validation(`The predefined metric ${type} is none of Lambda's: ${predefinedType} is.`);
  }
  if (label !== undefined) throw validation(`${predefinedType} takes no ResourceLabel.`);
  return { kind: "utilization" };
}

function customizedMetric(specification: CustomizedMetricSpecification): TrackedMetric {
  const { MetricName: metric, Namespace: namespace, Dimensions: dimensions, Statistic: statistic } = specification;
  const { Unit: unit, Metrics: queries } = specification;
  if (queries !== undefined) {
    const others = [metric, namespace, dimensions, statistic, unit];
    if (others.some((other) => other !== undefined)) {
      throw validation("Metrics of a CustomizedMetricSpecification go with no other of its parameters.");
    }
    return { kind: "math", queries: queries.map(mathQuery) };
  }
  if (metric === undefined || namespace === undefined || statistic === undefined) {
    throw validation("A CustomizedMetricSpecification needs MetricName, Namespace and Statistic, or Metrics.");
  }
  return {
    kind: "statistic",
    statistic: {
      namespace,
      metric,
      ...(dimensions !== undefined && { dimensions: dimensions.map(dimensionOf) }),
      statistic,
      ...(unit !== undefined && { unit }),
    },
  };
}

function mathQuery(query: TargetTrackingMetricDataQuery): MetricMathQuery {
  const { Id: id = "", Label: label, ReturnData: returnData, Expression: expression, MetricStat: stat } = query;
  const common = { id, ...(label !== undefined && { label }), ...(returnData !== undefined && { returnData }) };
  if ((stat === undefined) === (expression === undefined)) {
    throw validation(`The query ${id} needs either an Expression or a MetricStat.`);
  }
  if (stat === undefined) return { ...common, of: { kind: "expression", expression: expression ?? "" } };
  const { Metric: { Namespace: namespace = "", MetricName: metric = "", Dimensions: dimensions } = {} } = stat;
  const statistic: MetricStatistic = {
    namespace,
    metric,
    ...(dimensions !== undefined && { dimensions: dimensions.map(dimensionOf) }),
    statistic: stat.Stat ?? "",
    ...(stat.Unit !== undefined && { unit: stat.Unit }),
  };
  return { ...common, of: { kind: "statistic", statistic } };
}

/** As CloudWatch checks a request for it. */
function requireAnswerable(metric: TrackedMetric, account: string): void {
  const queries = dataQueriesOf({ name: "", qualifier: "" }, metric);
  const results = resultsOf(
    { MetricDataQueries: [...queries], StartTime: new Date(0), EndTime: new Date(60_000) },
    account,
  );
  if (results.filter(({ isReturned }) => isReturned).length !== 1) {
    throw validation("Exactly one of the Metrics must return its data: set ReturnData to false for the others.");
  }
  for (const { MetricStat: stat } of queries) if (stat !== undefined) requireKnown(stat);
}

function requireKnown({ Metric: metric, Unit: unit }: NonNullable<MetricDataQuery["MetricStat"]>): void {
  const { Namespace: namespace = "", MetricName: name = "" } = metric ?? {};
  const ownUnit = unitOf(namespace, name);
  if (ownUnit === undefined) {
    throw validation(
      `Hearth has no metric ${name} in the namespace ${namespace} (docs/metrics.md lists those it has).`,
    );
  }
  if (unit !== undefined && unit !== ownUnit) {
    throw validation(`The metric ${name} of ${namespace} has the unit ${ownUnit}, not ${unit}.`);
  }
}

function dimensionOf({
  Name: name = "",
  Value: value = "",
}: {
  readonly Name?: string | undefined;
  readonly Value?: string | undefined;
}): MetricDimension {
  return { name, value };
}

function showDimension({ name, value }: MetricDimension): { readonly Name: string; readonly Value: string } {
  return { Name: name, Value: value };
}

function showQuery({ id, label, returnData, of }: MetricMathQuery): TargetTrackingMetricDataQuery {
  const common = {
    Id: id,
    ...(label !== undefined && { Label: label }),
    ...(returnData !== undefined && { ReturnData: returnData }),
  };
  if (of.kind === "expression") return { ...common, Expression: of.expression };
  const { namespace, metric, dimensions, statistic, unit } = of.statistic;
  return {
    ...common,
    MetricStat: {
      Metric: {
        Namespace: namespace,
        MetricName: metric,
        ...(dimensions !== undefined && { Dimensions: dimensions.map(showDimension) }),
      },
      Stat: statistic,
      ...(unit !== undefined && { Unit: unit }),
    },
  };
}
