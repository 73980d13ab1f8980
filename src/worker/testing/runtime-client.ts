/** A runtime client for tests: speaks the runtime API of a fake sandbox as a runtime process would, well or badly. */
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";

import type { FakeProcess } from "../../sandbox/fake/scripted-process.ts";
import { initErrorPath, invocationPrefix, nextPath, runtimeApiPort, specialisePath } from "../runtime-api/wire.ts";

export interface ClientAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ClientEvent extends ClientAnswer {
  readonly requestId: string;
}

export class RuntimeClient {
  readonly #port: number;
  readonly #signal: AbortSignal | undefined;
  readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number, signal?: AbortSignal) {
    this.#port = port;
    this.#signal = signal;
    signal?.addEventListener("abort", () => this.agent.destroy());
  }

  static of(process: FakeProcess): RuntimeClient {
    return new RuntimeClient(process.portOf(runtimeApiPort), process.killed);
  }

  async next(): Promise<ClientEvent> {
    const answer = await this.call("GET", nextPath);
    return { ...answer, requestId: String(answer.headers["lambda-runtime-aws-request-id"]) };
  }

  respond(requestId: string, body: string | Buffer, headers?: OutgoingHttpHeaders): Promise<ClientAnswer> {
    return this.call("POST", `${invocationPrefix}${requestId}/response`, body, headers);
  }

  fail(requestId: string, errorType: string, body: string): Promise<ClientAnswer> {
    return this.call("POST", `${invocationPrefix}${requestId}/error`, body, {
      "Lambda-Runtime-Function-Error-Type": errorType,
    });
  }

  failInit(errorType: string, body: string): Promise<ClientAnswer> {
    return this.call("POST", initErrorPath, body, { "Lambda-Runtime-Function-Error-Type": errorType });
  }

  async specialise(): Promise<{ handler: string; taskRoot: string; environment: Record<string, string> }> {
    const { body } = await this.call("GET", specialisePath);
    return JSON.parse(body.toString("utf8")) as Awaited<ReturnType<RuntimeClient["specialise"]>>;
  }

  call(method: string, path: string, body?: string | Buffer, headers: OutgoingHttpHeaders = {}): Promise<ClientAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientAnswer>();
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: this.#port,
        method,
        path,
        headers,
        agent: this.agent,
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      },
      (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on("data", (piece: Buffer) => pieces.push(piece));
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(pieces) }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
    return promise;
  }
}

/** Never resolves: a runtime that hangs. */
export function forever(): Promise<never> {
  return new Promise(() => undefined);
}

/** Answers every event with itself, pooled or not. */
export async function echoRuntime(process: FakeProcess): Promise<void> {
  const client = RuntimeClient.of(process);
  if (process.spec.environment["HEARTH_POOLED"] === "1") await client.specialise();
  while (!process.killed.aborted) {
    const { requestId, body } = await client.next();
    await client.respond(requestId, body);
  }
}
