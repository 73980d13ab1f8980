/** Whatever comes over a connection, the endpoint answers with a client's error or closes it, and goes on serving. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { lambdaModel, logsModel, stsModel } from "./models.ts";
import { openIdentityBench } from "./self-check/identity.ts";
import { startLoopback } from "./self-check/loopback.ts";
import { sendRaw } from "./self-check/raw-client.ts";
import { createStsHandlers } from "./sts/handlers.ts";
import type { Handlers } from "./service.ts";
import type { ServiceModel } from "./wire/service-model.ts";

const line = fc.string({ unit: "binary-ascii", maxLength: 60 });
const method = fc.oneof(fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"), line);
const path = fc.oneof(
  fc.constantFrom(
    "/",
    "*",
    "//",
    "/%",
    "/2015-03-31/functions/%zz",
    "/2015-03-31/functions/f/invocations?Qualifier=%ff",
    "/2015-03-31/functions?MaxItems=x",
    "/2018-10-31/layers/l/versions/x",
    "/service/Logs_20140328/operation/PutLogEvents",
    "http://[::1/",
  ),
  line.map((text) => `/${text}`),
);
const header = fc.oneof(
  fc.constantFrom(
    "content-type: application/x-www-form-urlencoded",
    "content-type: application/x-amz-json-1.1",
    "x-amz-target: Logs_20140328.PutLogEvents",
    "x-amz-target: .",
    "smithy-protocol: rpc-v2-cbor",
    "content-encoding: gzip",
    "transfer-encoding: chunked",
    "authorization: AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
    "authorization: AWS4-HMAC-SHA256 Credential=a/1/x/sts/aws4_request",
    "expect: 100-continue",
    "x-amz-client-context: \u00ff",
    "content-length: -1",
  ),
  line,
);

/** Every operation answers nothing: what fails, fails in the wire. */
function idle(model: ServiceModel): Handlers {
  return Object.fromEntries([...model.operations.keys()].map((name) => [name, () => ({})]));
}

test("no request, however broken, crashes the endpoint or makes it fail", async () => {
  const lambda = lambdaModel();
  const logs = logsModel();
  await using identity = await openIdentityBench();
  const services = [
    {
      model: lambda,
      handlers: { ...idle(lambda), InvokeWithResponseStream: () => ({ EventStream: (async function* () {})() }) },
    },
    {
      model: logs,
      handlers: {
        ...idle(logs),
        StartLiveTail: () => ({ responseStream: (async function* () {})() }),
        GetLogObject: () => ({ fieldStream: (async function* () {})() }),
      },
    },
    { model: stsModel(), handlers: createStsHandlers({ ...identity, roleOf: () => undefined }) },
  ];
  await using loopback = await startLoopback({ services });
  const request = fc.tuple(method, path, fc.array(header, { maxLength: 5 }), fc.string({ maxLength: 200 }));

  await fc.assert(
    fc.asyncProperty(request, async ([verb, target, headers, body]) => {
      const length = headers.some((each) => /^(content-length|transfer)/.test(each))
        ? []
        : [`content-length: ${Buffer.byteLength(body)}`];
      const head = [`${verb} ${target} HTTP/1.1`, "host: localhost", "connection: close", ...headers, ...length];
      // A second, plain request ends the wait of those that never become whole.
      const answer = await sendRaw(loopback.port, `${head.join("\r\n")}\r\n\r\n${body}\r\n0\r\n\r\nX\r\n\r\n`);
      assert(answer === undefined || answer.status < 500, JSON.stringify({ head, body, answer }));
    }),
    { numRuns: 400 },
  );
  const after = await sendRaw(loopback.port, "GET /2015-03-31/functions HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.equal(after?.status, 200);
});
