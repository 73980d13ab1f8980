import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";

import { ManualClock } from "../../core/manual-clock.ts";
import { listenOnLoopback } from "../../sandbox/linux/loopback.ts";
import { until } from "../testing/harness.ts";
import { RuntimeClient, type ClientAnswer } from "../testing/runtime-client.ts";
import { RuntimeApiServer } from "./server.ts";
import { RuntimeSession, type RuntimeFailure, type RuntimeResult } from "./session.ts";
import { invocationPrefix, nextPath, responseBytesMax, warmupRequestsMax, type RuntimeEvent } from "./wire.ts";

const requestId = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const otherId = "00000000-e9f4-11e8-9739-2dfe598c3fcd";

function event(changes: Partial<RuntimeEvent> = {}): RuntimeEvent {
  return {
    requestId,
    deadlineMs: 1_542_409_706_888,
    invokedFunctionArn: "arn:aws:lambda:us-east-2:123456789012:function:custom-runtime",
    traceId: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1",
    payload: Buffer.from(`{"key":"value"}`),
    ...changes,
  };
}

class Served implements Disposable {
  readonly clock = new ManualClock();
  readonly results: RuntimeResult[] = [];
  readonly initErrors: RuntimeFailure[] = [];
  readonly session: RuntimeSession;
  readonly port: number;
  readonly client: RuntimeClient;
  readonly #sockets: Socket[] = [];
  readonly #listener: Disposable;
  nexts = 0;
  boots = 0;
  floods = 0;

  constructor(pooled = false) {
    this.session = new RuntimeSession({
      pooled,
      nowMs: () => this.clock.monotonicMs(),
      listener: {
        onBooted: () => (this.boots += 1),
        onNext: () => (this.nexts += 1),
        onResult: (result) => this.results.push(result),
        onInitError: (failure) => this.initErrors.push(failure),
        onFlood: () => (this.floods += 1),
      },
    });
    const { fd, port } = listenOnLoopback(0);
    const listener = new RuntimeApiServer().listen(fd, this.session);
    this.#listener = { [Symbol.dispose]: () => listener.close() };
    this.port = port;
    this.client = new RuntimeClient(port);
  }

  /** A raw connection, for what no honest client sends. */
  async dial(): Promise<Socket> {
    const socket = connect(this.port, "127.0.0.1");
    this.#sockets.push(socket);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  }

  /** Takes the runtime to the point where it has an invocation. */
  async running(): Promise<void> {
    const next = this.client.next();
    await until(() => this.nexts > 0);
    this.session.deliver(event());
    await next;
  }

  [Symbol.dispose](): void {
    this.session.end();
    this.#listener[Symbol.dispose]();
    this.client.agent.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function json({ body }: ClientAnswer): unknown {
  return JSON.parse(body.toString("utf8"));
}

test("hands an event to the runtime with all its headers", async () => {
  using api = new Served();
  const next = api.client.next();
  await until(() => api.nexts === 1);
  api.session.deliver(
    event({ clientContext: `{"custom":{"ä":"\n😀"}}`, cognitoIdentity: `{"cognitoIdentityId":"x"}` }),
  );

  const { status, headers, body } = await next;

  assert.equal(status, 200);
  assert.equal(body.toString(), `{"key":"value"}`);
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers["lambda-runtime-aws-request-id"], requestId);
  assert.equal(headers["lambda-runtime-deadline-ms"], "1542409706888");
  assert.equal(
    headers["lambda-runtime-invoked-function-arn"],
    "arn:aws:lambda:us-east-2:123456789012:function:custom-runtime",
  );
  assert.equal(headers["lambda-runtime-trace-id"], "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1");
  assert.deepEqual(JSON.parse(String(headers["lambda-runtime-client-context"])), { custom: { ä: " 😀" } });
  assert.equal(headers["lambda-runtime-cognito-identity"], `{"cognitoIdentityId":"x"}`);
});

test("takes a response, once, and waits for the next request", async () => {
  using api = new Served();
  await api.running();

  const accepted = await api.client.respond(requestId, "answer", { "Content-Type": "text/plain" });
  const again = await api.client.respond(requestId, "another");

  assert.equal(accepted.status, 202);
  assert.deepEqual(json(accepted), { status: "OK" });
  assert.equal(again.status, 403);
  assert.deepEqual(json(again), {
    errorMessage:
      "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State transition is not allowed",
    errorType: "InvalidStateTransition",
  });
  assert.deepEqual(api.results, [{ kind: "success", payload: Buffer.from("answer"), contentType: "text/plain" }]);
});

test("takes an error with its type; without a body the type makes the error", async () => {
  for (const [body, expected] of [
    [`{"errorMessage":"x"}`, `{"errorMessage":"x"}`],
    ["", `{"errorType":"Function.Custom","errorMessage":""}`],
  ] as const) {
    using api = new Served();
    await api.running();

    assert.equal((await api.client.fail(requestId, "Function.Custom", body)).status, 202);

    assert.deepEqual(api.results, [{ kind: "error", errorType: "Function.Custom", payload: Buffer.from(expected) }]);
  }
});

test("the cause of an error is not for the caller", async () => {
  const whole = { errorMessage: "m", errorType: "T", stackTrace: ["s"], errorCause: { exceptions: [] } };
  for (const [body, payload] of [
    [JSON.stringify(whole), `{"errorMessage":"m","errorType":"T","stackTrace":["s"]}`],
    ["{broken", `"Invalid error body"`],
  ] as const) {
    using api = new Served();
    await api.running();

    await api.client.call("POST", `${invocationPrefix}${requestId}/error`, body, {
      "Content-Type": "application/vnd.aws.lambda.error.cause+json",
    });

    assert.equal(api.results[0]?.payload.toString(), payload);
  }
});

test("refuses a response mode that does not exist", async () => {
  using api = new Served();
  await api.running();

  const answer = await api.client.respond(requestId, "x", { "Lambda-Runtime-Function-Response-Mode": "sideways" });

  assert.equal(answer.status, 400);
  assert.deepEqual(json(answer), {
    errorMessage: "Invalid function response mode",
    errorType: "InvalidFunctionResponseMode",
  });
  assert.deepEqual(api.results, []);
});

test("refuses an id that is not the running invocation's", async () => {
  using api = new Served();
  await api.running();

  for (const path of [`${otherId}/response`, `${otherId}/error`, "short/response", "/response"]) {
    const answer = await api.client.call("POST", invocationPrefix + path, "x");
    assert.equal(answer.status, 400);
    assert.deepEqual(json(answer), { errorMessage: "Invalid request ID", errorType: "InvalidRequestID" });
  }
  assert.deepEqual(api.results, []);
});

test("refuses what comes at the wrong moment, other paths and other methods", async () => {
  using api = new Served();

  assert.equal((await api.client.respond(requestId, "x")).status, 400);
  assert.equal((await api.client.call("GET", "/2018-06-01/ping")).body.toString(), "pong");
  assert.equal((await api.client.call("GET", "/")).status, 404);
  assert.equal((await api.client.call("POST", "/2018-06-01/runtime/nothing", "x")).status, 404);
  assert.equal((await api.client.call("PUT", nextPath)).status, 405);
  assert.equal((await api.client.call("POST", nextPath)).status, 405);
  assert.equal((await api.client.call("GET", "/hearth/specialise")).status, 403);
  assert.equal((await api.client.call("GET", "/hearth/warmup/next")).status, 403);
  await api.running();
  assert.equal((await api.client.failInit("X", "{}")).status, 403);
  assert.deepEqual(api.initErrors, []);
});

test("takes an init error before the first next only", async () => {
  using api = new Served();

  assert.equal((await api.client.failInit("Runtime.ImportModuleError", `{"errorMessage":"no"}`)).status, 202);

  assert.deepEqual(api.initErrors, [
    { errorType: "Runtime.ImportModuleError", payload: Buffer.from(`{"errorMessage":"no"}`) },
  ]);
  assert.equal((await api.client.failInit("Again", "{}")).status, 403);
});

test("takes a response of 6 MB and 100 bytes, and answers one byte more with Lambda's error", async () => {
  for (const [excess, status] of [
    [0, 202],
    [1, 413],
    [5_000_000, 413],
  ] as const) {
    using api = new Served();
    await api.running();

    const answer = await api.client.respond(requestId, Buffer.alloc(responseBytesMax + excess));

    assert.equal(answer.status, status);
    const [result] = api.results;
    assert(result);
    if (status === 202) assert.equal(result.payload.length, responseBytesMax);
    else {
      assert.deepEqual(JSON.parse(result.payload.toString("utf8")), {
        errorType: "Function.ResponseSizeTooLarge",
        errorMessage: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
      });
      assert.deepEqual(json(answer), {
        errorMessage: "Exceeded maximum allowed payload size (6291556 bytes).",
        errorType: "RequestEntityTooLarge",
      });
    }
    assert.equal(api.results.length, 1);
  }
});

test("a streamed response is one response, and its trailers can make it an error", async () => {
  for (const [trailers, kind] of [
    ["", "success"],
    [
      `Lambda-Runtime-Function-Error-Type: Late\r\nLambda-Runtime-Function-Error-Body: ${btoa(`{"errorMessage":"late"}`)}\r\n`,
      "error",
    ],
  ] as const) {
    using api = new Served();
    await api.running();
    const socket = await api.dial();

    socket.write(
      `POST ${invocationPrefix}${requestId}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n` +
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n" +
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n" +
        `3\r\nabc\r\n3\r\ndef\r\n0\r\n${trailers}\r\n`,
    );
    await until(() => api.results.length === 1);

    assert.equal(api.results[0]?.kind, kind);
    assert.equal(api.results[0]?.payload.toString(), kind === "success" ? "abcdef" : `{"errorMessage":"late"}`);
  }
});

test("a response that breaks off is none: the runtime may send it again", async () => {
  using api = new Served();
  await api.running();
  const socket = await api.dial();
  socket.write(`POST ${invocationPrefix}${requestId}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf`);
  let whileReading: ClientAnswer;
  do whileReading = await api.client.call("POST", `${invocationPrefix}${otherId}/response`, "x");
  while (whileReading.status !== 400);

  socket.destroy();
  let answer: ClientAnswer;
  do answer = await api.client.respond(requestId, "whole");
  while (answer.status === 403);

  assert.equal(answer.status, 202);
  assert.deepEqual(api.results, [{ kind: "success", payload: Buffer.from("whole"), contentType: "application/json" }]);
});

test("a runtime that lost its connection gets the running invocation again", async () => {
  using api = new Served();
  const lost = await api.dial();
  lost.write(`GET ${nextPath} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(() => api.nexts === 1);
  lost.destroy();
  await once(lost, "close");
  api.session.deliver(event());

  const next = await api.client.next();

  assert.equal(next.requestId, requestId);
  assert.equal((await api.client.respond(requestId, "x")).status, 202);
});

test("after its end a session answers nobody and reports nothing", async () => {
  using api = new Served();
  await api.running();

  api.session.end();

  await assert.rejects(api.client.respond(requestId, "late"));
  assert.deepEqual(api.results, []);
});

test("a pooled runtime warms up, waits for its function, and gets it", async () => {
  using api = new Served(true);
  const warm = await api.client.call("GET", "/hearth/warmup/next");
  assert.equal(warm.status, 200);
  const id = String(warm.headers["lambda-runtime-aws-request-id"]);
  assert.equal((await api.client.call("POST", `/hearth/warmup/response/${id}`, "{}")).status, 202);
  const poll = api.client.specialise();
  await until(() => api.boots === 1);

  assert(api.session.specialise(Buffer.from(`{"handler":"a.b","taskRoot":"/var/task","environment":{}}`)));

  assert.deepEqual(await poll, { handler: "a.b", taskRoot: "/var/task", environment: {} });
  assert.equal(api.session.specialise(Buffer.from("{}")), false);
  assert.equal((await api.client.call("GET", "/hearth/specialise")).status, 403);
  await api.running();
});

test("a pooled runtime that asks for an invocation or warms up without end is refused", async () => {
  using api = new Served(true);

  assert.equal((await api.client.call("GET", nextPath)).status, 403);
  for (let n = 0; n < warmupRequestsMax; n++) {
    assert.equal((await api.client.call("GET", "/hearth/warmup/next")).status, 200);
  }
  assert.equal((await api.client.call("GET", "/hearth/warmup/next")).status, 403);
});

test("a flood of useless requests costs the flooder its connections, and is told once the budget is gone", async () => {
  using api = new Served();
  let answered = 0;
  let cut = 0;
  while (cut < 3) {
    const answer = await api.client.call("GET", "/nothing").catch(() => undefined);
    if (answer === undefined) cut += 1;
    else answered += 1;
    assert(answered < 1000);
  }

  assert(api.floods >= 3);
  api.clock.advance(60_000);
  await api.running();
  assert.equal((await api.client.respond(requestId, "x")).status, 202);
});

test("pipelined polls, garbage, endless headers and smuggled bodies are cut off", async () => {
  using api = new Served();
  const attacks = [
    `GET ${nextPath} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(10_000),
    "\0\x01\x02 garbage\r\n\r\n",
    "CONNECT host:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    `GET / HTTP/1.1\r\n${"X-Filler: 1234567890\r\n".repeat(5000)}`,
    `POST ${nextPath} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ];
  for (const attack of attacks) {
    const socket = await api.dial();
    socket.resume();
    socket.write(attack);
    await until(() => socket.closed);
  }
});

test("a sandbox has 32 connections at most, and an honest client still gets through when they close", async () => {
  using api = new Served();
  const sockets = await Promise.all(Array.from({ length: 100 }, () => api.dial()));
  for (const socket of sockets) socket.resume();
  await until(() => sockets.filter(({ closed }) => closed).length === 100 - 32);

  for (const socket of sockets) socket.destroy();

  let answer: ClientAnswer | undefined;
  while (answer === undefined) answer = await api.client.call("GET", "/nothing").catch(() => undefined);
  await api.running();
});
