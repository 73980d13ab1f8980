import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { ManualClock } from "../../core/manual-clock.ts";
import { connectToLoopback } from "../../sandbox/linux/libc.ts";
import { until } from "../testing/harness.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { Subscription } from "./subscription.ts";
import { deliveryTo } from "./telemetry-delivery.ts";
import { TelemetrySubscriber } from "./telemetry-subscriber.ts";

async function listening(server: Server): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => void sockets.add(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function http(port: number): Subscription["destination"] {
  return { protocol: "HTTP", port, path: "/events", method: "POST" };
}

const patience = (): AbortSignal => AbortSignal.timeout(200);

test("a batch is one HTTP request with a JSON array", async () => {
  const got: unknown[] = [];
  const server = createHttpServer((request, response) => {
    void text(request).then((body) => {
      got.push([request.method, request.url, request.headers.host, JSON.parse(body)]);
      return response.end();
    });
  });
  await using listener = await listening(server);

  const isTaken = await deliveryTo(http(listener.port), connectToLoopback).send([`{"a":1}`, `{"b":2}`], patience());

  assert(isTaken);
  assert.deepEqual(got, [["POST", "/events", `sandbox.localdomain:${listener.port}`, [{ a: 1 }, { b: 2 }]]]);
});

test("batches are lines on one TCP connection, opened again when it was lost", async () => {
  const lines: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("data", (piece) => lines.push(...piece.toString("utf8").trimEnd().split("\n")));
    socket.once("data", () => {
      if (connections === 1) socket.resetAndDestroy();
    });
  });
  await using listener = await listening(server);
  const delivery = deliveryTo({ protocol: "TCP", port: listener.port }, connectToLoopback);

  await delivery.send(["1", "2"], patience());
  await until(() => lines.length === 2);
  await until(() => {
    // What goes into a connection that is lost already is lost too.
    if (connections < 2) void delivery.send(["3"], patience());
    return lines.includes("3");
  });

  assert.deepEqual(lines.slice(0, 3), ["1", "2", "3"]);
  delivery.close();
});

for (const [what, answer] of [
  ["answers never", () => undefined],
  ["closes at once", (socket) => void socket.destroy()],
  ["resets", (socket) => void socket.resetAndDestroy()],
  ["speaks no HTTP", (socket) => void socket.write("hello\r\n\r\n")],
  ["switches protocols", (socket) => void socket.write("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")],
  ["refuses", (socket) => void socket.write("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")],
  ["sends headers without an end", (socket) => void socket.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(1_000_000)}`)],
] as const satisfies readonly (readonly [string, (socket: Socket) => void])[]) {
  test(`a listener that ${what} has not taken the batch, and nothing else happens`, async () => {
    await using listener = await listening(createServer(answer));
    const delivery = deliveryTo(http(listener.port), connectToLoopback);

    const isTaken = await delivery.send(["1"], patience()).catch(() => false);

    assert.equal(isTaken, false);
  });
}

test("a listener that answers without an end is cut off", async () => {
  const server = createServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    const pour = (): void => {
      while (socket.write("x".repeat(65_536)));
    };
    socket.on("drain", pour);
    pour();
  });
  await using listener = await listening(server);

  const closed = new Promise<void>((resolve) => {
    server.once("connection", (socket) => socket.once("close", () => resolve()));
  });
  assert.equal(await deliveryTo(http(listener.port), connectToLoopback).send(["1"], patience()), true);

  await closed;
});

test("where nobody listens, events are tried again and dropped, and nobody is disturbed", async () => {
  const listener = await listening(createServer());
  const { port } = listener;
  await listener[Symbol.asyncDispose]();
  const clock = new ManualClock();
  let attempts = 0;
  const destination = http(port);
  const subscriber = new TelemetrySubscriber({
    name: "nobody",
    clock,
    budget: new ByteBudget(1000),
    subscription: {
      api: "telemetry",
      schemaVersion: "2022-12-13",
      types: ["function"],
      destination,
      buffering: { maxItems: 1000, maxBytes: 262_144, timeoutMs: 25 },
    },
    delivery: deliveryTo(destination, (to) => {
      attempts += 1;
      return connectToLoopback(to);
    }),
  });
  subscriber.push("{}");
  const flushed = subscriber.flush();

  await until(() => {
    clock.advance(2000);
    return attempts === 5;
  });

  await flushed;
});
