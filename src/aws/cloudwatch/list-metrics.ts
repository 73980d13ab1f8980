/**
 * The metrics that have had values of late.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
 */
import type { DimensionFilter, ListMetricsCommandInput, ListMetricsCommandOutput } from "@aws-sdk/client-cloudwatch";
import { ApiError } from "../../core/errors.ts";
import { listedMs, seenLagMsMax } from "../../metering/metrics/metric-catalogue.ts";
import { minuteMs, type MetricSet } from "../../metering/metrics/metric-set.ts";
import type { CallContext } from "../service.ts";
import type { CloudWatchServices } from "./metric-reader.ts";

const pageMax = 500;
/** `PT3H`, and by how much the last value may be noted too early. */
const recentMs = 3 * 3_600_000 + seenLagMsMax;
/** A metric's name and its set's, in the token's form. */
const tokenLengthMax = 4096;

interface Listed {
  readonly sortKey: string;
  readonly metric: string;
  readonly set: MetricSet;
}

export function listMetrics(
  { metrics, clock }: CloudWatchServices,
  input: ListMetricsCommandInput,
  { scope }: CallContext,
): Omit<ListMetricsCommandOutput, "$metadata"> {
  const { Namespace: namespace, MetricName: name, Dimensions: filters = [], NextToken: token } = input;
  const after = token === undefined ? "" : parseToken(token);
  const sinceMs = clock.now() - (input.RecentlyActive === undefined ? listedMs : recentMs);
  const isOwn = input.OwningAccount === undefined || input.OwningAccount === scope.account;
  const listed: Listed[] = [];
  for (const set of isOwn ? metrics.sets() : []) {
    const { subject, shard } = set;
    if (subject.scope.account !== scope.account || subject.scope.region !== scope.region) continue;
    if (namespace !== undefined && subject.namespace !== namespace) continue;
    if (!filters.every((filter) => hasDimension(set, filter))) continue;
    for (const [metric, seenMs] of seenOf(set)) {
      const sortKey = JSON.stringify([metric, shard]);
      if (seenMs < sinceMs || (name !== undefined && metric !== name) || sortKey <= after) continue;
      listed.push({ sortKey, metric, set });
    }
  }
  const sorted = listed.toSorted((a, b) => (a.sortKey < b.sortKey ? -1 : 1));
  const page = sorted.slice(0, pageMax);
  const last = page.at(-1);
  return {
    Metrics: page.map(({ metric, set }) => ({
      Namespace: set.subject.namespace,
      MetricName: metric,
      Dimensions: set.subject.dimensions.map((each) => ({ Name: each.name, Value: each.value })),
    })),
    ...(last !== undefined && sorted.length > page.length
      ? { NextToken: Buffer.from(last.sortKey).toString("base64url") }
      : {}),
    ...(input.IncludeLinkedAccounts === true && { OwningAccounts: page.map(() => scope.account) }),
  };
}

/** With what is in memory only. */
function seenOf(set: MetricSet): ReadonlyMap<string, number> {
  const seen = new Map(Object.entries(set.lastSeenMs));
  for (const [minute, counts] of set.open) {
    for (const metric of counts.keys()) seen.set(metric, Math.max(minute + minuteMs, seen.get(metric) ?? 0));
  }
  return seen;
}

function hasDimension({ subject }: MetricSet, { Name: name, Value: value }: DimensionFilter): boolean {
  return subject.dimensions.some((each) => each.name === name && (value === undefined || each.value === value));
}

function parseToken(token: string): string {
  if (token.length > tokenLengthMax || !/^[\w-]+$/.test(token)) {
    throw new ApiError("InvalidParameterValueException", "Request parameter NextToken is invalid.");
  }
  return Buffer.from(token, "base64url").toString();
}
