/**
 * Paths, headers, statuses and texts of the API that extensions speak: the Extensions API (`2020-01-01`), the Telemetry API
 * (`2022-07-01`) and the older Logs API (`2020-08-15`). Error types and texts are those of AWS's runtime interface emulator.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
import { answer, errorAnswer, type Answer } from "../runtime-api/wire.ts";

export const registerPath = "/2020-01-01/extension/register";
export const eventNextPath = "/2020-01-01/extension/event/next";
export const initErrorPath = "/2020-01-01/extension/init/error";
export const exitErrorPath = "/2020-01-01/extension/exit/error";
export const telemetryPath = "/2022-07-01/telemetry";
export const logsPath = "/2020-08-15/logs";

/** Everything else is the runtime API's. */
export function isExtensionPath(url: string): boolean {
  return url.startsWith("/2020-") || url.startsWith("/2022-");
}

export const headers = {
  name: "lambda-extension-name",
  acceptFeature: "lambda-extension-accept-feature",
  identifier: "lambda-extension-identifier",
  errorType: "lambda-extension-function-error-type",
} as const;

export const extensionEvents = ["INVOKE", "SHUTDOWN"] as const;
export type ExtensionEvent = (typeof extensionEvents)[number];

/** What Lambda says in the event, in its own spelling. */
export type ShutdownReason = "spindown" | "timeout" | "failure";

/** External and internal ones together. */
export const extensionsMax = 10;

/** What a function is to its extensions. */
export interface FunctionIdentity {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly handler: string;
  readonly accountId: string;
}

function forbidden(errorType: string, errorMessage: string): Answer {
  return errorAnswer(403, errorType, errorMessage);
}

export const extensionAnswers = {
  emptyName: forbidden("Extension.InvalidExtensionName", "Empty extension name"),
  registrationClosed: forbidden("Extension.RegistrationClosed", "Extension registration closed already"),
  nameTaken: forbidden("Extension.InvalidExtensionState", "Extension with this name already registered"),
  tooMany: forbidden("Extension.TooManyExtensions", `Extension limit (${extensionsMax}) reached`),
  configurationKeys: forbidden(
    "InvalidRequestFormat",
    "configurationKeys are deprecated; use environment variables instead",
  ),
  missingIdentifier: forbidden("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
  invalidIdentifier: forbidden("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
  missingErrorType: forbidden("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"),
  telemetryClosed: forbidden("Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already"),
  logsClosed: forbidden("Logs.SubscriptionClosed", "Logs API subscription is closed already"),
  subscribed: answer(200, '"OK"', "application/json"),
} as const satisfies Record<string, Answer>;

export function invalidFormat(reason: string): Answer {
  return forbidden("InvalidRequestFormat", reason);
}

export function unknownIdentifier(id: string): Answer {
  return forbidden("Extension.UnknownExtensionIdentifier", `Unknown extension ${id}`);
}

/** Only a process of its own can be told of its shutdown. */
export function invalidEvent(event: string, isExternal: boolean): Answer {
  const isShutdown = event === "SHUTDOWN" && !isExternal;
  const reason = isShutdown ? "ShutdownEventNotSupportedForInternalExtension" : "ErrorInvalidEventType";
  return forbidden("Extension.InvalidEventType", `${event}: ${reason}`);
}

export function invalidExtensionTransition(from: string, to: string, who: string): Answer {
  return forbidden(
    "Extension.InvalidExtensionState",
    `State transition from ${from} to ${to} failed for extension ${who}. Error: State transition is not allowed`,
  );
}

export function registeredAnswer(id: string, identity: FunctionIdentity, wantsAccountId: boolean): Answer {
  const { accountId, ...others } = identity;
  const plain = answer(200, JSON.stringify(wantsAccountId ? { ...others, accountId } : others), "application/json");
  return { ...plain, headers: ["Lambda-Extension-Identifier", id, ...plain.headers] };
}

/** What `next` hands to an extension. */
export function eventAnswer(eventId: string, event: Readonly<Record<string, unknown>>): Answer {
  const plain = answer(200, JSON.stringify(event), "application/json");
  return { ...plain, headers: ["Lambda-Extension-Event-Identifier", eventId, ...plain.headers] };
}
