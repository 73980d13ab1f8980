/**
 * Takes the requests of extensions apart and answers them. The code on the other end is hostile: bodies are bounded, and
 * what brings nothing forward is paid from the sandbox's budget.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import { sendAnswer, type RuntimeSession } from "../runtime-api/session.ts";
import { answers, type Answer } from "../runtime-api/wire.ts";
import type { Extensions } from "./extensions.ts";
import { parseSubscription, type Subscription } from "./subscription.ts";
import {
  eventNextPath,
  exitErrorPath,
  extensionAnswers,
  headers,
  initErrorPath,
  invalidFormat,
  logsPath,
  registerPath,
  telemetryPath,
  unknownIdentifier,
} from "./wire.ts";

/** Of a registration or a subscription; honest ones have a few hundred. */
const bodyBytesMax = 65_536;
/** Longer error types are cut: they stand in log lines. */
const errorTypeLengthMax = 256;

export interface ExtensionApi {
  readonly extensions: Extensions;
  readonly session: Pick<RuntimeSession, "tolerates" | "refuse">;
  /** Takes a subscription; undefined when it came too late. */
  subscribe(name: string, subscription: Subscription): "subscribed" | "closed";
}

export function routeExtension(api: ExtensionApi, request: IncomingMessage, response: ServerResponse): void {
  const { session } = api;
  const handle = handlers[request.url ?? ""];
  if (handle === undefined) session.refuse(response, answers.notFound);
  else if (handle.method !== request.method) session.refuse(response, answers.methodNotAllowed);
  else handle.act(api, request, response);
}

interface Handler {
  readonly method: string;
  readonly act: (api: ExtensionApi, request: IncomingMessage, response: ServerResponse) => void;
}

const subscribing: Handler = {
  method: "PUT",
  act: (api, request, response) =>
    withIdentifier(api, request, response, (id) => subscribe(api, id, request, response)),
};

const handlers: Readonly<Record<string, Handler>> = {
  [registerPath]: { method: "POST", act: register },
  [eventNextPath]: {
    method: "GET",
    act: (api, request, response) => withIdentifier(api, request, response, (id) => next(api, id, response)),
  },
  [initErrorPath]: { method: "POST", act: (...request) => fail("InitError", ...request) },
  [exitErrorPath]: { method: "POST", act: (...request) => fail("ExitError", ...request) },
  [telemetryPath]: subscribing,
  // Some clients follow the documentation's base address with its slash.
  [`${telemetryPath}/`]: subscribing,
  [logsPath]: subscribing,
};

function register(api: ExtensionApi, request: IncomingMessage, response: ServerResponse): void {
  const { extensions, session } = api;
  const name = request.headers[headers.name];
  if (typeof name !== "string" || name === "") {
    session.refuse(response, extensionAnswers.emptyName);
    return;
  }
  const wantsAccountId = featuresOf(request).includes("accountId");
  readJson(request, response, session, (value) => {
    const { events = [], configurationKeys = [] } = value as {
      readonly events?: unknown;
      readonly configurationKeys?: unknown;
    };
    if (!isTextList(events)) return invalidFormat("events must be a list of strings");
    if (!Array.isArray(configurationKeys)) return invalidFormat("configurationKeys must be a list of strings");
    if (configurationKeys.length > 0) return extensionAnswers.configurationKeys;
    return extensions.register(name, events, wantsAccountId);
  });
}

function next({ extensions, session }: ExtensionApi, id: string, response: ServerResponse): void {
  if (extensions.isWaiting(id) && !session.tolerates()) {
    response.socket?.destroy();
    return;
  }
  const refusal = extensions.next(id, response);
  if (refusal !== undefined) session.refuse(response, refusal);
}

function fail(
  state: "InitError" | "ExitError",
  api: ExtensionApi,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  withIdentifier(api, request, response, (id) => {
    const errorType = request.headers[headers.errorType];
    // The body explains the error to nobody: AWS does not show it either.
    request.resume();
    if (typeof errorType !== "string" || errorType === "") {
      api.session.refuse(response, extensionAnswers.missingErrorType);
      return;
    }
    const refusal = api.extensions.fail(id, state, errorType.slice(0, errorTypeLengthMax));
    api.session.refuse(response, refusal ?? answers.accepted);
  });
}

function subscribe(api: ExtensionApi, id: string, request: IncomingMessage, response: ServerResponse): void {
  const isTelemetry = request.url !== logsPath;
  const name = api.extensions.nameOf(id);
  if (name === undefined) {
    api.session.refuse(response, unknownIdentifier(id));
    return;
  }
  readJson(request, response, api.session, (value) => {
    const subscription = parseSubscription(value, isTelemetry ? "telemetry" : "logs");
    if ("status" in subscription) return subscription;
    if (api.subscribe(name, subscription) === "subscribed") return extensionAnswers.subscribed;
    return isTelemetry ? extensionAnswers.telemetryClosed : extensionAnswers.logsClosed;
  });
}

function withIdentifier(
  { session }: ExtensionApi,
  request: IncomingMessage,
  response: ServerResponse,
  act: (id: string) => void,
): void {
  const id = request.headers[headers.identifier];
  if (typeof id !== "string" || id === "") session.refuse(response, extensionAnswers.missingIdentifier);
  else if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
    session.refuse(response, extensionAnswers.invalidIdentifier);
  } else act(id.toLowerCase());
}

/** Reads a small JSON object and sends what `answer` makes of it; whoever sends more loses the connection. */
function readJson(
  request: IncomingMessage,
  response: ServerResponse,
  session: ExtensionApi["session"],
  answerTo: (value: object) => Answer,
): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  request.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > bodyBytesMax) request.socket.destroy();
    else pieces.push(piece);
  });
  request.once("end", () => {
    const value = parsed(Buffer.concat(pieces, bytes).toString("utf8"));
    const answer = typeof value === "string" ? invalidFormat(value) : answerTo(value);
    // An answer costs as much whether it refuses or not; honest extensions need a handful of them.
    if (session.tolerates()) sendAnswer(response, answer);
    else response.socket?.destroy();
  });
  // A request that breaks off has nobody to answer.
  request.on("error", () => undefined);
}

/** The object, or why there is none. */
function parsed(text: string): object | string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : "the body is no JSON object";
  } catch (error) {
    return (error as Error).message;
  }
}

function featuresOf(request: IncomingMessage): readonly string[] {
  const value = request.headers[headers.acceptFeature];
  return typeof value === "string" ? value.split(",").map((feature) => feature.trim()) : [];
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
