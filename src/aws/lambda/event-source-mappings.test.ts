import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";

const base = "arn:aws:lambda:us-east-1:000000000000";
const arns = {
  sqs: "arn:aws:sqs:us-east-1:000000000000:q",
  fifo: "arn:aws:sqs:us-east-1:000000000000:q.fifo",
  kinesis: "arn:aws:kinesis:us-east-1:000000000000:stream/s",
  dynamodb: "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000",
  msk: "arn:aws:kafka:us-east-1:000000000000:cluster/c/00000000-0000-4000-8000-000000000000-1",
  mq: "arn:aws:mq:us-east-1:000000000000:broker:b:b-1",
  documentdb: "arn:aws:rds:us-east-1:000000000000:cluster:docs",
} as const;
const access = [{ Type: "BASIC_AUTH", URI: "arn:aws:secretsmanager:us-east-1:000000000000:secret:s" }];

let lambda: LambdaBench;

beforeEach(async () => {
  lambda = await LambdaBench.open();
  await lambda.create("f");
});

afterEach(async () => lambda[Symbol.asyncDispose]());

type Shown = Record<string, unknown> & { readonly UUID: string };

const call = async (operation: string, input: object = {}): Promise<Shown> =>
  lambda.call(`${operation}EventSourceMapping`, input);
const create = async (source: keyof typeof arns, input: object = {}): Promise<Shown> =>
  call("Create", { FunctionName: "f", EventSourceArn: arns[source], ...input });

async function settled(UUID: string): Promise<Shown> {
  for (;;) {
    lambda.clock.advance(0);
    const shown = await call("Get", { UUID });
    if (["Enabled", "Disabled"].includes(String(shown["State"]))) return shown;
    await setImmediate();
  }
}

const pollers = (MinimumPollers?: number, MaximumPollers?: number): object => ({
  ProvisionedPollerConfig: { MinimumPollers, MaximumPollers },
});
const filters = (...patterns: string[]): object => ({
  FilterCriteria: { Filters: patterns.map((Pattern) => ({ Pattern })) },
});
const invalid = (message: string): { readonly code: string; readonly message: string } => ({
  code: "InvalidParameterValueException",
  message,
});
const unsupported = (name: string): { readonly code: string; readonly message: string } =>
  invalid(`Unsupported '${name}' parameter for given event source mapping type.`);

test("a queue's mapping has Lambda's defaults, and is Creating, then Enabled", async () => {
  const created = await create("sqs");

  assert.deepEqual(created, {
    UUID: created.UUID,
    EventSourceMappingArn: `${base}:event-source-mapping:${created.UUID}`,
    FunctionArn: `${base}:function:f`,
    EventSourceArn: arns.sqs,
    LastModified: new Date(lambda.clock.now()),
    State: "Creating",
    StateTransitionReason: "USER_INITIATED",
    BatchSize: 10,
    MaximumBatchingWindowInSeconds: 0,
    FunctionResponseTypes: [],
  });
  assert.deepEqual(await settled(created.UUID), { ...created, State: "Enabled" });
});

test("a stream's mapping needs a position, and has the settings of streams", async () => {
  for (const source of ["kinesis", "dynamodb"] as const) {
    await assert.rejects(
      create(source),
      invalid(
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
      ),
    );
  }
  const created = await create("dynamodb", { StartingPosition: "LATEST" });

  assert.deepEqual(created, {
    UUID: created.UUID,
    EventSourceMappingArn: `${base}:event-source-mapping:${created.UUID}`,
    FunctionArn: `${base}:function:f`,
    EventSourceArn: arns.dynamodb,
    LastModified: new Date(lambda.clock.now()),
    LastProcessingResult: "No records processed",
    State: "Creating",
    StateTransitionReason: "User action",
    StartingPosition: "LATEST",
    BatchSize: 100,
    MaximumBatchingWindowInSeconds: 0,
    FunctionResponseTypes: [],
    DestinationConfig: { OnFailure: {} },
    BisectBatchOnFunctionError: false,
    MaximumRecordAgeInSeconds: -1,
    MaximumRetryAttempts: -1,
    ParallelizationFactor: 1,
    TumblingWindowInSeconds: 0,
  });
});

test("a position in time needs its time, which has passed, and is not for DynamoDB", async () => {
  const AT_TIMESTAMP = { StartingPosition: "AT_TIMESTAMP" };
  const at = (offsetMs: number): object => ({ StartingPositionTimestamp: new Date(lambda.clock.now() + offsetMs) });

  await assert.rejects(create("kinesis", AT_TIMESTAMP), invalid("Need to specify a timestamp"));
  await assert.rejects(
    create("kinesis", { ...AT_TIMESTAMP, ...at(1000) }),
    invalid("StartingPositionTimestamp cannot be in the future."),
  );
  await assert.rejects(create("kinesis", { StartingPosition: "LATEST", ...at(0) }), {
    code: "InvalidParameterValueException",
  });
  await assert.rejects(
    create("dynamodb", { ...AT_TIMESTAMP, ...at(0) }),
    invalid(`Unsupported starting position for arn type: ${arns.dynamodb}`),
  );
  const created = await create("kinesis", { ...AT_TIMESTAMP, ...at(-1000) });
  assert.deepEqual(created["StartingPositionTimestamp"], new Date(lambda.clock.now() - 1000));
});

test("each kind of source takes its own parameters only", async () => {
  const refused: readonly (readonly [keyof typeof arns, object, object])[] = [
    ["sqs", { StartingPosition: "LATEST" }, invalid("StartingPosition is not valid for SQS event sources.")],
    ["sqs", { ParallelizationFactor: 2 }, unsupported("parallelizationFactor")],
    ["sqs", { MaximumRecordAgeInSeconds: 60 }, unsupported("maximumRecordAgeInSeconds")],
    ["sqs", { Topics: ["t"] }, unsupported("topics")],
    ["sqs", { LoggingConfig: { SystemLogLevel: "INFO" } }, unsupported("loggingConfig")],
    ["sqs", { MetricsConfig: { Metrics: ["KafkaMetrics"] } }, unsupported("metricsConfig")],
    ["mq", { TumblingWindowInSeconds: 1 }, unsupported("tumblingWindowInSeconds")],
    ["kinesis", { ScalingConfig: { MaximumConcurrency: 2 } }, unsupported("scalingConfig")],
    ["msk", { Queues: ["q"] }, unsupported("queues")],
    [
      "sqs",
      { DestinationConfig: { OnFailure: { Destination: arns.sqs } } },
      invalid("Unsupported DestinationConfig parameter for given event source mapping type."),
    ],
    [
      "kinesis",
      { DestinationConfig: { OnSuccess: { Destination: arns.sqs } } },
      invalid("Unsupported DestinationConfig parameter for given event source mapping type."),
    ],
    ["msk", {}, invalid("Required 'topics' parameter is missing.")],
    [
      "msk",
      { Topics: ["t"], SourceAccessConfigurations: [{ Type: "VIRTUAL_HOST", URI: "v" }] },
      invalid("Unsupported source access configuration type VIRTUAL_HOST for given event source mapping type."),
    ],
    ["mq", { Queues: ["q"] }, invalid("Required 'sourceAccessConfigurations' parameter is missing.")],
    [
      "documentdb",
      { SourceAccessConfigurations: access },
      invalid("Required 'documentDBEventSourceConfig' parameter is missing."),
    ],
  ];

  for (const [source, input, refusal] of refused) await assert.rejects(create(source, input), refusal);
  await assert.rejects(call("Create", { FunctionName: "f" }), invalid("Unrecognized event source."));
  await assert.rejects(
    call("Create", { FunctionName: "f", EventSourceArn: "arn:aws:sns:us-east-1:000000000000:t" }),
    invalid("Unrecognized event source."),
  );
});

test("sizes, ages and pollers keep to their bounds", async () => {
  const window = { MaximumBatchingWindowInSeconds: 1 };
  await assert.rejects(
    create("sqs", { BatchSize: 11 }),
    invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
  );
  await assert.rejects(create("fifo", window), invalid("Batching window is not supported for FIFO queues"));
  await assert.rejects(create("fifo", { BatchSize: 11 }), invalid("Batch size must not exceed 10 for FIFO queues"));
  await assert.rejects(create("kinesis", { StartingPosition: "LATEST", MaximumRecordAgeInSeconds: 59 }), {
    code: "InvalidParameterValueException",
  });
  for (const config of [pollers(1), pollers(201), pollers(20, 10), pollers()]) {
    await assert.rejects(create("sqs", config), { code: "InvalidParameterValueException" });
  }
  await assert.rejects(create("sqs", { ...pollers(2, 10), ScalingConfig: { MaximumConcurrency: 5 } }), {
    code: "InvalidParameterValueException",
    message: /^Provisioned mode for SQS ESM does not support maximum concurrency feature\./,
  });

  const created = await create("sqs", { BatchSize: 10_000, ...window, ...pollers(3) });
  assert.deepEqual(created["ProvisionedPollerConfig"], { MinimumPollers: 3, MaximumPollers: 200 });
});

test("filters must be event patterns; a list of none takes them away", async () => {
  for (const pattern of ["null", "simple string", '{"eventSource":"aws:sqs"}', '{"eventSource":[]}']) {
    await assert.rejects(create("sqs", filters(pattern)), invalid("Invalid filter pattern definition."));
  }
  await assert.rejects(
    create("sqs", { FilterCriteria: { Filters: [{}] } }),
    invalid("Invalid filter pattern definition."),
  );
  const pattern = '{"body":{"n":[{"numeric":[">",1]}]}}';
  const { UUID, ...created } = await create("sqs", filters(pattern));
  assert.deepEqual(created["FilterCriteria"], { Filters: [{ Pattern: pattern }] });
  await settled(UUID);

  assert.equal("FilterCriteria" in (await call("Update", { UUID, ...filters() })), false);
});

test("Kafka, MQ and DocumentDB have settings of their own", async () => {
  const kafka = await create("msk", { Topics: ["t"], StartingPosition: "TRIM_HORIZON" });
  assert.deepEqual(kafka["AmazonManagedKafkaEventSourceConfig"], { ConsumerGroupId: kafka.UUID });
  assert.deepEqual(kafka["DestinationConfig"], { OnFailure: {} });

  const selfManaged = {
    FunctionName: "f",
    SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ["kafka:9092"] } },
    Topics: ["t"],
    SourceAccessConfigurations: access,
    SelfManagedKafkaEventSourceConfig: {
      ConsumerGroupId: "group",
      SchemaRegistryConfig: {
        SchemaRegistryURI: "https://registry.example",
        EventRecordFormat: "JSON",
        SchemaValidationConfigs: [{ Attribute: "VALUE" }],
      },
    },
    DestinationConfig: { OnFailure: { Destination: "kafka://failures" } },
  };
  const { FunctionName: _name, ...shown } = selfManaged;
  const created = await call("Create", selfManaged);
  for (const [name, value] of Object.entries(shown)) assert.deepEqual(created[name], value, name);
  assert.equal("EventSourceArn" in created, false);
  await assert.rejects(call("Create", selfManaged), {
    code: "ResourceConflictException",
    message: new RegExp(`^An event source mapping with event source \\("kafka:9092"\\), .*UUID ${created.UUID}$`),
  });

  await assert.rejects(
    call("Create", {
      ...selfManaged,
      StartingPosition: "LATEST",
      SelfManagedKafkaEventSourceConfig: { ConsumptionMode: "Queue" },
    }),
    unsupported("startingPosition"),
  );

  const queues = await create("mq", { Queues: ["q"], SourceAccessConfigurations: access });
  assert.deepEqual(queues["Queues"], ["q"]);
  const DocumentDBEventSourceConfig = { DatabaseName: "d", CollectionName: "c", FullDocument: "UpdateLookup" };
  const documents = await create("documentdb", { DocumentDBEventSourceConfig, SourceAccessConfigurations: access });
  assert.deepEqual(documents["DocumentDBEventSourceConfig"], DocumentDBEventSourceConfig);
});

test("an update changes what it names, enables and disables, and is refused while another one settles", async () => {
  const { UUID } = await create("sqs", { ScalingConfig: { MaximumConcurrency: 5 } });
  await assert.rejects(call("Update", { UUID, BatchSize: 5 }), {
    code: "ResourceInUseException",
    message: "Cannot update the event source mapping because it is in use.",
  });
  await settled(UUID);

  const disabling = await call("Update", { UUID, Enabled: false, BatchSize: 5 });
  assert.deepEqual([disabling["State"], disabling["BatchSize"]], ["Disabling", 5]);
  assert.equal((await settled(UUID))["State"], "Disabled");
  assert.equal((await call("Update", { UUID, ScalingConfig: {} }))["State"], "Updating");
  const kept = await settled(UUID);
  assert.deepEqual([kept["State"], kept["BatchSize"], kept["ScalingConfig"]], ["Disabled", 5, undefined]);
  assert.equal((await call("Update", { UUID, Enabled: true }))["State"], "Enabling");
  await settled(UUID);
  await assert.rejects(call("Update", { UUID, ParallelizationFactor: 2 }), unsupported("parallelizationFactor"));
});

test("mappings are listed by function and by source, in pages", async () => {
  await lambda.create("g");
  await lambda.call("PublishVersion", { FunctionName: "f" });
  const first = await create("sqs");
  await create("sqs", { FunctionName: "g" });
  const published = await create("sqs", { FunctionName: "f:1" });
  await create("fifo");

  const list = async (input: object = {}): Promise<{ EventSourceMappings: Shown[]; NextMarker?: string }> =>
    lambda.call("ListEventSourceMappings", input);
  const uuids = async (input?: object): Promise<string[]> =>
    (await list(input)).EventSourceMappings.map(({ UUID }) => UUID);
  assert.equal((await uuids()).length, 4);
  assert.deepEqual(await uuids({ FunctionName: "f:1" }), [published.UUID]);
  assert.deepEqual(await uuids({ FunctionName: `${base}:function:f`, EventSourceArn: arns.sqs }), [first.UUID]);
  const { EventSourceMappings, NextMarker } = await list({ MaxItems: 3 });
  assert.equal(EventSourceMappings.length, 3);
  assert.equal((await uuids({ Marker: NextMarker })).length, 1);
  assert.deepEqual(await uuids({ FunctionName: "nobody" }), []);
});

test("a mapping stays when its function goes, until it is deleted itself", async () => {
  const { UUID } = await create("sqs");
  await settled(UUID);

  await lambda.call("DeleteFunction", { FunctionName: "f" });

  assert.equal((await call("Get", { UUID }))["State"], "Enabled");
  assert.equal((await call("Delete", { UUID }))["State"], "Deleting");
});

test("tags are set with the mapping, and changed by its ARN", async () => {
  const { UUID, EventSourceMappingArn: Resource } = await create("sqs", { Tags: { a: "1", b: "2" } });
  await lambda.call("TagResource", { Resource, Tags: { a: "3" } });
  await lambda.call("UntagResource", { Resource, TagKeys: ["b", "c"] });

  assert.deepEqual(await lambda.call("ListTags", { Resource }), { Tags: { a: "3" } });
  assert.equal("Tags" in (await call("Get", { UUID })), false);
  const other = `arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:${UUID}`;
  await assert.rejects(lambda.call("ListTags", { Resource: other }), {
    code: "ResourceNotFoundException",
    message: `Event source mapping not found: ${other}`,
  });
});

test("what is not there is named as AWS names it, and other accounts see nothing", async () => {
  const notFound = { code: "ResourceNotFoundException", message: "The resource you requested does not exist." };
  const UUID = "00000000-0000-4000-8000-00000000ffff";

  for (const operation of ["Get", "Update", "Delete"]) {
    for (const id of [UUID, "no-id", "x".repeat(10_000)]) await assert.rejects(call(operation, { UUID: id }), notFound);
  }
  const Marker = Buffer.from("x".repeat(10_000)).toString("base64url");
  await assert.rejects(lambda.call("ListEventSourceMappings", { Marker }), invalid("The Marker is invalid."));
  await assert.rejects(create("sqs", { FunctionName: "nobody" }), invalid("Function does not exist"));
  await assert.rejects(create("sqs", { FunctionName: "f:nothing" }), invalid("Function does not exist"));
  lambda.sources.set(arns.dynamodb, "no");
  await assert.rejects(
    create("dynamodb", { StartingPosition: "LATEST" }),
    invalid(`Stream not found: ${arns.dynamodb}`),
  );
  await assert.rejects(create("sqs", { KMSKeyArn: "arn:aws:kms:us-east-1:000000000000:key/k" }), {
    code: "InvalidParameterValueException",
    message: /^KMSKeyArn is not supported by Hearth/,
  });
  const mine = await create("sqs");
  const other = context({ scope: { account: "111111111111", region: "us-east-1" } });
  await assert.rejects(lambda.call("GetEventSourceMapping", { UUID: mine.UUID }, other), notFound);
});
