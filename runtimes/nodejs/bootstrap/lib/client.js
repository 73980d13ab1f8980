/**
 * The runtime's side of the Runtime API over one keep-alive connection of its own, without `node:http`: a warm round
 * trip costs a third of what `http.request` with an agent does, and a function that never uses HTTP does not pay for it in memory.
 *
 * Callbacks instead of promises, so that an answer reaches the handler in the tick in which its bytes arrived.
 * Answers come back in the order of the requests.
 */
"use strict";

const net = require("node:net");
const { AnswerReader } = require("./answer-reader.js");

/** @typedef {import("./answer-reader.js").Answer} Answer */
/** @typedef {{ head: string, body: string, onAnswer: (answer: Answer) => void, attempts: number }} Exchange */

/** Size of the one buffer that every segment is read into, in bytes. */
const readBufferBytes = 65_536;

/** A connection that the server closed while it was idle is opened again; one that fails twice is a lost worker. */
const attemptsMax = 2;

class RuntimeApiClient {
  #host;
  #port;
  /** Undefined while there is no connection. */
  #socket = undefined;
  /** Sent and not yet answered, oldest first. @type {Exchange[]} */
  #waiting = [];
  #reader = new AnswerReader((answer) => this.#answered(answer));
  #buffer = Buffer.allocUnsafeSlow(readBufferBytes);

  /** @param {string} address `host:port`, as in AWS_LAMBDA_RUNTIME_API */
  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.#host = colon < 0 ? address : address.slice(0, colon);
    this.#port = colon < 0 ? 80 : Number(address.slice(colon + 1));
  }

  /** @param {string} path @param {(answer: Answer) => void} onAnswer */
  get(path, onAnswer) {
    this.#send({ head: `GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`, body: "", onAnswer, attempts: 0 });
  }

  /**
   * @param {string} path
   * @param {string} body JSON text
   * @param {string} extraHeaders whole lines, each ended by CRLF
   * @param {(answer: Answer) => void} onAnswer
   */
  post(path, body, extraHeaders, onAnswer) {
    this.#send({ head: this.#postHead(path, body, extraHeaders), body, onAnswer, attempts: 0 });
  }

  /**
   * Sends a response that asks for the next invocation too: the worker answers it with that, and with nothing before. A
   * response that is refused is followed by a request for the next invocation.
   * @param {(answer: Answer) => void} onNext
   */
  postThenGet(path, body, nextPath, onNext) {
    this.post(path, body, "Hearth-Then: next\r\n", (answer) => {
      if (answer.status === 200) onNext(answer);
      else this.get(nextPath, onNext);
    });
  }

  /**
   * A request whose body is written piece by piece by the caller, who owns the connection until the answer.
   * @param {string} head with its closing empty line
   * @param {(answer: Answer) => void} onAnswer
   * @returns {net.Socket}
   */
  open(head, onAnswer) {
    // Never sent twice: the body is not kept.
    this.#send({ head, body: "", onAnswer, attempts: attemptsMax });
    return this.#connected();
  }

  /** A client of the same server with a connection of its own, for what cannot wait behind the requests of this one. */
  another() {
    return new RuntimeApiClient(`${this.#host}:${this.#port}`);
  }

  get host() {
    return this.#host;
  }

  #postHead(path, body, extraHeaders) {
    const length = Buffer.byteLength(body);
    return `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${extraHeaders}\r\n`;
  }

  #send(exchange) {
    const socket = this.#connected();
    // While an answer is awaited the process must live; while a handler runs, only the handler's own work keeps it alive.
    if (this.#waiting.length === 0) socket.ref();
    this.#waiting.push(exchange);
    exchange.attempts++;
    socket.write(exchange.head + exchange.body);
  }

  #connected() {
    if (this.#socket !== undefined) return this.#socket;
    const socket = net.connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: this.#buffer,
        callback: (length, buffer) => {
          this.#reader.push(length === buffer.length ? buffer : buffer.subarray(0, length));
          return true;
        },
      },
    });
    socket.on("error", ignoreError);
    socket.once("close", () => this.#disconnected(socket));
    this.#socket = socket;
    return socket;
  }

  #answered(answer) {
    const exchange = this.#waiting.shift();
    if (exchange === undefined) return;
    if (this.#waiting.length === 0) this.#socket?.unref();
    exchange.onAnswer(answer);
  }

  #disconnected(socket) {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#reader.reset();
    const unanswered = this.#waiting;
    this.#waiting = [];
    for (const exchange of unanswered) {
      if (exchange.attempts >= attemptsMax) {
        process.stderr.write("the runtime API is gone\n");
        process.exit(1);
      }
      this.#send(exchange);
    }
  }
}

/** `close` follows and decides. */
function ignoreError() {}

module.exports = { RuntimeApiClient };
