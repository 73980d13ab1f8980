/** Whatever bytes a process sends to its runtime API, an honest runtime beside it is served, once and correctly. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { ManualClock } from "../../core/manual-clock.ts";
import { listenOnLoopback } from "../../sandbox/linux/loopback.ts";
import { until } from "../testing/harness.ts";
import { RuntimeClient } from "../testing/runtime-client.ts";
import { RuntimeApiServer } from "./server.ts";
import { RuntimeSession, type RuntimeResult } from "./session.ts";
import { initErrorPath, invocationPrefix, nextPath, specialisePath, warmupNextPath } from "./wire.ts";

const requestId = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const otherId = "00000000-e9f4-11e8-9739-2dfe598c3fcd";

const piece = fc.oneof(
  fc.constantFrom(
    `GET ${nextPath} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET ${specialisePath} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET ${warmupNextPath} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `POST ${initErrorPath} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`,
    `POST ${invocationPrefix}${otherId}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nother`,
    `POST ${invocationPrefix}${otherId}/error HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    `POST ${invocationPrefix} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n`,
    "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET  HTTP/1.1\r\n\r\n",
    "\r\n\r\n",
    "Transfer-Encoding: chunked\r\nffffffffffffffff\r\n",
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
);

const connections = fc.array(
  fc.record({ pieces: fc.array(piece, { maxLength: 6 }), end: fc.constantFrom("leave open", "half-close", "reset") }),
  { minLength: 1, maxLength: 5 },
);

test("no bytes stop or mislead the API", async () => {
  await fc.assert(
    fc.asyncProperty(connections, async (attacks) => {
      const clock = new ManualClock();
      const results: RuntimeResult[] = [];
      let nexts = 0;
      const session = new RuntimeSession({
        pooled: false,
        nowMs: () => clock.monotonicMs(),
        listener: {
          onBooted: () => assert.fail("it is not pooled"),
          onNext: () => (nexts += 1),
          onResult: (result) => results.push(result),
          onInitError: () => assert.fail("it has asked for an invocation"),
          onFlood: () => undefined,
        },
      });
      const { fd, port } = listenOnLoopback(0);
      const listener = new RuntimeApiServer().listen(fd, session);
      const sockets: Socket[] = [];
      const honest = new RuntimeClient(port);
      try {
        const first = honest.next();
        await until(() => nexts === 1);
        session.deliver({
          requestId,
          deadlineMs: 1,
          invokedFunctionArn: "a",
          traceId: "t",
          payload: Buffer.from("{}"),
        });
        await first;
        for (const { pieces, end } of attacks) {
          const socket = connect(port, "127.0.0.1")
            .on("error", () => undefined)
            .resume();
          sockets.push(socket);
          for (const bytes of pieces) socket.write(bytes, "latin1");
          if (end === "half-close") socket.end();
          if (end === "reset") socket.resetAndDestroy();
        }
        clock.advance(60_000);

        const { status } = await honest.respond(requestId, "honest");

        assert.equal(status, 202);
        assert.deepEqual(results, [
          { kind: "success", payload: Buffer.from("honest"), contentType: "application/json" },
        ]);
      } finally {
        session.end();
        listener.close();
        honest.agent.destroy();
        for (const socket of sockets) socket.destroy();
      }
    }),
    { numRuns: 100 },
  );
});
