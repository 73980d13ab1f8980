/** CloudWatch's metrics through the newest SDK, in each of the protocols that its clients have spoken. */
import {
  CloudWatch,
  type CloudWatchServiceException as ServiceException,
  type GetMetricDataCommandInput,
  type GetMetricStatisticsCommandInput,
  type MetricDataQuery,
} from "@aws-sdk/client-cloudwatch";
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { LambdaMetrics } from "../../metering/metrics/lambda-metrics.ts";
import { minuteMs } from "../../metering/metrics/metric-set.ts";
import { MetricStore } from "../../metering/metrics/metric-store.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { cloudwatchModel } from "./cloudwatch-model.ts";
import { cloudwatchHandlers } from "./cloudwatch-service.ts";

const account = "111122223333";
const scope = { account, region: "eu-west-1" };
const model = await cloudwatchModel();
const hourMs = 60 * minuteMs;

interface World extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly metrics: LambdaMetrics;
  readonly client: CloudWatch;
  readonly url: string;
  /** A full minute; the clock begins there. */
  readonly begunAtMs: number;
  readonly invoke: (name: string, durationMs: number, failed?: boolean, qualifier?: string, version?: string) => void;
  readonly at: (ms: number) => Date;
}

async function open(protocol?: unknown): Promise<World> {
  const begunAtMs = Math.floor(Date.now() / hourMs) * hourMs;
  const clock = new ManualClock(begunAtMs);
  const store = new MetricStore({
    engine: createMemoryEngine({ clock, random: () => 0.5 }),
    clock,
    metricsBytesMax: 16_777_216,
  });
  await store.start();
  const metrics = new LambdaMetrics({ store, clock });
  const loopback = await startLoopback({
    services: [{ model, handlers: cloudwatchHandlers({ metrics: store, clock }) }],
    clock,
  });
  const client = new CloudWatch({
    endpoint: loopback.url,
    region: scope.region,
    credentials: { accessKeyId: account, secretAccessKey: "secret" },
    maxAttempts: 1,
    ...(protocol === undefined ? {} : { protocol: protocol as never }),
  });
  return {
    clock,
    metrics,
    client,
    url: loopback.url,
    begunAtMs,
    invoke(name, durationMs, failed = false, qualifier = undefined as string | undefined, version = "$LATEST") {
      const functionArn = `arn:aws:lambda:eu-west-1:${account}:function:${name}`;
      using running = metrics.begin({ scope, functionArn, qualifier });
      running.reported(version, { cold: false, queueMs: 1 }, { durationMs, status: failed ? "error" : "success" });
    },
    at: (ms) => new Date(begunAtMs + ms),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await loopback[Symbol.asyncDispose]();
      await store.close();
      assert.equal(clock.pendingTimers, 0);
    },
  };
}

function statistics(
  { at }: World,
  over: Partial<GetMetricStatisticsCommandInput> = {},
): GetMetricStatisticsCommandInput {
  return {
    Namespace: "AWS/Lambda",
    MetricName: "Duration",
    Dimensions: [{ Name: "FunctionName", Value: "f" }],
    StartTime: at(0),
    EndTime: at(hourMs),
    Period: 60,
    Statistics: ["Sum"],
    ...over,
  };
}

function query(Id: string, MetricName: string, over: object = {}, functionName = "f"): MetricDataQuery {
  const Dimensions = [{ Name: "FunctionName", Value: functionName }];
  const Metric = { Namespace: "AWS/Lambda", MetricName, Dimensions };
  return { Id, MetricStat: { Metric, Period: 60, Stat: "Sum", ...over } };
}

function data({ at }: World, queries: MetricDataQuery[], over: Partial<GetMetricDataCommandInput> = {}) {
  return { MetricDataQueries: queries, StartTime: at(0), EndTime: at(hourMs), ...over };
}

async function refusal(asked: Promise<unknown>): Promise<[string, string]> {
  try {
    await asked;
  } catch (error) {
    return [(error as ServiceException).name, (error as ServiceException).message];
  }
  return assert.fail("it was not refused");
}

for (const [name, protocol] of [
  ["JSON", undefined],
  ["CBOR", AwsSmithyRpcV2CborProtocol],
  ["AWS Query", AwsQueryProtocol],
] as const) {
  test(`in ${name}: statistics, data and names of metrics`, async () => {
    await using world = await open(protocol);
    for (const durationMs of [10, 20, 30, 40]) world.invoke("f", durationMs, durationMs === 40);
    world.clock.advance(5 * minuteMs);
    world.invoke("f", 100);

    const { Label, Datapoints } = await world.client.getMetricStatistics(
      statistics(world, {
        Statistics: ["Sum", "Average", "Minimum", "Maximum", "SampleCount"],
        EndTime: world.at(minuteMs),
      }),
    );
    const percentiles = await world.client.getMetricStatistics({
      ...statistics(world, { Period: 3600, ExtendedStatistics: ["p50", "p99.9"] }),
      Statistics: undefined,
    });
    const { MetricDataResults, Messages } = await world.client.getMetricData(
      data(world, [query("e", "Errors"), query("i", "Invocations")]),
    );
    const { Metrics } = await world.client.listMetrics({ MetricName: "Duration" });

    assert.equal(Label, "Duration");
    assert.deepEqual(Datapoints, [
      { Timestamp: world.at(0), SampleCount: 4, Average: 25, Sum: 100, Minimum: 10, Maximum: 40, Unit: "Milliseconds" },
    ]);
    const [{ ExtendedStatistics: { p50 = NaN, "p99.9": p999 = NaN } = {} } = {}] = percentiles.Datapoints ?? [];
    assert(Math.abs(p50 - 30) <= 0.3, String(p50));
    assert(Math.abs(p999 - 100) <= 1, String(p999));
    assert.deepEqual(MetricDataResults, [
      {
        Id: "e",
        Label: "Errors",
        Timestamps: [world.at(5 * minuteMs), world.at(0)],
        Values: [0, 1],
        StatusCode: "Complete",
      },
      {
        Id: "i",
        Label: "Invocations",
        Timestamps: [world.at(5 * minuteMs), world.at(0)],
        Values: [1, 4],
        StatusCode: "Complete",
      },
    ]);
    assert.deepEqual(Messages, []);
    assert.deepEqual(Metrics, [
      {
        Namespace: "AWS/Lambda",
        MetricName: "Duration",
        Dimensions: [
          { Name: "FunctionName", Value: "f" },
          { Name: "Resource", Value: "f" },
        ],
      },
      { Namespace: "AWS/Lambda", MetricName: "Duration", Dimensions: [{ Name: "FunctionName", Value: "f" }] },
      { Namespace: "AWS/Lambda", MetricName: "Duration", Dimensions: [] },
    ]);
  });

  test(`in ${name}: refusals have AWS's codes and texts`, async () => {
    await using world = await open(protocol);
    const { client } = world;

    assert.deepEqual(
      await refusal(client.getMetricStatistics(statistics(world, { Period: 1, EndTime: world.at(24 * hourMs) }))),
      [
        "InvalidParameterCombinationException",
        "You have requested up to 86400 datapoints, which exceeds the limit of 1440. " +
          "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
      ],
    );
    assert.deepEqual(await refusal(client.getMetricStatistics(statistics(world, { EndTime: world.at(0) }))), [
      "InvalidParameterValueException",
      "The parameter StartTime must not equal parameter EndTime.",
    ]);
    assert.deepEqual(await refusal(client.getMetricStatistics(statistics(world, { Statistics: ["p99" as "Sum"] }))), [
      "InvalidParameterValueException",
      "The parameter Statistics.member.1 must be a value in the set [SampleCount, Average, Sum, Minimum, Maximum].",
    ]);
    assert.deepEqual(
      await refusal(
        client.getMetricData(
          data(world, [query("5xx", "Errors", { Stat: "None" }), query("a", "Errors"), query("a", "Errors")]),
        ),
      ),
      [
        "ValidationException",
        "The values for parameter id in MetricDataQueries are not unique.\n" +
          "The value 5xx for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.\n" +
          "The value None for parameter MetricDataQueries.member.1.MetricStat.Stat is not a valid statistic.\n",
      ],
    );
    assert.equal((await refusal(client.getMetricData(data(world, [], { NextToken: "?" }))))[0], "InvalidNextToken");
  });
}

test("an alias shows its own values, and those of each version that it led to", async () => {
  await using world = await open();
  world.invoke("f", 10, false, "live", "1");
  world.invoke("f", 30, false, "live", "2");
  world.invoke("f", 50);

  const sumOf = async (...dimensions: [string, string][]): Promise<number | undefined> => {
    const Dimensions = dimensions.map(([Name, Value]) => ({ Name, Value }));
    const { Datapoints } = await world.client.getMetricStatistics(statistics(world, { Dimensions }));
    return Datapoints?.[0]?.Sum;
  };

  assert.equal(await sumOf(), 90);
  assert.equal(await sumOf(["FunctionName", "f"]), 90);
  assert.equal(await sumOf(["FunctionName", "f"], ["Resource", "f"]), 50);
  assert.equal(await sumOf(["Resource", "f:live"], ["FunctionName", "f"]), 40);
  assert.equal(await sumOf(["FunctionName", "f"], ["Resource", "f:live"], ["ExecutedVersion", "2"]), 30);
  assert.equal(await sumOf(["FunctionName", "g"]), undefined);
});

test("periods are counted from the start, its minute included, and the end is not part of them", async () => {
  await using world = await open();
  for (let minute = 0; minute < 10; minute++) {
    world.invoke("f", 1);
    world.clock.advance(minuteMs);
  }

  const { MetricDataResults } = await world.client.getMetricData(
    data(world, [query("m", "Invocations", { Period: 180 })], {
      StartTime: world.at(2 * minuteMs + 30_000),
      EndTime: world.at(8 * minuteMs),
      ScanBy: "TimestampAscending",
    }),
  );

  assert.deepEqual(MetricDataResults?.[0]?.Timestamps, [world.at(2 * minuteMs), world.at(5 * minuteMs)]);
  assert.deepEqual(MetricDataResults?.[0]?.Values, [3, 3]);
});

test("pages of data go on where the last one ended, in both directions", async () => {
  await using world = await open();
  for (let minute = 0; minute < 7; minute++) {
    world.invoke("f", 1, minute === 3);
    world.clock.advance(minuteMs);
  }

  for (const ScanBy of ["TimestampAscending", "TimestampDescending"] as const) {
    const seen: [string | undefined, number][] = [];
    const states: (string | undefined)[] = [];
    let NextToken: string | undefined;
    do {
      const request = data(world, [query("i", "Invocations"), query("e", "Errors")], { ScanBy, MaxDatapoints: 4 });
      const page = await world.client.getMetricData({ ...request, NextToken });
      for (const { Id, Timestamps = [], StatusCode } of page.MetricDataResults ?? []) {
        states.push(StatusCode);
        seen.push(
          ...Timestamps.map((at): [string | undefined, number] => [Id, (at.getTime() - world.begunAtMs) / minuteMs]),
        );
      }
      assert((page.MetricDataResults ?? []).flatMap(({ Values = [] }) => Values).length <= 4);
      ({ NextToken } = page);
    } while (NextToken !== undefined);

    const minutes = [0, 1, 2, 3, 4, 5, 6];
    const order = ScanBy === "TimestampAscending" ? minutes : minutes.toReversed();
    assert.deepEqual(seen, [...order.map((at) => ["i", at]), ...order.map((at) => ["e", at])]);
    assert.deepEqual(states, ["PartialData", "Complete", "PartialData", "PartialData", "Complete"]);
  }
});

test("results are labelled by what tells the queries apart, unless they are named", async () => {
  await using world = await open();

  const { MetricDataResults } = await world.client.getMetricData(
    data(world, [
      query("a", "Duration"),
      query("b", "Duration", { Stat: "p99" }),
      query("c", "Duration", { Stat: "p99" }, "g"),
      { ...query("d", "Errors"), Label: "mine" },
      { ...query("e", "Errors"), ReturnData: false },
    ]),
  );

  assert.deepEqual(
    MetricDataResults?.map(({ Label }) => Label),
    ["f Duration Sum", "f Duration p99", "g Duration p99", "mine"],
  );
});

test("another unit than the metric's has no values", async () => {
  await using world = await open();
  world.invoke("f", 10);

  const { Datapoints } = await world.client.getMetricStatistics(statistics(world, { Unit: "Seconds" }));
  const same = await world.client.getMetricStatistics(statistics(world, { Unit: "Milliseconds" }));

  assert.deepEqual(Datapoints, []);
  assert.equal(same.Datapoints?.length, 1);
});

test("metrics are listed by namespace, dimension and recent activity, in pages, to their own account alone", async () => {
  await using world = await open();
  world.invoke("old", 10);
  world.clock.advance(5 * hourMs);
  for (let index = 0; index < 120; index++) world.invoke(`f${index}`, 10);

  const recent = await world.client.listMetrics({ Namespace: "AWS/Lambda", RecentlyActive: "PT3H" });
  const old = await world.client.listMetrics({
    Dimensions: [{ Name: "FunctionName", Value: "old" }],
    MetricName: "Errors",
    IncludeLinkedAccounts: true,
  });
  const names = new Set<string>();
  let NextToken: string | undefined;
  let count = 0;
  do {
    const page = await world.client.listMetrics({ Namespace: "AWS/Lambda", NextToken });
    assert((page.Metrics ?? []).length <= 500);
    for (const metric of page.Metrics ?? []) names.add(JSON.stringify(metric));
    count += page.Metrics?.length ?? 0;
    ({ NextToken } = page);
  } while (NextToken !== undefined);

  assert.equal(
    recent.Metrics?.some(({ Dimensions = [] }) => Dimensions.some(({ Value }) => Value === "old")),
    false,
  );
  assert.equal(old.Metrics?.length, 2);
  assert.deepEqual(old.OwningAccounts, [account, account]);
  assert.equal(names.size, count);
  assert.equal(count, 121 * 2 * 5 + 7);
  assert.deepEqual((await world.client.listMetrics({ OwningAccount: "999999999999" })).Metrics, []);
  const stranger = new CloudWatch({
    endpoint: world.url,
    region: scope.region,
    credentials: { accessKeyId: "999999999999", secretAccessKey: "secret" },
  });
  assert.deepEqual((await stranger.listMetrics({})).Metrics, []);
  stranger.destroy();
});

test("an expression computes from other queries, returned or not, in pages too", async () => {
  await using world = await open();
  for (const failed of [true, false, false, false]) world.invoke("f", 10, failed);
  world.clock.advance(minuteMs);
  for (const failed of [true, false]) world.invoke("f", 10, failed);

  const request = data(
    world,
    [
      { Id: "rate", Expression: "100 * share", Label: "error rate" },
      { Id: "share", Expression: "errors / calls", ReturnData: false },
      { ...query("errors", "Errors"), ReturnData: false },
      { ...query("calls", "Invocations"), ReturnData: false },
    ],
    { MaxDatapoints: 1 },
  );
  const first = await world.client.getMetricData(request);
  const second = await world.client.getMetricData({ ...request, NextToken: first.NextToken });

  assert.deepEqual(
    [...(first.MetricDataResults ?? []), ...(second.MetricDataResults ?? [])],
    [
      { Id: "rate", Label: "error rate", Timestamps: [world.at(minuteMs)], Values: [50], StatusCode: "PartialData" },
      { Id: "rate", Label: "error rate", Timestamps: [world.at(0)], Values: [25], StatusCode: "Complete" },
    ],
  );
  assert.equal(second.NextToken, undefined);
});

test("expressions that come round, lead nowhere or mix periods are refused", async () => {
  await using world = await open();
  const refused = async (...queries: MetricDataQuery[]): Promise<string> =>
    (await refusal(world.client.getMetricData(data(world, queries))))[1];

  assert.match(await refused({ Id: "a", Expression: "b" }, { Id: "b", Expression: "a + 1" }), /made of itself/);
  assert.match(await refused({ Id: "a", Expression: "nobody" }), /no query with the id nobody/);
  assert.match(await refused({ Id: "a", Expression: "1 + 1" }), /no time series/);
  assert.match(
    await refused({ Id: "a", Expression: "b + c" }, query("b", "Errors"), query("c", "Errors", { Period: 300 })),
    /one period/,
  );
  assert.match(await refused({ Id: "a", Expression: "FILL(b, 0)" }, query("b", "Errors")), /'a': Hearth has no 'FILL'/);
});

test("what is not done is refused by name", async () => {
  await using world = await open();
  const refused = async (asked: MetricDataQuery): Promise<string> =>
    (await refusal(world.client.getMetricData(data(world, [asked]))))[1];

  assert.match(await refused(query("a", "Duration", { Stat: "tm90" })), /tm90 .* is not supported/);
  assert.match(await refused({ ...query("a", "Errors"), Label: "${MAX}" }), /no dynamic labels/);
  assert.match(await refused({ ...query("a", "Errors"), AccountId: "999999999999" }), /links no accounts/);
  assert.match(await refused({ ...query("a", "Errors"), Expression: "m1" }), /mutually exclusive/);
});
