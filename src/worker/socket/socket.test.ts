import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { UnavailableError } from "../../core/errors.ts";
import type { FakeCommand } from "../../sandbox/fake/scripted-process.ts";
import type { LogBatch, WorkerStatus } from "../contract.ts";
import { statusIntervalMs } from "../status-watch.ts";
import { harness, testInvocation, testPack, testSpec, until, type Harness } from "../testing/harness.ts";
import { echoRuntime, forever, RuntimeClient } from "../testing/runtime-client.ts";
import { connectWorker, type WorkerConnection } from "./client.ts";
import { encodeHead, FrameDecoder, headerBytesMax, partBytes, type Frame } from "./frames.ts";
import { graceMs, serveWorker } from "./server.ts";

interface Served extends Harness {
  readonly path: string;
  connect(): Promise<WorkerConnection>;
  readonly seen: {
    readonly logs: LogBatch[];
    readonly gone: string[];
    readonly statuses: WorkerStatus[];
    losses: number;
  };
}

async function served(runtime: FakeCommand): Promise<Served> {
  const inner = harness(runtime);
  const directory = mkdtempSync(join(tmpdir(), "hearth-socket-"));
  const path = join(directory, "worker.sock");
  const server = await serveWorker({ worker: inner.worker, path, clock: inner.clock, report: () => undefined });
  const seen = { logs: [] as LogBatch[], gone: [] as string[], statuses: [] as WorkerStatus[], losses: 0 };
  const connections: WorkerConnection[] = [];
  return {
    ...inner,
    path,
    seen,
    async connect() {
      const connection = await connectWorker(path, {
        onLogs: (batch) => seen.logs.push(batch),
        onEnvironmentGone: (id) => seen.gone.push(id),
        onStatus: (status) => seen.statuses.push(status),
        onDisconnected: () => {
          seen.losses += 1;
        },
      });
      connections.push(connection);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      await server.close();
      rmSync(directory, { recursive: true });
      await inner[Symbol.asyncDispose]();
    },
  };
}

test("does for the front what the worker does, over a socket", async () => {
  await using h = await served(echoRuntime);
  const worker = await h.connect();
  const spec = testSpec();

  assert.deepEqual(await worker.info(), { version: "0.0.0", sandboxDriver: "fake", memoryMiB: 1024, cpus: 2 });
  const { initialized } = await worker.createEnvironment(spec);
  const invocation = testInvocation(spec.id, { payload: Buffer.from("hi") });
  const { response, report } = worker.invoke(invocation);

  assert(initialized);
  assert.deepEqual(await response, { kind: "success", payload: Buffer.from("hi"), contentType: "application/json" });
  const { logTail, ...figures } = await report;
  assert.equal(figures.requestId, invocation.requestId);
  assert.match(Buffer.from(logTail ?? []).toString("utf8"), /^START RequestId.*\nEND RequestId/);
  assert.equal((await worker.environments())[0]?.id, spec.id);
  await worker.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 1 }]);
  assert.equal((await worker.pools())[0]?.target, 1);
  await worker.destroyEnvironment(spec.id);
  assert.deepEqual(await worker.environments(), []);
  await until(() => seenLines(h).some((line) => line.startsWith("REPORT")));
});

function seenLines({ seen }: Served): string[] {
  return seen.logs.flatMap(({ events }) => events.map(({ message }) => message));
}

test("errors keep their kind over the socket", async () => {
  await using h = await served(echoRuntime);
  const worker = await h.connect();

  const { response, report } = worker.invoke(testInvocation("unknown"));

  await assert.rejects(response, (error) => error instanceof UnavailableError && error.reason === "no-capacity");
  await assert.rejects(report, UnavailableError);
  await worker.destroyEnvironment("unknown");
});

test("payloads of 6 MB pass, many at once, beside small ones, and each reaches its own caller", async () => {
  await using h = await served(echoRuntime);
  const worker = await h.connect();
  const specs = Array.from({ length: 8 }, () => testSpec());
  await Promise.all(specs.map((spec) => worker.createEnvironment(spec)));

  const answers = specs.map(async (spec, index) => {
    const payload = Buffer.alloc(index % 2 === 0 ? 6_291_456 : 100 + index, `${index}`);
    const { response, report } = worker.invoke(testInvocation(spec.id, { payload }));
    const { payload: answer } = await response;
    assert(Buffer.from(answer).equals(payload));
    await report;
  });

  await Promise.all(answers);
});

test("log lines arrive in order, also behind a batch that travels in parts", async () => {
  const count = 60;
  await using h = await served(async (process) => {
    const client = RuntimeClient.of(process);
    for (let n = 0; ; n++) {
      const { requestId } = await client.next();
      process.stdout(`${n} ${"x".repeat(n % 3 === 0 ? 200_000 : 10)}\n`);
      await client.respond(requestId, "");
    }
  });
  const worker = await h.connect();
  const spec = testSpec();
  await worker.createEnvironment(spec);

  for (let n = 0; n < count; n++) {
    await worker.invoke(testInvocation(spec.id, { wantsLogTail: false })).report;
    h.clock.advance(100);
  }

  await until(() => seenLines(h).filter((line) => line.startsWith("REPORT")).length === count);
  const numbers = seenLines(h)
    .map((line) => /^(\d+) x/.exec(line)?.[1])
    .filter((number) => number !== undefined);
  assert.deepEqual(
    numbers,
    Array.from({ length: count }, (_, n) => String(n)),
  );
});

function isLost(error: unknown): boolean {
  return error instanceof UnavailableError && error.reason === "worker-gone";
}

test("a front whose connection is lost hears of it, and nothing stays pending", async () => {
  await using h = await served(async (process) => {
    await RuntimeClient.of(process).next();
    await forever();
  });
  const worker = await h.connect();
  const spec = testSpec();
  await worker.createEnvironment(spec);
  const { response, report } = worker.invoke(testInvocation(spec.id));
  const creation = worker.createEnvironment(testSpec());

  worker.close();

  await assert.rejects(response, isLost);
  await assert.rejects(report, isLost);
  await assert.rejects(creation, isLost);
  await assert.rejects(worker.info(), isLost);
  assert.equal(h.seen.losses, 1);
});

test("a front is told at once how its worker is, and again as time goes by", async () => {
  await using h = await served(echoRuntime);
  await h.connect();

  await until(() => h.seen.statuses.length > 0);
  const [first] = h.seen.statuses;
  assert.deepEqual(first, { availableMiB: 1_048_576, isDraining: false, packages: [] });
  h.clock.advance(statusIntervalMs);
  await until(() => h.seen.statuses.length > 1);

  assert.deepEqual(h.seen.statuses[1], { availableMiB: 1_048_576, isDraining: false });
});

test("environments outlive their front for a grace time only", async () => {
  await using h = await served(async (process) => {
    const client = RuntimeClient.of(process);
    await client.next();
    await forever();
  });
  const worker = await h.connect();
  const spec = testSpec();
  await worker.createEnvironment(spec);
  const timers = h.clock.pendingTimers;

  worker.close();
  await until(() => h.clock.pendingTimers > timers);
  assert.equal(h.driver.living.length, 1);
  await until(() => {
    h.clock.advance(graceMs);
    return h.driver.living.length === 0;
  });
});

test("a new front finds no environments, but the pool", async () => {
  await using h = await served(echoRuntime);
  const first = await h.connect();
  await first.setPoolTargets([{ runtime: testPack, memoryMiB: 128, target: 1 }]);
  await until(() => h.driver.living.length === 1);
  await first.createEnvironment(testSpec({ memoryMiB: 256 }));

  const second = await h.connect();

  assert.deepEqual(await second.environments(), []);
  assert.equal((await second.pools()).find(({ memoryMiB }) => memoryMiB === 128)?.target, 1);
  await assert.rejects(first.info(), UnavailableError);
});

test("an environment that ends by itself is told to the front", async () => {
  const end = Promise.withResolvers<void>();
  await using h = await served(async (process) => {
    RuntimeClient.of(process)
      .next()
      .catch(() => undefined);
    await end.promise;
  });
  const worker = await h.connect();
  const spec = testSpec();
  await worker.createEnvironment(spec);

  end.resolve();

  await until(() => h.seen.gone.includes(spec.id));
});

test("a client that sends garbage is cut off, and the worker serves the next one", async () => {
  await using h = await served(echoRuntime);
  for (const garbage of [Buffer.alloc(64, 0xff), encodeHead("no object", 0), Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
    const socket = connect(h.path);
    socket.on("error", () => undefined);
    socket.resume();
    await once(socket, "data");
    socket.write(garbage);
    await once(socket, "close");
  }

  assert.deepEqual(await (await h.connect()).environments(), []);
});

test("frames are read whole from bytes that come in any pieces", () => {
  const payload = Buffer.alloc(2000, "p");
  const bytes = Buffer.concat([
    encodeHead({ n: 1 }, 3),
    Buffer.from("abc"),
    encodeHead({ n: 2 }, 0),
    encodeHead({ n: "drei äöü" }, payload.length),
    payload,
  ]);

  for (const size of [1, 2, 7, 1000, bytes.length]) {
    const frames: Frame[] = [];
    const decoder = new FrameDecoder((frame) => frames.push(frame));
    for (let at = 0; at < bytes.length; at += size) decoder.push(bytes.subarray(at, at + size));
    assert.deepEqual(
      frames.map(({ header }) => header),
      [{ n: 1 }, { n: 2 }, { n: "drei äöü" }],
    );
    assert.equal(frames[0]?.payload.toString(), "abc");
    assert(frames[2]?.payload.equals(payload));
  }
});

test("a frame beyond the bounds is neither sent nor read", () => {
  assert.throws(() => encodeHead({ text: "x".repeat(headerBytesMax) }, 0));
  assert.throws(() => encodeHead({}, partBytes + 1));
  const decoder = new FrameDecoder(() => undefined);
  assert.throws(() => decoder.push(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])));
});
