/**
 * Ways of a batch to its subscriber, who listens on the sandbox's own loopback: an HTTP request for each batch, or lines on
 * one TCP connection. The listener is a tenant's: it may answer never, or endlessly; connections are cut when the attempt's
 * time is over.
 */
import { Socket } from "node:net";

import type { Subscription } from "./subscription.ts";
import type { Delivery } from "./telemetry-subscriber.ts";

// Imported by name, node:http would also load what it offers of WebSocket and fetch: 12 MB and 25 ms.
const { request: httpRequest } = process.getBuiltinModule("node:http");

const answerHeaderBytesMax = 16_384;
/** Of an answer's body, which nobody wants. */
const answerBytesMax = 65_536;

/** `connect` gives a descriptor that is connected to the port, or throws. */
export function deliveryTo(destination: Subscription["destination"], connect: (port: number) => number): Delivery {
  const open = (): Socket => {
    const socket = new Socket({ fd: connect(destination.port), readable: true, writable: true });
    // Whoever uses it hears of its end as a failed attempt.
    socket.on("error", () => undefined);
    return socket;
  };
  return destination.protocol === "HTTP" ? new HttpDelivery(destination, open) : new TcpDelivery(open);
}

type HttpDestination = Extract<Subscription["destination"], { readonly protocol: "HTTP" }>;

class HttpDelivery implements Delivery {
  readonly #destination: HttpDestination;
  readonly #open: () => Socket;

  constructor(destination: HttpDestination, open: () => Socket) {
    this.#destination = destination;
    this.#open = open;
  }

  send(batch: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { path, port, method } = this.#destination;
    const body = Buffer.from(`[${batch.join(",")}]`);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const socket = this.#open();
    const request = httpRequest({
      method,
      path,
      headers: {
        Host: `sandbox.localdomain:${port}`,
        "Content-Type": "application/json",
        "Content-Length": body.length,
        Connection: "close",
      },
      createConnection: () => socket,
      maxHeaderSize: answerHeaderBytesMax,
      signal,
    });
    // More than one may come of one request.
    request.on("error", reject);
    request.once("close", () => {
      socket.destroy();
      resolve(false);
    });
    request.once("response", (response) => {
      const { statusCode = 500 } = response;
      let bytes = 0;
      response.on("data", ({ length }: Buffer) => {
        bytes += length;
        if (bytes > answerBytesMax) response.destroy();
      });
      response.on("error", () => undefined);
      resolve(statusCode < 400);
    });
    request.end(body);
    return promise;
  }

  close(): void {
    // Nothing is kept between two batches.
  }
}

class TcpDelivery implements Delivery {
  readonly #open: () => Socket;
  #socket: Socket | undefined;

  constructor(open: () => Socket) {
    this.#open = open;
  }

  /** Taken when the kernel has it all: the protocol has no acknowledgement of its own. */
  send(batch: readonly string[], signal: AbortSignal): Promise<boolean> {
    const socket = this.#connected();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const give = (isTaken: boolean): void => {
      signal.removeEventListener("abort", abort);
      socket.off("close", fail);
      resolve(isTaken);
    };
    const abort = (): void => void socket.destroy();
    const fail = (): void => give(false);
    signal.addEventListener("abort", abort);
    socket.once("close", fail);
    socket.write(batch.map((event) => `${event}\n`).join(""), (error) => give(error === undefined || error === null));
    return promise;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connected(): Socket {
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = this.#open();
      // What a subscriber writes back is read and dropped.
      this.#socket.resume();
    }
    return this.#socket;
  }
}
