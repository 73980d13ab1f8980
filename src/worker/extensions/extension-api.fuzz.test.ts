/** Whatever bytes a process sends to its Extensions API, an honest runtime and an honest extension beside it are served. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { runtimeApiPort } from "../runtime-api/wire.ts";
import { ExtensionClient } from "../testing/extension-client.ts";
import { harness, testInvocation, testSpec } from "../testing/harness.ts";
import { echoRuntime } from "../testing/runtime-client.ts";
import { parseSubscription } from "./subscription.ts";
import { eventNextPath, exitErrorPath, initErrorPath, logsPath, registerPath, telemetryPath } from "./wire.ts";

const unknownId = "00000000-e9f4-11e8-9739-2dfe598c3fcd";

function requestOf(method: string, path: string, headers: string, body: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const request = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE"),
    path: fc.constantFrom(
      registerPath,
      eventNextPath,
      initErrorPath,
      exitErrorPath,
      telemetryPath,
      logsPath,
      "/2020-01-01/extension/",
      "/2022-07-01/constructor",
    ),
    headers: fc.constantFrom(
      "",
      `Lambda-Extension-Identifier: ${unknownId}\r\n`,
      "Lambda-Extension-Identifier: x\r\n",
      "Lambda-Extension-Name: honest\r\n",
      "Lambda-Extension-Name: late\r\n",
      "Lambda-Extension-Function-Error-Type: T\r\n",
    ),
    body: fc.oneof(
      fc.constantFrom(
        "",
        "{}",
        "[]",
        "null",
        `{"events":["INVOKE"]}`,
        `{"events":[1]}`,
        `{"events":{}}`,
        "x".repeat(70_000),
      ),
      fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text).toString("latin1")),
    ),
  })
  .map(({ method, path, headers, body }) => requestOf(method, path, headers, body));

const attacks = fc.array(
  fc.record({
    pieces: fc.array(fc.oneof(request, fc.string({ unit: "binary", maxLength: 40 })), { maxLength: 8 }),
    end: fc.constantFrom("leave open", "half-close", "reset"),
  }),
  { minLength: 1, maxLength: 5 },
);

test("no bytes stop or mislead the API of extensions", async () => {
  await fc.assert(
    fc.asyncProperty(attacks, async (connections) => {
      let port = 0;
      const events: unknown[] = [];
      await using h = harness(async (process) => {
        port = process.portOf(runtimeApiPort);
        const honest = ExtensionClient.of(process, "honest");
        await honest.register(["INVOKE"]);
        void (async () => {
          for (;;) events.push((await honest.next())["requestId"]);
        })().catch(() => undefined);
        await echoRuntime(process);
      });
      const spec = testSpec();
      await h.worker.createEnvironment(spec);
      const sockets: Socket[] = [];
      try {
        for (const { pieces, end } of connections) {
          const socket = connect(port, "127.0.0.1")
            .on("error", () => undefined)
            .resume();
          sockets.push(socket);
          for (const bytes of pieces) socket.write(bytes, "latin1");
          if (end === "half-close") socket.end();
          if (end === "reset") socket.resetAndDestroy();
        }

        const invocation = testInvocation(spec.id);
        const { response, report } = h.worker.invoke(invocation);

        assert.equal((await response).kind, "success");
        assert.equal((await report).status, "success");
        assert.deepEqual(events, [invocation.requestId]);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    }),
    { numRuns: 60 },
  );
});

test("any JSON object is a subscription or a refusal, and no destination leaves the sandbox", () => {
  const value = fc.oneof(
    fc.object({ maxDepth: 3 }),
    fc.record({
      schemaVersion: fc.constantFrom("2022-07-01", "2022-12-13", "2025-01-29", "x"),
      types: fc.array(fc.constantFrom("platform", "function", "extension", "other", 1)),
      buffering: fc.option(fc.record({ maxItems: fc.anything(), maxBytes: fc.integer(), timeoutMs: fc.double() })),
      destination: fc.record({
        protocol: fc.constantFrom("HTTP", "TCP", "x"),
        URI: fc.oneof(
          fc.webUrl(),
          fc.constantFrom("http://sandbox.localdomain:1", "http://a@sandbox.localdomain:2/x", "http://sandbox:80"),
        ),
        port: fc.oneof(fc.integer({ min: -5, max: 70_000 }), fc.anything()),
      }),
    }),
  );
  fc.assert(
    fc.property(value, fc.constantFrom("telemetry", "logs"), (given, api) => {
      const parsed = parseSubscription(given, api);
      if ("status" in parsed) {
        assert.equal(parsed.status, 400);
        return;
      }
      const { destination, buffering, types } = parsed;
      assert(destination.port >= 1 && destination.port <= 65_535 && ![9001, 4566].includes(destination.port));
      assert(buffering.maxBytes <= 1_048_576 && buffering.maxItems <= 10_000 && buffering.timeoutMs >= 25);
      assert(types.length > 0);
      if (destination.protocol === "HTTP") assert(!/[\r\n ]/.test(destination.path));
    }),
    { numRuns: 1000 },
  );
});
