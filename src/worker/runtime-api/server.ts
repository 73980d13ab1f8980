/**
 * Serves the runtime API on the listeners of all sandboxes: one parser and router, one `RuntimeSession` for each
 * listener. The code on the other end is hostile: connections, headers, bodies and useless requests are bounded for each
 * listener, and whoever exceeds them loses only its own connections.
 */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer as createListener, type Server, type Socket } from "node:net";

import { listenBacklog } from "../../sandbox/contract.ts";
import {
  responseTooLarge,
  sendAnswer,
  type RuntimeFailure,
  type RuntimeResult,
  type RuntimeSession,
} from "./session.ts";
import {
  answers,
  initErrorPath,
  invocationPrefix,
  nextPath,
  pingPath,
  responseBytesMax,
  specialisePath,
  warmupNextPath,
  warmupResponsePrefix,
  type Answer,
} from "./wire.ts";

// Imported by name, node:http would also load what it offers of WebSocket and fetch: 12 MB and 25 ms.
const { createServer } = process.getBuiltinModule("node:http");

/** A runtime uses one; a process for each request (a shell with curl) a few. */
const connectionsMax = 32;
const headerBytesMax = 16_384;
const headersMax = 64;
/** Bytes of a response that is too large which are read and dropped before the connection is cut. */
const excessBytesMax = 67_108_864;
const requestIdLength = 36;
const responseSuffix = "/response";
const errorSuffix = "/error";

/** The part of a sandbox's API that its extensions speak; it outlives the runtime's session. */
export interface ExtensionPeer {
  takes(url: string): boolean;
  route(request: IncomingMessage, response: ServerResponse): void;
  tolerates(): boolean;
}

interface Peer {
  readonly session: RuntimeSession;
  readonly extensions: ExtensionPeer | undefined;
}

function tolerates({ session, extensions }: Peer): boolean {
  return session.hasEnded ? extensions?.tolerates() === true : session.tolerates();
}

/** Serves one sandbox; closing it cuts every connection. */
export interface RuntimeApiListener {
  close(): void;
}

export class RuntimeApiServer {
  readonly #http: HttpServer;
  readonly #peerOf = new WeakMap<Socket, Peer>();

  constructor() {
    this.#http = createServer(
      {
        maxHeaderSize: headerBytesMax,
        // A runtime is silent while its handler runs. Requests that never end hold only their sandbox's connections.
        keepAliveTimeout: 0,
      },
      (request, response) => this.#route(request, response),
    );
    this.#http.maxHeadersCount = headersMax;
    this.#http.on("clientError", (_error, socket) => {
      const peer = this.#peerOf.get(socket as Socket);
      if (peer !== undefined && tolerates(peer) && socket.writable) socket.end(badRequest);
      else socket.destroy();
    });
  }

  /** Takes over a listening descriptor; without `extensions` their API is not there. */
  listen(descriptor: number, session: RuntimeSession, extensions?: ExtensionPeer): RuntimeApiListener {
    const peer: Peer = { session, extensions };
    const connections = new Set<Socket>();
    const listener: Server = createListener({ allowHalfOpen: true, noDelay: true }, (socket) => {
      connections.add(socket);
      socket.once("close", () => connections.delete(socket));
      this.#peerOf.set(socket, peer);
      if (tolerates(peer)) this.#http.emit("connection", socket);
      else socket.destroy();
    });
    listener.maxConnections = connectionsMax;
    listener.on("drop", () => void tolerates(peer));
    // An accept that fails is the sandbox's loss.
    listener.on("error", () => undefined);
    listener.listen({ fd: descriptor, backlog: listenBacklog });
    return {
      close: () => {
        listener.close();
        for (const socket of connections) socket.destroy();
      },
    };
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const peer = this.#peerOf.get(request.socket);
    const url = request.url ?? "";
    if (peer?.extensions?.takes(url) === true) {
      peer.extensions.route(request, response);
      return;
    }
    if (peer === undefined || peer.session.hasEnded) {
      request.socket.destroy();
      return;
    }
    const { session } = peer;
    if (request.method === "GET") routeGet(session, url, response);
    else if (request.method === "POST") routePost(session, url, request, response);
    else session.refuse(response, answers.methodNotAllowed);
  }
}

const badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

function routeGet(session: RuntimeSession, url: string, response: ServerResponse): void {
  if (url === nextPath) session.next(response);
  else if (url === specialisePath) session.pollSpecialise(response);
  else if (url === warmupNextPath) session.warmUp(response, true);
  else if (url === pingPath) session.refuse(response, answers.pong);
  else session.refuse(response, url === initErrorPath ? answers.methodNotAllowed : answers.notFound);
}

function routePost(session: RuntimeSession, url: string, request: IncomingMessage, response: ServerResponse): void {
  if (url.startsWith(invocationPrefix)) {
    const requestId = url.slice(invocationPrefix.length, invocationPrefix.length + requestIdLength);
    const action = url.slice(invocationPrefix.length + requestIdLength);
    if (action === responseSuffix) takeResponse(session, requestId, request, response);
    else if (action === errorSuffix) takeError(session, requestId, request, response);
    else if (url.endsWith(responseSuffix) || url.endsWith(errorSuffix)) {
      session.refuse(response, answers.invalidRequestId);
    } else session.refuse(response, url === nextPath ? answers.methodNotAllowed : answers.notFound);
  } else if (url === initErrorPath) takeInitError(session, request, response);
  else if (url.startsWith(warmupResponsePrefix)) takeWarmupResponse(session, request, response);
  else session.refuse(response, answers.notFound);
}

function takeResponse(
  session: RuntimeSession,
  requestId: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const mode = request.headers[responseModeHeader];
  if (mode !== undefined && mode !== "" && mode !== "streaming") {
    session.refuse(response, answers.invalidResponseMode);
    return;
  }
  const contentType = request.headers["content-type"] ?? "application/json";
  takeResult(session, session.claim(requestId, "InvocationResponse"), request, response, (payload) => {
    return streamedError(request) ?? { kind: "success", payload, contentType };
  });
}

function takeError(
  session: RuntimeSession,
  requestId: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  takeResult(session, session.claim(requestId, "InvocationErrorResponse"), request, response, (body) => {
    return { kind: "error", ...failureOf(request, body) };
  });
}

function takeResult(
  session: RuntimeSession,
  claim: Answer | "claimed",
  request: IncomingMessage,
  response: ServerResponse,
  toResult: (body: Buffer) => RuntimeResult,
): void {
  if (claim !== "claimed") {
    session.refuse(response, claim);
    return;
  }
  readBody(request, {
    onWhole: (body) => {
      if (asksForNext(request)) {
        session.settle(toResult(body));
        session.next(response);
        return;
      }
      // First: the runtime asks for its next invocation as soon as it has this.
      sendAnswer(response, answers.accepted);
      session.settle(toResult(body));
    },
    onTooLarge: () => session.settle(responseTooLarge),
    onDrained: () => sendAnswer(response, answers.tooLarge),
    onBroken: () => session.unclaim(),
  });
}

function takeInitError(session: RuntimeSession, request: IncomingMessage, response: ServerResponse): void {
  const claim = session.claimInitError();
  if (claim !== "claimed") {
    session.refuse(response, claim);
    return;
  }
  const settle = (body: Buffer): void => session.settleInitError(failureOf(request, body));
  readBody(request, {
    onWhole: (body) => {
      sendAnswer(response, answers.accepted);
      settle(body);
    },
    onTooLarge: () => settle(Buffer.alloc(0)),
    onDrained: () => sendAnswer(response, answers.tooLarge),
    onBroken: () => settle(Buffer.alloc(0)),
  });
}

function takeWarmupResponse(session: RuntimeSession, request: IncomingMessage, response: ServerResponse): void {
  if (session.isBooting) {
    request.resume();
    request.once("end", () => session.warmUp(response, asksForNext(request)));
  } else session.warmUp(response, false);
}

interface BodyReader {
  onWhole(body: Buffer): void;
  onTooLarge(): void;
  /** The rest of a body that was too large has been read and dropped. */
  onDrained(): void;
  onBroken(): void;
}

function readBody(request: IncomingMessage, reader: BodyReader): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let isTooLarge = false;
  request.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes <= responseBytesMax) {
      pieces.push(piece);
      return;
    }
    pieces.length = 0;
    if (!isTooLarge) {
      isTooLarge = true;
      reader.onTooLarge();
    }
    if (bytes > responseBytesMax + excessBytesMax) request.socket.destroy();
  });
  request.once("end", () => {
    if (isTooLarge) reader.onDrained();
    else reader.onWhole(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, bytes));
  });
  request.once("close", () => {
    if (!request.complete && !isTooLarge) reader.onBroken();
  });
  // A request that breaks off is reported by `close`.
  request.on("error", () => undefined);
}

/** Hearth's own bootstraps answer an invocation and ask for the next one in one request. */
function asksForNext(request: IncomingMessage): boolean {
  return request.headers["hearth-then"] === "next";
}

const responseModeHeader = "lambda-runtime-function-response-mode";
const errorTypeHeader = "lambda-runtime-function-error-type";
const errorWithCauseType = "application/vnd.aws.lambda.error.cause+json";
const errorBodyTrailer = "lambda-runtime-function-error-body";
/** Longer names are cut: the type stands in log lines. */
const errorTypeLengthMax = 256;

function failureOf(request: IncomingMessage, body: Buffer): RuntimeFailure {
  const header = request.headers[errorTypeHeader];
  const hasCause = request.headers["content-type"] === errorWithCauseType;
  return failure(typeof header === "string" ? header : undefined, hasCause ? withoutCause(body) : body);
}

/** The cause of an error is for a trace, not for the caller. */
function withoutCause(body: Buffer): Buffer {
  try {
    const { errorMessage, errorType, stackTrace } = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    return Buffer.from(JSON.stringify({ errorMessage, errorType, stackTrace }));
  } catch {
    return Buffer.from(JSON.stringify("Invalid error body"));
  }
}

/** A response that was streamed says in its trailers that it failed midway. */
function streamedError(request: IncomingMessage): RuntimeResult | undefined {
  const errorType = request.trailers[errorTypeHeader];
  if (errorType === undefined) return undefined;
  const body = Buffer.from(request.trailers[errorBodyTrailer] ?? "", "base64");
  return { kind: "error", ...failure(errorType, body) };
}

/** Without a body the header makes the error, as the runtime API's specification says. */
function failure(errorTypeText: string | undefined, body: Buffer): RuntimeFailure {
  const errorType = (errorTypeText || "Runtime.Unknown").slice(0, errorTypeLengthMax);
  const payload = body.length > 0 ? body : Buffer.from(JSON.stringify({ errorType, errorMessage: "" }));
  return { errorType, payload };
}
