/**
 * What CloudWatch calls the results of GetMetricData that the caller has not named: by the metric, and by whatever else
 * tells the queries of one request apart.
 */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";

type Stat = NonNullable<MetricDataQuery["MetricStat"]>;

export function labelsOf(queries: readonly MetricDataQuery[]): ReadonlyMap<MetricDataQuery, string> {
  const stats = queries.flatMap(({ MetricStat: stat }) => (stat === undefined ? [] : [stat]));
  const differs = (text: (stat: Stat) => string): boolean => new Set(stats.map(text)).size > 1;
  const parts: ((stat: Stat) => string)[] = [
    (stat) => (stat.Metric?.Dimensions ?? []).map(({ Value: value = "" }) => value).join(" "),
    (stat) => stat.Stat ?? "",
    (stat) => String(stat.Period),
  ];
  const [dimensions, ...rest] = parts.map((text) => (differs(text) ? text : () => ""));
  return new Map(
    queries.map((query) => {
      const { Id: id = "", Label: label, MetricStat: stat } = query;
      if (label !== undefined || stat === undefined) return [query, label ?? id];
      const texts = [dimensions?.(stat) ?? "", stat.Metric?.MetricName ?? "", ...rest.map((text) => text(stat))];
      return [query, texts.filter((text) => text !== "").join(" ")];
    }),
  );
}
