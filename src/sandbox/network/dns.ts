/**
 * The resolver that a sandbox sees at 127.0.0.1:53: descriptors that lie in the sandbox's loopback, served by the
 * worker, which passes queries on to the host's resolvers. Nothing is cached, so nothing can be poisoned for others.
 * A sandbox without egress is refused every name; internal names do not exist for any.
 */
import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";

import type { Clock, Timer } from "../../core/clock.ts";
import { listenBacklog } from "../contract.ts";
import { close } from "../linux/libc.ts";
import { emptyAnswer, headerBytes, isInternalName, parseQuery, responseCode } from "./dns-message.ts";
import { duplicate } from "./netlink.ts";
import { framed, type DnsUpstream, type Transport } from "./dns-upstream.ts";

/** Queries that one sandbox may have on their way; one more is answered with a failure. */
export const queriesInFlightMax = 64;

/** Streams that one sandbox may keep open; they serve answers too long for a datagram. */
const streamsMax = 8;
const streamIdleMs = 10_000;

/** Answers that a stream's reader leaves lying. */
const unreadBytesMax = 65_536;

/** Messages and streams that one sandbox may send in a window; past it nobody listens until a pause is over. */
export const messagesPerWindowMax = 1000;
const windowMs = 1000;
const pauseMs = 1000;

/** Queries are short; a longer one is no query. */
const queryBytesMax = 4096;

export interface DnsServerOptions {
  /** A bound UDP socket; this server owns it from here on. */
  readonly datagramFd: number;
  /** A listening TCP socket; likewise. */
  readonly streamFd?: number;
  readonly egress: "open" | "none";
  readonly upstream: DnsUpstream;
  readonly clock: Clock;
}

export interface DnsServer {
  readonly inFlight: number;
  /** True while a flood is being sat out. */
  readonly isPaused: boolean;
  close(): void;
}

export function serveDns(options: DnsServerOptions): DnsServer {
  return new Forwarder(options);
}

class Forwarder implements DnsServer {
  readonly #options: DnsServerOptions;
  readonly #streams = new Set<Socket>();
  #datagrams: DatagramSocket | undefined;
  #listener: Server | undefined;
  #inFlight = 0;
  #windowEndsAtMs = 0;
  #messages = 0;
  #pause: Timer | undefined;
  #isClosed = false;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#open();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#stopListening();
    close(this.#options.datagramFd);
    if (this.#options.streamFd !== undefined) close(this.#options.streamFd);
  }

  /** On copies of the descriptors, since Node cannot stop reading a datagram socket but by closing it. */
  #open(): void {
    const { datagramFd, streamFd } = this.#options;
    const datagrams = createSocket("udp4");
    this.#datagrams = datagrams;
    datagrams.on("error", () => this.close()); // its network is gone
    datagrams.on("message", (message, from) => void this.#serveDatagram(datagrams, message, from));
    datagrams.bind({ fd: duplicate(datagramFd) });
    if (streamFd === undefined) return;
    this.#listener = createServer((stream) => this.#serveStream(stream));
    this.#listener.maxConnections = streamsMax;
    this.#listener.on("error", () => this.close());
    this.#listener.listen({ fd: duplicate(streamFd), backlog: listenBacklog });
  }

  #stopListening(): void {
    this.#datagrams?.close();
    this.#datagrams = undefined;
    this.#listener?.close();
    this.#listener = undefined;
    for (const stream of this.#streams) stream.destroy();
  }

  /** False when there are too many: reading a flood costs more than the sandbox is worth. */
  #countMessage(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs >= this.#windowEndsAtMs) {
      this.#windowEndsAtMs = nowMs + windowMs;
      this.#messages = 0;
    }
    if (++this.#messages <= messagesPerWindowMax) return true;
    if (this.#pause === undefined && !this.#isClosed) {
      this.#stopListening();
      this.#pause = this.#options.clock.after(pauseMs, () => {
        this.#pause = undefined;
        this.#open();
      });
    }
    return false;
  }

  async #serveDatagram(socket: DatagramSocket, message: Buffer, from: RemoteInfo): Promise<void> {
    if (!this.#countMessage()) return;
    const answer = await this.#answer(message, "udp");
    if (answer === undefined || socket !== this.#datagrams) return;
    socket.send(answer, from.port, from.address, () => undefined); // who asked may have gone
  }

  #serveStream(stream: Socket): void {
    this.#streams.add(stream);
    if (!this.#countMessage()) return; // which destroyed it
    let received = Buffer.alloc(0);
    stream.setTimeout(streamIdleMs, () => stream.destroy());
    stream.on("error", () => stream.destroy());
    stream.on("close", () => this.#streams.delete(stream));
    stream.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 2) {
        const length = received.readUInt16BE(0);
        const isTooMuch = length > queryBytesMax || stream.writableLength > unreadBytesMax;
        if (length < headerBytes || isTooMuch) {
          stream.destroy();
          return;
        }
        if (received.length < 2 + length || !this.#countMessage()) return;
        const message = received.subarray(2, 2 + length);
        received = received.subarray(2 + length);
        void this.#serveMessage(stream, message);
      }
    });
  }

  async #serveMessage(stream: Socket, message: Buffer): Promise<void> {
    const answer = await this.#answer(message, "tcp");
    if (answer !== undefined && stream.writable) stream.write(framed(answer));
  }

  async #answer(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const query = parseQuery(message);
    if (query.kind === "ignored") return undefined;
    if (query.kind === "bad") return emptyAnswer(message, query.code);
    if (this.#options.egress === "none") return emptyAnswer(message, responseCode.refused);
    if (isInternalName(query.question.name)) return emptyAnswer(message, responseCode.nameError);
    if (this.#inFlight >= queriesInFlightMax) return emptyAnswer(message, responseCode.serverFailure);
    this.#inFlight++;
    try {
      const answer = await this.#options.upstream.ask(message, query.question, transport);
      return answer ?? emptyAnswer(message, responseCode.serverFailure);
    } finally {
      this.#inFlight--;
    }
  }
}
