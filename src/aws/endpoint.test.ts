import type * as Logs from "@aws-sdk/client-cloudwatch-logs";
import * as Lambda from "@aws-sdk/client-lambda";
import { STS } from "@aws-sdk/client-sts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { ApiError, UnavailableError } from "../core/errors.ts";
import { lambdaModel, logsModel, stsModel } from "./models.ts";
import type { Loopback } from "./self-check/loopback.ts";
import { openIdentityBench } from "./self-check/identity.ts";
import { startLoopback } from "./self-check/loopback.ts";
import { exchange, sendRaw } from "./self-check/raw-client.ts";
import type { CallContext, Handlers, Service } from "./service.ts";
import { createStsHandlers } from "./sts/handlers.ts";

const lambda = lambdaModel();
const logs = logsModel();
const sts = stsModel();
const bench = await openIdentityBench();

function services(handlers: { readonly lambda?: Handlers; readonly logs?: Handlers }): Service[] {
  return [
    { model: lambda, handlers: handlers.lambda ?? {} },
    { model: logs, handlers: handlers.logs ?? {} },
    {
      model: sts,
      handlers: createStsHandlers({ ...bench, roleOf: () => "arn:aws:iam::111122223333:role/path/worker" }),
    },
  ];
}

const credentials = { accessKeyId: "test", secretAccessKey: "test" };

function lambdaClient({ url }: Loopback): Lambda.Lambda {
  return new Lambda.Lambda({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1 });
}

async function failureOf(call: Promise<unknown>): Promise<Record<string, unknown>> {
  return call.then(
    () => assert.fail("the call did not fail"),
    (error: unknown) => error as Record<string, unknown>,
  );
}

const post = (path: string, body: string, ...headers: string[]): string =>
  [`POST ${path} HTTP/1.1`, "host: x", `content-length: ${Buffer.byteLength(body)}`, ...headers, "", body].join("\r\n");

const echo: Handlers = { Invoke: ({ Payload }: Lambda.InvokeCommandInput) => ({ StatusCode: 200, Payload }) };

test("an operation without handler is refused by name, as what Hearth lacks", async () => {
  await using loopback = await startLoopback({ services: services({}) });

  const error = await failureOf(lambdaClient(loopback).getResourcePolicy({ ResourceArn: "arn:aws:lambda:x" }));

  assert.equal(error["name"], "NotImplementedException");
  assert.match(String(error["message"]), /does not support GetResourcePolicy of lambda yet; docs\/compatibility\.md/);
  assert.equal((error["$metadata"] as { httpStatusCode: number }).httpStatusCode, 400);
});

test("an unknown service and an unknown operation are refused in the protocol of the request", async () => {
  await using loopback = await startLoopback({ services: services({}) });
  const json = "content-type: application/x-amz-json-1.1";

  const target = await sendRaw(loopback.port, post("/", "{}", json, "x-amz-target: Nobody_2020.Do"));
  assert.equal(target?.status, 404);
  assert.equal((JSON.parse(target?.body ?? "") as { __type: string }).__type, "UnknownOperationException");
  assert.match(target?.body ?? "", /Hearth has no service Nobody_2020; docs\/compatibility\.md/);
  const operation = await sendRaw(loopback.port, post("/", "{}", json, "x-amz-target: Logs_20140328.Nothing"));
  assert.match(operation?.body ?? "", /logs has no operation Nothing/);
  const form = "content-type: application/x-www-form-urlencoded";
  const query = await sendRaw(loopback.port, post("/", "Action=Nothing&Version=2011-06-15", form));
  assert.match(query?.body ?? "", /<Code>InvalidAction<\/Code>.*<RequestId>[0-9a-f-]{36}<\/RequestId>/);
  const path = await sendRaw(loopback.port, "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.equal(path?.status, 404);
  assert.equal(path?.headers["x-amzn-errortype"], "UnknownOperationException");
});

test("the service of an unsigned request is found by target, host, path and form", async () => {
  const handlers = {
    lambda: { ListFunctions: () => ({ Functions: [] }) },
    logs: { DescribeLogGroups: () => ({ logGroups: [] }) },
  };
  await using loopback = await startLoopback({ services: services(handlers) });
  const form = "content-type: application/x-www-form-urlencoded";

  const byPath = await sendRaw(loopback.port, "GET /2015-03-31/functions/ HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.equal(byPath?.body, '{"Functions":[]}');
  const byTarget = await sendRaw(loopback.port, post("/", "{}", "x-amz-target: Logs_20140328.DescribeLogGroups"));
  assert.equal(byTarget?.body, '{"logGroups":[]}');
  const byForm = await sendRaw(loopback.port, post("/", "Action=GetCallerIdentity&Version=2011-06-15", form));
  assert.match(byForm?.body ?? "", /<Arn>arn:aws:iam::000000000000:root<\/Arn>/);
  const byQuery = await sendRaw(
    loopback.port,
    "GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nhost: sts.us-east-1.localhost\r\n\r\n",
  );
  assert.match(byQuery?.body ?? "", /<GetCallerIdentityResult>/);
});

test("a request to a function URL is refused, whatever its path", async () => {
  await using loopback = await startLoopback({ services: services({ lambda: { ListFunctions: () => ({}) } }) });
  const host = `host: ${"u".repeat(32)}.lambda-url.us-east-1.localhost:4566`;

  for (const path of ["/", "/_health", "/2015-03-31/functions/"]) {
    const answer = await sendRaw(loopback.port, `GET ${path} HTTP/1.1\r\n${host}\r\n\r\n`);
    assert.equal(answer?.status, 400);
    assert.match(answer?.body ?? "", /Hearth does not serve function URLs yet/);
  }
});

test("a body beyond its operation's bound is refused in AWS's words, declared or chunked", async () => {
  await using loopback = await startLoopback({
    services: services({ lambda: { ...echo, CreateFunction: () => ({}) } }),
  });
  const client = lambdaClient(loopback);
  const path = "/2015-03-31/functions/f/invocations";

  const error = await failureOf(client.invoke({ FunctionName: "f", Payload: Buffer.alloc(6_291_457, "1") }));
  assert.equal(error["name"], "RequestTooLargeException");
  assert.equal(error["message"], "Request must be smaller than 6291456 bytes for the InvokeFunction operation");
  assert.equal((error["$metadata"] as { httpStatusCode: number }).httpStatusCode, 413);
  const chunk = `${(64 * 1024).toString(16)}\r\n${"1".repeat(64 * 1024)}\r\n`;
  const chunked = await sendRaw(
    loopback.port,
    `POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(97)}0\r\n\r\n`,
  );
  assert.equal(chunked?.status, 413);
  const declared = await sendRaw(
    loopback.port,
    `POST /2015-03-31/functions HTTP/1.1\r\nhost: x\r\ncontent-length: 70167212\r\nexpect: 100-continue\r\n\r\n`,
  );
  assert.equal(declared?.status, 413);
  assert.match(declared?.body ?? "", /Request must be smaller than 70167211 bytes for the CreateFunction operation/);
  const { StatusCode } = await client.invoke({ FunctionName: "f", Payload: Buffer.alloc(6_291_456, "1") });
  assert.equal(StatusCode, 200);
});

test("a client that asks before it sends is told to go on", async () => {
  await using loopback = await startLoopback({ services: services({ lambda: echo }) });
  const socket = connect(loopback.port, "127.0.0.1");
  socket.write(
    "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n",
  );

  const [first] = (await once(socket, "data")) as [Buffer];
  assert.match(first.toString(), /^HTTP\/1\.1 100 Continue/);
  const answer = await exchange(socket, "42");
  socket.destroy();
  assert.equal(answer?.body, "42");
});

test("DeleteFunction answers 204 without a body", async () => {
  await using loopback = await startLoopback({ services: services({ lambda: { DeleteFunction: () => ({}) } }) });

  const answer = await sendRaw(loopback.port, "DELETE /2015-03-31/functions/f HTTP/1.1\r\nhost: x\r\n\r\n");

  assert.equal(answer?.status, 204);
  assert.equal(answer?.body, "");
  assert.match(answer?.headers["x-amzn-requestid"] ?? "", /^[0-9a-f-]{36}$/);
  assert(answer?.headers["date"] !== undefined);
});

test("every error carries a request id, its type and the member its shape gives the text", async () => {
  const throwing: Handlers = {
    GetFunction: () => {
      throw new ApiError("ResourceNotFoundException", "Function not found: f");
    },
    Invoke: () => {
      throw new ApiError("TooManyRequestsException", "Rate Exceeded.", {
        Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
        retryAfterSeconds: "2",
      });
    },
  };
  await using loopback = await startLoopback({ services: services({ lambda: throwing }) });

  const missing = await sendRaw(loopback.port, "GET /2015-03-31/functions/f HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.equal(missing?.status, 404);
  assert.equal(missing?.headers["x-amzn-errortype"], "ResourceNotFoundException");
  assert.deepEqual(JSON.parse(missing?.body ?? ""), { Type: "User", Message: "Function not found: f" });
  const throttled = await sendRaw(loopback.port, post("/2015-03-31/functions/f/invocations", "1"));
  assert.equal(throttled?.status, 429);
  assert.equal(throttled?.headers["retry-after"], "2");
  assert.deepEqual(JSON.parse(throttled?.body ?? ""), {
    Type: "User",
    message: "Rate Exceeded.",
    Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  });
});

test("a busy platform throttles, an absent one fails, a bug is reported and not shown", async () => {
  const failing: Handlers = {
    Invoke: () => Promise.reject(new UnavailableError("busy", "the queue is full")),
    GetFunction: () => Promise.reject(new UnavailableError("worker-gone", "the worker is gone")),
    ListFunctions: () => Promise.reject(new Error("secret detail")),
  };
  const failures: unknown[] = [];
  await using loopback = await startLoopback({
    services: services({ lambda: failing }),
    onError: (error, context) => failures.push([(error as Error).message, context.service, context.operation]),
  });

  const busy = await sendRaw(loopback.port, post("/2015-03-31/functions/f/invocations", "1"));
  assert.deepEqual([busy?.status, busy?.headers["retry-after"]], [429, "1"]);
  const gone = await sendRaw(loopback.port, "GET /2015-03-31/functions/f HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.deepEqual([gone?.status, gone?.headers["x-amzn-errortype"]], [500, "ServiceException"]);
  const bug = await sendRaw(loopback.port, "GET /2015-03-31/functions HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.deepEqual(JSON.parse(bug?.body ?? ""), { Type: "Service", Message: "An internal error occurred." });
  assert.deepEqual(failures, [["secret detail", "lambda", "ListFunctions"]]);
});

test("wrong types and broken JSON are refused in AWS's words", async () => {
  await using loopback = await startLoopback({ services: services({}) });
  const create = async (body: string): Promise<unknown> =>
    JSON.parse((await sendRaw(loopback.port, post("/2018-10-31/layers/l/versions", body)))?.body ?? "");
  const implemented: Handlers = { PublishLayerVersion: () => ({}) };
  await using serving = await startLoopback({ services: services({ lambda: implemented }) });
  const publish = async (body: string) => sendRaw(serving.port, post("/2018-10-31/layers/l/versions", body));

  assert.match(JSON.stringify(await create("{}")), /does not support/);
  const number = await publish('{"Description":1}');
  assert.equal(number?.status, 400);
  assert.equal(number?.headers["x-amzn-errortype"], "SerializationException");
  assert.deepEqual(JSON.parse(number?.body ?? ""), { message: "NUMBER_VALUE can not be converted to a String" });
  assert.match((await publish('{"Content":[]}'))?.body ?? "", /Start of list found where not expected/);
  assert.match((await publish('{"CompatibleRuntimes":"x"}'))?.body ?? "", /Expected list or null/);
  assert.match((await publish('{"Content":{"ZipFile":"*"}}'))?.body ?? "", /Invalid base64/);
  const broken = await publish("{");
  assert.equal(broken?.headers["x-amzn-errortype"], "InvalidRequestContentException");
  assert.match(broken?.body ?? "", /^\{"Type":"User","message":"Could not parse request body into json: /);
  assert.match((await publish("\u0000"))?.body ?? "", /Could not parse request body into json/);
});

test("a compressed body is unpacked for documents, within the bound, and left alone for payloads", async () => {
  const seen: unknown[] = [];
  const handlers = {
    lambda: { Invoke: ({ Payload }: Lambda.InvokeCommandInput) => void seen.push(Payload) },
    logs: { DescribeLogGroups: (input: Logs.DescribeLogGroupsCommandInput) => void seen.push(input) },
  };
  await using loopback = await startLoopback({ services: services(handlers) });
  const send = async (path: string, body: Buffer, ...headers: string[]) => {
    const head = [
      `POST ${path} HTTP/1.1`,
      "host: x",
      "content-encoding: gzip",
      `content-length: ${body.length}`,
      ...headers,
    ];
    return sendRaw(loopback.port, Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
  };
  const target = "x-amz-target: Logs_20140328.DescribeLogGroups";
  const packed = gzipSync('{"logGroupNamePrefix":"a"}');

  assert.equal((await send("/", packed, target))?.status, 200);
  await send("/2015-03-31/functions/f/invocations", packed);
  assert.equal((await send("/", Buffer.from("not gzip"), target))?.status, 400);
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  assert.equal((await send("/", bomb, target))?.status, 413);
  assert.deepEqual(seen, [{ logGroupNamePrefix: "a" }, packed]);
});

test("function ARNs reach the handler whole, encoded or not", async () => {
  const names: unknown[] = [];
  const handlers: Handlers = { GetFunction: (input: Lambda.GetFunctionCommandInput) => void names.push(input) };
  await using loopback = await startLoopback({ services: services({ lambda: handlers }) });
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:f:1";

  await lambdaClient(loopback).getFunction({ FunctionName: arn, Qualifier: "$LATEST" });
  await sendRaw(loopback.port, `GET /2015-03-31/functions/${arn} HTTP/1.1\r\nhost: x\r\n\r\n`);

  assert.deepEqual(names, [{ FunctionName: arn, Qualifier: "$LATEST" }, { FunctionName: arn }]);
});

test("handlers learn that the client is gone, and add headers to the answer", async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const handlers: Handlers = {
    Invoke: (_input: never, { signal }: CallContext) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          resolve();
          reject(new UnavailableError("closing", "gone"));
        });
      }),
    GetFunction(_input: never, { responseHeaders }: CallContext) {
      responseHeaders.set("x-more", "é\r\nx: y");
      return {};
    },
  };
  await using loopback = await startLoopback({ services: services({ lambda: handlers }) });
  const socket = connect(loopback.port, "127.0.0.1");

  socket.write(post("/2015-03-31/functions/f/invocations", "1"));
  await once(loopback.endpoint.server, "request");
  socket.destroy();
  await aborted;
  const answer = await sendRaw(loopback.port, "GET /2015-03-31/functions/f HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.match(answer?.headers["x-more"] ?? "", /^.+\?\?x: y$/);
});

test("an event stream that fails ends with the error", async () => {
  const handlers: Handlers = {
    InvokeWithResponseStream: () => ({
      EventStream: (async function* () {
        yield { PayloadChunk: { Payload: Buffer.from("part") } };
        throw new ApiError("ServiceException", "broken off");
      })(),
    }),
  };
  await using loopback = await startLoopback({ services: services({ lambda: handlers }) });

  const { EventStream } = await lambdaClient(loopback).invokeWithResponseStream({ FunctionName: "f" });
  const parts: string[] = [];
  const failure = await failureOf(
    (async () => {
      for await (const event of EventStream ?? [])
        parts.push(Buffer.from(event.PayloadChunk?.Payload ?? "").toString());
    })(),
  );
  assert.deepEqual(parts, ["part"]);
  assert.equal(failure["message"], "broken off");
});

test("a stream goes at the pace of the client, and ends when the client does", async () => {
  let yielded = 0;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const handlers: Handlers = {
    InvokeWithResponseStream: () => ({
      EventStream: (async function* () {
        try {
          for (;;) {
            yielded++;
            yield { PayloadChunk: { Payload: Buffer.alloc(1024 * 1024) } };
          }
        } finally {
          resolve();
        }
      })(),
    }),
  };
  await using loopback = await startLoopback({ services: services({ lambda: handlers }) });
  const socket = connect(loopback.port, "127.0.0.1");
  socket.write(post("/2021-11-15/functions/f/response-streaming-invocations", "1"));
  await once(socket, "readable");

  // Nobody reads: what the socket's buffers take is all that is made.
  socket.destroy();
  await ended;

  assert(yielded < 100, `${yielded} chunks`);
});

test("an answer that the model has no form for is a reported bug", async () => {
  const failures: unknown[] = [];
  await using loopback = await startLoopback({
    services: services({ lambda: { ListFunctions: () => ({ Functions: "none" }) } }),
    onError: (error) => failures.push(error),
  });

  const answer = await sendRaw(loopback.port, "GET /2015-03-31/functions HTTP/1.1\r\nhost: x\r\n\r\n");

  assert.equal(answer?.status, 500);
  assert.equal(failures.length, 1);
});

test("closing waits for the calls under way and for no connection that is merely kept", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: called, resolve: onCall } = Promise.withResolvers<void>();
  const handlers: Handlers = {
    Invoke: async () => {
      onCall();
      await released;
      return { StatusCode: 200, Payload: Buffer.from("1") };
    },
    ListFunctions: () => ({}),
  };
  await using loopback = await startLoopback({ services: services({ lambda: handlers }) });
  const client = lambdaClient(loopback);
  await client.listFunctions({});
  const invocation = client.invoke({ FunctionName: "f" });
  await called;

  const closed = loopback.endpoint.close();
  release();
  assert.equal((await invocation).StatusCode, 200);
  await closed;

  await assert.rejects(client.listFunctions({}));
});

test("web pages of other origins are refused, pages of the endpoint itself are not", async () => {
  await using loopback = await startLoopback({ services: services({ lambda: { ListFunctions: () => ({}) } }) });
  const list = async (...headers: string[]): Promise<number | undefined> => {
    const text = ["GET /2015-03-31/functions HTTP/1.1", ...headers, "", ""].join("\r\n");
    return (await sendRaw(loopback.port, text))?.status;
  };

  assert.equal(await list("host: localhost:4566", "origin: https://evil.example"), 403);
  assert.equal(await list("host: evil.example", "origin: http://evil.example", "sec-fetch-site: same-origin"), 403);
  assert.equal(await list("host: evil.example", "sec-fetch-site: same-origin"), 403);
  assert.equal(await list("host: localhost:4566", "sec-fetch-site: cross-site"), 403);
  assert.equal(await list("host: localhost:4566", "origin: http://localhost:4566", "sec-fetch-site: same-origin"), 200);
  assert.equal(await list("host: localhost:4566", "sec-fetch-site: none"), 200);
});

test("health goes to the internal routes, but never from a sandbox", async () => {
  await using loopback = await startLoopback({ services: services({}) });
  await using internal = await internalListener(loopback);

  assert.equal(
    (await sendRaw(loopback.port, "GET /_health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))?.status,
    200,
  );
  const socket = connect(internal.port, "127.0.0.1");
  const answer = await exchange(socket, "HEARTH/1 env-1\nGET /_health HTTP/1.1\r\nhost: x\r\n\r\n");
  socket.destroy();
  assert.equal(answer?.status, 404);
});

async function internalListener({ endpoint }: Loopback): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => endpoint.acceptInternal(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      endpoint.server.closeAllConnections();
      await closed;
    },
  };
}

test("a function is known by its sandbox and its own credentials, and by nothing else", async () => {
  const identity = {
    accessKeyId: "ASIAENV1",
    secretAccessKey: "temporary",
    sessionToken: "token",
    account: "111122223333",
    functionArn: "arn:aws:lambda:us-east-1:111122223333:function:resize",
  };
  await using loopback = await startLoopback({
    services: services({}),
    environment: (id) => (id === "env-1" ? identity : undefined),
  });
  await using internal = await internalListener(loopback);
  // What the worker does: a line, then the bytes from the sandbox.
  const pipes = createServer((socket) => {
    const upstream = connect(internal.port, "127.0.0.1");
    upstream.write("HEARTH/1 env-1\n");
    socket.pipe(upstream).pipe(socket);
    for (const side of [socket, upstream]) side.on("error", () => side.destroy());
  }).listen(0, "127.0.0.1");
  await once(pipes, "listening");
  const endpoint = `http://127.0.0.1:${(pipes.address() as AddressInfo).port}`;
  const ask = async (accessKeyId: string, secretAccessKey: string, sessionToken: string) => {
    const client = new STS({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId, secretAccessKey, sessionToken },
      maxAttempts: 1,
    });
    return client.getCallerIdentity({}).finally(() => client.destroy());
  };

  const { Account, Arn, UserId } = await ask("ASIAENV1", "temporary", "token");
  assert.equal(Account, "111122223333");
  assert.equal(Arn, "arn:aws:sts::111122223333:assumed-role/worker/resize");
  assert.match(UserId ?? "", /^AROA[0-9A-Z]{17}:resize$/);
  assert.equal((await failureOf(ask("test", "test", "token")))["name"], "InvalidClientTokenId");
  assert.equal((await failureOf(ask("ASIAENV1", "guess", "token")))["name"], "SignatureDoesNotMatch");
  const bare = connect(internal.port, "127.0.0.1");
  const unsigned = await exchange(bare, `HEARTH/1 env-1\n${post("/", "Action=GetCallerIdentity", "host: sts.x")}`);
  bare.destroy();
  assert.notEqual(unsigned?.status, 200);
  pipes.close();
});

test("an internal connection without its opening line is closed", async () => {
  await using loopback = await startLoopback({ services: services({}) });
  await using internal = await internalListener(loopback);

  for (const opening of [
    "GET / HTTP/1.1\r\n\r\n",
    "HEARTH/1 \n",
    `HEARTH/1 ${"x".repeat(300)}`,
    "HEARTH/1 a b\n",
    "\n",
  ]) {
    const socket = connect(internal.port, "127.0.0.1");
    assert.equal(await exchange(socket, opening), undefined, opening);
  }
});

test("a service that is loaded at its first request is loaded once for all who wait, and again after a failure", async () => {
  let loads = 0;
  const load = async (): Promise<Service> => {
    loads += 1;
    if (loads === 1) throw new Error("unreadable");
    return { model: sts, handlers: { GetCallerIdentity: () => ({ Account: "lazy" }) } };
  };
  await using loopback = await startLoopback({
    services: [
      { model: lambda, handlers: {} },
      { facts: sts.facts, load },
    ],
  });
  const client = new STS({ endpoint: loopback.url, region: "us-east-1", credentials, maxAttempts: 1 });

  assert.equal((await failureOf(client.getCallerIdentity({})))["name"], "InternalFailure");
  const answers = await Promise.all([1, 2, 3].map(() => client.getCallerIdentity({})));

  assert.deepEqual(
    answers.map(({ Account }) => Account),
    ["lazy", "lazy", "lazy"],
  );
  assert.equal(loads, 2);
  assert.match(String(loopback.failures.splice(0)), /unreadable/);
});
