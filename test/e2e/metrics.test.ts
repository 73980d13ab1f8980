/**
 * Metrics as their readers meet them: the newest SDK, Debian's AWS CLI, and what Prometheus scrapes; before and after a
 * restart.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
 */
import { CloudWatch, type Metric } from "@aws-sdk/client-cloudwatch";
import {
  CreateAliasCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

import { systemClock } from "../../src/core/clock.ts";
import type { FunctionInsight } from "../../src/data-plane/insight.ts";
import { openSqliteEngine } from "../../src/engine/sqlite/sqlite-engine.ts";
import { UsageLog } from "../../src/metering/usage-log.ts";
import { createFunction } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const run = promisify(execFile);
const cli = "/usr/bin/aws";
const hourMs = 3_600_000;
const pollMs = 10;
/** Starting an interpreter and loading service models takes seconds on a busy machine. */
const clientTimeoutMs = 120_000;

/** Fails if it is told to. */
const handler = {
  "index.mjs": `
    export const handler = async ({ fail = false }) => {
      if (fail) throw new Error("as asked");
      return 1;
    };`,
};

let directory: string;
let hearth: RunningHearth;
let lambda: LambdaClient;
let cloudwatch: CloudWatch;

async function start(): Promise<void> {
  hearth = await startHearth({ dataDirectory: directory, ...(hearth === undefined ? {} : { sameUidsAs: hearth }) });
  lambda = hearth.lambda();
  cloudwatch = new CloudWatch({
    endpoint: hearth.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
}

async function stop(): Promise<void> {
  cloudwatch.destroy();
  await hearth.stop();
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "hearth-e2e-"));
  await start();
});

after(async () => {
  await stop();
  await rm(directory, { recursive: true, force: true });
});

async function invoke(FunctionName: string, event: object = {}, Qualifier?: string): Promise<void> {
  await lambda.send(new InvokeCommand({ FunctionName, Qualifier, Payload: Buffer.from(JSON.stringify(event)) }));
}

/** Of the last hour, all together. */
async function total(
  MetricName: string,
  dimensions: Readonly<Record<string, string>>,
  { Namespace = "AWS/Lambda", Stat = "Sum" } = {},
): Promise<number | undefined> {
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  const metric: Metric = { Namespace, MetricName, Dimensions };
  const { MetricDataResults } = await cloudwatch.getMetricData({
    MetricDataQueries: [{ Id: "m", MetricStat: { Metric: metric, Period: 2 * (hourMs / 1000), Stat } }],
    StartTime: new Date(Date.now() - hourMs),
    EndTime: new Date(Date.now() + 60_000),
  });
  return MetricDataResults?.[0]?.Values?.[0];
}

/** The report of an invocation, with which it is counted, follows its answer. */
async function untilTotal(expected: number, ...asked: Parameters<typeof total>): Promise<void> {
  while ((await total(...asked)) !== expected) await setTimeout(pollMs);
}

test("invocations, errors and durations of a function, of its alias, and of all functions", async () => {
  await createFunction(lambda, handler, { FunctionName: "counted" });
  const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName: "counted" }));
  await lambda.send(new CreateAliasCommand({ FunctionName: "counted", Name: "live", FunctionVersion: Version }));
  for (const fail of [false, false, true]) await invoke("counted", { fail });
  await invoke("counted", {}, "live");

  await untilTotal(4, "Invocations", { FunctionName: "counted" });
  await untilTotal(1, "Invocations", { FunctionName: "counted", Resource: "counted:live", ExecutedVersion: "1" });
  assert.equal(await total("Errors", { FunctionName: "counted" }), 1);
  assert.equal(await total("Errors", { FunctionName: "counted", Resource: "counted:live" }), 0);
  assert.equal(await total("ConcurrentExecutions", { FunctionName: "counted" }, { Stat: "Maximum" }), 1);
  const longestMs = (await total("Duration", { FunctionName: "counted" }, { Stat: "Maximum" })) ?? NaN;
  const p99Ms = (await total("Duration", { FunctionName: "counted" }, { Stat: "p99" })) ?? NaN;
  assert(p99Ms > 0 && p99Ms <= longestMs);
  assert(((await total("Invocations", {})) ?? 0) >= 4);
});

test("throttles, with their reason", async () => {
  await createFunction(lambda, handler, { FunctionName: "closed" });
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: "closed", ReservedConcurrentExecutions: 0 }));

  await assert.rejects(invoke("closed"), { name: "TooManyRequestsException" });

  await untilTotal(1, "Throttles", { FunctionName: "closed" });
  const dimensions = { FunctionName: "closed", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" };
  await untilTotal(1, "Throttles", dimensions, { Namespace: "Hearth" });
  assert.equal(await total("Invocations", { FunctionName: "closed" }), undefined);
});

test("the AWS CLI lists metrics and gets their statistics", { timeout: clientTimeoutMs }, async (context) => {
  if (!existsSync(cli)) return context.skip("the AWS CLI is not installed");
  await createFunction(lambda, handler, { FunctionName: "asked" });
  await invoke("asked");
  await untilTotal(1, "Invocations", { FunctionName: "asked" });
  const aws = async (...argv: string[]): Promise<unknown> => {
    const keys = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_CONFIG_FILE: "/dev/null" };
    const env = { ...process.env, ...keys, AWS_PAGER: "" };
    const common = ["--endpoint-url", hearth.endpoint, "--region", "us-east-1", "--output", "json"];
    const { stdout } = await run(cli, ["cloudwatch", ...argv, ...common], { env, timeout: clientTimeoutMs });
    return JSON.parse(stdout);
  };

  const listed = await aws("list-metrics", "--metric-name", "Invocations", "--dimensions", "Name=Resource,Value=asked");
  const statistics = await aws(
    ..."get-metric-statistics --namespace AWS/Lambda --metric-name Invocations --period 7200".split(" "),
    ..."--dimensions Name=FunctionName,Value=asked --statistics Sum Average".split(" "),
    "--start-time",
    new Date(Date.now() - hourMs).toISOString(),
    "--end-time",
    new Date(Date.now() + 60_000).toISOString(),
  );

  const Dimensions = [
    { Name: "FunctionName", Value: "asked" },
    { Name: "Resource", Value: "asked" },
  ];
  assert.deepEqual(listed, { Metrics: [{ Namespace: "AWS/Lambda", MetricName: "Invocations", Dimensions }] });
  const { Label, Datapoints: [point] = [] } = statistics as { Label: string; Datapoints?: Record<string, unknown>[] };
  assert.equal(Label, "Invocations");
  assert.deepEqual([point?.["Sum"], point?.["Average"], point?.["Unit"]], [1, 1, "Count"]);
});

/** A line of the text format: a comment, or name, labels and number. */
const linePattern =
  /^(?:# (?:HELP|TYPE) [a-z_]+ .+|([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (?:-?[\d.]+(?:e[+-]?\d+)?|\+Inf))$/;

test("what is scraped has Prometheus's format, and says what happened", async () => {
  await createFunction(lambda, handler, { FunctionName: "scraped" });
  for (let count = 0; count < 3; count++) await invoke("scraped");
  await untilTotal(3, "Invocations", { FunctionName: "scraped" });

  const response = await fetch(`${hearth.endpoint}/metrics`);
  const text = await response.text();

  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert(text.endsWith("\n"));
  const lines = text.trimEnd().split("\n");
  const typed = new Map<string, string>();
  const seen = new Set<string>();
  for (const line of lines) {
    const match = linePattern.exec(line);
    assert(match !== null, line);
    const [, name] = match;
    if (name === undefined) {
      const [, keyword, family = "", type = ""] = line.split(" ");
      if (keyword === "TYPE") {
        assert(!typed.has(family), `${family} is declared twice`);
        typed.set(family, type);
      }
      continue;
    }
    const family = typed.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "");
    assert(typed.has(family), `${name} has no type`);
    assert.equal(typed.get(family) === "counter", family.endsWith("_total"), name);
    const series = line.slice(0, line.lastIndexOf(" "));
    assert(!seen.has(series), `${series} is there twice`);
    seen.add(series);
  }
  const own = 'account="000000000000",region="us-east-1",function="scraped"';
  assert(lines.includes(`hearth_invocations_total{${own},resource="scraped"} 3`));
  assert(lines.includes(`hearth_invocation_duration_seconds_bucket{${own},resource="scraped",le="+Inf"} 3`));
  assert(lines.some((line) => line.startsWith(`hearth_environments{${own},version="$LATEST",state=`)));
});

/** As if the function had been invoked for two days, every half hour, the last time ten minutes ago; when that was. */
async function recordHalfHours(functionName: string): Promise<number> {
  const engine = await openSqliteEngine({ directory: join(directory, "state"), clock: systemClock });
  const usage = new UsageLog({ engine, clock: systemClock });
  const lastMs = Date.now() - 10 * 60_000;
  for (let startedAtMs = lastMs - 2 * 24 * hourMs; startedAtMs <= lastMs; startedAtMs += hourMs / 2) {
    usage.record({
      account: "000000000000",
      region: "us-east-1",
      functionName,
      functionVersion: "$LATEST",
      requestId: String(startedAtMs),
      environmentId: "e",
      startedAtMs,
      cold: true,
      queueMs: 5,
      handlerMs: 1,
      billedMs: 1,
      memorySizeMiB: 128,
      maxMemoryUsedMiB: 40,
      status: "success",
    });
  }
  await usage.close();
  await engine.close();
  return lastMs;
}

test("values survive a restart, and so does what is known of a function that comes every half hour", async () => {
  await createFunction(lambda, handler, { FunctionName: "lasting" });
  await createFunction(lambda, handler, { FunctionName: "half-hourly" });
  await invoke("lasting");
  await untilTotal(1, "Invocations", { FunctionName: "lasting" });

  await stop();
  const lastMs = await recordHalfHours("half-hourly");
  await start();

  let keepAlive: FunctionInsight["keepAlive"] | undefined;
  for (; keepAlive?.prewarm === undefined; await setTimeout(pollMs)) {
    const answer = await fetch(`${hearth.endpoint}/_hearth/why?function=half-hourly`);
    ({ keepAlive } = (await answer.json()) as FunctionInsight);
  }
  assert.equal(keepAlive.expectation?.periodMs, hourMs / 2);
  const nextMs = lastMs + hourMs / 2;
  assert(Math.abs(keepAlive.prewarm.atMs - nextMs) < 2 * 60_000, `${keepAlive.prewarm.atMs - nextMs} ms off`);

  assert.equal(await total("Invocations", { FunctionName: "lasting" }), 1);
  const { Metrics } = await cloudwatch.listMetrics({ MetricName: "Duration", RecentlyActive: "PT3H" });
  assert(Metrics?.some(({ Dimensions }) => Dimensions?.[0]?.Value === "lasting"));
});

test("where keys are required, only they and the scrapers' token open the page", async () => {
  await using closed = await startHearth({
    settings: { accessKeys: "AKIDEXAMPLE:secret", metricsToken: "scraper-token" },
  });
  const statusOf = async (authorization?: string): Promise<number> => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(`${closed.endpoint}/metrics`, { headers });
    await response.arrayBuffer();
    return response.status;
  };

  assert.equal(await statusOf(), 403);
  assert.equal(await statusOf("Bearer other-token"), 403);
  assert.equal(await statusOf("Bearer scraper-token"), 200);
});
