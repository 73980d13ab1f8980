import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LambdaBench } from "../../../test/support/lambda-bench.ts";
import {
  mappingsPrefix,
  type EventSourceMappingRecord,
} from "../../control-plane/event-source-mappings/mapping-record.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";

const model = lambdaModel();
const account = "000000000000";

/** Values that the service model takes, for every member; sources of every kind, and some of none. */
const members = {
  FunctionName: ["f", "g", "f:1", "nobody"],
  EventSourceArn: [
    `arn:aws:sqs:us-east-1:${account}:q`,
    `arn:aws:sqs:us-east-1:${account}:q.fifo`,
    `arn:aws:sqs:eu-west-1:${account}:q`,
    `arn:aws:kinesis:us-east-1:${account}:stream/s`,
    `arn:aws:dynamodb:us-east-1:${account}:table/t/stream/2026`,
    `arn:aws:kafka:us-east-1:${account}:cluster/c/1`,
    `arn:aws:mq:us-east-1:${account}:broker:b:b-1`,
    `arn:aws:rds:us-east-1:${account}:cluster:c`,
    `arn:aws:sns:us-east-1:${account}:t`,
  ],
  Enabled: [true, false],
  BatchSize: [1, 10, 11, 10_000],
  FilterCriteria: [{}, { Filters: [] }, { Filters: [{}] }, { Filters: [{ Pattern: '{"a":[1]}' }] }],
  KMSKeyArn: [`arn:aws:kms:us-east-1:${account}:key/k`],
  MetricsConfig: [{}, { Metrics: ["EventCount"] }, { Metrics: ["ErrorCount"] }],
  LoggingConfig: [{}, { SystemLogLevel: "INFO" }],
  ScalingConfig: [{}, { MaximumConcurrency: 2 }],
  MaximumBatchingWindowInSeconds: [0, 1, 300],
  ParallelizationFactor: [1, 10],
  StartingPosition: ["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"],
  StartingPositionTimestamp: [new Date(0), new Date(Date.UTC(3000, 0, 1))],
  DestinationConfig: [
    {},
    { OnSuccess: {} },
    { OnFailure: {} },
    { OnFailure: { Destination: `arn:aws:sqs:us-east-1:${account}:d` } },
    { OnFailure: { Destination: "kafka://t" } },
  ],
  MaximumRecordAgeInSeconds: [-1, 0, 59, 60],
  BisectBatchOnFunctionError: [true, false],
  MaximumRetryAttempts: [-1, 0, 10_000],
  TumblingWindowInSeconds: [0, 900],
  Topics: [["t"]],
  Queues: [["q"]],
  SourceAccessConfigurations: [[], [{ Type: "BASIC_AUTH", URI: "arn:aws:secretsmanager:x" }], [{ Type: "IAM_AUTH" }]],
  SelfManagedEventSource: [{}, { Endpoints: {} }, { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ["k:9092"] } }],
  FunctionResponseTypes: [[], ["ReportBatchItemFailures"]],
  AmazonManagedKafkaEventSourceConfig: [{}, { ConsumerGroupId: "g" }],
  SelfManagedKafkaEventSourceConfig: [
    {},
    { SchemaRegistryConfig: {} },
    { SchemaRegistryConfig: { SchemaRegistryURI: "u" } },
  ],
  DocumentDBEventSourceConfig: [{}, { DatabaseName: "d" }],
  ProvisionedPollerConfig: [
    {},
    { MinimumPollers: 1 },
    { MinimumPollers: 2, MaximumPollers: 5 },
    { PollerGroupName: "g" },
  ],
} as const;

const memberNames = Object.keys(members) as (keyof typeof members)[];

const request = fc
  .uniqueArray(fc.constantFrom(...memberNames), { maxLength: 6 })
  .chain((names) =>
    fc.record(Object.fromEntries(names.map((name) => [name, fc.constantFrom<unknown>(...members[name])]))),
  );

test("property: a well-formed request is done or refused as the caller's fault, and what is refused changes nothing", async () => {
  await using lambda = await LambdaBench.open();
  for (const name of ["f", "g"]) await lambda.create(name);
  const records = async (): Promise<string> =>
    JSON.stringify(await lambda.engine.records.list<EventSourceMappingRecord>(mappingsPrefix));

  const attempt = async (operation: string, input: Record<string, unknown>): Promise<void> => {
    const before = await records();
    try {
      model.operations.get(operation)?.validate(input);
      await lambda.call(operation, input);
    } catch (error) {
      assert(error instanceof ApiError, String(error));
      assert.match(error.code, /^(InvalidParameterValue|Validation|Resource(NotFound|Conflict|InUse))Exception$/);
      assert.equal(await records(), before);
    }
  };

  await fc.assert(
    fc.asyncProperty(request, request, async (created, updated) => {
      const [FunctionName, EventSourceArn] = [members.FunctionName[0], members.EventSourceArn[0]];
      await attempt("CreateEventSourceMapping", { FunctionName, EventSourceArn, ...created });
      await lambda.untilMappingsSettled();
      const { EventSourceMappings } = await lambda.call<{ EventSourceMappings: { UUID: string }[] }>(
        "ListEventSourceMappings",
        {},
      );
      const UUID = EventSourceMappings.at(-1)?.UUID;
      if (UUID === undefined) return;
      const { EventSourceArn: _source, ...change } = updated;
      await attempt("UpdateEventSourceMapping", { ...change, UUID });
      await lambda.untilMappingsSettled();
      await attempt("DeleteEventSourceMapping", { UUID });
      await lambda.untilMappingsSettled();
    }),
    { numRuns: 400 },
  );
});
