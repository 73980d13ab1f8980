/**
 * Hearth's one endpoint: an HTTP server that takes the requests of AWS clients, finds service and operation, verifies who
 * sends them, decodes and checks the input, calls the service's handler and answers in the client's protocol.
 *
 * Requests come over TCP from clients, and through `acceptInternal` from sandboxes, whose connections open with one line
 * `HEARTH/1 <environmentId>`. Handlers may take as long as they like; only the sending of a request is timed.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type {
  AuthenticatableRequest,
  Authenticated,
  AuthPolicy,
  EnvironmentIdentity,
  RequestOrigin,
} from "./auth/authenticate.ts";
import { Authenticator } from "./auth/authenticate.ts";
import { parseSignature } from "./auth/credential.ts";
import type { Sessions } from "./auth/sessions.ts";
import type { Clock } from "../core/clock.ts";
import { ApiError } from "../core/errors.ts";
import { urlIdOfHost } from "../http/function-url-address.ts";
import type { Handler, LazyService, Service } from "./service.ts";
import { browserRefusal } from "./wire/browser-guard.ts";
import { Call } from "./wire/call.ts";
import { InternalConnections } from "./wire/internal-connections.ts";
import type { Protocol, WireRequest } from "./wire/protocol.ts";
import { ClientGoneError, decompress, hasBlobBody, readBody } from "./wire/request-body.ts";
import type { SendOptions } from "./wire/send.ts";
import { sendAnswer } from "./wire/send.ts";
import type { Addressing, Destination, ServiceEntry } from "./wire/service-directory.ts";
import { ServiceDirectory } from "./wire/service-directory.ts";
import type { Operation, ServiceModel } from "./wire/service-model.ts";
import { describeError } from "./wire/wire-error.ts";

// Imported by name, node:http would also load what it offers of WebSocket and fetch: 12 MB and 25 ms.
const { createServer } = process.getBuiltinModule("node:http");

export interface EndpointOptions {
  readonly services: readonly (Service | LazyService)[];
  readonly auth: AuthPolicy;
  /** Reads the temporary credentials that STS gives; none are known without. */
  readonly sessions?: Pick<Sessions, "read">;
  /** The credentials that an environment was given; undefined when there is no such environment. */
  readonly environment: (environmentId: string) => EnvironmentIdentity | undefined;
  readonly clock: Clock;
  /** A fresh UUID; the system's randomness unless a test says otherwise. */
  readonly newRequestId?: () => string;
  /** Unexpected failures, which the client only sees as an internal error. */
  readonly onError: (error: unknown, context: FailureContext) => void;
  /** Answers `/_health`, `/_localstack/health`, `/metrics` and everything under `/_hearth/`; never reached from a sandbox. */
  readonly internalRoutes: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;
}

export interface FailureContext {
  readonly requestId: string;
  readonly service: string;
  readonly operation: string | undefined;
}

export interface Endpoint {
  /** Not yet listening: `server.listen(port, host)` is the caller's. */
  readonly server: Server;
  /** Takes a connection from a sandbox, which has not been read from yet. */
  acceptInternal(socket: Socket): void;
  /** Stops taking connections and resolves when the calls under way are answered; idle connections close at once. */
  close(): Promise<void>;
}

/** Bytes of a request's line and headers: client contexts and session tokens travel there. */
const headerBytesMax = 32 * 1024;

/** Time for all headers to come, in ms. */
const headersTimeoutMs = 20_000;

/** Time for a whole request to come, in ms: 70 MB over a slow line. What a handler takes does not count. */
const requestTimeoutMs = 300_000;

/** How often both are checked, in ms. */
const timeoutCheckMs = 5000;

/** Idle time after which a kept connection is closed, in ms: longer than the 60 s that load balancers keep theirs. */
const keepAliveTimeoutMs = 75_000;

/** Connections at once; a process may hold 20 000 descriptors on the hosts we know. */
const connectionsMax = 10_000;

const internalPaths = new Set(["/_health", "/_localstack/health", "/metrics"]);

export function createEndpoint(options: EndpointOptions): Endpoint {
  const dispatcher = new Dispatcher(options);
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: timeoutCheckMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    noDelay: true,
  });
  server.maxConnections = connectionsMax;
  const internal = new InternalConnections(server, options.clock);
  const originOf = (request: IncomingMessage): RequestOrigin => {
    const environmentId = internal.environmentOf(request.socket);
    if (environmentId === undefined) return { kind: "client" };
    return { kind: "environment", environmentId, identity: options.environment(environmentId) };
  };
  server.on("request", (request, response) => void dispatcher.serve(request, response, originOf(request), false));
  server.on("checkContinue", (request, response) => void dispatcher.serve(request, response, originOf(request), true));
  return {
    server,
    acceptInternal: (socket) => internal.accept(socket),
    close: () =>
      new Promise((resolve) => {
        dispatcher.close();
        internal.close();
        if (!server.listening) {
          server.closeIdleConnections();
          resolve();
          return;
        }
        server.close(() => resolve());
      }),
  };
}

class Dispatcher {
  readonly #options: EndpointOptions;
  readonly #directory: ServiceDirectory;
  readonly #authenticator: Authenticator;
  readonly #newRequestId: () => string;
  /** Connections of sandboxes that were refused once: what else came on them is not looked at. */
  readonly #ended = new WeakSet<Socket>();
  #isClosing = false;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#directory = new ServiceDirectory(options.services);
    this.#authenticator = new Authenticator(options.auth, options.clock, options.sessions);
    this.#newRequestId = options.newRequestId ?? randomUUID;
  }

  /** From now on every answer ends its connection, which clients would otherwise keep for their next request. */
  close(): void {
    this.#isClosing = true;
  }

  /** Never rejects: whatever happens is answered, reported or, when the client is gone, dropped. */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    origin: RequestOrigin,
    isAskingToContinue: boolean,
  ): Promise<void> {
    if (this.#ended.has(request.socket)) return;
    const requestId = this.#newRequestId();
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? "" : url.slice(mark + 1);
    const parsed = parseSignature(request.headers, query);
    const addressing: Addressing = {
      method: request.method ?? "GET",
      path,
      query,
      headers: request.headers,
      signedService: parsed.kind === "signed" ? parsed.signature.service : undefined,
    };
    const exchange: Exchange = { request, response, requestId, addressing, destination: undefined };
    try {
      const refusal = origin.kind === "client" ? browserRefusal(request.headers) : undefined;
      if (refusal !== undefined) throw new ApiError("AccessDeniedException", refusal);
      refuseFunctionUrl(request);
      if (origin.kind === "client" && (internalPaths.has(path) || path.startsWith("/_hearth/"))) {
        await this.#options.internalRoutes(request, response);
        return;
      }
      const found = this.#directory.find(addressing);
      const destination = found instanceof Promise ? await found : found;
      exchange.destination = destination;
      const { scope, caller, verifyBody } = this.#authenticate(exchange, {
        method: addressing.method,
        path,
        query,
        headers: request.headers,
        headerValues: (name) => request.headersDistinct[name],
        parsed,
        origin,
      });
      // Before a large body is read for nothing.
      if (destination.operation !== undefined) handlerOf(destination.entry, destination.operation);
      const askedToContinue = isAskingToContinue ? response : undefined;
      const { model } = destination.entry;
      const rules = {
        bound: destination.operation?.bound ?? {
          bytes: model.facts.requestBytesMax.default,
          code: "RequestEntityTooLargeException",
        },
        operation: destination.operation?.name ?? model.facts.name,
      };
      const sent = await readBody(request, { ...rules, askedToContinue });
      verifyBody?.(sent);
      const encoding = request.headers["content-encoding"];
      // A body that is the value of one blob is left as it came, as AWS does: its encoding is the function's business.
      const isLeft =
        encoding === undefined || (destination.operation !== undefined && hasBlobBody(destination.operation));
      const body = isLeft ? sent : await decompress(sent, encoding, rules);
      const operation = destination.operation ?? this.#directory.queryOperation(destination.entry, query, body);
      exchange.destination = { ...destination, operation };
      const call = new Call(scope, requestId, caller, request, response);
      const { labels } = destination;
      const { method, headers } = addressing;
      await this.#call(exchange, operation, call, { method, path, query, headers, labels, body });
    } catch (error) {
      await this.#refuse(exchange, error);
    }
  }

  /**
   * A sandbox that cannot sign has no business here: its first refusal ends the connection, so that a flood of requests
   * costs no more than its connections, of which it may have few.
   */
  #authenticate({ request }: Exchange, asked: AuthenticatableRequest): Authenticated {
    try {
      return this.#authenticator.authenticate(asked);
    } catch (error) {
      if (asked.origin.kind === "environment") this.#ended.add(request.socket);
      throw error;
    }
  }

  async #call(exchange: Exchange, operation: Operation, call: Call, wire: WireRequest): Promise<void> {
    const { response, requestId } = exchange;
    const { entry, protocol } = exchange.destination ?? unreachableDestination();
    const handler = handlerOf(entry, operation);
    const input = protocol.decode(operation, wire);
    operation.validate(input);
    const output = await handler(input as never, call);
    const answer = protocol.encode(operation, output, {
      requestId,
      describeError: (error) => this.#describe(exchange, error, entry.model, protocol),
    });
    await sendAnswer(response, answer, { ...this.#sending(exchange), further: call.addedHeaders });
  }

  async #refuse(exchange: Exchange, error: unknown): Promise<void> {
    const { request, response, requestId, addressing, destination } = exchange;
    if (error instanceof ClientGoneError || response.destroyed) return;
    try {
      if (response.headersSent) {
        // The head is out: the client must not take what came so far for the whole.
        this.#options.onError(error, failureContext(exchange));
        request.socket.destroy();
        return;
      }
      const { model, protocol } =
        destination === undefined
          ? this.#directory.stranger(addressing)
          : { model: destination.entry.model, protocol: destination.protocol };
      const described = this.#describe(exchange, error, model, protocol);
      const { retryAfterSeconds } = described;
      const further =
        retryAfterSeconds === undefined ? undefined : new Map([["retry-after", String(retryAfterSeconds)]]);
      const answer = protocol.encodeError(described, requestId);
      await sendAnswer(response, answer, { ...this.#sending(exchange), further });
    } catch (failure) {
      this.#options.onError(failure, failureContext(exchange));
      request.socket.destroy();
    }
  }

  #sending({ request, requestId, addressing }: Exchange): Omit<SendOptions, "further"> {
    const isLast = this.#isClosing || this.#ended.has(request.socket);
    return { requestId, isHead: addressing.method === "HEAD", isLast };
  }

  #describe(
    exchange: Exchange,
    error: unknown,
    model: ServiceModel,
    protocol: Protocol,
  ): ReturnType<typeof describeError> {
    const described = describeError(model, error, protocol.family);
    if (described.isUnexpected) this.#options.onError(error, failureContext(exchange));
    return described;
  }
}

/** One request on its way. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly addressing: Addressing;
  /** Undefined until it is found. */
  destination: Destination | undefined;
}

/** A request to a function URL is never taken for a call of the API. */
function refuseFunctionUrl({ headers: { host = "" } }: IncomingMessage): void {
  const urlId = urlIdOfHost(host);
  if (urlId === undefined) return;
  throw new ApiError(
    "NotImplementedException",
    `Hearth does not serve function URLs yet, and so not ${urlId}; invoke the function by its name.`,
  );
}

function handlerOf(entry: ServiceEntry, operation: Operation): Handler<never, unknown> {
  const handler = entry.handlers[operation.name];
  if (handler !== undefined) return handler;
  throw new ApiError(
    "NotImplementedException",
    `Hearth does not support ${operation.name} of ${entry.model.facts.name} yet; ` +
      `docs/compatibility.md lists what it supports.`,
  );
}

function unreachableDestination(): never {
  throw new Error("invariant broken: a call has a destination");
}

function failureContext({ requestId, destination }: Exchange): FailureContext {
  return {
    requestId,
    service: destination?.entry.model.facts.name ?? "unknown",
    operation: destination?.operation?.name,
  };
}
