/**
 * Asks the host's resolvers, one query at a time from a socket of its own, so that answers cannot be forged by
 * guessing: the port, the id and the question must all fit.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createConnection, isIPv6 } from "node:net";

import type { Clock } from "../../core/clock.ts";
import { isAnswerTo, withId, type Question } from "./dns-message.ts";
import type { Resolver } from "./resolv-conf.ts";

/** How long one resolver may take before the next is asked; glibc's own patience is 5 s for all. */
const attemptMs = 1500;

/** Every resolver is asked this often. */
const roundsMax = 2;

/** Over all sandboxes: each takes a descriptor. */
const inFlightMax = 1024;

export type Transport = "udp" | "tcp";

export class DnsUpstream {
  readonly #resolvers: () => readonly Resolver[];
  readonly #clock: Clock;
  #inFlight = 0;

  constructor(resolvers: () => readonly Resolver[], clock: Clock) {
    this.#resolvers = resolvers;
    this.#clock = clock;
  }

  /** The answer under the query's own id; undefined when no resolver gave one. */
  async ask(message: Buffer, question: Question, transport: Transport): Promise<Buffer | undefined> {
    if (this.#inFlight >= inFlightMax) return undefined;
    this.#inFlight++;
    try {
      for (let round = 0; round < roundsMax; round++) {
        for (const resolver of this.#resolvers()) {
          const id = randomInt(65_536);
          const answer = await this.#askOne(resolver, withId(message, id), transport, (response) =>
            isAnswerTo(response, id, question),
          );
          if (answer !== undefined) return withId(answer, message.readUInt16BE(0));
        }
      }
      return undefined;
    } finally {
      this.#inFlight--;
    }
  }

  #askOne(
    resolver: Resolver,
    message: Buffer,
    transport: Transport,
    isAnswer: (response: Buffer) => boolean,
  ): Promise<Buffer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const open = transport === "udp" ? openDatagram : openStream;
    const exchange = open(resolver, message, (response) => {
      if (response === undefined || isAnswer(response)) resolve(response);
    });
    const timer = this.#clock.after(attemptMs, () => resolve(undefined));
    return promise.finally(() => {
      timer.cancel();
      exchange.close();
    });
  }
}

/** `take` gets what comes, then undefined when nothing more can come. */
type Take = (response: Buffer | undefined) => void;

interface Exchange {
  close(): void;
}

function openDatagram(resolver: Resolver, message: Buffer, take: Take): Exchange {
  const socket = createSocket(isIPv6(resolver.address) ? "udp6" : "udp4");
  let isClosed = false;
  socket.on("error", () => take(undefined));
  socket.on("message", take);
  socket.on("connect", () => socket.send(message));
  socket.connect(resolver.port, resolver.address);
  return {
    close: () => {
      if (!isClosed) socket.close();
      isClosed = true;
    },
  };
}

function openStream(resolver: Resolver, message: Buffer, take: Take): Exchange {
  const socket = createConnection({ host: resolver.address, port: resolver.port });
  let received = Buffer.alloc(0);
  socket.on("error", () => take(undefined));
  socket.on("close", () => take(undefined));
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    if (received.length < 2) return;
    const length = received.readUInt16BE(0);
    if (received.length >= 2 + length) take(received.subarray(2, 2 + length));
  });
  socket.write(framed(message));
  return { close: () => socket.destroy() };
}

/** As DNS travels over TCP: two bytes of length first. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(2 + message.length);
  frame.writeUInt16BE(message.length, 0);
  message.copy(frame, 2);
  return frame;
}
