/**
 * One kept connection that speaks as much HTTP/1.1 as the servers here answer with. `node:http` as a client takes as much
 * of two cores as the server that it measures; this takes a fraction.
 */
import { connect, type Socket } from "node:net";
import type { Call } from "./measure.ts";

const headEnd = Buffer.from("\r\n\r\n");

export class RawConnection implements Disposable {
  readonly #socket: Socket;
  readonly #host: string;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { readonly resolve: (body: string) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error("the server has closed the connection")));
  }

  static async open({ hostname, port, host }: URL): Promise<RawConnection> {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawConnection(socket, host);
  }

  /** Sends one request and reads the answer whole; rejects unless it is a 2xx. One at a time. */
  send({ url, method, headers, body }: Call): Promise<string> {
    let head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${head}\r\n${body}`);
    });
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf(headEnd);
    if (end < 0) return;
    const head = this.#received.toString("latin1", 0, end);
    // An answer without a length has no body that this client could read.
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const bodyAt = end + headEnd.length;
    if (this.#received.length < bodyAt + length) return;
    const body = this.#received.toString("utf8", bodyAt, bodyAt + length);
    this.#received = this.#received.subarray(bodyAt + length);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (head.startsWith("HTTP/1.1 2")) waiting?.resolve(body);
    else waiting?.reject(new Error(`${head.split("\r\n", 1)[0] ?? ""}: ${body.slice(0, 300)}`));
  }

  [Symbol.dispose](): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}
