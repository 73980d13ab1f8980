/**
 * Every operation of the newest clients, driven through the unmodified SDK over HTTP: what the client sends is what the
 * handler gets, what the handler returns is what the client gets, and every modelled error arrives as itself.
 */
import * as AutoScaling from "@aws-sdk/client-application-auto-scaling";
import * as CloudWatch from "@aws-sdk/client-cloudwatch";
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import * as Iam from "@aws-sdk/client-iam";
import * as Kinesis from "@aws-sdk/client-kinesis";
import * as Lambda from "@aws-sdk/client-lambda";
import * as Sfn from "@aws-sdk/client-sfn";
import * as Sqs from "@aws-sdk/client-sqs";
import * as Sts from "@aws-sdk/client-sts";
import { AwsQueryProtocol, AwsRestXmlProtocol, AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../core/errors.ts";
import { autoScalingFacts, cloudwatchFacts, iamFacts, lambdaFacts, logsFacts, sqsFacts, stsFacts } from "./models.ts";
import { kinesisFacts, sfnFacts } from "./self-check/facts.ts";
import { startLoopback } from "./self-check/loopback.ts";
import { plain, sampleInput, sampleOf, sampleOutput } from "./self-check/sample.ts";
import { schemasOf, type Schemas } from "./sdk-schemas.ts";
import type { Handler } from "./service.ts";
import type { Operation, ProtocolName, ServiceFacts } from "./wire/service-model.ts";
import { compileService } from "./wire/service-model.ts";
import type { Shape } from "./wire/shapes.ts";
import { isStructure } from "./wire/shapes.ts";

interface Client {
  readonly config: { readonly protocolSettings?: unknown };
  send(command: unknown): Promise<Record<string, unknown>>;
}

type ClientClass = new (config: Record<string, unknown>) => Client;
type CommandClass = new (input: unknown) => unknown;

interface Subject {
  readonly facts: ServiceFacts;
  /** As the server loads them, and the package as clients load it. */
  readonly schemas: Schemas;
  readonly package: Readonly<Record<string, unknown>>;
  readonly client: ClientClass;
  readonly operations: number;
  /** A protocol of the SDK's that the client speaks in place of its own. */
  readonly protocol?: { readonly name: ProtocolName; readonly class: unknown };
}

const schemas = {
  lambda: await schemasOf("@aws-sdk/client-lambda"),
  sqs: await schemasOf("@aws-sdk/client-sqs"),
  sfn: await schemasOf("@aws-sdk/client-sfn"),
  logs: await schemasOf("@aws-sdk/client-cloudwatch-logs"),
  kinesis: await schemasOf("@aws-sdk/client-kinesis"),
  sts: await schemasOf("@aws-sdk/client-sts"),
  iam: await schemasOf("@aws-sdk/client-iam"),
  cloudwatch: await schemasOf("@aws-sdk/client-cloudwatch"),
  autoScaling: await schemasOf("@aws-sdk/client-application-auto-scaling"),
};

const subjects: readonly Subject[] = [
  { facts: lambdaFacts, schemas: schemas.lambda, package: Lambda, client: Lambda.LambdaClient, operations: 88 },
  { facts: sqsFacts, schemas: schemas.sqs, package: Sqs, client: Sqs.SQSClient, operations: 23 },
  { facts: sfnFacts, schemas: schemas.sfn, package: Sfn, client: Sfn.SFNClient, operations: 37 },
  { facts: logsFacts, schemas: schemas.logs, package: Logs, client: Logs.CloudWatchLogsClient, operations: 118 },
  { facts: kinesisFacts, schemas: schemas.kinesis, package: Kinesis, client: Kinesis.KinesisClient, operations: 45 },
  { facts: stsFacts, schemas: schemas.sts, package: Sts, client: Sts.STSClient, operations: 11 },
  { facts: iamFacts, schemas: schemas.iam, package: Iam, client: Iam.IAMClient, operations: 180 },
  {
    facts: cloudwatchFacts,
    schemas: schemas.cloudwatch,
    package: CloudWatch,
    client: CloudWatch.CloudWatchClient,
    operations: 55,
  },
  {
    facts: autoScalingFacts,
    schemas: schemas.autoScaling,
    package: AutoScaling,
    client: AutoScaling.ApplicationAutoScalingClient,
    operations: 14,
  },
];

/** The same clients made to speak the protocols that none of them speaks by itself. */
const otherTongues: readonly Subject[] = [
  {
    facts: sqsFacts,
    schemas: schemas.sqs,
    package: Sqs,
    client: Sqs.SQSClient,
    operations: 23,
    protocol: { name: "awsQuery", class: AwsQueryProtocol },
  },
  {
    facts: cloudwatchFacts,
    schemas: schemas.cloudwatch,
    package: CloudWatch,
    client: CloudWatch.CloudWatchClient,
    operations: 55,
    protocol: { name: "awsQuery", class: AwsQueryProtocol },
  },
  {
    facts: cloudwatchFacts,
    schemas: schemas.cloudwatch,
    package: CloudWatch,
    client: CloudWatch.CloudWatchClient,
    operations: 55,
    protocol: { name: "rpcv2Cbor", class: AwsSmithyRpcV2CborProtocol },
  },
  {
    facts: logsFacts,
    schemas: schemas.logs,
    package: Logs,
    client: Logs.CloudWatchLogsClient,
    operations: 118,
    protocol: { name: "rpcv2Cbor", class: AwsSmithyRpcV2CborProtocol },
  },
  {
    facts: { ...lambdaFacts, protocols: ["restXml"] },
    schemas: schemas.lambda,
    package: Lambda,
    client: Lambda.LambdaClient,
    operations: 88,
    protocol: { name: "restXml", class: AwsRestXmlProtocol },
  },
];

/** The SDK's own restXml writer nests lists inside maps differently from the specification. */
function hasMapOfLists(shape: Shape, seen = new Set<Shape>()): boolean {
  if (seen.has(shape)) return false;
  seen.add(shape);
  if (isStructure(shape)) return shape.members.some((member) => hasMapOfLists(member.shape, seen));
  if (shape.kind === "list") return hasMapOfLists(shape.member.shape, seen);
  return shape.kind === "map" && (shape.value.shape.kind === "list" || hasMapOfLists(shape.value.shape, seen));
}

/** Kinesis's client would speak HTTP/2 to a plain endpoint; SQS's handler is the SDK's ordinary one. */
const { requestHandler } = new Sqs.SQSClient({ region: "eu-west-1" }).config;

function clientOf(subject: Subject, url: string): Client {
  return new subject.client({
    endpoint: url,
    region: "eu-west-1",
    credentials: { accessKeyId: "123456789012", secretAccessKey: "secret" },
    maxAttempts: 1,
    disableHostPrefix: true,
    md5: false,
    requestHandler,
    useQueueUrlAsEndpoint: false,
    ...(subject.protocol !== undefined && { protocol: subject.protocol.class }),
  });
}

async function collect(stream: unknown): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of stream as AsyncIterable<unknown>) events.push(event);
  return events;
}

async function* streamOf(events: readonly unknown[]): AsyncGenerator {
  yield* events;
}

for (const subject of [...subjects, ...otherTongues]) {
  const { facts } = subject;
  const tongue = subject.protocol?.name ?? facts.protocols[0];
  const model = compileService(facts, subject.schemas);
  const isError = (name: string): boolean => model.errors.has(name);
  const operations = [...model.operations.values()].filter(
    ({ input, output }) => tongue !== "restXml" || !(hasMapOfLists(input) || hasMapOfLists(output)),
  );
  const commandOf = (operation: Operation): CommandClass => subject.package[`${operation.name}Command`] as CommandClass;

  test(`every operation of ${facts.name} makes the round trip in ${tongue}`, async () => {
    const received = new Map<string, unknown>();
    const samples = new Map([...model.operations.values()].map((each) => [each.name, sampleOutput(each, isError)]));
    const handlers: Record<string, Handler<never, unknown>> = {};
    for (const [name, { output, stream }] of samples) {
      handlers[name] = (input) => {
        received.set(name, input);
        return stream === undefined ? output : { ...output, [stream.member]: streamOf(stream.events) };
      };
    }
    await using loopback = await startLoopback({ services: [{ model, handlers }] });
    const client = clientOf(subject, loopback.url);
    for (const operation of operations) {
      const input = sampleInput(operation);
      const response = await client.send(new (commandOf(operation))(input));
      const { output, stream } = samples.get(operation.name) ?? { output: {}, stream: undefined };

      assert.deepEqual(plain(received.get(operation.name)), plain(input), `${operation.name}: the input`);
      if (stream !== undefined) {
        assert.deepEqual(plain(await collect(response[stream.member])), plain(stream.events), operation.name);
        response[stream.member] = undefined;
      }
      assert.deepEqual(plain(response), plain(output), `${operation.name}: the output`);
    }
    assert.equal(model.operations.size, subject.operations);
    assert.equal(received.size, operations.length);
  });

  test(`every error of ${facts.name} arrives as itself in ${tongue}`, async () => {
    let thrown = new ApiError("", "");
    const names = [...model.operations.keys()];
    const handlers = Object.fromEntries(
      names.map((name) => [
        name,
        () => {
          throw thrown;
        },
      ]),
    );
    await using loopback = await startLoopback({ services: [{ model, handlers }] });
    const client = clientOf(subject, loopback.url);
    // Of errors that AWS Query calls alike a client knows one.
    const queryCodes = [...model.errors.values()].map(({ queryCode }) => queryCode);
    const isAmbiguous = (queryCode: string): boolean =>
      facts.isQueryCompatible === true && queryCodes.indexOf(queryCode) !== queryCodes.lastIndexOf(queryCode);
    const errors = [...model.errors].filter(([, { queryCode }]) => !isAmbiguous(queryCode));
    const failWith = async (operation: Operation, code: string): Promise<void> => {
      const error = model.errors.get(code);
      assert(error !== undefined);
      const fields = Object.fromEntries(
        error.shape.members
          .filter(({ name, shape }) => name.toLowerCase() !== "message" && shape.kind === "string")
          // In XML the element Type says whose fault it is.
          .filter(({ name }) => name !== "Type" || tongue !== "restXml")
          .map(({ name, shape }) => [name, sampleOf(shape, "header")]),
      );
      thrown = new ApiError(code, `${code} <says> "so" & é`, fields);
      const found = await client.send(new (commandOf(operation))(sampleInput(operation))).then(
        () => assert.fail(`${operation.name} did not fail`),
        (failure: unknown) => failure as Record<string, unknown>,
      );

      assert.equal(found["name"], code, operation.name);
      assert.equal(found["message"], thrown.message, operation.name);
      for (const [name, value] of Object.entries(fields)) assert.equal(found[name], value, `${code}.${name}`);
      const { httpStatusCode } = found["$metadata"] as { readonly httpStatusCode: number };
      assert.equal(httpStatusCode, error.status, code);
    };
    // Every operation fails once, and every error is thrown once.
    const [first] = operations;
    assert(first !== undefined);
    for (const [code] of errors) await failWith(first, code);
    for (const [index, operation] of operations.entries()) {
      const [code] = errors[index % errors.length] ?? [""];
      await failWith(operation, code);
    }
  });
}

/** With references to other shapes by their names; without what a client has noted in the tuples. */
function textOf(schema: unknown): string {
  return JSON.stringify(schema, (_, value: unknown) => (typeof value === "function" ? String(value) : value));
}

test("every schema that a client knows is known without it", () => {
  for (const subject of subjects) {
    const known = Object.keys(subject.package).filter((name) => name.endsWith("$"));

    assert(known.length > subject.operations);
    for (const name of known) assert.equal(textOf(subject.schemas[name]), textOf(subject.package[name]), name);
  }
});

test("the facts of every service agree with the SDK's own configuration", () => {
  for (const subject of subjects) {
    const client = clientOf(subject, "http://127.0.0.1:1");
    const settings = client.config.protocolSettings as Readonly<Record<string, unknown>>;
    const { facts } = subject;

    assert.equal(settings["defaultNamespace"], facts.namespace);
    assert.equal(settings["version"], facts.version);
    assert.equal(settings["serviceTarget"], facts.targetPrefix);
    assert.equal(settings["awsQueryCompatible"] ?? false, facts.isQueryCompatible ?? false);
    if (settings["xmlNamespace"] !== undefined) assert.equal(settings["xmlNamespace"], facts.xmlNamespace);
  }
});
