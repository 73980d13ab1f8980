/**
 * Connections from sandboxes. The worker opens each with one line, `HEARTH/1 <environmentId>\n`, which function code
 * cannot forge: it is written before the first byte from the sandbox is passed on.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Timer } from "../../core/clock.ts";

const preambleStart = "HEARTH/1 ";

/** Bytes of the opening line; an environment id is far shorter. */
const preambleBytesMax = 256;

/** Time for the opening line to come, in ms: the worker writes it at once. */
const preambleTimeoutMs = 5000;

/** Connections of one environment at once: function code is on the other end. */
const connectionsPerEnvironmentMax = 128;

const environmentIdPattern = /^[\w.:-]{1,200}$/;

export class InternalConnections {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #environments = new WeakMap<Socket, string>();
  readonly #open = new Set<Socket>();
  readonly #counts = new Map<string, number>();
  #isClosed = false;

  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /** Undefined for a connection that is not from a sandbox. */
  environmentOf(socket: Socket): string | undefined {
    return this.#environments.get(socket);
  }

  accept(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#open.delete(socket));
    const timer = this.#clock.after(preambleTimeoutMs, () => socket.destroy());
    this.#readPreamble(socket, timer);
  }

  /** Ends connections that wait for their next request; those with one under way end after its answer. */
  close(): void {
    this.#isClosed = true;
    this.#server.closeIdleConnections();
    for (const socket of this.#open) if (!this.#environments.has(socket)) socket.destroy();
  }

  #readPreamble(socket: Socket, timer: Timer): void {
    socket.once("close", () => timer.cancel());
    let received: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const end = received.indexOf(0x0a);
      if (end < 0 && received.length <= preambleBytesMax) return;
      socket.off("readable", onReadable);
      timer.cancel();
      const line = end < 0 || end > preambleBytesMax ? "" : received.toString("latin1", 0, end);
      this.#admit(socket, line, received.subarray(end + 1));
    };
    socket.on("readable", onReadable);
  }

  #admit(socket: Socket, line: string, rest: Buffer): void {
    const environmentId = line.slice(preambleStart.length);
    const count = this.#counts.get(environmentId) ?? 0;
    const isGood = line.startsWith(preambleStart) && environmentIdPattern.test(environmentId);
    if (!isGood || count >= connectionsPerEnvironmentMax) {
      socket.destroy();
      return;
    }
    this.#counts.set(environmentId, count + 1);
    socket.once("close", () => {
      const left = (this.#counts.get(environmentId) ?? 1) - 1;
      if (left === 0) this.#counts.delete(environmentId);
      else this.#counts.set(environmentId, left);
    });
    this.#environments.set(socket, environmentId);
    if (rest.length > 0) socket.unshift(rest);
    this.#server.emit("connection", socket);
  }
}
