/**
 * Hearth's own endpoint inside a sandbox: every connection to the sandbox's `127.0.0.1:4566` is piped to the front's
 * local socket, after one line that says who calls: `HEARTH/1 <environmentId>\n`. The front checks the signature besides.
 */
import { connect, createServer, type Socket } from "node:net";

import type { Clock } from "../../core/clock.ts";
import { listenBacklog } from "../../sandbox/contract.ts";
import type { EnvironmentId } from "../contract.ts";
import { TokenBucket } from "../logs/token-bucket.ts";

export const endpointPort = 4566;

/** An SDK client pools up to 50 by default. */
const connectionsMax = 64;
/** New connections, beyond which the function is slowed: each costs the worker two, and the front a refusal at least. */
const connectionsPerSecond = 50;
export const connectionsBurst = 100;
/** Bytes in both directions, beyond which the function is slowed; Hearth's largest requests have 50 MB. */
const bytesPerSecond = 67_108_864;
const bytesBurst = 268_435_456;
/** A connection that the function forgot about; longer than any answer of Hearth's own API takes. */
const idleMsMax = 960_000;

export interface Endpoint {
  close(): void;
}

export function serveEndpoint(options: {
  readonly descriptor: number;
  readonly environmentId: EnvironmentId;
  /** The front's unix socket. */
  readonly frontSocket: string;
  readonly clock: Clock;
  /** It asks more of the worker than any honest function does. */
  readonly onFlood: () => void;
}): Endpoint {
  const { clock, onFlood } = options;
  const connectionBudget = new TokenBucket(connectionsPerSecond, connectionsBurst, clock.monotonicMs());
  const byteBudget = new TokenBucket(bytesPerSecond, bytesBurst, clock.monotonicMs());
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (caller) => {
    if (!connectionBudget.take(1, clock.monotonicMs())) {
      caller.destroy();
      onFlood();
      return;
    }
    const front = connect({ path: options.frontSocket, allowHalfOpen: true });
    track(caller);
    track(front);
    front.write(`HEARTH/1 ${options.environmentId}\n`);
    // `pipe` keeps the slower side's pace, so neither can make the worker buffer.
    caller.pipe(front);
    front.pipe(caller);
    for (const [socket, other] of [
      [caller, front],
      [front, caller],
    ] as const) {
      socket.setTimeout(idleMsMax, () => socket.destroy());
      socket.on("error", () => other.destroy());
      socket.once("close", () => other.destroySoon());
      socket.on("data", ({ length }) => {
        if (!byteBudget.take(length, clock.monotonicMs())) onFlood();
      });
    }
  });
  server.maxConnections = connectionsMax;
  server.on("drop", () => {
    if (!connectionBudget.take(1, clock.monotonicMs())) onFlood();
  });
  // An accept that fails is the sandbox's loss.
  server.on("error", () => undefined);
  server.listen({ fd: options.descriptor, backlog: listenBacklog });
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
