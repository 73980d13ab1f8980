import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ManualClock } from "../../core/manual-clock.ts";
import { listenOnLoopback } from "../../sandbox/linux/loopback.ts";
import { until } from "../testing/harness.ts";
import { connectionsBurst, serveEndpoint } from "./endpoint.ts";

let floods = 0;

async function withFront(act: (port: number, taken: string[], sockets: Socket[]) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "hearth-endpoint-"));
  const frontSocket = join(directory, "front.sock");
  const taken: string[] = [];
  const sockets: Socket[] = [];
  const front = createServer({ allowHalfOpen: true }, (socket) => {
    const index = taken.push("") - 1;
    sockets.push(socket);
    socket.on("data", (data) => (taken[index] += data.toString()));
    socket.on("end", () => socket.end("answer"));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => front.listen(frontSocket, resolve));
  const { fd, port } = listenOnLoopback(0);
  const endpoint = serveEndpoint({
    descriptor: fd,
    environmentId: "e-1",
    frontSocket,
    clock: new ManualClock(),
    onFlood: () => (floods += 1),
  });
  try {
    await act(port, taken, sockets);
  } finally {
    endpoint.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => front.close(resolve));
    rmSync(directory, { recursive: true });
  }
}

test("a function's request reaches the front behind a line that says whose it is", async () => {
  await withFront(async (port, taken) => {
    const caller = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answer = "";
    caller.on("data", (data) => (answer += data.toString()));

    caller.end("GET / HTTP/1.1\r\n\r\n");
    await until(() => caller.closed);

    assert.deepEqual(taken, ["HEARTH/1 e-1\nGET / HTTP/1.1\r\n\r\n"]);
    assert.equal(answer, "answer");
  });
});

test("a connection that either side drops is dropped on the other", async () => {
  await withFront(async (port, taken, sockets) => {
    const first = connect(port, "127.0.0.1");
    const second = connect(port, "127.0.0.1");
    for (const socket of [first, second]) socket.on("error", () => undefined).resume();
    await until(() => taken.filter((line) => line.length > 0).length === 2);

    sockets[0]?.destroy();
    sockets[1]?.destroy();

    await until(() => first.closed && second.closed);
  });
});

test("a function that opens connections without end gets 64 of them", async () => {
  await withFront(async (port, taken) => {
    const callers = Array.from({ length: 200 }, () =>
      connect(port, "127.0.0.1")
        .on("error", () => undefined)
        .resume(),
    );
    await until(() => callers.filter(({ closed }) => closed).length === 200 - 64);
    await until(() => taken.length === 64);
    for (const caller of callers) caller.destroy();
  });
});

test("a function that connects again and again is told on, and served again later", async () => {
  await withFront(async (port, taken) => {
    const before = floods;
    const isTold = (): boolean => floods > before;
    for (let n = 0; !isTold(); n++) {
      assert(n < 1000);
      const caller = connect(port, "127.0.0.1")
        .on("error", () => undefined)
        .resume();
      caller.end();
      await until(() => caller.closed);
    }

    assert(taken.length >= connectionsBurst * 0.75);
  });
});
